"""Payloads of members, their consents, suppressions and imports."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.base import Input, Instant, Output, Stamped

Short = Annotated[str, Field(min_length=1, max_length=300)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
ChannelName = Literal["email", "sms", "whatsapp", "telegram"]
Language = Literal["de", "en"]
Status = Literal["active", "paused", "left", "prospect"]
Attribute = str | int | float | bool | None


class MemberFields(Input):
    external_id: Short | None = None
    first_name: Short | None = None
    last_name: Short | None = None
    salutation: Literal["Frau", "Herr"] | None = None
    language: Language | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    joined_on: date | None = None
    left_on: date | None = None
    favourite_course: Short | None = None
    last_visit_at: Instant | None = None


class MemberIn(MemberFields):
    status: Status = "active"
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    attributes: dict[Short, Attribute] = Field(default_factory=dict, max_length=100)
    contact_points: dict[ChannelName, Short] = Field(
        default_factory=dict, examples=[{"email": "jo@example.org", "sms": "+49 221 1234567"}]
    )


class MemberPatch(MemberFields):
    """What changes; fields that are absent stay."""

    status: Status | None = None
    tags: list[Tag] | None = Field(None, max_length=100)
    attributes: dict[Short, Attribute] | None = Field(None, max_length=100)
    restricted: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Processing is restricted (GDPR Art. 18): nothing is sent."
    )
    contact_points: dict[ChannelName, Short] | None = None


class ContactPointOut(Output):
    channel: str
    address: str
    address_norm: str
    is_primary: bool


class MemberOut(Stamped):
    external_id: str | None
    first_name: str | None
    last_name: str | None
    salutation: str | None
    language: str | None
    time_zone: str | None
    status: str
    joined_on: date | None
    left_on: date | None
    tags: list[str]
    attributes: dict[str, Any]
    favourite_course: str | None
    last_visit_at: datetime | None
    restricted: bool
    contact_points: list[ContactPointOut] = Field(default_factory=list)


class ActivityIn(Input):
    kind: Annotated[str, Field(min_length=1, max_length=60)]
    at: Instant
    subject: Short | None = None
    external_id: Short | None = None


class ActivityOut(Stamped):
    kind: str
    at: datetime
    subject: str | None
    external_id: str | None


class PurchaseIn(Input):
    product: Short
    amount_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31, description="In cents.")]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    at: Instant
    external_id: Short | None = None


class PurchaseOut(Stamped):
    product: str
    amount_minor: int
    currency: str
    at: datetime
    external_id: str | None


class ConsentIn(Input):
    channel: ChannelName
    purpose: Literal["marketing", "tracking", "transactional", "profiling"]
    state: Literal["pending", "granted", "withdrawn", "expired"]
    legal_basis: Literal["consent", "existing_customer"] = "consent"
    source: Short
    evidence: dict[Short, Attribute] = Field(
        default_factory=dict,
        max_length=30,
        examples=[{"wording": "Ja, ich möchte Post vom Studio", "form": "https://www.example/anmeldung"}],
    )


class ConsentOut(Output):
    channel: str
    purpose: str
    state: str
    legal_basis: str
    source: str
    since: datetime


class ConsentEventOut(Output):
    id: UUID
    channel: str
    purpose: str
    state: str
    source: str
    actor: str
    evidence: dict[str, Any]
    at: datetime


class EntryOut(Output):
    """One thing that happened with a member."""

    id: UUID
    kind: str = Field(examples=["purchase"])
    at: datetime
    words: dict[str, str] = Field(examples=[{"de": "Kauf: 10er-Karte, 99,00 €", "en": "Purchase: 10er-Karte, €99.00"}])
    channel: str | None
    campaign_id: UUID | None
    actor: str | None


class SuppressionIn(Input):
    channel: ChannelName
    address: Short
    reason: Literal["manual", "objection", "complained", "hard_bounce", "unsubscribed", "opt_out", "imported"] = (
        "manual"
    )


class LiftIn(Input):
    reason: Annotated[str, Field(min_length=3, max_length=500)]


class SuppressionOut(Stamped):
    channel: str
    address_norm: str
    purpose: str
    reason: str
    source: str


class ImportOut(Stamped):
    kind: str
    file_name: str
    dry_run: bool
    status: str
    mapping: dict[str, str]
    options: dict[str, Any]
    counts: dict[str, int] = Field(
        description="`rows`, per outcome, and `note_<column>` for remarks; `rows` and `checked` while it runs."
    )
    attested_by: str | None
    undone_at: datetime | None


class ImportRowOut(Output):
    line: int
    outcome: Literal["created", "updated", "unchanged", "rejected"]
    member_id: UUID | None
    problems: list[dict[str, str]]


class EraseIn(Input):
    reason: str = Field(
        "on request",
        min_length=1,
        max_length=500,
        description="Stands in the audit trail; name nobody in it.",
        examples=["request of 21 November, by mail"],
    )


class PersonOut(Output):
    """Everything that is held about one member: each table's rows, empty where there is none."""

    member_id: UUID
    exported_at: datetime
    tables: dict[str, list[dict[str, Any]]]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "member_id": "01a1fd04-d49d-7920-84d0-4329631c19ce",
                    "exported_at": "2026-11-21T12:00:00Z",
                    "tables": {"member": [{"first_name": "Ada"}], "contact_point": [{"address": "ada@example.org"}]},
                }
            ]
        }
    )
