"""Dynamic segments keep themselves: what changed is asked again at once, what time may turn is asked when it is due.

Every step is a transaction that does all of its effect or none, and asking again changes nothing: a process that dies
leaves the rest to the next look, and two at once wait for each other or pass.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from domain.changes import service as changes
from domain.changes.service import SEGMENTS, Batch
from domain.segments import depends, membership, moment, performance, resolve, rules
from kernel import clock, db, log, outbox
from kernel.errors import Invalid
from models import Segment, TenantDue

MOST = 5_000  # changes that are asked about in one transaction
_SOON = timedelta(seconds=1)
_EVERYBODY = frozenset({"member_deleted"})


def run(tenant_id: UUID) -> int:
    """Do what is due for a tenant's segments; returns how many changes were looked at."""
    with db.tenant_session(tenant_id) as session:
        follow(session)
    looked, settled = _catch_up(tenant_id)
    for segment_id in _due(tenant_id) if settled else ():
        calculate_due(tenant_id, segment_id)
    _open_days(tenant_id)
    with db.tenant_session(tenant_id) as session:
        look_again(session, settled=settled)
        changes.tidy(session)
    return looked


def follow(session: Session) -> None:
    """Follow the tenant's members while there is a segment that keeps itself, and no longer."""
    if session.execute(select(func.count()).select_from(_kept(session).subquery())).scalar_one():
        changes.follow(session, SEGMENTS)
    else:
        changes.unfollow(session, SEGMENTS)


def _kept(session: Session) -> Select[UUID]:
    return select(Segment.id).where(
        Segment.tenant_id == db.tenant_of(session), Segment.status == "active", Segment.rules.is_not(None)
    )


def _catch_up(tenant_id: UUID) -> tuple[int, bool]:
    """Read all that happened; returns how much, and whether nothing from before following began is missing."""
    looked = 0
    while True:
        with db.tenant_session(tenant_id) as session:
            batch = changes.read(session, SEGMENTS, MOST)
            if batch is None:
                return looked, False
            _apply(session, batch)
            changes.advance(session, SEGMENTS, batch)
        looked += len(batch.changes)
        if not batch.more:
            return looked, batch.settled


def _apply(session: Session, batch: Batch) -> None:
    """Ask every segment about the members whose changes may turn its answer."""
    touched: dict[str, set[UUID]] = defaultdict(set)
    for change in batch.changes:
        touched[change.kind].add(change.member_id)
    if not touched:
        return
    for segment_id in session.execute(_kept(session).order_by(Segment.id)).scalars().all():
        _ask(session, segment_id, touched)
    if touched.keys() & _EVERYBODY:
        own = select(Segment.id).where(Segment.tenant_id == db.tenant_of(session)).order_by(Segment.id)
        for segment_id in session.execute(own).scalars().all():
            if (segment := membership.lock(session, segment_id)) is not None:
                membership.recount(session, segment)


def _ask(session: Session, segment_id: UUID, touched: dict[str, set[UUID]]) -> None:
    segment = membership.lock(session, segment_id)
    if segment is None or segment.rules is None or segment.status != "active":
        return
    try:
        needs = resolve.depends_of(session, rules.read(segment.rules), (segment.id,))
        wanted = _members(touched, needs.changes | depends.EVERY_RULE)
        if wanted:
            membership.refresh(session, segment, wanted)
    except Invalid as error:
        segment.problem = error.detail


def _members(touched: dict[str, set[UUID]], kinds: Iterable[str]) -> list[UUID]:
    return sorted(set().union(*(touched.get(kind, ()) for kind in kinds)))


def _due(tenant_id: UUID) -> list[UUID]:
    with db.tenant_session(tenant_id) as session:
        due = _kept(session).where(Segment.due_at <= clock.now()).order_by(Segment.due_at)
        return list(session.execute(due).scalars())


def calculate_due(tenant_id: UUID, segment_id: UUID) -> None:
    """Ask a segment's rules about everybody if that is still due; what is broken says so and waits for a change."""
    with db.tenant_session(tenant_id) as session:
        segment = membership.lock(session, segment_id, wait=False)
        if segment is None or segment.due_at is None or segment.due_at > clock.now():
            return
        try:
            membership.calculate(session, segment)
        except Invalid as error:
            segment.problem, segment.due_at = error.detail, clock.now() + timedelta(hours=1)
            log.get("segments").warning("segment.broken", id=str(segment.id), code=error.code)


def _open_days(tenant_id: UUID) -> None:
    """Begin today's statistics, once a day; those of the days before are counted again."""
    with db.tenant_session(tenant_id) as session:
        waiting = performance.unbegun(session)
    for segment_id in waiting:
        with db.tenant_session(tenant_id) as session:
            performance.measure(session, segment_id)


def look_again(session: Session, *, settled: bool) -> None:
    """Set when the tenant's segments are looked at next: the next that is due, or the next day."""
    tenant_id = db.tenant_of(session)
    mark = select(TenantDue).where(TenantDue.tenant_id == tenant_id, TenantDue.kind == membership.DUE)
    session.execute(mark.with_for_update())
    times = session.execute(
        select(func.min(Segment.due_at), func.count()).where(Segment.tenant_id == tenant_id, Segment.status == "active")
    ).one()
    own = delete(TenantDue).where(TenantDue.tenant_id == tenant_id, TenantDue.kind == membership.DUE)
    session.execute(own)
    if times[1]:
        outbox.mark_due(session, membership.DUE, _next(session, times[0], settled=settled))


def _next(session: Session, due_at: datetime | None, *, settled: bool) -> datetime:
    at = moment.of(session)
    midnight = at.start_of(at.today + timedelta(days=1))
    if due_at is None:
        return midnight
    return min(midnight, due_at if settled else max(due_at, at.now + _SOON))
