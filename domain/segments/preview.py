"""Whom unsaved rules mean, while somebody is still writing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.errors import QueryCanceled
from sqlalchemy import ColumnElement, Uuid, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from domain.segments import moment, resolve, rules
from domain.segments.compile import any_of
from kernel import db
from models import Member
from models.people import DRAWS

SHOWN = 10
FEW = 50_000  # members of a tenant that are all asked
SAMPLED = 3_000
RARE = 20  # hits in the sample, from which on it says enough
PATIENCE = timedelta(milliseconds=1_500)
_RARELY = timedelta(milliseconds=500)  # for everybody of a large tenant
_GLANCE = DRAWS // 64  # how many of the draws say roughly how large a tenant is
_TALLIED = 100_000  # members that say it well
_CERTAIN = 1.96  # standard deviations, for 95 of 100
_TIMEOUT = text("SELECT current_setting('statement_timeout')")
_SET_TIMEOUT = text("SELECT set_config('statement_timeout', :value, true)")


@dataclass(frozen=True, slots=True)
class Look:
    """How many members a rule means, and some of them, newest first.

    Where `exact` is off, the number comes from a sample, which is the same for every rule, and lies between `low` and
    `high` in 95 of 100 cases.
    """

    count: int
    exact: bool
    sample: Sequence[Member]
    low: int
    high: int


def count(session: Session, condition: ColumnElement[bool]) -> int:
    """Return for how many members a condition holds."""
    with resolve.planned(session):
        return session.execute(
            select(func.count()).select_from(resolve.members(session, condition).subquery())
        ).scalar_one()


def look(session: Session, rule: Any, *, quick: bool = False, patience: timedelta = PATIENCE) -> Look:
    """Count and sample whom an unsaved rule means.

    Of a tenant of many members a sample is asked; where it holds next to nobody whom the rule means, everybody, unless
    that takes longer than `patience` or it should be `quick`. Raises Invalid for a rule that cannot be used.
    """
    read, at = rules.read(rule), moment.of(session)
    condition = resolve.Resolver(session, at).condition(read)
    chosen = draw(session)
    drawn = _drawn(session, read, at, chosen) if chosen.width < DRAWS else None
    if drawn is not None and (quick or len(drawn) >= RARE):
        return _estimated(session, drawn, chosen)
    patience = patience if drawn is None else min(patience, _RARELY)
    former = session.execute(_TIMEOUT).scalar_one()
    try:
        with session.begin_nested():
            session.execute(_SET_TIMEOUT, {"value": str(int(patience.total_seconds() * 1_000))})
            found = _exact(session, condition)
            session.execute(_SET_TIMEOUT, {"value": former})
    except OperationalError as error:
        if not isinstance(error.orig, QueryCanceled):
            raise
        return _estimated(session, _drawn(session, read, at, chosen) if drawn is None else drawn, chosen)
    return found


def _exact(session: Session, condition: ColumnElement[bool]) -> Look:
    """Ask everybody, once: the number and the newest."""
    hit = resolve.members(session, condition).cte("hit").prefix_with("MATERIALIZED")
    newest = select(hit.c.id).order_by(hit.c.id.desc()).limit(SHOWN).scalar_subquery()
    with resolve.planned(session):
        number, ids = session.execute(
            select(select(func.count()).select_from(hit).scalar_subquery(), func.array(newest, type_=ARRAY(Uuid())))
        ).one()
    return Look(number, True, _people(session, ids), number, number)


class Draw(NamedTuple):
    """The members below `width`: how many they are, and about how many the tenant has, with the error of that."""

    width: int
    members: int
    everybody: float
    error: float


def draw(session: Session) -> Draw:
    """Return a draw of about SAMPLED members, or of all where they are few enough to be asked."""
    seen = _below(session, _GLANCE)
    chosen = _width(seen)
    wider = DRAWS if chosen == DRAWS else min(DRAWS, _TALLIED * _GLANCE // seen)
    tallied = _below(session, wider)
    error = ((1 - wider / DRAWS) / max(tallied, 1)) ** 0.5
    members = tallied if chosen == wider else _below(session, chosen)
    return Draw(chosen, members, tallied * DRAWS / wider, error)


def width(session: Session) -> int:
    """Return below which of the DRAWS the members lie that `draw` chooses; all of them where that is DRAWS."""
    return _width(_below(session, _GLANCE))


def _width(seen: int) -> int:
    return DRAWS if seen * DRAWS <= FEW * _GLANCE else max(1, SAMPLED * _GLANCE // seen)


def _below(session: Session, width: int) -> int:
    own = Member.tenant_id == db.tenant_of(session)
    return session.execute(select(func.count()).where(own, Member.draw < width)).scalar_one()


def _drawn(session: Session, read: Any, at: moment.Moment, draw: Draw) -> Sequence[UUID]:
    """Return whom a rule means among those drawn, newest first."""
    below = select(Member.id).where(Member.tenant_id == db.tenant_of(session), Member.draw < draw.width)
    drawn = select(func.array(below.scalar_subquery(), type_=ARRAY(Uuid())).label("ids")).cte("drawn")
    only = select(drawn.c.ids).scalar_subquery()
    condition = resolve.Resolver(session, at, only).condition(read) & (Member.draw < draw.width)
    with resolve.planned(session):
        found = session.execute(resolve.members(session, condition).order_by(Member.id.desc()))
        return found.scalars().all()


def _estimated(session: Session, hits: Sequence[UUID], draw: Draw) -> Look:
    """Multiply what those drawn say; of next to nobody, the rule of three bounds how many there may be."""
    share = len(hits) / max(draw.members, 1)
    spread = _CERTAIN * (share * (1 - share) / max(draw.members, 1) + (share * draw.error) ** 2) ** 0.5
    high = max(share + spread, 3 / max(draw.members, 1))
    number = round(share * draw.everybody)
    return Look(
        number if draw.width == DRAWS else _about(number),
        exact=draw.width == DRAWS,
        sample=_people(session, hits[:SHOWN]),
        low=int(max(0, share - spread) * draw.everybody),
        high=int(min(1 + _CERTAIN * draw.error, high) * draw.everybody) + 1,
    )


def _about(number: float) -> int:
    """Round to two digits: more would promise what a sample does not know."""
    return int(float(f"{number:.1e}"))


def _people(session: Session, ids: Sequence[UUID]) -> Sequence[Member]:
    chosen = select(Member).where(Member.tenant_id == db.tenant_of(session), Member.id == any_of(ids))
    return session.execute(chosen.order_by(Member.id.desc())).scalars().all()
