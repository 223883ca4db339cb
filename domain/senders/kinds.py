"""The kinds of accounts: what each needs to be told, and how fast its provider wants to be asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels.email.settings import BadRelay, Relay, Security
from channels.sms import regions
from kernel.errors import Invalid

_LONGEST_LIST, _MOST_COUNTRIES = 50, 250
_PRICE = r"\d{1,6}(\.\d{1,4})?"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting that is not secret: what it must look like, whole, and an example for people."""

    pattern: str
    example: str
    required: bool = False
    many: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise Invalid for a value that does not look like it."""
        values = value if self.many and isinstance(value, list) else [value]
        if not 0 < len(values) <= _LONGEST_LIST:
            raise Invalid(f"settings.{name}", f"holds 1 to {_LONGEST_LIST} entries")
        for one in values:
            if not isinstance(one, str | int) or isinstance(one, bool) or not re.fullmatch(self.pattern, str(one)):
                raise Invalid(f"settings.{name}", f"looks like {self.example}")


@dataclass(frozen=True, slots=True)
class PriceList(Setting):
    """Prices by country; `pattern` and `example` are those of one price."""

    def check(self, name: str, value: Any) -> None:
        """Raise Invalid for a country that has no numbers, and for what is no price."""
        if not isinstance(value, dict) or not 0 < len(value) <= _MOST_COUNTRIES:
            raise Invalid(f"settings.{name}", f'looks like {{"DE": "{self.example}"}}')
        for country, price in value.items():
            if not regions.is_country(country):
                raise Invalid(f"settings.{name}", f"{country} is no country; use two letters, such as DE")
            if not isinstance(price, str) or not re.fullmatch(self.pattern, price):
                raise Invalid(f"settings.{name}.{country}", f"looks like {self.example}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `secret` is what its secret must look like, `rate` per second and `sessions` what is usual."""

    fields: Mapping[str, Setting]
    secret: str
    secret_words: str
    rate: float | None
    sessions: int

    def read(self, settings: Mapping[str, Any], secret: str) -> dict[str, Any]:
        """Return the settings as kept. Raises Invalid naming the field and what it looks like."""
        for name in settings:
            if name not in self.fields:
                raise Invalid(f"settings.{name}", f"is not known; use {', '.join(self.fields)}")
        for name, setting in self.fields.items():
            if settings.get(name) is not None:
                setting.check(name, settings[name])
            elif setting.required:
                raise Invalid(f"settings.{name}", f"is missing; it looks like {setting.example}")
        if not re.fullmatch(self.secret, secret):
            raise Invalid("secret", self.secret_words)
        return {name: value for name, value in settings.items() if value is not None}


class _Smtp(Kind):
    """A relay of the tenant's own; its password is the secret."""

    def read(self, settings: Mapping[str, Any], secret: str) -> dict[str, Any]:
        kept = Kind.read(self, settings, secret)
        relay_of(kept, secret, helo="localhost")
        return kept


_PORTS: dict[Security, int] = {"plain": 25, "starttls": 587, "tls": 465}


def relay_of(settings: Mapping[str, Any], secret: str, *, helo: str) -> Relay:
    """Return the relay of an account's settings. Raises Invalid, as for a password that would travel in the open."""
    security: Security = settings.get("security", "starttls")
    user = settings.get("user")
    if user is None and secret:
        raise Invalid("settings.user", "is missing: a password needs its user name")
    try:
        return Relay(
            host=str(settings["host"]),
            port=int(settings.get("port", _PORTS[security])),
            security=security,
            user=user,
            password=secret if user is not None else None,
            helo=helo,
        )
    except BadRelay as error:
        raise Invalid("settings.security", str(error)) from None


_NUMBER = r"\+[1-9]\d{6,14}"

KINDS: Mapping[str, Kind] = {
    "smtp": _Smtp(
        {
            "host": Setting(r"[A-Za-z0-9.:-]{1,253}", "relay.example", required=True),
            "port": Setting(r"[1-9]\d{0,4}", "587"),
            "security": Setting(r"plain|starttls|tls", "starttls, tls or plain"),
            "user": Setting(r"[!-~]{1,200}", "user@example"),
            "sns_topic": Setting(
                r"arn:aws(-[a-z]{2,6}){0,2}:sns:[a-z0-9-]{3,32}:[0-9]{12}:[A-Za-z0-9_-]{1,256}",
                "arn:aws:sns:eu-central-1:123456789012:bounces",
            ),
        },
        r"[^\r\n\x00]{0,500}",
        "is the relay's password, in one line",
        None,
        8,
    ),
    "twilio": Kind(
        {
            "account_sid": Setting(r"AC[0-9a-f]{32}", "AC followed by 32 hexadecimal digits", required=True),
            "messaging_service_sid": Setting(r"MG[0-9a-f]{32}", "MG followed by 32 hexadecimal digits"),
            "numbers": Setting(_NUMBER, "+4915112345678", many=True),
            "sms_from": Setting(rf"{_NUMBER}|MG[0-9a-f]{{32}}|[A-Za-z0-9 ]{{1,11}}", "+4915112345678 or MG…"),
            "whatsapp_from": Setting(_NUMBER, "+4915112345678"),
            "price_per_segment": Setting(_PRICE, "7.5 (minor units of your currency)"),
            "prices": PriceList(_PRICE, "7.5"),
        },
        r"[0-9A-Za-z]{32,64}",
        "is the auth token of the account, 32 letters and digits or more",
        1.0,
        4,
    ),
    "telegram": Kind(
        {"username": Setting(r"@?[A-Za-z0-9_]{5,32}", "StudioLindenBot")},
        r"\d{5,20}:[A-Za-z0-9_-]{30,64}",
        "is the token that BotFather gave you, such as 123456:ABC…",
        30.0,
        8,
    ),
}
