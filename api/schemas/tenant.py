"""Payloads of the tenant's settings, people, keys, plan and audit trail."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, EmailStr, Field, HttpUrl, SecretStr

from api.schemas.base import Input, Instant, Output, Stamped
from domain.identity.rules import Role

Name = Annotated[str, Field(min_length=1, max_length=200)]
Price = Annotated[Decimal, Field(ge=0, le=10_000_000, decimal_places=4)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["08:00"])]


class SettingsOut(Output):
    id: UUID
    name: str
    slug: str
    tier: str
    time_zone: str
    language: str
    currency: str
    postal_address: str | None
    imprint_url: str | None
    website: str | None
    brand_colour: str | None
    approved_hosts: list[str]
    quiet_from: str
    quiet_until: str
    frequency_cap: int | None = Field(description="Most marketing messages per person in `frequency_days` days.")
    frequency_days: int
    utm_links: bool = Field(description="Links get utm_source, utm_medium, utm_campaign and utm_content.")
    visit_links: bool = Field(description="Tracked links carry a signed visit, for conversions on pages.")
    conversion_days: int = Field(description="Days after a click in which a conversion belongs to it.")
    attribution_model: str = Field(description="Who gets the credit in reports of attribution that name no model.")
    ai_egress: str = Field(
        description="What may reach a model: none, no_member_data, or insights (chat turns too, never in a campaign)."
    )
    chat_disclosure: bool = Field(description="Automatic answers in chats say that they are automatic.")
    follow_up_at: str = Field(description="When a follow-up goes out on a day that was named without a time.")
    email_price: Decimal | None = Field(description="What 1,000 e-mails cost, in minor units; null: not known.")
    whatsapp_price: Decimal | None = Field(
        description="What a WhatsApp message costs, in minor units; null: not known."
    )


class SettingsPatch(Input):
    """What changes; fields that are absent stay."""

    name: Name | None = None
    time_zone: Annotated[str, Field(max_length=64)] | None = None
    language: Literal["de", "en"] | None = None
    postal_address: Annotated[str, Field(min_length=5, max_length=500)] | None = None
    imprint_url: HttpUrl | None = None
    website: HttpUrl | None = None
    brand_colour: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")] | None = None
    approved_hosts: list[Annotated[str, Field(pattern=r"^[a-z0-9.-]{3,253}$")]] | None = Field(None, max_length=50)
    quiet_from: Clock | None = None
    quiet_until: Clock | None = None
    frequency_cap: Annotated[int, Field(ge=1, le=100, strict=True)] | None = Field(
        None, description="Most marketing messages per person in `frequency_days` days; null for no cap."
    )
    frequency_days: Annotated[int, Field(ge=1, le=90, strict=True)] | None = None
    utm_links: Annotated[bool, Field(strict=True)] | None = None
    visit_links: Annotated[bool, Field(strict=True)] | None = None
    conversion_days: Annotated[int, Field(ge=1, le=90, strict=True)] | None = None
    attribution_model: Literal["last_click", "last_touch", "first_touch", "linear"] | None = None
    ai_egress: Literal["none", "no_member_data", "insights"] | None = None
    chat_disclosure: Annotated[bool, Field(strict=True)] | None = None
    follow_up_at: Clock | None = None
    email_price: Price | None = Field(
        None, description="What 1,000 e-mails cost, in minor units of the currency; null: not known.", examples=["60.5"]
    )
    whatsapp_price: Price | None = Field(
        None, description="What a WhatsApp message costs where its provider does not say, in minor units."
    )


class UserIn(Input):
    name: Name
    email: EmailStr
    role: Role
    password: Annotated[SecretStr, Field(min_length=12, max_length=200)] | None = Field(
        None, description="Without one the person can only use preview links."
    )


class UserPatch(Input):
    role: Role | None = None
    active: Annotated[bool, Field(strict=True)] | None = None


class UserOut(Stamped):
    name: str
    email: str
    role: str
    deactivated_at: datetime | None


class SignIn(Input):
    email: Annotated[str, Field(min_length=3, max_length=300)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=200)]
    tenant: Annotated[str, Field(max_length=60)] | None = Field(
        None, description="The slug, if the address belongs to several tenants."
    )


class SessionOut(Output):
    token: str = Field(description="Send as `Authorization: Bearer …`.")
    expires_at: datetime


class KeyIn(Input):
    name: Name
    role: Role = Role.MANAGER
    scopes: list[Annotated[str, Field(max_length=60)]] | None = Field(
        None, max_length=40, description="All scopes of the role if absent; no key can approve."
    )
    expires_at: Instant | None = None


class KeyOut(Stamped):
    name: str
    key_id: str
    last_four: str
    role: str
    scopes: list[str]
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewKeyOut(KeyOut):
    secret: str = Field(description="Shown this once; it is stored hashed.")


class MeterOut(Output):
    """One limit: `used` counts what is reserved and what is used up; `reserved` of it may still be given back."""

    limit: str
    label_de: str
    label_en: str
    per: str
    allowed: int | None = Field(description="Absent means unlimited.")
    used: int
    reserved: int
    resets_at: datetime | None = Field(description="When the next month begins, UTC; absent for standing limits.")
    resets_at_local_de: str | None = Field(description="The same on the tenant's clock.")
    resets_at_local_en: str | None
    next_tier: str | None = Field(description="The first tier that allows more.")
    next_allowed: int | None = Field(description="What that tier allows; absent means unlimited, or no such tier.")


class FeatureOut(Output):
    feature: str
    label_de: str
    label_en: str
    level: str | None = Field(description="Absent: not part of the plan.")
    level_de: str
    next_tier: str | None = Field(description="The first tier that gives more.")
    next_level: str | None


class PlannedOut(Output):
    tier: str
    at: datetime
    reason: str


class PlanOut(Output):
    tier: str
    time_zone: str = Field(description="Whose calendar months count.")
    limits: list[MeterOut]
    features: dict[str, str | None]
    feature_levels: list[FeatureOut]
    planned: PlannedOut | None = Field(description="The change of tier that is to come, if any.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tier": "starter",
                    "time_zone": "Europe/Berlin",
                    "limits": [
                        {
                            "limit": "broadcasts",
                            "label_de": "Kampagnen",
                            "label_en": "Broadcasts",
                            "per": "month",
                            "allowed": 1,
                            "used": 1,
                            "reserved": 1,
                            "resets_at": "2026-11-30T23:00:00Z",
                            "resets_at_local_de": "1. Dezember 2026, 00:00 (Europe/Berlin)",
                            "resets_at_local_en": "1 December 2026, 00:00 (Europe/Berlin)",
                            "next_tier": "professional",
                            "next_allowed": 10,
                        }
                    ],
                    "features": {"analytics": "basic"},
                    "feature_levels": [
                        {
                            "feature": "analytics",
                            "label_de": "Auswertungen",
                            "label_en": "Analytics",
                            "level": "basic",
                            "level_de": "einfach",
                            "next_tier": "professional",
                            "next_level": "standard",
                        }
                    ],
                    "planned": None,
                }
            ]
        }
    )


class AuditOut(Output):
    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    hash: str


class AuditPage(Output):
    items: list[AuditOut]
    next_before: int | None = Field(description="Pass as `before` to get the next page.")


class AuditCheck(Output):
    whole: bool
    broken_at: int | None
    problem: str | None


class RecipientOut(Output):
    """One member's message of a campaign."""

    id: UUID
    member_id: UUID | None
    channel: str
    address: str | None
    language: str
    state: str
    reason: str | None
    attempt: int
    provider_id: str | None
    provider_code: str | None
    provider_text: str | None
    phase: str | None
    not_before: datetime
    accepted_at: datetime | None
    first_opened_at: datetime | None
    first_clicked_at: datetime | None
    variant: int | None = Field(None, description="Of an A/B test: 0 is A; null where nothing is compared.")
    unsubscribed_at: datetime | None


