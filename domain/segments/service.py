"""Segments: made, changed, previewed and removed."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.plans import service as plans
from domain.plans.catalog import SEGMENTS
from domain.segments import membership, moment, named, preview, refresh, resolve, rules, sentences, tree
from domain.segments.compile import any_of
from domain.webhooks import events
from kernel import clock, db
from kernel.errors import Conflict, Invalid
from kernel.ids import new_id
from models import Campaign, Member, Segment, SegmentMember

MOST_AT_ONCE = 10_000  # a segment of more members is filled in the background
_OVER = ("sent", "failed", "cancelled")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('segments of ' || :tenant, 0))")


def get(session: Session, segment_id: UUID) -> Segment:
    """Return the segment; raises NotFound, also for another tenant's."""
    return db.own(session, Segment, segment_id, "segment")


def listed(
    session: Session, *, kind: str | None = None, status: str | None = None, text: str | None = None
) -> Select[Segment]:
    """Return the statement of the tenant's segments; `text` is a part of the name, in any case."""
    statement = select(Segment).where(Segment.tenant_id == db.tenant_of(session))
    if kind:
        statement = statement.where(Segment.kind == kind)
    if text:
        statement = statement.where(Segment.name.icontains(text, autoescape=True))
    return statement.where(Segment.status == status) if status else statement


def alone(session: Session) -> None:
    """Let nobody else of the tenant make, change or remove a segment until this transaction ends."""
    session.execute(_ALONE, {"tenant": str(db.tenant_of(session))})


def create(
    session: Session, *, name: str, kind: str, rule: Any = None, description: str | None = None, actor: str
) -> Segment:
    """Make a segment; a dynamic or hybrid one needs a rule, a static one has none.

    Raises Invalid for a rule that cannot be used, Conflict for a name that is taken, PlanLimit.
    """
    alone(session)
    _free(session, name, None)
    segment = Segment(
        id=new_id(), tenant_id=db.tenant_of(session), name=name, description=description, kind=kind, created_by=actor
    )
    segment.rules = _checked(session, kind, rule, segment.id)
    plans.spend(session, SEGMENTS, segment.id)
    session.add(segment)
    session.flush()
    refresh.follow(session)
    _fill(session, segment)
    audit.append(session, actor=actor, action="segment.create", subject=str(segment.id))
    events.emit(session, "crm.segment.created", aggregate="segment", id=segment.id, name=name, kind=kind)
    return segment


def _fill(session: Session, segment: Segment) -> None:
    """Write down who is in it: at once where they are few. A look in the background finds whoever changed meanwhile."""
    if segment.rules is None or segment.status != "active":
        membership.recount(session, segment)
        session.flush()
    else:
        segment.problem = None
        condition = resolve.Resolver(session, moment.of(session)).of(segment.id)
        segment.member_count, segment.counted_at = preview.count(session, condition), clock.now()
        if segment.member_count <= MOST_AT_ONCE:
            membership.calculate(session, segment)
    for each in [segment, *around(session, segment)]:
        membership.due_now(session, each)
    session.flush()


def around(session: Session, segment: Segment) -> list[Segment]:
    """Return the segments that refer to this one, directly or through others: their answers turn with its rules."""
    referring = {
        other: _references(other) for other in session.execute(listed(session, status="active")).scalars().all()
    }
    found: list[Segment] = []
    inner = {segment.id}
    while inner:
        outer = [other for other, named in referring.items() if named & inner and other not in found]
        found += outer
        inner = {other.id for other in outer} - {segment.id}
    return found


def _references(segment: Segment) -> set[UUID]:
    """Return the segments that the rules name; none where they cannot be read any more."""
    try:
        return rules.segments_of(rules.read(segment.rules)) if segment.rules is not None else set()
    except Invalid:
        return set()


