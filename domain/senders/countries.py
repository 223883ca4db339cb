"""Countries that an account may not send to, as its provider answered. The others go on."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.sms import regions
from domain.audit import service as audit
from domain.senders import accounts
from kernel import db
from kernel.errors import NotFound
from kernel.ids import new_id
from models import ClosedCountry

_LONGEST_WORDS = 300


def close(session: Session, account_id: UUID, number: str, *, code: str, words: str) -> str | None:
    """Send nothing more to the country of a number through this account; returns the country.

    None for a number of no country: nothing is closed. Raises NotFound for the account.
    """
    country = regions.country_of(number)
    if country is None:
        return None
    account = accounts.get(session, account_id)
    made = session.execute(
        insert(ClosedCountry)
        .values(
            id=new_id(),
            tenant_id=account.tenant_id,
            account_id=account.id,
            country=country,
            pattern=regions.pattern_of(country),
            code=code,
            words=words[:_LONGEST_WORDS],
            created_by="system",
        )
        .on_conflict_do_nothing()
        .returning(ClosedCountry.id)
    ).scalar_one_or_none()
    if made is not None:
        audit.append(
            session, actor="system", action="account.close_country", subject=str(account.id), country=country, code=code
        )
    return country


def closed(session: Session, account_id: UUID) -> Select[ClosedCountry]:
    """Return the statement of the countries that are closed for an account."""
    return (
        select(ClosedCountry)
        .where(ClosedCountry.tenant_id == db.tenant_of(session), ClosedCountry.account_id == account_id)
        .order_by(ClosedCountry.country)
    )


def of_accounts(session: Session, account_ids: Sequence[UUID]) -> dict[UUID, list[ClosedCountry]]:
    """Return the closed countries of several accounts."""
    rows = session.execute(
        select(ClosedCountry)
        .where(ClosedCountry.tenant_id == db.tenant_of(session), ClosedCountry.account_id.in_(account_ids))
        .order_by(ClosedCountry.country)
    ).scalars()
    found: dict[UUID, list[ClosedCountry]] = {}
    for row in rows:
        found.setdefault(row.account_id, []).append(row)
    return found


def finding(country: str, code: str) -> dict[str, str]:
    """Say in German and English what a closed country means, and the way out."""
    return {
        "de": f"Das Konto darf nicht nach {country} senden ({code}). Erlaube das Land beim Anbieter und öffne es hier "
        "wieder; was gescheitert ist, lässt sich dann noch einmal senden.",
        "en": f"The account may not send to {country} ({code}). Permit the country at the provider and open it here "
        "again; what failed can be sent again then.",
    }


def reopen(session: Session, account_id: UUID, country: str, *, actor: str) -> None:
    """Send to a country again: the permission was given at the provider. Raises NotFound where it is not closed."""
    account = accounts.get(session, account_id)
    done = session.execute(
        delete(ClosedCountry)
        .where(
            ClosedCountry.tenant_id == account.tenant_id,
            ClosedCountry.account_id == account.id,
            ClosedCountry.country == country.upper(),
        )
        .returning(ClosedCountry.country)
    ).scalar_one_or_none()
    if done is None:
        raise NotFound("closed country")
    audit.append(session, actor=actor, action="account.open_country", subject=str(account.id), country=done)
