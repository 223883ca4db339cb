"""Who comes into a sequence, and who leaves by hand: by what happened to members, by their days, or by name."""

import time
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, func, literal, or_, select, text
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.changes import service as changes
from domain.changes.service import Change
from domain.plans import catalog
from domain.plans import service as plans
from domain.sequences import fire, moments, service, spans
from domain.sequences.course import Exit
from domain.sequences.definition import (
    ActivityDone,
    DateReached,
    Definition,
    Fits,
    MemberCreated,
    ProductBought,
    SegmentJoined,
    TagAdded,
    Trigger,
)
from domain.sequences.facts import Person
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid, NotFound
from models import ChangePosition, Enrolment, Member, Tenant
from models import Sequence as Row

MOST_AT_ONCE = 1_000
_READ = 1_000
_EVERY = timedelta(minutes=1)  # how exactly a day's wall time is met
_LONGEST_AWAY = timedelta(days=3)  # days that came round while nobody worked longer are over
_ENDING = frozenset({"consent_changed", "conversion"})

_ENROL = text("""
INSERT INTO enrolment (id, tenant_id, sequence_id, member_id, pass_n, state, step, since, due_at, done, why, occasion,
  created_by)
SELECT new_id(), :tenant, :sequence, m.id, coalesce(p.n + 1, 0), 'active', :step, :since, :now, '[]', :why, :occasion,
  :actor
FROM member m LEFT JOIN LATERAL (
  SELECT max(e.pass_n) AS n, bool_or(e.state = 'active') AS inside, max(e.ended_at) AS ended FROM enrolment e
  WHERE e.tenant_id = :tenant AND e.sequence_id = :sequence AND e.member_id = m.id
) p ON true
WHERE m.tenant_id = :tenant AND m.id = ANY(:ids)
  AND (p.n IS NULL OR (:again AND NOT p.inside AND p.ended <= :before))
ORDER BY m.id
ON CONFLICT DO NOTHING RETURNING member_id
""")
_POKE = text("""
UPDATE enrolment SET due_at = :now
WHERE tenant_id = :tenant AND member_id = ANY(:ids) AND state = 'active' AND sequence_id = ANY(:sequences)
  AND (due_at IS NULL OR due_at > :now)
""")


def enrol(
    session: Session,
    sequence_id: UUID,
    member_ids: Iterable[UUID],
    *,
    why: str = "manual",
    actor: str | None = None,
    since: datetime | None = None,
    occasion: str | None = None,
) -> list[UUID]:
    """Let members in at the first step; returns those who came in.

    Who is inside stays where they are; who is through comes again only where the sequence allows it.
    """
    row = service.get(session, sequence_id)
    version = service.published(session, row)
    now = clock.now()
    again = version.reentry.allowed or occasion is not None
    wait = timedelta(days=version.reentry.after_days)
    came = (
        session.execute(
            _ENROL,
            {
                "tenant": row.tenant_id,
                "sequence": row.id,
                "ids": list(member_ids),
                "step": version.steps[0].key,
                "since": since or now,
                "now": now,
                "why": why,
                "occasion": occasion,
                "actor": actor,
                "again": again,
                "before": now - wait,
            },
        )
        .scalars()
        .all()
    )
    service.told(session, "enrolled", row.id, list(came), why=why)
    return list(came)


def enrol_by_hand(session: Session, sequence_id: UUID, member_ids: Sequence[UUID], *, actor: str) -> list[UUID]:
    """Let members in, as somebody asks.

    Raises PlanLimit, Conflict where the sequence is not live, Invalid for more than MOST_AT_ONCE, NotFound for somebody
    who is not here.
    """
    row = service.get(session, sequence_id)
    plans.require(session, catalog.SEQUENCES)
    if row.status != service.LIVE:
        raise Conflict("Only a live sequence takes members. Publish or resume it.", code="sequence_not_live")
    wanted = set(member_ids)
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid("member_ids", f"at most {MOST_AT_ONCE:,} at once")
    known = select(func.count()).where(Member.tenant_id == row.tenant_id, Member.id.in_(wanted))
    if session.execute(known).scalar_one() != len(wanted):
        raise NotFound("member")
    came = enrol(session, sequence_id, wanted, actor=actor)
    outbox.hurry(session, service.DUE, service.TASK)
    audit.append(session, actor=actor, action="sequence.enrol", subject=str(row.id), count=len(came))
    return came


