"""Dynamic segments keep themselves: what changed is asked again at once, what time may turn is asked when it is due.

Every step is a transaction that does all of its effect or none, and asking again changes nothing: a process that dies
leaves the rest to the next look, and two at once wait for each other or pass.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, exists, func, select, text, update
from sqlalchemy.orm import Session

from domain.changes import behaviour
from domain.changes import service as changes
from domain.changes.behaviour import Acts
from domain.changes.service import SEGMENTS, Batch
from domain.segments import depends, membership, moment, performance, resolve, rules
from kernel import clock, db, log, outbox
from kernel.errors import Invalid
from models import Campaign, Segment, TenantDue

MOST = 5_000  # changes that are asked about in one transaction
MOST_ACTS = 20_000  # events of messages that are read in one transaction
BEHAVIOUR = "behaviour"  # work of this kind is due while some segment depends on what members do with messages
_SOON = timedelta(seconds=1)
_IDLE = timedelta(seconds=20)
_LATER = text("""
INSERT INTO tenant_due (tenant_id, kind, next_due_at)
VALUES (:tenant, :kind, clock_timestamp() + make_interval(secs => :seconds))
ON CONFLICT (tenant_id, kind) DO UPDATE SET next_due_at = excluded.next_due_at
""")
_EVERYBODY = frozenset({"member_deleted"})


def run(tenant_id: UUID) -> int:
    """Do what is due for a tenant's segments; returns how many changes and acts were looked at."""
    looked, settled = _catch_up(tenant_id)
    with db.tenant_session(tenant_id) as session:
        due = _due(session) if settled else ()
        waiting = performance.unbegun(session)
        if not (due or waiting):
            _rest(session, settled=settled)
            return looked
    for segment_id in due:
        calculate_due(tenant_id, segment_id)
    for segment_id in waiting:
        with db.tenant_session(tenant_id) as session:
            performance.measure(session, segment_id)
    with db.tenant_session(tenant_id) as session:
        _rest(session, settled=settled)
    return looked


def _rest(session: Session, *, settled: bool) -> None:
    look_again(session, settled=settled)
    changes.tidy(session)


def behave(tenant_id: UUID) -> int:
    """Ask about those who got, opened or clicked something, and about those who changed; returns how many.

    Comes again within seconds while something happens or may, and rarely otherwise. The next look is noted first, so
    that a nudge meanwhile is heard.
    """
    with db.tenant_session(tenant_id) as session:
        session.execute(_LATER, {"tenant": tenant_id, "kind": BEHAVIOUR, "seconds": _IDLE.total_seconds()})
    looked, settled = _catch_up(tenant_id)
    with db.tenant_session(tenant_id) as session:
        wanted = follow(session)
        if not wanted:
            session.execute(delete(TenantDue).where(TenantDue.tenant_id == tenant_id, TenantDue.kind == BEHAVIOUR))
        elif looked or not settled or ("received" in wanted and _sending(session)):
            outbox.mark_due(session, BEHAVIOUR, clock.now() + _SOON)
    return looked


def _sending(session: Session) -> bool:
    going = exists().where(Campaign.tenant_id == db.tenant_of(session), Campaign.status == "sending")
    return bool(session.execute(select(going)).scalar_one())


def follow(session: Session) -> frozenset[str]:
    """Follow the tenant's members while there is a segment that keeps itself, and no longer; so what they do.

    Returns the acts that some segment depends on.
    """
    kept = session.execute(_kept(session).with_only_columns(Segment.rules)).scalars().all()
    if not kept:
        changes.unfollow(session, SEGMENTS)
        return frozenset()
    changes.follow(session, SEGMENTS)
    wanted = frozenset[str]().union(*map(_acts, kept))
    if wanted:
        behaviour.follow(session, SEGMENTS)
        outbox.expect(session, BEHAVIOUR, clock.now() + _IDLE)
    else:
        behaviour.unfollow(session, SEGMENTS)
    return wanted


def _kept(session: Session) -> Select[UUID]:
    return select(Segment.id).where(
        Segment.tenant_id == db.tenant_of(session), Segment.status == "active", Segment.rules.is_not(None)
    )


def _acts(stored: Any) -> frozenset[str]:
    """Return on which acts rules depend themselves; the segments that they refer to are kept, too."""
    try:
        return depends.of(rules.read(stored)).behaviour
    except Invalid:
        return frozenset()


def _catch_up(tenant_id: UUID) -> tuple[int, bool]:
    """Read all that happened; returns how much, and whether nothing from before following began is missing."""
    looked = 0
    while True:
        with db.tenant_session(tenant_id) as session:
            acts_of = follow(session)
            batch = changes.read(session, SEGMENTS, MOST)
            if batch is None:
                return looked, False
            acts = behaviour.read(session, SEGMENTS, acts_of, MOST_ACTS)
            _apply(session, batch, acts)
            changes.advance(session, SEGMENTS, batch)
            if acts is not None:
                behaviour.advance(session, SEGMENTS, acts)
                looked += len(acts.members)
        looked += len(batch.changes)
        if not (batch.more or (acts is not None and acts.more)):
            return looked, batch.settled


def _apply(session: Session, batch: Batch, acts: Acts | None) -> None:
    """Ask every segment about the members whose changes or acts may turn its answer."""
    touched: dict[str, set[UUID]] = defaultdict(set)
    for change in batch.changes:
        touched[change.kind].add(change.member_id)
    if acts is not None:
        for what, member_id in acts.members:
            touched[what].add(member_id)
        if acts.lost:
            _ask_everybody(session)
    if not touched:
        return
    for segment_id in session.execute(_kept(session).order_by(Segment.id)).scalars().all():
        _ask(session, segment_id, touched)
    if touched.keys() & _EVERYBODY:
        own = select(Segment.id).where(Segment.tenant_id == db.tenant_of(session)).order_by(Segment.id)
        for segment_id in session.execute(own).scalars().all():
            if (segment := membership.lock(session, segment_id)) is not None:
                membership.recount(session, segment)


def _ask_everybody(session: Session) -> None:
    kept = update(Segment).where(Segment.id.in_(_kept(session))).values(due_at=clock.now())
    session.execute(kept.execution_options(synchronize_session=False))
    outbox.mark_due(session, membership.DUE)


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


def _due(session: Session) -> Sequence[UUID]:
    due = _kept(session).where(Segment.due_at <= clock.now()).order_by(Segment.due_at)
    return session.execute(due).scalars().all()


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


def look_again(session: Session, *, settled: bool) -> None:
    """Set when the tenant's segments are looked at next: the next that is due, or the next day."""
    tenant_id = db.tenant_of(session)
    mark = select(TenantDue).where(TenantDue.tenant_id == tenant_id, TenantDue.kind == membership.DUE)
    session.execute(mark.with_for_update())
    times = session.execute(
        select(func.min(Segment.due_at).filter(Segment.rules.is_not(None)), func.count()).where(
            Segment.tenant_id == tenant_id, Segment.status == "active"
        )
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
