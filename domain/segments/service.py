"""Segments: made, changed, counted, and turned into one condition on members."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.segments import moment, rules, sentences
from domain.segments.compile import Compiler
from domain.webhooks import events
from kernel import clock, db
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from models import Campaign, Member, Segment, SegmentMember

DEEPEST = 5
MOST_AT_ONCE = 1_000
SAMPLE = 10


def get(session: Session, segment_id: UUID) -> Segment:
    """Return the segment; raises NotFound, also for another tenant's."""
    return db.own(session, Segment, segment_id, "segment")


def listed(session: Session, *, kind: str | None = None, status: str | None = None) -> Select[Segment]:
    statement = select(Segment).where(Segment.tenant_id == db.tenant_of(session))
    if kind:
        statement = statement.where(Segment.kind == kind)
    return statement.where(Segment.status == status) if status else statement


def create(
    session: Session, *, name: str, kind: str, rule: Any = None, description: str | None = None, actor: str
) -> Segment:
    """Make a segment; a dynamic one needs a rule, a static one has none.

    Raises Invalid for a rule that cannot be used, Conflict for a name that is taken.
    """
    _free(session, name, None)
    segment = Segment(
        id=new_id(), tenant_id=db.tenant_of(session), name=name, description=description, kind=kind, created_by=actor
    )
    segment.rules = _checked(session, kind, rule, segment.id)
    session.add(segment)
    session.flush()
    recount(session, segment)
    audit.append(session, actor=actor, action="segment.create", subject=str(segment.id))
    events.emit(session, "crm.segment.created", aggregate="segment", id=segment.id, name=name, kind=kind)
    return segment


def change(session: Session, segment_id: UUID, *, actor: str, **fields: Any) -> Segment:
    """Change name, description, status or rules; campaigns that were approved with the former rules are held.

    Raises as `create`, and Conflict for archiving one that another segment refers to.
    """
    segment = get(session, segment_id)
    if "name" in fields:
        _free(session, fields["name"], segment.id)
    if "rules" in fields:
        segment.rules = _checked(session, segment.kind, fields["rules"], segment.id)
    if fields.get("status") == "archived":
        _unused(session, segment)
    for name in {"name", "description", "status"} & set(fields):
        setattr(segment, name, fields[name])
    session.flush()
    recount(session, segment)
    audit.append(session, actor=actor, action="segment.change", subject=str(segment.id), fields=sorted(fields))
    events.emit(session, "crm.segment.updated", aggregate="segment", id=segment.id, fields=sorted(fields))
    return segment


def remove(session: Session, segment_id: UUID, *, actor: str) -> None:
    """Delete a segment; campaigns for it are held instead of sent. Raises Conflict where another refers to it."""
    segment = get(session, segment_id)
    _unused(session, segment)
    audit.append(session, actor=actor, action="segment.delete", subject=str(segment.id))
    events.emit(session, "crm.segment.deleted", aggregate="segment", id=segment.id)
    session.delete(segment)
    session.flush()


def _free(session: Session, name: str, own: UUID | None) -> None:
    other = session.execute(
        select(Segment.id).where(Segment.tenant_id == db.tenant_of(session), Segment.name == name)
    ).scalar_one_or_none()
    if other not in {None, own}:
        raise Conflict(f"Another segment is called '{name}'. Choose another name.")


def _unused(session: Session, segment: Segment) -> None:
    for other in session.execute(listed(session).where(Segment.kind == "dynamic")).scalars():
        if other.id != segment.id and segment.id in rules.segments_of(rules.read(other.rules)):
            raise Conflict(
                f"The segment '{other.name}' refers to this one. Change that one first.", code="segment_in_use"
            )


def _checked(session: Session, kind: str, rule: Any, own: UUID) -> dict[str, Any] | None:
    if kind == "static":
        if rule is not None:
            raise Invalid("rules", "a static segment has none; make a dynamic one or add members")
        return None
    if rule is None:
        raise Invalid("rules", "a dynamic segment needs them")
    read = rules.read(rule)
    Resolver(session, moment.of(session)).condition(read, above=(own,))
    return rules.as_json(read)


class Resolver:
    """Turns rules into conditions, looking up the segments they refer to."""

    def __init__(self, session: Session, at: moment.Moment) -> None:
        self._session = session
        self._moment = at
        self._tenant_id = db.tenant_of(session)

    def condition(self, rule: Any, above: tuple[UUID, ...] = ()) -> ColumnElement[bool]:
        """Return the condition of a checked rule.

        Raises Invalid for a segment that is gone or archived, that refers to itself, or DEEPEST references deep.
        """
        return Compiler(self._tenant_id, self._moment, lambda segment_id: self.of(segment_id, above)).condition(rule)

    def of(self, segment_id: UUID, above: tuple[UUID, ...] = ()) -> ColumnElement[bool]:
        """Return who is in a segment, as a condition; raises as `condition`."""
        if segment_id in above:
            raise Invalid("rules", "the segment refers to itself, directly or through others")
        if len(above) >= DEEPEST:
            raise Invalid("rules", f"segments refer to each other more than {DEEPEST} deep")
        segment = _living(self._session, segment_id)
        if segment.rules is None:
            return Member.id.in_(
                select(SegmentMember.member_id).where(
                    SegmentMember.tenant_id == self._tenant_id, SegmentMember.segment_id == segment_id
                )
            )
        return self.condition(rules.read(segment.rules), (*above, segment_id))


