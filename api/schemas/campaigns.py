"""Payloads of campaigns, drafts, reviews and preview links."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, HttpUrl

from api.schemas.base import Input, Output, Stamped
from api.schemas.members import ChannelName

Name = Annotated[str, Field(min_length=1, max_length=200)]
Goal = Annotated[str, Field(min_length=3, max_length=2_000)]


class AudienceIn(Input):
    """Whom it is for. Unknown fields are refused; an empty choice is never 'everyone'."""

    kind: Literal["all_members", "tags", "selected", "segments"]
    tags: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default_factory=list, max_length=100)
    exclude_tags: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=100
    )
    member_ids: list[UUID] = Field(default_factory=list, max_length=1_000)
    segments: list[UUID] = Field(default_factory=list, max_length=20, description="With the kind segments.")
    exclude_segments: list[UUID] = Field(default_factory=list, max_length=20)
    inactive_days: Annotated[int, Field(strict=True, ge=1, le=3_650)] | None = Field(
        None, description="Only members whose last visit is at least so many days ago."
    )
    statuses: Annotated[list[Literal["active", "paused", "left", "prospect"]], Field(min_length=1)] | None = Field(
        None, description="If absent: active and paused for all members and tags; segments and hands choose themselves."
    )


class ScheduleIn(Input):
    """Wall time and zone; the campaign starts by itself."""

    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$", examples=["2026-12-01T09:00"])]
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])]
    per_member: Annotated[bool, Field(strict=True, description="On each member's own clock.")] = False
    send_time: Literal["best"] | None = Field(
        None, description="Each member gets it at the best hour within `window_hours` after `at`; with `per_member`."
    )
    window_hours: Annotated[int, Field(ge=1, le=12, strict=True)] | None = Field(None, examples=[8])


class CampaignIn(Input):
    name: Name
    description: Annotated[str, Field(max_length=2_000)] | None = None
    kind: Literal["broadcast", "scheduled"] = "broadcast"
    channel: ChannelName = "email"
    goal: Goal | None = Field(None, examples=["Win back members inactive for 30 days, with our autumn offer"])
    audience: AudienceIn
    sender_id: UUID | None = Field(None, description="The tenant's default sender if absent.")
    template_id: UUID | None = None
    cta_url: HttpUrl | None = Field(None, description="Where the button leads; the offer's or the website if absent.")
    schedule: ScheduleIn | None = None
    budget_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    cost_ceiling_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    utm_links: Annotated[bool, Field(strict=True)] | None = Field(None, description="The tenant's setting if absent.")


class CampaignPatch(Input):
    """What changes; fields that are absent stay. A sealed field that changes voids the approval."""

    version: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        None, description="The version you read; a newer one answers 409."
    )
    name: Name | None = None
    description: Annotated[str, Field(max_length=2_000)] | None = None
    goal: Goal | None = None
    audience: AudienceIn | None = None
    sender_id: UUID | None = None
    template_id: UUID | None = None
    cta_url: HttpUrl | None = None
    schedule: ScheduleIn | None = None
    budget_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    cost_ceiling_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    utm_links: Annotated[bool, Field(strict=True)] | None = None


class RunOut(Output):
    """The agent's last run for a campaign."""

    id: UUID
    kind: str
    status: str
    writer: str | None
    error_code: str | None
    error_detail: str | None
    retry_at: datetime | None
    spent_tokens: int
    stage: str | None = Field(None, description="The node that is at work, or was the last.")
    percent: int | None = Field(None, description="How far the run is, 0 to 100.")
    created_at: datetime
    finished_at: datetime | None


class RunStepOut(Output):
    """One finished step of a run: what was done and how long it took, never a text."""

    id: UUID
    node: str = Field(examples=["base"])
    status: str
    ms: int | None
    created_at: datetime


class ContinueIn(Input):
    """How a run that stopped goes on."""

    without_ai: Annotated[bool, Field(strict=True)] = Field(False, description="Let the built-in writer finish it.")


class QuestionOut(Output):
    id: UUID
    code: str
    text: str
    options: list[Any]
    answer: str | None
    answered_at: datetime | None


class CampaignRow(Stamped):
    """A campaign in a list."""

    name: str
    kind: str
    channel: str
    status: str
    hold_reason: str | None
    goal: str | None
    scheduled_for: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    approved_count: int | None
    counts: dict[str, int] = Field(default_factory=dict, description="Messages per state.")


class CampaignOut(CampaignRow):
    description: str | None
    audience: dict[str, Any]
    sender_id: UUID | None
    template_id: UUID | None
    cta_url: str | None
    schedule: dict[str, Any] | None
    budget_minor: int | None
    cost_ceiling_minor: int | None
    utm_links: bool | None
    current_revision_id: UUID | None
    approved_revision_id: UUID | None
    approval_hash: str | None
    approved_at: datetime | None
    approved_by: str | None
    version: int
    allowed: list[str] = Field(default_factory=list, description="The steps that are possible now.")
    run: RunOut | None = None
    questions: list[QuestionOut] = Field(default_factory=list)


class RevisionOut(Stamped):
    campaign_id: UUID
    n: int
    parent_id: UUID | None
    origin: str = Field(description="builtin, model, human or mixed.")
    author: str
    content_hash: str
    content: dict[str, Any] = Field(validation_alias="content_json")
    claims: list[Any] = Field(validation_alias="claims_json")
    findings: list[Any] = Field(validation_alias="findings_json")
    sources: list[Any] = Field(validation_alias="sources_json")


