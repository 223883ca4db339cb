"""From segments to conditions: what their rules mean, with those that they refer to and what people corrected."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select, text
from sqlalchemy.orm import Session

from domain.segments import depends, moment, rules, tree
from domain.segments.compile import Compiler, Ids, any_of, has
from domain.segments.depends import Depends
from kernel import db
from kernel.errors import Invalid, NotFound
from models import Member, Segment, SegmentMember

DEEPEST = 5
_FREE = {
    "enable_nestloop": "off", "enable_hashagg": "off", "work_mem": "64MB", "plan_cache_mode": "force_custom_plan"
}  # fmt: skip
_SETTINGS = text("SELECT " + ", ".join(f"current_setting('{name}') AS {name}" for name in _FREE))
_SET = text("SELECT " + ", ".join(f"set_config('{name}', :{name}, true)" for name in _FREE))


class Resolver:
    """Turns rules into conditions, looking up the segments they refer to; `only` as in `Compiler`."""

    def __init__(self, session: Session, at: moment.Moment, only: Ids | None = None) -> None:
        self._session = session
        self._moment = at
        self._only = only
        self._tenant_id = db.tenant_of(session)

    def condition(self, rule: Any, above: tuple[UUID, ...] = ()) -> ColumnElement[bool]:
        """Return the condition of a checked rule.

        Raises Invalid for a segment that is gone or not active, that refers to itself, or DEEPEST references deep.
        """
        return Compiler(
            self._tenant_id, self._moment, lambda segment_id: self.of(segment_id, above), self._only
        ).condition(rule)

    def of(self, segment_id: UUID, above: tuple[UUID, ...] = ()) -> ColumnElement[bool]:
        """Return who is in a segment, as a condition; raises as `condition`."""
        _bounded(segment_id, above)
        segment = living(self._session, segment_id)
        if segment.kind == "static":
            return self._put(segment_id, "added")
        by_rule = self.condition(rules.read(segment.rules), (*above, segment_id))
        if segment.kind == "dynamic":
            return by_rule
        return or_(self._put(segment_id, "added"), and_(by_rule, not_(self._put(segment_id, "removed"))))

    def _put(self, segment_id: UUID, by_hand: str) -> ColumnElement[bool]:
        rows = select(SegmentMember.member_id).where(
            SegmentMember.tenant_id == self._tenant_id,
            SegmentMember.segment_id == segment_id,
            SegmentMember.by_hand == by_hand,
        )
        return has(rows if self._only is None else rows.where(SegmentMember.member_id == any_of(self._only)))


def _bounded(segment_id: UUID, above: tuple[UUID, ...]) -> None:
    if segment_id in above:
        raise Invalid("rules", "the segment refers to itself, directly or through others")
    if len(above) >= DEEPEST:
        raise Invalid("rules", f"segments refer to each other more than {DEEPEST} deep")


def living(session: Session, segment_id: UUID) -> Segment:
    """Return a segment that can be used; raises Invalid for one that is gone, inactive or archived."""
    try:
        segment = db.own(session, Segment, segment_id, "segment")
    except NotFound:
        raise Invalid("segment_id", f"there is no segment {segment_id}; choose another one") from None
    if segment.status != "active":
        raise Invalid("segment_id", f"the segment '{segment.name}' is {segment.status}; activate it or choose another")
    return segment


def fingerprint(session: Session, segment_id: UUID, above: tuple[UUID, ...] = ()) -> Any:
    """Return what decides who is in a segment, with those it refers to.

    None for one that is gone, not active or broken, or that refers to such a one.
    """
    try:
        _bounded(segment_id, above)
        segment = living(session, segment_id)
        if segment.rules is None:
            return "static"
        inner = sorted(rules.segments_of(rules.read(segment.rules)), key=str)
    except Invalid:
        return None
    found = [[str(each), fingerprint(session, each, (*above, segment_id))] for each in inner]
    return None if any(each is None for _, each in found) else [tree.bare(segment.rules), found]


def depends_of(session: Session, rule: Any, above: tuple[UUID, ...] = ()) -> Depends:
    """Return what the answer of a rule depends on, through the segments that it refers to; raises as `condition`."""
    found = depends.of(rule)
    for segment_id in rules.segments_of(rule):
        _bounded(segment_id, above)
        segment = living(session, segment_id)
        if segment.rules is not None:
            found |= depends_of(session, rules.read(segment.rules), (*above, segment_id))
    return found


@contextmanager
def planned(session: Session) -> Iterator[None]:
    """Let the planner join many members as a whole: of rules it cannot know how many they mean.

    A nested loop over all of them twice would never end, what is hashed should have room, and what is added up per
    member comes from an index in their order, where a hash of a million groups leaves the processor's cache. A plan for
    any values, as a connection that has asked often would take it, knows neither the tenant nor the rule.
    """
    former = session.execute(_SETTINGS).one()._mapping  # noqa: SLF001 - its public name
    session.execute(_SET, _FREE)
    yield
    session.execute(_SET, dict(former))


def members(session: Session, condition: ColumnElement[bool]) -> Select[UUID]:
    """Return the statement of the ids of the members for whom a condition holds."""
    return select(Member.id).where(Member.tenant_id == db.tenant_of(session), condition)
