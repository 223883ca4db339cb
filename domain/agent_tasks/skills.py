"""What may be asked for: each skill with the shape of its input. Doors, scopes and documents read this table."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from kernel.errors import Forbidden, Invalid

Channel = Literal["email", "whatsapp", "telegram", "sms"]
Language = Literal["de", "en"]
_Wall = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$", examples=["2026-12-01T09:00"])]
_Audience = Annotated[
    dict[str, Any],
    Field(
        description="Whom it is for: `kind` is all_members, tags or selected; with tags, exclude_tags, member_ids, "
        "inactive_days and statuses. An empty choice is never everyone.",
        examples=[{"kind": "all_members", "inactive_days": 30}],
    ),
]


def _once(channels: list[Channel]) -> list[Channel]:
    if len(set(channels)) < len(channels):
        raise ValueError("names a channel twice")
    return channels


class _Input(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class SendWindow(_Input):
    """When it should go out, on the wall clock of `time_zone` or the tenant's; a wish until a person agrees."""

    at: _Wall
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Berlin"])] | None = None


class DraftCampaign(_Input):
    """Write a campaign from a goal; a person reviews it."""

    goal: Annotated[
        str, Field(min_length=3, max_length=1_000, examples=["Win back members inactive for 30 days with our offer"])
    ]
    audience: _Audience
    channels: Annotated[list[Channel], AfterValidator(_once)] = Field(
        default=["email"],
        min_length=1,
        max_length=4,
        description="One campaign each, with one goal and audience. Who can be reached on several gets each of them.",
        json_schema_extra={"uniqueItems": True},
    )
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    language: Language | None = Field(None, description="The tenant's own if absent; no other is written.")
    offer_ids: list[UUID] = Field(default_factory=list, max_length=3, description="Offers to write about.")
    constraints: list[Annotated[str, Field(min_length=1, max_length=160)]] = Field(
        default_factory=list, max_length=5, description="What to observe, in words; part of the goal."
    )
    send_window: SendWindow | None = None
    unattended: bool = Field(
        default=False, description="Nobody answers questions: write on without what is open, and leave a finding."
    )


class ReviseCampaign(_Input):
    """Ask for another revision of a draft that is up for review."""

    campaign_id: UUID
    revision_id: UUID = Field(description="The draft that was seen; a newer one answers superseded.")
    feedback: Annotated[str, Field(min_length=1, max_length=2_000, examples=["kürzer, ohne Ausrufezeichen"])]
    scope: dict[str, Annotated[str, Field(max_length=60)]] = Field(default_factory=dict, max_length=4)


class GetCampaign(_Input):
    """Tell how a campaign stands; with `preview_link` also make a link that shows it and decides nothing."""

    campaign_id: UUID
    preview_link: bool = False


class ProposeSchedule(_Input):
    """Propose when a draft goes out; the approval of a person makes it so."""

    campaign_id: UUID
    revision_id: UUID
    at: _Wall
    time_zone: Annotated[str, Field(max_length=64)] | None = None


class EstimateAudience(_Input):
    """Count whom a definition means, and how many of them may be written to."""

    audience: _Audience
    channel: Channel = "email"


class SearchKnowledge(_Input):
    """Find passages of the tenant's knowledge base, each with its source."""

    query: Annotated[str, Field(min_length=2, max_length=400, examples=["Wie lange ist die Kündigungsfrist?"])]
    language: Language | None = Field(None, description="The tenant's own if absent.")
    limit: Annotated[int, Field(ge=1, le=8)] = 4


def _has_nul(value: Any) -> bool:
    """PostgreSQL cannot store U+0000 in a text."""
    if isinstance(value, dict):
        return any(map(_has_nul, (*value.keys(), *value.values())))
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\x00" in value


class ProposeFollowup(_Input):
    """Propose one dated message to one member; it goes out only if the member or a person of the tenant agrees."""

    member_id: UUID | None = Field(None, description="A member in a chat is always meant themselves.")
    topic: Literal["general", "membership", "trial", "course", "appointment", "offer", "payment"] = "general"
    reason: Annotated[str, Field(max_length=120)] = ""
    channel: Channel = "email"
    at: _Wall
    time_zone: Annotated[str, Field(max_length=64)] | None = Field(None, description="The member's own if absent.")


class ListFollowups(_Input):
    """List follow-ups, newest first, by ids and dates."""

    member_id: UUID | None = None
    open_only: bool = True
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class CancelFollowup(_Input):
    """End a follow-up that was not sent."""

    follow_up_id: UUID


@dataclass(frozen=True, slots=True)
class Skill:
    """`lasting` skills go on after the call and end with a person's decision; the others answer at once."""

    name: str
    form: type[BaseModel]
    lasting: bool
    changes: bool
    label_de: str
    label_en: str

    @property
    def sentence(self) -> str:
        return (self.form.__doc__ or "").strip()

    def read(self, values: Any) -> BaseModel:
        """Return the checked input. Raises Invalid naming the field."""
        if _has_nul(values):
            raise Invalid("input", "a text holds a NUL character; remove it")
        try:
            return self.form.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            field = ".".join(["input", *(str(part) for part in first["loc"])])
            raise Invalid(field, str(first["msg"])) from None


_ALL = (
    Skill("draft_campaign", DraftCampaign, True, True, "eine Kampagne entwerfen", "draft a campaign"),
    Skill("revise_campaign", ReviseCampaign, True, True, "einen Entwurf überarbeiten", "revise a draft"),
    Skill("get_campaign", GetCampaign, False, False, "eine Kampagne zeigen", "show a campaign"),
    Skill("propose_schedule", ProposeSchedule, True, True, "einen Zeitpunkt vorschlagen", "propose a time"),
    Skill("estimate_audience", EstimateAudience, False, False, "eine Zielgruppe schätzen", "estimate an audience"),
    Skill("search_knowledge", SearchKnowledge, False, False, "in der Wissensbasis suchen", "search the knowledge"),
    Skill("propose_followup", ProposeFollowup, False, True, "eine Nachricht vormerken", "propose a follow-up"),
    Skill("list_followups", ListFollowups, False, False, "vorgemerkte Nachrichten zeigen", "list follow-ups"),
    Skill("cancel_followup", CancelFollowup, False, True, "eine vorgemerkte Nachricht absagen", "cancel a follow-up"),
)

SKILLS: MappingProxyType[str, Skill] = MappingProxyType({skill.name: skill for skill in _ALL})


# What no door offers to anybody: people do it in the preview, or signed in.
_OF_PEOPLE = frozenset({"approve", "reject", "waive", "send", "start", "launch", "schedule", "resume", "withdraw"})


def find(name: str) -> Skill:
    """Return a skill by name. Raises Forbidden for what only people do, Invalid naming the skills there are."""
    if name.removesuffix("_campaign") in _OF_PEOPLE:
        raise Forbidden(
            "Only a person approves and sends, in the preview or signed in. Propose instead.", code="people_only"
        )
    if name not in SKILLS:
        raise Invalid("skill", f"there is no such skill; use one of {', '.join(sorted(SKILLS))}")
    return SKILLS[name]