def change(session: Session, segment_id: UUID, *, actor: str, **fields: Any) -> Segment:
    """Change name, description, status or rules; campaigns that were approved with the former rules are held.

    Raises as `create`, and Conflict for putting away one that another segment refers to.
    """
    alone(session)
    get(session, segment_id)
    segment = membership.lock(session, segment_id) or get(session, segment_id)
    if "name" in fields:
        _free(session, fields["name"], segment.id)
    if "rules" in fields:
        _set_rules(session, segment, fields["rules"])
    if fields.get("status", "active") != "active":
        _unused(session, segment)
    elif "status" in fields and segment.status != "active":
        plans.switch_on(session, SEGMENTS, lambda: _working(session))
    for name in {"name", "description", "status"} & set(fields):
        setattr(segment, name, fields[name])
    session.flush()
    if {"rules", "status"} & set(fields):
        refresh.follow(session)
        _fill(session, segment)
    audit.append(session, actor=actor, action="segment.change", subject=str(segment.id), fields=sorted(fields))
    events.emit(session, "crm.segment.updated", aggregate="segment", id=segment.id, fields=sorted(fields))
    return segment


def _working(session: Session) -> int:
    active = listed(session, status="active").with_only_columns(func.count())
    return session.execute(active).scalar_one()


def suspend(session: Session, segment_id: UUID, *, actor: str) -> list[Segment]:
    """Switch a segment off that the plan does not carry any more, also where others refer to it: they say so then.

    Returns the segments that cannot be asked now: this one and those.
    """
    alone(session)
    segment = get(session, segment_id)
    segment.status = "inactive"
    session.flush()
    refresh.follow(session)
    referring = around(session, segment)
    for each in referring:
        membership.due_now(session, each)
    audit.append(session, actor=actor, action="segment.change", subject=str(segment.id), fields=["status"])
    events.emit(session, "crm.segment.updated", aggregate="segment", id=segment.id, fields=["status"])
    return [segment, *referring]


def _set_rules(session: Session, segment: Segment, rule: Any) -> None:
    """Set rules; parts that come without a name get one, and the same rules keep theirs."""
    checked = _checked(session, segment.kind, rule, segment.id)
    former = segment.rules
    if checked is None or former is None or _read(rule) != tree.bare(former):
        segment.rules = checked


def add_rule(session: Session, segment_id: UUID, rule: Any, *, parent_id: str | None, actor: str) -> Segment:
    """Add a rule: to the group `parent_id`, or so that it must hold beside all others. Raises as `change`."""
    return _with_tree(session, segment_id, lambda root: tree.added(root, _read(rule), parent_id), actor)


def replace_rule(session: Session, segment_id: UUID, rule_id: str, rule: Any, *, actor: str) -> Segment:
    """Put another rule in the place of one. Raises as `change`, and NotFound for an unknown rule."""
    return _with_tree(session, segment_id, lambda root: tree.replaced(root, rule_id, _read(rule)), actor)


def remove_rule(session: Session, segment_id: UUID, rule_id: str, *, actor: str) -> Segment:
    """Take a rule out. Raises as `change`, NotFound for an unknown rule, Invalid for the last one."""
    return _with_tree(session, segment_id, lambda root: tree.removed(root, rule_id), actor)


def _read(rule: Any) -> dict[str, Any]:
    return rules.as_json(rules.read(rule))


def _with_tree(session: Session, segment_id: UUID, step: Callable[[Any], Any], actor: str) -> Segment:
    alone(session)
    segment = get(session, segment_id)
    session.refresh(segment)
    if segment.rules is None:
        raise Conflict("A static segment has no rules. Make a dynamic or hybrid one.")
    return change(session, segment_id, actor=actor, rules=step(tree.named(segment.rules)))


@dataclass(frozen=True, slots=True)
class Affected:
    """A campaign that needs a segment."""

    id: UUID
    name: str
    status: str


def needed_by(session: Session, segment_id: UUID) -> list[Affected]:
    """Return the campaigns that are not over and name a segment as their audience or exclude it, oldest first."""
    named = type_coerce(Campaign.audience, JSONB)
    rows = session.execute(
        select(Campaign.id, Campaign.name, Campaign.status)
        .where(
            Campaign.tenant_id == db.tenant_of(session),
            Campaign.status.not_in(_OVER),
            named["segments"].has_key(str(segment_id)) | named["exclude_segments"].has_key(str(segment_id)),
        )
        .order_by(Campaign.id)
    )
    return [Affected(*row) for row in rows]


