"""Whom unsaved rules mean, while somebody is still writing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import QueryCanceled
from sqlalchemy import ColumnElement, func, select, tablesample, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, aliased

from domain.segments import moment, resolve, rules
from domain.segments.compile import any_of
from kernel import db
from models import Member

SHOWN = 10
SAMPLED = 5_000
PATIENCE = timedelta(milliseconds=1_500)
_TIMEOUT = text("SELECT current_setting('statement_timeout')")
_SET_TIMEOUT = text("SELECT set_config('statement_timeout', :value, true)")


@dataclass(frozen=True, slots=True)
class Look:
    """How many members a rule means, and some of them. Where `exact` is off, the number comes from a sample."""

    count: int
    exact: bool
    sample: Sequence[Member]


def count(session: Session, condition: ColumnElement[bool]) -> int:
    """Return for how many members a condition holds."""
    return session.execute(
        select(func.count()).select_from(resolve.members(session, condition).subquery())
    ).scalar_one()


def look(session: Session, rule: Any, *, patience: timedelta = PATIENCE) -> Look:
    """Count and sample whom an unsaved rule means; what takes longer than `patience` is estimated from SAMPLED members.

    Raises Invalid for a rule that cannot be used.
    """
    read, at = rules.read(rule), moment.of(session)
    condition = resolve.Resolver(session, at).condition(read)
    former = session.execute(_TIMEOUT).scalar_one()
    try:
        with session.begin_nested():
            session.execute(_SET_TIMEOUT, {"value": str(int(patience.total_seconds() * 1_000))})
            found = Look(count(session, condition), True, _some(session, condition))
            session.execute(_SET_TIMEOUT, {"value": former})
    except OperationalError as error:
        if not isinstance(error.orig, QueryCanceled):
            raise
        return _estimated(session, read, at)
    return found


def _some(session: Session, condition: ColumnElement[bool]) -> Sequence[Member]:
    newest = select(Member).where(Member.tenant_id == db.tenant_of(session), condition).order_by(Member.id.desc())
    return session.execute(newest.limit(SHOWN)).scalars().all()


def _estimated(session: Session, read: Any, at: moment.Moment) -> Look:
    """Ask some members, whose pages are drawn by chance, and multiply."""
    tenant_id = db.tenant_of(session)
    everybody = session.execute(select(func.count()).where(Member.tenant_id == tenant_id)).scalar_one()
    drawn = aliased(Member, tablesample(Member, func.system(min(100, 100 * SAMPLED / max(everybody, 1)))))
    ids: Sequence[UUID] = session.execute(select(drawn.id).where(drawn.tenant_id == tenant_id)).scalars().all()
    condition = resolve.Resolver(session, at, ids).condition(read) & (Member.id == any_of(ids))
    hits = count(session, condition)
    return Look(round(everybody * hits / max(len(ids), 1)), False, _some(session, condition))
