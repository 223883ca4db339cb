"""Payloads of senders, provider accounts and sender domains. Secrets go in and never come out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from api.schemas.base import Input, Output, Stamped
from domain.senders import countries
from models import ClosedCountry, ProviderAccount

Secret = Annotated[SecretStr, Field(max_length=500, description="Kept sealed, never shown again.")]
Label = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, StringConstraints(max_length=300)]
Value = Text | Annotated[int, Field(strict=True)] | list[Text] | dict[Text, Text]
DomainName = Annotated[str, Field(min_length=3, max_length=253, examples=["studio.example"])]
_MASK = "••••"
_RELAY = "smtp"  # reports by mail, Amazon SES also through a topic


class SenderIn(Input):
    channel: Literal["email", "sms", "whatsapp", "telegram"] = "email"
    from_name: Annotated[str, Field(min_length=1, max_length=200)]
    from_address: Annotated[str, Field(min_length=1, max_length=320)] = Field(
        description="An e-mail address; a number in international form; the name of a bot."
    )
    reply_to: Annotated[str, Field(max_length=320)] | None = None
    is_default: Annotated[bool, Field(strict=True)] = False
    account_id: UUID | None = Field(None, description="Without one, e-mail leaves through the operator's relay.")


class SenderOut(Stamped):
    channel: str
    from_name: str
    from_address: str
    reply_to: str | None
    is_default: bool
    account_id: UUID | None


class SenderAccountIn(Input):
    account_id: UUID | None = Field(description="Null: the operator's relay, for e-mail alone.")


class AccountIn(Input):
    """Credentials at a provider."""

    kind: Literal["smtp", "twilio", "telegram"]
    label: Label
    settings: dict[Annotated[str, StringConstraints(max_length=60)], Value] = Field(
        default_factory=dict,
        max_length=20,
        description="smtp: host, port, security (starttls, tls, plain), user · twilio: account_sid, "
        "messaging_service_sid, numbers, sms_from, whatsapp_from, price_per_segment, prices · telegram: username",
        examples=[{"account_sid": "AC" + "0" * 32, "numbers": ["+4915112345678"]}],
    )
    secret: Secret
    rate_per_second: Annotated[float, Field(gt=0, le=1_000)] | None = Field(
        None, description="Most messages per second over all workers; the provider's usual rate if absent."
    )
    sessions: Annotated[int, Field(ge=1, le=64, strict=True)] | None = Field(
        None, description="Messages on the way at once; bounds the unknowns after a crash."
    )


class SecretIn(Input):
    secret: Secret


class TopicIn(Input):
    """Which topic of Amazon SNS reports to an account."""

    sns_topic: Annotated[str, Field(max_length=400)] | None = Field(
        description="Heard once its subscription is confirmed; until then the one before is. Null: none, at once.",
        examples=["arn:aws:sns:eu-central-1:123456789012:bounces"],
    )


class StopLiftIn(Input):
    note: Annotated[str, Field(min_length=1, max_length=300, examples=["Cleaned the list that drew the complaints."])]


class SenderStopOut(Stamped):
    """A sender that nothing leaves from, because too many of its messages drew complaints or were refused."""

    key: str = Field(description="What receivers judge: `domain:…` of mail, `account:…` of texts.")
    channel: str
    reason: str = Field(description="complained or sender_fault.")
    harmed: int = Field(description="Complaints or refusals within seven days.")
    handed_over: int = Field(description="Messages within the same days; counted no further than was needed.")
    lifted_at: datetime | None = Field(description="Null: nothing leaves until somebody lifts it.")
    lifted_by: str | None
    note: str | None


class PauseIn(Input):
    reason: Annotated[str, Field(min_length=1, max_length=300)]


Price = Annotated[str, StringConstraints(pattern=r"^\d{1,6}(\.\d{1,4})?$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class PricesIn(Input):
    """What a segment of an SMS costs, in minor units of your currency."""

    default: Price | None = Field(
        None, description="Where no country says otherwise; null: not known.", examples=["7.5"]
    )
    countries: dict[Country, Price] = Field(
        default_factory=dict,
        max_length=250,
        description="By country (ISO 3166-1).",
        examples=[{"DE": "7.2", "AT": "9"}],
    )


class PricesOut(Output):
    default: str | None
    countries: dict[str, str]


class ClosedCountryOut(Output):
    """A country that the provider does not let this account send to; all others go on."""

    country: str = Field(description="ISO 3166-1, two letters.")
    code: str = Field(description="The provider's code.")
    words: str
    since: datetime
    finding: dict[str, str] = Field(description="What it means and what to do, in German and English.")

    @classmethod
    def of_row(cls, row: ClosedCountry) -> Self:
        """Build from a row."""
        return cls(
            country=row.country,
            code=row.code,
            words=row.words,
            since=row.created_at,
            finding=countries.finding(row.country, row.code),
        )


class AccountOut(Stamped):
    kind: str
    label: str
    settings: dict[str, Any]
    secret: str = Field(description="A mask and, of a long one, the last four characters.")
    rate_per_second: float | None
    sessions: int
    state: str
    paused_reason: str | None
    paused_until: datetime | None
    checked_at: datetime | None = Field(description="When it was last tried out.")
    check_problem: str | None = Field(description="What that showed; null: it worked.")
    webhook_path: str | None = Field(description="Where the provider reports to, under the public address.")
    next_sns_topic: str | None = Field(description="The topic that is heard once its subscription is confirmed.")
    closed_countries: list[ClosedCountryOut] = Field(description="Where the provider does not let this account send.")

    @classmethod
    def of(cls, row: ProviderAccount, closed: Sequence[ClosedCountry] = (), **more: Any) -> Self:
        """Build from a row, without what is sealed."""
        made = {"secret", "webhook_path", "closed_countries"}
        fields = {name: getattr(row, name) for name in cls.model_fields if name not in made}
        more |= {"closed_countries": [ClosedCountryOut.of_row(each) for each in closed]}
        door = row.kind if row.kind != _RELAY else "ses" if row.settings.get("sns_topic") else None
        path = f"/hooks/{door}/{row.path_token}" if door else None
        return cls(**fields, secret=_MASK + row.last_four, webhook_path=path, **more)


class TeamAddressIn(Input):
    """A number or chat of your team, which tests may go to."""

    channel: Literal["sms", "whatsapp", "telegram"]
    address: Annotated[str, Field(min_length=1, max_length=40, examples=["+4915112345678"])] = Field(
        description="A number in international form; for Telegram the number of a chat with the bot."
    )
    label: Label


class TeamAddressOut(Stamped):
    channel: str
    address: str
    label: str


class DomainIn(Input):
    domain: DomainName
    dkim: Literal["self", "relay"] = Field("self", description="Who signs: this service, or the relay.")
    relay_domain: DomainName | None = Field(None, description="What the relay signs for (d=); the domain if absent.")
    relay_selector: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        None, description="The selector that the relay signs with (s=); needed to look its key up."
    )


class DomainPatch(Input):
    dkim: Literal["self", "relay"]
    relay_domain: DomainName | None = None
    relay_selector: Annotated[str, Field(min_length=1, max_length=63)] | None = None


class RecordOut(Output):
    """A DNS record to publish."""

    name: str
    type: str
    value: str
    zone_line: str = Field(description="The same as a line of a zone file.")


class FindingOut(Output):
    check: str = Field(description="dmarc, dkim, spf, mx or ptr.")
    state: str = Field(description="good, warning, problem, or unknown where the DNS did not answer.")
    words: str
    value: str | None


class DomainOut(Stamped):
    domain: str
    dkim: str
    relay_domain: str | None
    relay_selector: str | None
    checked_at: datetime | None
    aligned: bool | None = Field(description="Whether mail passes DMARC; null: not checked yet.")


class DomainDetail(DomainOut):
    records: list[RecordOut]
    organisational_domain: str | None
    policy: str | None = Field(description="What DMARC asks receivers to do with mail that does not pass.")
    spf_lookups: int | None = Field(description="Look-ups that the SPF record needs; ten are allowed.")
    complaints_to: str | None = Field(
        description="Address to register with the feedback loops of mailbox providers; null without a bounce domain.",
        examples=["b+7kq2j5x4m3n6p7r2s4t6v3w5y2z4a6c3e5g2j4l6n3p5@bounce.studio.example"],
    )
    findings: list[FindingOut]