def used_by(session: Session) -> tuple[Counter[UUID], Counter[UUID]]:
    """Return how many campaigns that are not over, and how many segments, need each segment of the tenant."""
    tenant_id = db.tenant_of(session)
    audiences = select(Campaign.audience).where(Campaign.tenant_id == tenant_id, Campaign.status.not_in(_OVER))
    campaigns: Counter[UUID] = Counter()
    for audience in session.execute(audiences).scalars():
        campaigns.update({UUID(one) for key in ("segments", "exclude_segments") for one in audience.get(key) or ()})
    segments: Counter[UUID] = Counter()
    for other in session.execute(listed(session).where(Segment.rules.is_not(None))).scalars():
        segments.update(_references(other))
    return campaigns, segments


def remove(session: Session, segment_id: UUID, *, actor: str) -> list[Affected]:
    """Delete a segment; returns the campaigns that need it, which are held instead of sent.

    Raises Conflict where another segment refers to it.
    """
    alone(session)
    segment = get(session, segment_id)
    _unused(session, segment)
    affected = needed_by(session, segment.id)
    audit.append(session, actor=actor, action="segment.delete", subject=str(segment.id))
    events.emit(session, "crm.segment.deleted", aggregate="segment", id=segment.id)
    plans.release(session, SEGMENTS, segment.id)
    session.delete(segment)
    session.flush()
    refresh.follow(session)
    return affected


def _free(session: Session, name: str, own: UUID | None) -> None:
    other = session.execute(
        select(Segment.id).where(Segment.tenant_id == db.tenant_of(session), Segment.name == name)
    ).scalar_one_or_none()
    if other not in {None, own}:
        raise Conflict(f"Another segment is called '{name}'. Choose another name.")


def _unused(session: Session, segment: Segment) -> None:
    for other in session.execute(listed(session).where(Segment.rules.is_not(None))).scalars():
        if other.id != segment.id and segment.id in _references(other):
            raise Conflict(
                f"The segment '{other.name}' refers to this one. Change that one first.", code="segment_in_use"
            )


def _checked(session: Session, kind: str, rule: Any, own: UUID) -> dict[str, Any] | None:
    if kind == "static":
        if rule is not None:
            raise Invalid("rules", "a static segment has none; make a dynamic one or add members")
        return None
    if rule is None:
        raise Invalid("rules", f"a {kind} segment needs them")
    read = rules.read(rule)
    resolve.Resolver(session, moment.of(session)).condition(read, above=(own,))
    named.check(session, read)
    return tree.named(rules.as_json(read))


def places_of(segment: Segment) -> Select[SegmentMember]:
    """Return the statement of the places in a segment, of those who are in it."""
    return select(SegmentMember).where(
        SegmentMember.tenant_id == segment.tenant_id, SegmentMember.segment_id == segment.id, SegmentMember.present
    )


def members_by_id(session: Session, member_ids: Sequence[UUID], names: Sequence[str]) -> dict[UUID, dict[str, Any]]:
    """Return the named columns of members by their ids."""
    columns = [getattr(Member, name) for name in names]
    wanted = select(Member.id, *columns).where(
        Member.tenant_id == db.tenant_of(session), Member.id == any_of(member_ids)
    )
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in session.execute(wanted)}


def members_of(segment: Segment) -> Select[Member, SegmentMember]:
    """Return the statement of the members who are in a segment, with their place in it."""
    return (
        select(Member, SegmentMember)
        .join(
            SegmentMember,
            (SegmentMember.tenant_id == Member.tenant_id) & (SegmentMember.member_id == Member.id),
        )
        .where(
            SegmentMember.tenant_id == segment.tenant_id,
            SegmentMember.segment_id == segment.id,
            SegmentMember.present,
        )
    )


def recount(session: Session, segment_id: UUID) -> Segment:
    """Ask the rules of a segment about everybody, and tell. Raises NotFound, Invalid for one that is broken."""
    get(session, segment_id)
    segment = membership.lock(session, segment_id) or get(session, segment_id)
    moved = membership.calculate(session, segment)
    if membership.listed(moved):
        membership.tell_calculated(session, segment, moved)
    return segment


def sentence(session: Session, rule: Any, language: str) -> str:
    """Return a checked rule as a sentence, with the names of the segments and campaigns it refers to."""
    tenant_id = db.tenant_of(session)

    def name(entity: Any) -> sentences.Name:
        def of(row_id: UUID) -> str:
            wanted = select(entity.name).where(entity.tenant_id == tenant_id, entity.id == row_id)
            return session.execute(wanted).scalar_one_or_none() or str(row_id)

        return of

    return sentences.Speaker(language, name(Segment), name(Campaign)).sentence(rule)
