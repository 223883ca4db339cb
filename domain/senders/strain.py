"""How an account answers a provider's request to slow down: it waits twice as long each time, and then pauses.

Answers that come together are one: whoever meets the wait that another found waits for its end.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, select, text
from sqlalchemy.orm import Session

from domain.senders import accounts
from kernel import clock, db
from models import AccountStrain

_MEMORY = 300  # seconds without a request to slow down after which it begins anew

_NOTE = text("""
INSERT INTO account_strain AS s (tenant_id, account_id, code, times, first_at, until)
VALUES (:tenant, :account, :code, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => :first))
ON CONFLICT (tenant_id, account_id, code) DO UPDATE SET
  times = CASE WHEN s.until > clock_timestamp() THEN s.times
    WHEN s.until < clock_timestamp() - make_interval(secs => :memory) THEN 1
    ELSE least(s.times + 1, 30) END,
  first_at = CASE WHEN s.until < clock_timestamp() - make_interval(secs => :memory) THEN clock_timestamp()
    ELSE s.first_at END,
  until = CASE WHEN s.until > clock_timestamp() THEN s.until
    WHEN s.until < clock_timestamp() - make_interval(secs => :memory) THEN excluded.until
    ELSE clock_timestamp() + make_interval(secs => least(:longest, :first * 2 ^ least(s.times, 30))) END
RETURNING times, extract(epoch FROM until - clock_timestamp())::float8 AS wait
""")


@dataclass(frozen=True, slots=True)
class Rule:
    """How a code slows an account down: seconds at first and at most, and after how many times it pauses how long."""

    first: float
    longest: float
    pauses_at: int | None = None
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Strained:
    """Seconds to wait, and whether the account was paused just now."""

    wait: float
    paused: bool


def note(session: Session, account_id: UUID, code: str, rule: Rule, words: str) -> Strained:
    """Count a request to slow down. Raises NotFound for an account that is gone."""
    keys = {"tenant": db.tenant_of(session), "account": account_id, "code": code}
    limits = {"first": rule.first, "longest": rule.longest, "memory": _MEMORY}
    account = accounts.get(session, account_id)
    row = session.execute(_NOTE, keys | limits).one()
    if rule.pauses_at is None or row.times < rule.pauses_at or not accounts.is_open(account):
        return Strained(max(0.0, row.wait), paused=False)
    until = clock.now() + timedelta(seconds=rule.pause)
    accounts.pause(session, account_id, f"the provider asked to slow down: {code} {words}".strip(), until)
    session.execute(delete(AccountStrain).where(_of(session, account_id), AccountStrain.code == code))
    return Strained(max(0.0, row.wait), paused=True)


def _of(session: Session, account_id: UUID) -> ColumnElement[bool]:
    return and_(AccountStrain.tenant_id == db.tenant_of(session), AccountStrain.account_id == account_id)


def times(session: Session, account_id: UUID) -> dict[str, int]:
    """Return how often the account was asked to slow down lately, by code."""
    rows = session.execute(select(AccountStrain.code, AccountStrain.times).where(_of(session, account_id)))
    return {row.code: row.times for row in rows}
