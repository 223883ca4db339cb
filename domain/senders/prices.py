"""What a segment of an SMS costs through an account: by country, and for all others. In minor units of the currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from channels.sms import regions
from domain.audit import service as audit
from domain.senders import accounts
from domain.senders.kinds import KINDS
from kernel.errors import Conflict
from models import ProviderAccount

DEFAULT, BY_COUNTRY = "price_per_segment", "prices"
KIND = "twilio"


@dataclass(frozen=True, slots=True)
class Prices:
    """As they were given; decimal texts, so that nothing is rounded."""

    default: str | None
    countries: Mapping[str, str]

    def of_country(self, country: str | None) -> Decimal | None:
        """Return the price for a country; None where nobody said it."""
        price = self.countries.get(country or "", self.default)
        return Decimal(price) if price is not None else None

    def of_number(self, number: str) -> Decimal | None:
        """Return the price for a number (E.164); None where nobody said it."""
        return self.of_country(regions.country_of(number))


def of(account: ProviderAccount) -> Prices:
    """Return the prices of an account."""
    default = account.settings.get(DEFAULT)
    return Prices(str(default) if default is not None else None, dict(account.settings.get(BY_COUNTRY) or {}))


def set_prices(
    session: Session, account_id: UUID, *, default: str | None, by_country: Mapping[str, str], actor: str
) -> Prices:
    """Replace the prices of an account. Raises NotFound, Conflict for another kind, Invalid for a price or country."""
    account = accounts.get(session, account_id)
    if account.kind != KIND:
        raise Conflict(f"Only accounts of the kind {KIND} have prices.", code="no_prices")
    given = {DEFAULT: default, BY_COUNTRY: dict(by_country) or None}
    for name, value in given.items():
        if value is not None:
            KINDS[KIND].fields[name].check(name, value)
    others = {name: value for name, value in account.settings.items() if name not in given}
    account.settings = others | {name: value for name, value in given.items() if value is not None}
    audit.append(session, actor=actor, action="account.prices", subject=str(account.id), default=default,
                 countries=dict(by_country))  # fmt: skip
    session.flush()
    return of(account)
