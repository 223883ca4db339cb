"""Who is in a segment, written down: by its rules in one statement, by people with who and when.

A row of `segment_member` holds both, and what a person said goes before the rules. What changed is told: to those who
follow changes by triggers, to the outside by domain events, to the statistics in the row of the day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, and_, case, cast, delete, exists, func, literal, not_, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.segments import depends, moment, resolve, rules
from domain.segments.compile import any_of
from domain.webhooks import events
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid, NotFound
from models import Member, Segment, SegmentMember

DUE = "segments"
MOST_AT_ONCE = 1_000
MOST_TOLD = 10_000
PER_EVENT = 500
_HOURLY = timedelta(hours=1)
_SHARE = 100  # of the time at most this part goes into counting a segment anew because time passed

_DAY = text("""
INSERT INTO segment_day AS d (tenant_id, segment_id, day, joined, "left")
VALUES (:tenant, :segment, :day, :joined, :gone)
ON CONFLICT (tenant_id, segment_id, day) DO UPDATE
SET joined = d.joined + excluded.joined, "left" = d."left" + excluded."left"
""")


@dataclass(frozen=True, slots=True)
class Moved:
    """How many joined and left, and who; of more than MOST_TOLD only the numbers are told."""

    joined: int
    left: int
    joined_ids: Sequence[UUID]
    left_ids: Sequence[UUID]


def lock(session: Session, segment_id: UUID, *, wait: bool = True) -> Segment | None:
    """Return the segment, locked against others who write its members; None where another has it and `wait` is off."""
    wanted = select(Segment).where(Segment.tenant_id == db.tenant_of(session), Segment.id == segment_id)
    return session.execute(
        wanted.with_for_update(key_share=True, skip_locked=not wait).execution_options(populate_existing=True)
    ).scalar_one_or_none()


def calculate(session: Session, segment: Segment) -> Moved:
    """Ask the rules of a locked segment about everybody, in one statement, and count who is in it.

    Raises Invalid for rules that cannot be asked any more.
    """
    began = clock.now()
    moved = Moved(0, 0, (), ())
    if segment.rules is not None and segment.status == "active":
        moved = _write(session, segment)
        segment.problem = None
    recount(session, segment)
    segment.due_at = next_due(session, segment, clock.now() - began)
    session.flush()
    _tell(session, segment, moved, "rules")
    return moved


def refresh(session: Session, segment: Segment, member_ids: Sequence[UUID]) -> Moved:
    """Ask the rules of a locked segment about some members only; raises as `calculate`."""
    moved = _write_some(session, segment, member_ids)
    segment.member_count = (segment.member_count or 0) + moved.joined - moved.left
    session.flush()
    _tell(session, segment, moved, "rules")
    return moved


def _write(session: Session, segment: Segment) -> Moved:
    """Make the rows of a segment say what its rules say, in one statement; what people said stays."""
    wanted = resolve.members(session, _asked(session, segment)).cte("wanted")
    rows = _rows(segment)
    is_wanted = exists(select(1).where(wanted.c.id == SegmentMember.member_id))
    gone = (
        delete(SegmentMember)
        .where(rows, SegmentMember.by_rule, SegmentMember.by_hand.is_(None), not_(is_wanted))
        .returning(SegmentMember.member_id)
        .cte("gone")
    )
    unset = update(SegmentMember).where(rows, SegmentMember.by_rule, SegmentMember.by_hand.is_not(None)).where(
        not_(is_wanted)
    ).values(by_rule=False).cte("unset")  # fmt: skip
    set_ = update(SegmentMember).where(rows, not_(SegmentMember.by_rule), is_wanted).values(by_rule=True).cte("set_")
    put = _put(segment, wanted, exists(select(1).where(rows, SegmentMember.member_id == wanted.c.id)))
    return _moved(session, put, gone, (unset, set_))


def _write_some(session: Session, segment: Segment, member_ids: Sequence[UUID]) -> Moved:
    """Do the same for a few members: their ids travel once, their rows are read once, what changes is found by key."""
    changed = select(cast(list(member_ids), ARRAY(Uuid())).label("ids")).cte("changed")
    only = select(changed.c.ids).scalar_subquery()
    wanted = resolve.members(session, _asked(session, segment, only)).where(Member.id == any_of(only)).cte("wanted")
    held = (
        select(SegmentMember.id, SegmentMember.member_id, SegmentMember.by_rule, SegmentMember.by_hand)
        .where(_rows(segment), SegmentMember.member_id == any_of(only))
        .cte("held")
    )
    is_wanted = held.c.member_id.in_(select(wanted.c.id))
    alone = held.c.by_hand.is_(None)
    gone = (
        delete(SegmentMember)
        .where(_rows(segment), _among(held, held.c.by_rule, alone, not_(is_wanted)))
        .returning(SegmentMember.member_id)
        .cte("gone")
    )
    turned = held.c.by_rule != is_wanted
    turn = (
        update(SegmentMember)
        .where(_rows(segment), _among(held, turned, or_(not_(held.c.by_rule), not_(alone))))
        .values(by_rule=not_(SegmentMember.by_rule))
        .cte("turn")
    )
    put = _put(segment, wanted, wanted.c.id.in_(select(held.c.member_id)))
    return _moved(session, put, gone, (turn,))


def _asked(session: Session, segment: Segment, only: Any = None) -> Any:
    at = moment.of(session)
    return resolve.Resolver(session, at, only).condition(rules.read(segment.rules), (segment.id,))


def _rows(segment: Segment) -> Any:
    return and_(SegmentMember.tenant_id == segment.tenant_id, SegmentMember.segment_id == segment.id)


def _among(held: Any, *conditions: Any) -> Any:
    found = select(held.c.id).where(*conditions).scalar_subquery()
    return SegmentMember.id == any_of(func.array(found, type_=ARRAY(Uuid())))


def _put(segment: Segment, wanted: Any, known: Any) -> Any:
    fresh: Any = select(
        func.new_id(), literal(segment.tenant_id, Uuid()), literal(segment.id, Uuid()), wanted.c.id, true()
    ).where(not_(known))
    return (
        insert(SegmentMember)
        .from_select(["id", "tenant_id", "segment_id", "member_id", "by_rule"], fresh, include_defaults=False)
        .on_conflict_do_nothing()
        .returning(SegmentMember.member_id)
        .cte("put")
    )


def _moved(session: Session, put: Any, gone: Any, others: Sequence[Any]) -> Moved:
    with resolve.planned(session):
        found = session.execute(select(_number(put), _number(gone), _some(put), _some(gone)).add_cte(*others)).one()
    return Moved(found[0], found[1], found[2] or (), found[3] or ())


def _number(of: Any) -> Any:
    return select(func.count()).select_from(of).scalar_subquery()


def _some(of: Any) -> Any:
    """At most as many ids as are told, so that a million does not travel."""
    few = select(of.c.member_id).limit(MOST_TOLD + 1).subquery()
    return select(cast(func.array_agg(few.c.member_id), ARRAY(Uuid()))).scalar_subquery()


def count_present(session: Session, segment: Segment) -> int:
    """Return how many rows say that somebody is in the segment."""
    rows = select(func.count()).where(
        SegmentMember.tenant_id == segment.tenant_id, SegmentMember.segment_id == segment.id, SegmentMember.present
    )
    return session.execute(rows).scalar_one()


def recount(session: Session, segment: Segment) -> None:
    """Note how many are in the segment now; one that is not active keeps its last count."""
    if segment.status == "active":
        segment.member_count = count_present(session, segment)
        segment.counted_at = clock.now()


def next_due(session: Session, segment: Segment, took: timedelta) -> Any:
    """Return when time, or the end of a campaign, may have turned the answers; None where neither can."""
    if segment.rules is None or segment.status != "active":
        return None
    needs = resolve.depends_of(session, rules.read(segment.rules), (segment.id,))
    return due_after(needs, moment.of(session), took)


def due_after(needs: depends.Depends, at: moment.Moment, took: timedelta) -> Any:
    """Return when answers that depend on this are asked anew: a midnight, or so rarely that it costs little."""
    times = [at.start_of(at.today + timedelta(days=1))] if needs.days else []
    if needs.moments or needs.days or needs.campaigns:  # in the future today, ends within the day, gone with a campaign
        times.append(at.now + max(_HOURLY, took * _SHARE))
    return min(times, default=None)


def _tell(session: Session, segment: Segment, moved: Moved, by: str) -> None:
    if not (moved.joined or moved.left):
        return
    session.execute(
        _DAY,
        {
            "tenant": segment.tenant_id, "segment": segment.id, "day": moment.of(session).today,
            "joined": moved.joined, "gone": moved.left,
        },
    )  # fmt: skip
    if listed(moved):
        for what, ids in (("member_added", moved.joined_ids), ("member_removed", moved.left_ids)):
            for begin in range(0, len(ids), PER_EVENT):
                some = [str(each) for each in sorted(ids)[begin : begin + PER_EVENT]]
                events.emit(session, f"crm.segment.{what}", aggregate="segment", id=segment.id, member_ids=some, by=by)
    else:
        tell_calculated(session, segment, moved)


def listed(moved: Moved) -> bool:
    """Say whether a change is small enough to name everybody."""
    return moved.joined + moved.left <= MOST_TOLD


def tell_calculated(session: Session, segment: Segment, moved: Moved) -> None:
    """Tell that everybody was asked, with the numbers."""
    events.emit(
        session,
        "crm.segment.calculated",
        aggregate="segment",
        id=segment.id,
        member_count=segment.member_count,
        added=moved.joined,
        removed=moved.left,
        listed=listed(moved),
    )


def add(session: Session, segment_id: UUID, member_ids: Sequence[UUID], *, actor: str) -> int:
    """Put members into a static or hybrid segment by hand; returns how many were not in it.

    Raises Conflict for a dynamic one, Invalid for more than MOST_AT_ONCE, NotFound for a member who is not here.
    """
    segment, wanted = by_hand(session, segment_id), sorted(set(member_ids))
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid("member_ids", f"at most {MOST_AT_ONCE:,} at once; a file may hold more")
    known = select(func.count()).where(Member.tenant_id == segment.tenant_id, Member.id == any_of(wanted))
    if session.execute(known).scalar_one() != len(wanted):
        raise NotFound("member")
    return put(session, segment, wanted, actor=actor)


def put(session: Session, segment: Segment, member_ids: Sequence[UUID], *, actor: str) -> int:
    """Put known members into a locked segment; returns how many were not in it."""
    before = set(present(session, segment, member_ids))
    at = func.clock_timestamp()
    rows = insert(SegmentMember).from_select(
        ["id", "tenant_id", "segment_id", "member_id", "by_hand", "hand_by", "hand_at", "created_by"],
        select(
            func.new_id(), literal(segment.tenant_id, Uuid()), literal(segment.id, Uuid()),
            func.unnest(cast(list(member_ids), ARRAY(Uuid()))), literal("added"), literal(actor), at, literal(actor),
        ),
        include_defaults=False,
    )  # fmt: skip
    joined_at = case((SegmentMember.present, SegmentMember.joined_at), else_=at)
    again = {"by_hand": "added", "hand_by": actor, "hand_at": at, "joined_at": joined_at}
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["tenant_id", "segment_id", "member_id"],
            set_=again,
            where=SegmentMember.by_hand.is_distinct_from("added"),
        )
    )
    fresh = [each for each in member_ids if each not in before]
    _told_by_hand(session, segment, Moved(len(fresh), 0, fresh, ()), actor)
    return len(fresh)


def present(session: Session, segment: Segment, member_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Return which of some members are in the segment."""
    return (
        session.execute(
            select(SegmentMember.member_id).where(
                SegmentMember.tenant_id == segment.tenant_id,
                SegmentMember.segment_id == segment.id,
                SegmentMember.member_id == any_of(member_ids),
                SegmentMember.present,
            )
        )
        .scalars()
        .all()
    )