def leave(session: Session, sequence_id: UUID, enrolment_id: UUID, *, actor: str) -> Enrolment:
    """Take a member out by hand; one who is through stays so. Raises NotFound."""
    row = session.execute(
        select(Enrolment)
        .where(
            Enrolment.tenant_id == db.tenant_of(session),
            Enrolment.sequence_id == sequence_id,
            Enrolment.id == enrolment_id,
        )
        .with_for_update()
    ).scalar_one_or_none()
    if row is None:
        raise NotFound("enrolment")
    if row.state == "active":
        row.state, row.reason, row.due_at, row.ended_at = "exited", Exit.MANUAL, None, clock.now()
        session.flush()
        fire.take_back(session, sequence_id, [Person(row.id, row.member_id, row.pass_n)])
        audit.append(session, actor=actor, action="sequence.exit", subject=str(sequence_id), enrolment_id=enrolment_id)
        service.told(session, "exited", sequence_id, [row.member_id] if row.member_id else [], reason=Exit.MANUAL)
    return row


def matching(
    session: Session,
    *,
    sequence_id: UUID | None = None,
    member_id: UUID | None = None,
    state: str | None = None,
    step: str | None = None,
    reason: str | None = None,
) -> Select[Enrolment]:
    """Return the statement of enrolments: of a sequence, of a member, in a state, at a step, ended for a reason."""
    statement = select(Enrolment).where(Enrolment.tenant_id == db.tenant_of(session))
    if sequence_id is not None:
        statement = statement.where(Enrolment.sequence_id == sequence_id)
    if member_id is not None:
        statement = statement.where(Enrolment.member_id == member_id)
    for column, wanted in ((Enrolment.state, state), (Enrolment.step, step), (Enrolment.reason, reason)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    return statement


def follow(session: Session, *, wanted: bool) -> None:
    """Follow what happens to members exactly while a sequence is live, whatever came between."""
    following = session.get(ChangePosition, (db.tenant_of(session), changes.SEQUENCES)) is not None
    if wanted and not following:
        changes.follow(session, changes.SEQUENCES)
    elif following and not wanted:
        changes.unfollow(session, changes.SEQUENCES)
        changes.tidy(session)


def take_in(tenant_id: UUID, until: float) -> int:
    """Let in whom a trigger of a live sequence means; returns how many came. `until` as `time.monotonic`."""
    came, more = 0, True
    while more and time.monotonic() < until:
        with db.tenant_session(tenant_id) as session:
            found = changes.read(session, changes.SEQUENCES, _READ)
            if found is None:
                break
            came += _apply(session, found.changes)
            changes.advance(session, changes.SEQUENCES, found)
            changes.tidy(session)
            more = found.more
    with db.tenant_session(tenant_id) as session:
        for row in live(session):
            came += _days(session, row)
    return came


def live(session: Session) -> Sequence[Row]:
    """Return the live sequences, which nobody pauses or edits before this transaction ends."""
    return [row for row in _listening(session) if row.status == service.LIVE]


def waits(session: Session) -> bool:
    """Whether something that happened while a sequence was live, one that is paused now too, may still be read."""
    return any(spans.unread(session, row) for row in _listening(session))


def _listening(session: Session) -> Sequence[Row]:
    statement = service.listed(session).where(Row.status.in_((service.LIVE, service.PAUSED))).order_by(Row.id)
    return session.execute(statement.with_for_update(read=True)).scalars().all()


def _apply(session: Session, happened: Sequence[Change]) -> int:
    came = 0
    if not happened:
        return 0
    for row in _listening(session):
        for span in spans.read(row):
            of_then = (each for each in happened if span.covers(each.xid) and means(span.trigger, each))
            meant = dict.fromkeys(each.member_id for each in of_then)
            if meant:
                came += len(enrol(session, row.id, meant, why=span.trigger.type))
        _look_at(session, row, service.published(session, row), happened)
    return came


def means(trigger: Trigger, change: Change) -> bool:
    """Whether a trigger means what happened."""
    if isinstance(trigger, MemberCreated):
        return change.kind == "member_created"
    if isinstance(trigger, TagAdded):
        return (change.kind, change.detail) == ("tag_added", trigger.tag)
    if isinstance(trigger, SegmentJoined):
        return (change.kind, change.detail) == ("segment_joined", str(trigger.segment_id))
    if isinstance(trigger, ActivityDone):
        return (change.kind, change.detail) == ("activity", trigger.kind)
    return isinstance(trigger, ProductBought) and change.kind == "purchase" and trigger.product in {None, change.detail}


def _look_at(session: Session, row: Row, version: Definition, happened: Sequence[Change]) -> None:
    """Look at once at who may have to leave: opt-outs and conversions, and with a goal by rule anything."""
    by_rule = any(isinstance(goal, Fits) for goal in version.goals)
    ids = {each.member_id for each in happened if by_rule or each.kind in _ENDING}
    if ids:
        keys = {"tenant": row.tenant_id, "ids": list(ids), "sequences": [row.id], "now": clock.now()}
        session.execute(_POKE, keys)


def next_day(session: Session, row: Row, now: datetime) -> list[datetime]:
    """Return when to look at members' days again; nothing where the trigger asks for none."""
    if not isinstance(service.published(session, row).trigger, DateReached):
        return []
    return [max(now, (row.scanned_at or now) + _EVERY)]


def _days(session: Session, row: Row) -> int:
    """Let in whose day it is, in each zone whose clock passed the wall time since the last look."""
    version = service.published(session, row)
    trigger, now = version.trigger, clock.now()
    if not isinstance(trigger, DateReached) or row.scanned_at is None or now - row.scanned_at < _EVERY:
        return 0
    after = max(row.scanned_at, now - _LONGEST_AWAY)
    own = session.get_one(Tenant, row.tenant_id).time_zone
    rows = session.execute(select(Member.time_zone).where(Member.tenant_id == row.tenant_id).distinct())
    came = 0
    for name in sorted({name or own for name in rows.scalars()}):
        for day in moments.days_due(trigger, ZoneInfo(name), after, now):
            target = day - timedelta(days=trigger.days)
            ids = session.execute(whose_day(row.tenant_id, trigger, name, own, target)).scalars().all()
            since = moments.at(trigger, day, ZoneInfo(name))
            if ids:
                came += len(enrol(session, row.id, ids, why="date", since=since, occasion=target.isoformat()))
    row.scanned_at = now
    session.flush()
    return came


def whose_day(tenant_id: UUID, trigger: DateReached, zone: str, own: str, target: date) -> Select[UUID]:
    """Return the statement of the members of a zone whose day, or whose anniversary, it is."""
    held: Any = (
        getattr(Member, trigger.field)
        if trigger.field
        else func.jsonb_extract_path_text(Member.attributes, trigger.attribute)
    )
    words = func.to_char(held, "YYYY-MM-DD") if trigger.field else held
    statement = select(Member.id).where(
        Member.tenant_id == tenant_id,
        or_(Member.time_zone == zone, and_(Member.time_zone.is_(None), literal(zone == own))),
    )
    if trigger.every == "once":
        return statement.where(words == target.isoformat())
    return statement.where(
        words.op("~")("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
        func.substr(words, 6).in_(moments.anniversaries(target)),
        func.left(words, 4) < f"{target:%Y}",
    )
