"""What another tier means for what is there: seen before it happens, then done exactly so.

Nothing is deleted. What is over a standing limit is switched off, the newest first; an upgrade switches exactly that
on again, the oldest first. Sequences stop, and a person starts them again. What was reserved stays reserved.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import TABLE, Verb
from domain.plans import service as plans
from domain.plans.catalog import FEATURES, SEGMENTS, SEQUENCES, TEMPLATES, Limit, Tier
from domain.segments import service as segments
from domain.sequences import service as sequences
from domain.sequences import uses
from domain.templates import service as templates
from kernel import db
from kernel.ids import new_id
from models import Campaign, PlanStop, Segment, Template
from models import Sequence as Drip

HELD_BECAUSE = "segment_missing"
STOPPED_BECAUSE = "plan"


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that is stopped, held or switched on again."""

    kind: str
    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """A limit or a feature before and after; `used` counts what there is of a limit now."""

    key: str
    before: int | str | None
    after: int | str | None
    used: int | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything that a change of tier brings."""

    steps: tuple[Step, ...]
    stops: tuple[Thing, ...]
    holds: tuple[Thing, ...]
    resumes: tuple[Thing, ...]

    def as_json(self) -> dict[str, Any]:
        def plain(things: tuple[Thing, ...]) -> list[dict[str, str]]:
            return [{"kind": each.kind, "id": str(each.id), "name": each.name} for each in things]

        things = {"stops": plain(self.stops), "holds": plain(self.holds), "resumes": plain(self.resumes)}
        return {"steps": [asdict(each) for each in self.steps], **things}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Things of a standing limit: which of them work, how they are called, and how one is switched."""

    name: str
    limit: Limit
    working: Callable[[Session], Select[UUID, str]]
    resting: Callable[[Session], Select[UUID, str]]
    switch_on: Callable[[Session, UUID, str], Any]
    switch_off: Callable[[Session, UUID, str], Any]


def _templates(*, on: bool) -> Callable[[Session], Select[UUID, str]]:
    def statement(session: Session) -> Select[UUID, str]:
        own = Template.tenant_id == db.tenant_of(session)
        return select(Template.id, Template.name).where(own, Template.active.is_(on)).order_by(Template.id)

    return statement


def _segments(status: str) -> Callable[[Session], Select[UUID, str]]:
    def statement(session: Session) -> Select[UUID, str]:
        own = Segment.tenant_id == db.tenant_of(session)
        return select(Segment.id, Segment.name).where(own, Segment.status == status).order_by(Segment.id)

    return statement


def _template(*, on: bool) -> Callable[[Session, UUID, str], Any]:
    return lambda session, template_id, actor: templates.change(
        session, template_id, actor=actor, content=None, active=on
    )


def _segment_on(session: Session, segment_id: UUID, actor: str) -> None:
    segments.change(session, segment_id, actor=actor, status="active")


def _segment_off(session: Session, segment_id: UUID, actor: str) -> None:
    for each in segments.suspend(session, segment_id, actor=actor):
        why = "is inactive" if each.id == segment_id else "refers to one that is inactive"
        uses.pause(session, each.id, f"the segment '{each.name}' {why} by the plan", actor=actor)


_KINDS = (
    _Kind("template", TEMPLATES, _templates(on=True), _templates(on=False), _template(on=True), _template(on=False)),
    _Kind("segment", SEGMENTS, _segments("active"), _segments("inactive"), _segment_on, _segment_off),
)


def look(session: Session, tier: Tier) -> Outlook:
    """Say what a change to `tier` brings, without changing anything."""
    stops: list[Thing] = []
    resumes: list[Thing] = []
    for kind in _KINDS:
        working = [Thing(kind.name, row.id, row.name) for row in session.execute(kind.working(session))]
        room = kind.limit.amount(tier)
        if room is not None and len(working) > room:
            stops += reversed(working[room:])
        else:
            resumes += _stopped_once(session, kind)[: None if room is None else room - len(working)]
    gone = [thing.id for thing in stops if thing.kind == "segment"]
    holds = tuple(_campaigns_of(session, gone))
    stops += _sequences(session, tier, gone)
    return Outlook(_steps(session, tier), tuple(stops), holds, tuple(resumes))