def take(session: Session, segment_id: UUID, member_id: UUID, *, actor: str) -> None:
    """Take a member out by hand: of a static segment for now, of a hybrid one also against its rules.

    Raises Conflict for a dynamic one, NotFound for one who is not in it.
    """
    segment = by_hand(session, segment_id)
    if not present(session, segment, [member_id]):
        raise NotFound("member of this segment")
    own = and_(
        SegmentMember.tenant_id == segment.tenant_id,
        SegmentMember.segment_id == segment.id,
        SegmentMember.member_id == member_id,
    )
    if segment.kind == "static":
        session.execute(delete(SegmentMember).where(own))
    else:
        mark = {"by_hand": "removed", "hand_by": actor, "hand_at": func.clock_timestamp()}
        session.execute(update(SegmentMember).where(own).values(**mark))
    _told_by_hand(session, segment, Moved(0, 1, (), [member_id]), actor)


def let_rules_decide(session: Session, segment_id: UUID, member_id: UUID, *, actor: str) -> None:
    """Forget what people said about a member of a hybrid segment. Raises Conflict for another kind, NotFound."""
    segment = by_hand(session, segment_id)
    if segment.kind != "hybrid":
        raise Conflict("Only a hybrid segment has rules beside what people chose. Take the member out instead.")
    own = and_(
        SegmentMember.tenant_id == segment.tenant_id,
        SegmentMember.segment_id == segment.id,
        SegmentMember.member_id == member_id,
        SegmentMember.by_hand.is_not(None),
    )
    before = bool(present(session, segment, [member_id]))
    nobody = {"by_hand": None, "hand_by": None, "hand_at": None}
    if session.execute(update(SegmentMember).where(own).values(**nobody).returning(SegmentMember.id)).first() is None:
        raise NotFound("choice about this member")
    _write_some(session, segment, [member_id])
    session.execute(delete(SegmentMember).where(
        SegmentMember.tenant_id == segment.tenant_id, SegmentMember.segment_id == segment.id,
        SegmentMember.member_id == member_id, SegmentMember.by_hand.is_(None), not_(SegmentMember.by_rule),
    ))  # fmt: skip
    after = bool(present(session, segment, [member_id]))
    moved = Moved(
        int(after > before), int(after < before), [member_id][: after > before], [member_id][: after < before]
    )
    _told_by_hand(session, segment, moved, actor)


def _told_by_hand(session: Session, segment: Segment, moved: Moved, actor: str) -> None:
    recount(session, segment)
    for what, ids in (("member_added", moved.joined_ids), ("member_removed", moved.left_ids)):
        if ids:
            audit.append(session, actor=actor, action=f"segment.{what}", subject=str(segment.id), count=len(ids))
    session.flush()
    _tell(session, segment, moved, "hand")


def by_hand(session: Session, segment_id: UUID) -> Segment:
    """Return the locked segment, whose members people may choose. Raises NotFound, and Conflict for a dynamic one."""
    segment = lock(session, segment_id)
    if segment is None:
        raise NotFound("segment")
    if segment.kind == "dynamic":
        raise Conflict("The members of a dynamic segment follow from its rules. Change those, or make a hybrid one.")
    if segment.status != "active":
        raise Conflict(f"The members of a segment that is {segment.status} stay as they were. Activate it first.")
    return segment


def due_now(session: Session, segment: Segment) -> None:
    """Ask for a calculation in the background, at once."""
    segment.due_at = None if segment.rules is None else clock.now()
    outbox.hurry(session, DUE, "segments.refresh")