class EventOut(Output):
    id: UUID
    message_id: UUID
    kind: str
    at: datetime
    actor: str
    reason: str | None
    link_n: int | None


class TestIn(Input):
    """Whose data the test shows, and who of your team gets it."""

    __test__ = False
    member_id: UUID
    to: Annotated[str, Field(min_length=1, max_length=320, examples=["mara@studio.example", "+4915112345678"])] = Field(
        description="An address of your team on the campaign's channel: mail, number, or chat."
    )
    language: Literal["de", "en"] | None = Field(None, description="The member's own if absent.")
    variant: Annotated[str, Field(pattern="^[A-Z]$", examples=["B"])] | None = Field(
        None, description="Of a draft with several texts: which one; all of them if absent, a message for each."
    )


class TestOut(Output):
    """The messages of a test; `message_id` is the first of them."""

    __test__ = False
    message_id: UUID
    variants: dict[str, UUID] = Field(description="The message of each variant that was sent, A first.")


class CountryCostOut(Output):
    """One country's share of what texts cost; money in minor units, null without a price."""

    country: str = Field(description="ISO 3166-1, two letters; -- for numbers of no country.")
    messages: int
    segments: int
    price: Decimal | None = Field(description="Of one segment.")
    cost: Decimal | None


class EstimateOut(Output):
    """Segments and money before anything is sent."""

    segments: int
    most: int = Field(description="Segments of the longest message.")
    cost_minor: int | None = Field(description="In minor units; null where a country has no price on the account.")
    exact: bool = Field(description="False where it is projected from 1,000 of the messages.")
    countries: list[CountryCostOut] = Field(description="The most messages first.")


class FlightCheckOut(Output):
    """Targeted minus each reason is what will be sent."""

    targeted: int
    will_send: int
    skipped: dict[str, int]
    ready: bool
    problems: list[str]
    estimate: EstimateOut | None = Field(None, description="What text messages will cost.")
    variants: dict[str, int] = Field(default_factory=dict, description="How many get each variant at once.")
    waiting: int = Field(0, description="How many get the winner of a comparison later.")
    send_times: dict[str, int] = Field(
        default_factory=dict,
        description="For plans with the best time: for how many it rests on the member's own acts, on those of all "
        "members (tenant), or is the planned time.",
    )


class WhyOut(Output):
    member_id: UUID
    state: str
    reason: str | None
    sentence: dict[str, str] = Field(description="In German and English.")
    events: list[EventOut]