class ClaimIn(Input):
    """A sentence that states a fact, and the offers or passages that say so."""

    sentence: Annotated[str, Field(min_length=1, max_length=400)]
    kind: Literal["price", "date", "policy", "feature", "availability", "social_proof", "style"]
    source_ids: list[UUID] = Field(default_factory=list, max_length=6)


Claims = Annotated[list[ClaimIn], Field(max_length=20)]
SlotText = Annotated[str, Field(min_length=1, max_length=4_096)]


class SmsIn(Input):
    """An SMS. The way out (`Abmelden: STOP`) is added where the text does not name it."""

    text: SlotText = Field(examples=["{greeting} der {offer1_title} gilt bis {offer1_valid_until}: {cta_url}"])
    claims: Claims = Field(default_factory=list)


class WhatsAppIn(Input):
    """A text for open conversations, or an approved template with what fills its variables."""

    text: SlotText | None = None
    template: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Id of an approved template."
    )
    variables: dict[Annotated[str, Field(max_length=40)], SlotText] | None = Field(
        None, examples=[{"1": "{first_name}"}]
    )
    claims: Claims = Field(default_factory=list)


class ButtonIn(Input):
    label: Annotated[str, Field(min_length=1, max_length=60)]
    url: Literal["cta_url"] = "cta_url"


class TelegramIn(Input):
    text: SlotText
    button: ButtonIn | None = None
    claims: Claims = Field(default_factory=list)


class VariantsIn(Input):
    """One language. The campaign's own channel is required; `email` is subject, preheader, blocks and claims."""

    email: dict[str, Any] | None = None
    sms: SmsIn | None = None
    whatsapp: WhatsAppIn | None = None
    telegram: TelegramIn | None = None


class ContentIn(Input):
    """What a draft says, language by language. Slots are listed in docs/content.md."""

    form: Literal["du", "sie"] = "du"
    offers: list[UUID] = Field(default_factory=list, max_length=3)
    cta_url: HttpUrl | None = None
    languages: dict[Literal["de", "en"], VariantsIn] = Field(min_length=1)


class DraftIn(Input):
    """A draft written by hand; it is checked like the agent's."""

    parent_id: UUID | None = Field(None, description="The revision it was written on; absent for the first.")
    content: ContentIn


class DiffField(Output):
    path: str
    words: list[tuple[str, str]] = Field(description="`[operation, text]`, operation is equal, insert or delete.")


class DiffOut(Output):
    revision_id: UUID
    parent_id: UUID | None
    fields: list[DiffField]


class GenerateIn(Input):
    variation: Annotated[int, Field(strict=True, ge=0, le=20)] = Field(0, description="Another number, another text.")
    ask: Literal["person", "never"] = Field(
        "person", description="`never`: write on without a claim that nobody confirmed, and leave a finding."
    )
    alternatives: Annotated[bool, Field(strict=True)] = Field(
        False, description="A second way to say the same, for a comparison; from the plan Business."
    )
    judge: Annotated[bool, Field(strict=True)] = Field(
        False, description="Let a second reader, a model, leave notes on the draft; plan Enterprise. It never blocks."
    )
    without_ai: Annotated[bool, Field(strict=True)] = Field(False, description="Use the built-in writer.")


class PlaceIn(Input):
    """Where in a draft. A field means everything under it: `subject`, `blocks.1`, `text`."""

    language: Literal["de", "en"] | None = None
    channel: ChannelName | None = None
    cohort: Annotated[str, Field(min_length=1, max_length=40)] | None = Field(None, examples=["de-away"])
    field: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(None, examples=["subject"])


class FeedbackIn(Input):
    """What the next revision should do differently."""

    revision_id: UUID
    content_hash: Annotated[str, Field(min_length=64, max_length=64)]
    comment: Annotated[str, Field(max_length=2_000)] | None = Field(
        None, examples=["kürzer, ohne Ausrufezeichen, per du"]
    )
    wishes: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(default_factory=list, max_length=10)
    scope: list[PlaceIn] = Field(
        default_factory=list, max_length=20, description="Confine it to these places; all other texts stay as they are."
    )


class DecisionIn(Input):
    revision_id: UUID
    content_hash: Annotated[str, Field(min_length=64, max_length=64)]
    comment: Annotated[str, Field(max_length=2_000)] | None = None


class WithdrawalIn(Input):
    reason: Annotated[str, Field(min_length=1, max_length=1_000)]


class WaiverIn(Input):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=3, max_length=1_000)]


class AnswerIn(Input):
    text: Annotated[str, Field(min_length=1, max_length=1_000)]


class PreviewLinkIn(Input):
    purpose: Literal["view", "approve"] = "approve"
    hours: Annotated[int, Field(strict=True, ge=1, le=336)] | None = None
    member_ids: Annotated[list[UUID], Field(max_length=10)] = Field(
        default=[],
        description="Recipients as whom the message can be looked at, before the typical ones; ten are shown at most.",
    )


class PreviewLinkOut(Stamped):
    campaign_id: UUID
    revision_id: UUID
    purpose: str
    expires_at: datetime
    revoked_at: datetime | None
    revoked_because: str | None


class NewPreviewLink(PreviewLinkOut):
    url: str = Field(description="Shown this once; the token is stored hashed.")


class ReviewOut(Stamped):
    revision_id: UUID
    verb: str
    comment: str | None
    wishes: list[str]
    actor: str
    actor_name: str | None
    content_hash: str
    voided_at: datetime | None
    voided_because: str | None