def _living(session: Session, segment_id: UUID) -> Segment:
    try:
        segment = get(session, segment_id)
    except NotFound:
        raise Invalid("segment_id", f"there is no segment {segment_id}; choose another one") from None
    if segment.status != "active":
        raise Invalid("segment_id", f"the segment '{segment.name}' is archived; activate it or choose another one")
    return segment


def fingerprint(session: Session, segment_id: UUID) -> Any:
    """Return what decides who is in a segment, with those it refers to; None for one that is gone or archived."""
    try:
        segment = _living(session, segment_id)
    except Invalid:
        return None
    if segment.rules is None:
        return "static"
    inner = sorted(rules.segments_of(rules.read(segment.rules)), key=str)
    return [segment.rules, [[str(each), fingerprint(session, each)] for each in inner]]


def members(session: Session, condition: ColumnElement[bool]) -> Select[UUID]:
    """Return the statement of the ids of the members for whom a condition holds."""
    return select(Member.id).where(Member.tenant_id == db.tenant_of(session), condition)


@dataclass(frozen=True, slots=True)
class Look:
    """How many members a rule means, and some of them."""

    count: int
    sample: Sequence[Member]


def look(session: Session, rule: Any) -> Look:
    """Count and sample whom an unsaved rule means. Raises Invalid for one that cannot be used."""
    condition = Resolver(session, moment.of(session)).condition(rules.read(rule))
    chosen = members(session, condition)
    count = session.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    sample = select(Member).where(Member.tenant_id == db.tenant_of(session), condition).order_by(Member.id.desc())
    return Look(count, session.execute(sample.limit(SAMPLE)).scalars().all())


def members_of(session: Session, segment: Segment) -> Select[Member]:
    """Return the statement of the members who are in a segment now; raises Invalid for one that is broken."""
    condition = Resolver(session, moment.of(session)).of(segment.id)
    return select(Member).where(Member.tenant_id == segment.tenant_id, condition)


def recount(session: Session, segment: Segment) -> int:
    """Count the members of a segment now and note it; an archived one keeps its last count."""
    if segment.status != "active":
        return segment.member_count or 0
    chosen = members_of(session, segment).with_only_columns(Member.id).subquery()
    segment.member_count = session.execute(select(func.count()).select_from(chosen)).scalar_one()
    segment.counted_at = clock.now()
    return segment.member_count


def add_members(session: Session, segment_id: UUID, member_ids: Iterable[UUID], *, actor: str) -> int:
    """Put members into a static segment; returns how many were not in it yet.

    Raises Conflict for a dynamic one, Invalid for more than MOST_AT_ONCE, NotFound for a member who is not here.
    """
    segment, wanted = _static(session, segment_id), set(member_ids)
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid("member_ids", f"at most {MOST_AT_ONCE:,} at once")
    known = select(func.count()).where(Member.tenant_id == segment.tenant_id, Member.id.in_(wanted))
    if session.execute(known).scalar_one() != len(wanted):
        raise NotFound("member")
    rows = [
        {
            "id": new_id(),
            "tenant_id": segment.tenant_id,
            "segment_id": segment.id,
            "member_id": each,
            "created_by": actor,
        }
        for each in sorted(wanted)
    ]
    if not rows:
        return 0
    put = insert(SegmentMember).values(rows).on_conflict_do_nothing().returning(SegmentMember.member_id)
    added = session.execute(put).scalars().all()
    _tell(session, segment, "member_added", added, actor)
    return len(added)


def remove_member(session: Session, segment_id: UUID, member_id: UUID, *, actor: str) -> None:
    """Take a member out of a static segment. Raises Conflict for a dynamic one, NotFound for one who is not in it."""
    segment = _static(session, segment_id)
    gone = (
        session.execute(
            delete(SegmentMember)
            .where(
                SegmentMember.tenant_id == segment.tenant_id,
                SegmentMember.segment_id == segment.id,
                SegmentMember.member_id == member_id,
            )
            .returning(SegmentMember.member_id)
        )
        .scalars()
        .all()
    )
    if not gone:
        raise NotFound("member of this segment")
    _tell(session, segment, "member_removed", gone, actor)


def _static(session: Session, segment_id: UUID) -> Segment:
    segment = get(session, segment_id)
    if segment.kind != "static":
        raise Conflict("The members of a dynamic segment follow from its rules. Change those, or make a static one.")
    return segment


def _tell(session: Session, segment: Segment, what: str, member_ids: Sequence[UUID], actor: str) -> None:
    recount(session, segment)
    if member_ids:
        audit.append(session, actor=actor, action=f"segment.{what}", subject=str(segment.id), count=len(member_ids))
    for member_id in member_ids:
        events.emit(session, f"crm.segment.{what}", aggregate="segment", id=segment.id, member_id=member_id)


def sentence(session: Session, rule: Any, language: str) -> str:
    """Return a checked rule as a sentence, with the names of the segments and campaigns it refers to."""
    tenant_id = db.tenant_of(session)

    def name(entity: Any) -> sentences.Name:
        def of(row_id: UUID) -> str:
            wanted = select(entity.name).where(entity.tenant_id == tenant_id, entity.id == row_id)
            return session.execute(wanted).scalar_one_or_none() or str(row_id)

        return of

    return sentences.Speaker(language, name(Segment), name(Campaign)).sentence(rule)
