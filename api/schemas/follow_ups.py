"""Payloads of follow-ups, their texts, the dry run and the rehearsal."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from agents.follow_up import when
from agents.follow_up.dry_run import Understood
from api.schemas.base import Input, Moment, Output, Stamped
from domain.follow_ups import rules
from domain.follow_ups.fire import Step
from domain.follow_ups.rules import Topic
from models import FollowUp, FollowUpText

Wall = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$", examples=["2026-12-04T10:00"])]
Zone = Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])]
Language = Literal["de", "en"]
Channel = Literal["whatsapp", "telegram", "sms", "email"]
StateName = Literal["proposed", "pending", "sending", "sent", "failed", "cancelled", "expired"]


class FollowUpIn(Input):
    """One dated message to one member, planned by a person."""

    member_id: UUID
    at: Wall
    time_zone: Zone | None = Field(None, description="Without one: the member's, else the tenant's.")
    topic: Topic = Topic.GENERAL
    channel: Channel | None = Field(None, description="Without one: the first that the member agreed to.")
    language: Language | None = None
    purpose: Literal["marketing", "transactional"] = "marketing"
    unless_active: Annotated[bool, Field(strict=True)] = Field(
        True, description="Not sent to a member who wrote about it since, or is back."
    )


class MoveIn(Input):
    at: Wall
    time_zone: Zone | None = Field(None, description="Without one: the zone it was promised in.")


class ConfirmIn(Input):
    option: Annotated[int, Field(ge=1, le=2, strict=True, examples=[1])] = 1


class FollowUpOut(Stamped):
    member_id: UUID
    conversation_id: UUID | None
    topic: str
    reason: str
    intent: str = Field(description="explicit, absence, agent_promise (read in a chat) or person.")
    language: str
    channel: str
    purpose: str
    state: str
    due_at: datetime
    due_local: datetime = Field(description="What the member's clock shows then, without a zone.")
    zone: str
    expires_at: datetime | None = Field(description="Until when the question to the member may be answered.")
    options: list[dict[str, Any]]
    ai_context: dict[str, Any] = Field(description="Ids, enums and the words for the time; no transcript.")
    unless_active: bool
    moves: int
    message_id: UUID | None
    fired_at: datetime | None
    closed_at: datetime | None
    why: str | None
    why_text: dict[str, str] | None

    @classmethod
    def of(cls, row: FollowUp, **_: Any) -> Self:
        shown = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls(**shown, ai_context=row.ai_context_json, why_text=rules.sentence(row.why))


class DryRunIn(Input):
    """A text as a member could write it, and when and where it would be read."""

    text: Annotated[str, Field(min_length=1, max_length=2_000, examples=["Erinner mich in zwei Wochen"])]
    ref: Moment = Field(examples=["2026-11-20T09:30:00+01:00"])
    zone: Zone = "Europe/Berlin"
    language: Language | None = Field(None, description="The one to fall back to where the words do not tell.")
    pending: Annotated[bool, Field(strict=True)] = Field(False, description="The member has an open follow-up.")
    proposed: Annotated[bool, Field(strict=True)] = Field(False, description="A question of ours is open.")


class DateOut(Output):
    at: datetime
    local: datetime
    zone: str


class TimeOut(Output):
    """What the words for the time mean: the start of the grain, and other readings."""

    value: datetime
    grain: str
    alternatives: list[datetime]
    rule_ids: list[str]


class DryRunOut(Output):
    action: str
    why: str | None
    intent: str | None
    language: str
    topic: str
    channel: str | None
    time_text: str | None
    time: TimeOut | None
    dates: list[DateOut]
    answer: str | None

    @classmethod
    def of(cls, row: Understood, **_: Any) -> Self:
        form, found = row.reading, row.time
        time = (
            TimeOut(
                value=found.value,
                grain=found.grain,
                alternatives=list(found.alternatives),
                rule_ids=list(found.rule_ids),
            )
            if isinstance(found, when.Resolution)
            else None
        )
        return cls(
            action=row.decided.action,
            why=row.decided.why,
            intent=form.intent,
            language=form.language,
            topic=form.topic,
            channel=form.channel,
            time_text=form.time_text,
            time=time,
            dates=[DateOut(at=due.at, local=due.local, zone=due.zone) for due in row.decided.dues],
            answer=row.answer,
        )


class RehearsalIn(Input):
    until: Moment = Field(examples=["2026-12-31T23:59:00+01:00"])


class StepOut(Output):
    follow_up_id: UUID
    at: datetime
    state: str
    why: str | None
    why_text: dict[str, str] | None
    channel: str | None
    text: str | None

    @classmethod
    def of(cls, row: Step, **_: Any) -> Self:
        shown = {name: getattr(row, name) for name in cls.model_fields if name != "why_text"}
        return cls(**shown, why_text=rules.sentence(row.why))


class RehearsalOut(Output):
    steps: list[StepOut]


class WhatsAppIn(Input):
    """An approved content template for chats that have been silent for 24 hours, and what fills its variables."""

    template: Annotated[str, Field(min_length=1, max_length=64, examples=["HX0123456789abcdef0123456789abcdef"])]
    variables: dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=500)]] = Field(
        default_factory=dict, examples=[{"1": "{first_name}"}]
    )


class TextIn(Input):
    topic: Topic
    language: Language
    body: Annotated[str, Field(min_length=1, max_length=1_000, examples=["{greeting} hier ist {studio}. …"])]
    whatsapp: WhatsAppIn | None = None


class TextOut(Output):
    topic: str
    language: str
    body: str
    whatsapp: dict[str, Any] | None
    approved_by: str
    approved_at: datetime


class SuggestionOut(Output):
    topic: str
    language: str
    body: str


class TextsOut(Output):
    """What is sent, and what may be approved; a topic without a text of its own uses the general one."""

    approved: list[TextOut]
    suggestions: list[SuggestionOut]

    @classmethod
    def of(cls, row: list[FollowUpText], **more: Any) -> Self:
        return cls(approved=[TextOut.of(text) for text in row], **more)


class InsightOut(Output):
    key: str
    value: str = Field(description="A word of a short list; a date for `absent_until`. Never words of the chat.")
    evidence_message_id: UUID
    source: str = Field(description="rules or model.")
    confidence: float
    expires_at: datetime