def _stopped_once(session: Session, kind: _Kind) -> list[Thing]:
    """Return what a downgrade switched off and nobody deleted or switched since, the oldest first."""
    known = select(PlanStop.subject_id).where(PlanStop.tenant_id == db.tenant_of(session), PlanStop.kind == kind.name)
    ids = set(session.execute(known).scalars())
    rows = session.execute(kind.resting(session)) if ids else ()
    return [Thing(kind.name, row.id, row.name) for row in rows if row.id in ids]


def _sequences(session: Session, tier: Tier, gone: Sequence[UUID]) -> list[Thing]:
    """Return the live sequences that stop: all where the tier has none, else those that use a segment that rests."""
    if SEQUENCES.level(tier) is not None:
        return _by_segments(session, gone)
    rows = session.execute(
        select(Drip.id, Drip.name)
        .where(Drip.tenant_id == db.tenant_of(session), Drip.status == "live")
        .order_by(Drip.id.desc())
    )
    return [Thing("sequence", row.id, row.name) for row in rows]


def _by_segments(session: Session, gone: Sequence[UUID]) -> list[Thing]:
    resting = [segments.get(session, each) for each in gone]
    silent = {each.id for one in resting for each in (one, *segments.around(session, one))}
    used = {each.id: each for segment_id in silent for each in uses.live_of(session, segment_id)}
    return [Thing("sequence", each, used[each].name) for each in sorted(used, reverse=True)]


def _campaigns_of(session: Session, segment_ids: Sequence[UUID]) -> list[Thing]:
    """Return the campaigns on their way that need one of these segments, directly or through another segment."""
    if not segment_ids:
        return []
    rows = session.execute(
        select(Campaign)
        .where(
            Campaign.tenant_id == db.tenant_of(session),
            Campaign.status.in_([status for status, verbs in TABLE.items() if Verb.HOLD in verbs]),
        )
        .order_by(Campaign.id)
    )
    return [
        Thing("campaign", row.id, row.name) for row in rows.scalars() if _needs(session, row.audience, set(segment_ids))
    ]


def _needs(session: Session, audience: dict[str, Any], gone: set[UUID]) -> bool:
    named = selection.fingerprints(session, audience)
    return any(str(segment_id) in _flat(named) for segment_id in gone)


def _flat(value: Any) -> set[str]:
    """Return every text in a nested fingerprint; the ids of the segments behind a segment are among them."""
    if isinstance(value, dict):
        return set(value).union(*map(_flat, value.values()))
    if isinstance(value, list | tuple):
        return set().union(*map(_flat, value))
    return {value} if isinstance(value, str) else set()


def _steps(session: Session, tier: Tier) -> tuple[Step, ...]:
    limits = [
        Step(meter.limit.key, meter.allowed, meter.limit.amount(tier), meter.used) for meter in plans.meters(session)
    ]
    now = plans.features(session)
    levels = [Step(key, now[key], feature.level(tier)) for key, feature in FEATURES.items()]
    return tuple(step for step in [*limits, *levels] if step.before != step.after)


def apply(session: Session, outlook: Outlook, *, actor: str) -> None:
    """Do what was seen; the tier is the new one already."""
    of_kind = {kind.name: kind for kind in _KINDS}
    if not plans.features(session)[SEQUENCES.key]:
        sequences.stop_all(session, STOPPED_BECAUSE)
    for thing in outlook.stops:
        if thing.kind in of_kind:
            of_kind[thing.kind].switch_off(session, thing.id, actor)
            _remember(session, thing, actor)
    for thing in outlook.holds:
        campaigns.hold(session, thing.id, reason=HELD_BECAUSE, actor=actor)
    for thing in outlook.resumes:
        of_kind[thing.kind].switch_on(session, thing.id, actor)
        _forget(session, thing)


def _remember(session: Session, thing: Thing, actor: str) -> None:
    row = {"kind": thing.kind, "subject_id": thing.id, "created_by": actor}
    session.execute(
        insert(PlanStop).values(id=new_id(), tenant_id=db.tenant_of(session), **row).on_conflict_do_nothing()
    )


def _forget(session: Session, thing: Thing) -> None:
    session.execute(
        delete(PlanStop).where(
            PlanStop.tenant_id == db.tenant_of(session), PlanStop.kind == thing.kind, PlanStop.subject_id == thing.id
        )
    )
