"""What people do with a sequence: write it, publish versions, pause, resume, archive."""

import json
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns import service as campaigns
from domain.changes import service as changes
from domain.plans import catalog
from domain.plans import service as plans
from domain.segments import moment, named
from domain.segments import resolve as segments
from domain.sequences import course, definition, spans, step_campaigns
from domain.sequences.course import Exit
from domain.sequences.definition import Definition, SegmentJoined
from domain.webhooks import events
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid, NotFound
from models import Sequence, SequenceCampaign, SequenceVersion

DUE = "sequences"
TASK = "sequences.run"
LIVE, PAUSED, DRAFT, ARCHIVED = "live", "paused", "draft", "archived"

_SKIP_REMOVED = text("""
UPDATE enrolment SET step = :to, since = :now, due_at = :now, updated_at = clock_timestamp()
WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active' AND step = :step
""")
_LOOK_AGAIN = text("""
UPDATE enrolment SET due_at = :now, updated_at = clock_timestamp()
WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active' AND step = ANY(:steps)
""")
_EXIT_ALL = text("""
UPDATE enrolment SET state = 'exited', reason = :reason, due_at = NULL, ended_at = :now, updated_at = clock_timestamp()
WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active' RETURNING member_id
""")


def get(session: Session, sequence_id: UUID) -> Sequence:
    """Return the sequence; raises NotFound, also for another tenant's."""
    return db.own(session, Sequence, sequence_id, "sequence")


def lock(session: Session, sequence_id: UUID) -> Sequence:
    """Return the sequence, locked: nobody is moved on in it meanwhile. Raises NotFound."""
    row = session.execute(
        select(Sequence)
        .where(Sequence.tenant_id == db.tenant_of(session), Sequence.id == sequence_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if row is None:
        raise NotFound("sequence")
    return row


def listed(session: Session, *, status: str | None = None) -> Select[Sequence]:
    statement = select(Sequence).where(Sequence.tenant_id == db.tenant_of(session))
    return statement.where(Sequence.status == status) if status else statement


def create(session: Session, *, name: str, wanted: Any, description: str | None = None, actor: str) -> Sequence:
    """Make a draft, with a draft campaign for each message step.

    Raises PlanLimit below the tier that has sequences, Invalid for a definition that cannot be used, Conflict for a
    name that is taken.
    """
    plans.require(session, catalog.SEQUENCES)
    _free(session, name, None)
    made = _checked(session, wanted)
    row = Sequence(
        tenant_id=db.tenant_of(session), name=name, description=description, trigger=made.trigger.type, created_by=actor
    )
    row.draft, row.campaigns = definition.as_json(made), {}
    session.add(row)
    session.flush()
    row.campaigns = _campaigns_for(session, row, made, actor)
    session.flush()
    audit.append(session, actor=actor, action="sequence.create", subject=str(row.id), name=name)
    return row


def change(
    session: Session, sequence_id: UUID, *, actor: str, draft_version: int | None = None, **fields: Any
) -> Sequence:
    """Change name, description or draft (`wanted`); what is live stays as published until the draft is published.

    A message step keeps its campaign by its key, as long as its channel is the same. Raises as `create`, Conflict for
    an archived one, and when `draft_version` is not the present one.
    """
    row = lock(session, sequence_id)
    _not_archived(row)
    if draft_version is not None and draft_version != row.draft_version:
        raise Conflict(
            f"Somebody changed this sequence meanwhile (version {row.draft_version}, yours {draft_version}). "
            "Load it again and repeat the change.",
            code="stale_version",
            current_version=row.draft_version,
        )
    row.draft_version += 1
    if "name" in fields:
        _free(session, fields["name"], row.id)
        row.name = fields["name"]
    if "description" in fields:
        row.description = fields["description"]
    if "wanted" in fields:
        made = _checked(session, fields["wanted"])
        row.draft = definition.as_json(made)
        row.campaigns = _campaigns_for(session, row, made, actor)
        if not row.published:
            row.trigger = made.trigger.type
    session.flush()
    audit.append(session, actor=actor, action="sequence.change", subject=str(row.id), fields=sorted(fields))
    return row


def rewrite(session: Session, sequence_id: UUID, key: str, *, actor: str) -> UUID:
    """Give a message step of the draft a new campaign, to be written and approved; returns its id.

    Members get the former text until the draft is published. Raises NotFound for a step that is no message.
    """
    row = lock(session, sequence_id)
    _not_archived(row)
    step = definition.read(row.draft).step(key)
    if not isinstance(step, definition.Message):
        raise NotFound("message step")
    made = step_campaigns.make(session, row.id, row.name, step, actor=actor)
    row.campaigns, row.draft_version = {**row.campaigns, key: str(made)}, row.draft_version + 1
    session.flush()
    audit.append(session, actor=actor, action="sequence.rewrite", subject=str(row.id), step=key, campaign_id=made)
    return made


def review_again(session: Session, sequence_id: UUID, key: str, *, actor: str) -> UUID:
    """Put the held campaign of a step up for review; who waits at the step gets it once it is approved.

    Raises NotFound for a step without a campaign, IllegalStep where it is not held.
    """
    row = get(session, sequence_id)
    version = current(session, row)
    held = (version.campaigns if version else row.campaigns).get(key)
    if held is None:
        raise NotFound("message step")
    outbox.mark_due(session, DUE)
    return campaigns.review_again(session, UUID(held), actor=actor).id


def publish(session: Session, sequence_id: UUID, *, actor: str) -> Sequence:
    """Make the draft the version that members follow; the first one starts the sequence.

    Who is on the way stays at the same step; who was at one that is gone goes on with what stands in its place, else
    came behind it. Raises PlanLimit, and Conflict for an archived one or where a message is not approved.
    """
    get(session, sequence_id)
    plans.require(session, catalog.SEQUENCES, lasting=True)
    row = lock(session, sequence_id)
    _not_archived(row)
    new = _checked(session, row.draft)
    open_ = step_campaigns.missing(session, new, row.campaigns)
    if open_:
        raise Conflict(
            f"Not approved yet: {', '.join(open_)}. Open their campaigns' previews and approve them.",
            code="steps_not_approved",
            steps=open_,
        )
    old = current(session, row)
    if old is not None and (old.definition, old.campaigns) == (row.draft, row.campaigns) and row.status == LIVE:
        return row
    _store(session, row, actor)
    if old is not None:
        _map(session, row, definition.read(old.definition), new)
    _go_live(session, row, actor)
    details = {"version": row.published, "steps": len(new.steps)}
    audit.append(session, actor=actor, action="sequence.publish", subject=str(row.id), **details)
    events.emit(session, "crm.sequence.started", aggregate="sequence", id=row.id, version=row.published)
    return row


def _store(session: Session, row: Sequence, actor: str) -> None:
    row.published += 1
    row.trigger = row.draft["trigger"]["type"]
    session.add(
        SequenceVersion(
            tenant_id=row.tenant_id,
            sequence_id=row.id,
            n=row.published,
            definition=row.draft,
            campaigns=row.campaigns,
            created_by=actor,
        )
    )
    session.flush()


def _map(session: Session, row: Sequence, old: Definition, new: Definition) -> None:
    """Move who is at a step that is gone, and look again at who waits at one that changed."""
    keys = {"tenant": row.tenant_id, "sequence": row.id, "now": clock.now()}
    for step, to in course.moved(old, new).items():
        session.execute(_SKIP_REMOVED, {**keys, "step": step, "to": to})
    session.execute(_LOOK_AGAIN, {**keys, "steps": course.changed(old, new)})


def _go_live(session: Session, row: Sequence, actor: str) -> None:
    row.status, row.stop_reason = LIVE, None
    row.started_at = row.started_at or clock.now()
    row.scanned_at = clock.now()  # a day that came round while nothing was live is over
    version = current(session, row)
    spans.begin(session, row, published(session, row))
    followed = {UUID(each) for each in version.campaigns.values()} if version else set()
    for campaign_id in campaigns_of(session, row):
        if campaign_id in followed:
            step_campaigns.begin(session, campaign_id, actor=actor)
        else:
            step_campaigns.resume(session, campaign_id, actor=actor)
    changes.follow(session, changes.SEQUENCES)
    outbox.hurry(session, DUE, TASK)
    session.flush()


def pause(session: Session, sequence_id: UUID, *, actor: str, reason: str | None = None) -> Sequence:
    """Send nothing more for now, and let nobody in or on. Raises Conflict where it is not live."""
    row = lock(session, sequence_id)
    if row.status != LIVE:
        raise _illegal(row, "paused")
    row.status, row.stop_reason = PAUSED, reason
    spans.end(session, row)
    for campaign_id in campaigns_of(session, row):
        step_campaigns.pause(session, campaign_id, actor=actor)
    session.flush()
    outbox.mark_due(session, DUE)
    audit.append(session, actor=actor, action="sequence.pause", subject=str(row.id), reason=reason)
    events.emit(session, "crm.sequence.paused", aggregate="sequence", id=row.id, reason=reason)
    return row


def resume(session: Session, sequence_id: UUID, *, actor: str) -> Sequence:
    """Go on where it stopped: what became due meanwhile goes out now, once.

    Raises PlanLimit, and Conflict where it is not paused, or where a segment that it asks is gone or not active.
    """
    get(session, sequence_id)
    plans.require(session, catalog.SEQUENCES, lasting=True)
    row = lock(session, sequence_id)
    if row.status != PAUSED:
        raise _illegal(row, "resumed")
    _can_be_asked(session, row)
    _go_live(session, row, actor)
    audit.append(session, actor=actor, action="sequence.resume", subject=str(row.id))
    events.emit(session, "crm.sequence.started", aggregate="sequence", id=row.id, version=row.published)
    return row


def archive(session: Session, sequence_id: UUID, *, actor: str) -> Sequence:
    """End it for good: everybody leaves, and what was not handed over never will be. A second call changes nothing."""
    row = lock(session, sequence_id)
    if row.status == ARCHIVED:
        return row
    row.status, row.spans = ARCHIVED, []
    left = leave_all(session, row, Exit.ARCHIVED)
    for campaign_id in campaigns_of(session, row):
        step_campaigns.end(session, campaign_id, actor=actor)
    session.flush()
    outbox.mark_due(session, DUE)
    audit.append(session, actor=actor, action="sequence.archive", subject=str(row.id), left=left)
    return row


def leave_all(session: Session, row: Sequence, reason: Exit) -> int:
    """Let everybody who is on the way leave; returns how many."""
    keys = {"tenant": row.tenant_id, "sequence": row.id, "now": clock.now(), "reason": reason}
    left = session.execute(_EXIT_ALL, keys).scalars().all()
    told(session, "exited", row.id, [each for each in left if each], reason=reason)
    return len(left)


def stop_all(session: Session, reason: str) -> int:
    """Pause every live sequence of the tenant, with the reason; returns how many. After a downgrade, for instance."""
    live = session.execute(listed(session, status=LIVE).with_only_columns(Sequence.id).order_by(Sequence.id))
    stopped = list(live.scalars())
    for sequence_id in stopped:
        pause(session, sequence_id, actor="system", reason=reason)
    return len(stopped)


_AT_ONCE = 200


def told(session: Session, what: str, sequence_id: UUID, member_ids: list[UUID], **payload: Any) -> None:
    """Tell what happened to members in a sequence, some hundred at a time."""
    for start in range(0, len(member_ids), _AT_ONCE):
        some = member_ids[start : start + _AT_ONCE]
        name = f"crm.sequence.{what}"
        events.emit(session, name, aggregate="sequence", id=sequence_id, member_ids=some, **payload)


def current(session: Session, row: Sequence) -> SequenceVersion | None:
    """Return the version that members follow; None where nothing was published."""
    return session.execute(
        select(SequenceVersion).where(
            SequenceVersion.tenant_id == row.tenant_id,
            SequenceVersion.sequence_id == row.id,
            SequenceVersion.n == row.published,
        )
    ).scalar_one_or_none()


def published(session: Session, row: Sequence) -> Definition:
    """Return what the current version says. Raises Conflict where nothing was published."""
    version = current(session, row)
    if version is None:
        raise Conflict("Nothing of this sequence is published yet. Publish it.", code="sequence_not_live")
    return parsed_of(version)


def parsed_of(version: SequenceVersion) -> Definition:
    """Return what a version says."""
    return parsed(json.dumps(version.definition))


@lru_cache(maxsize=256)
def parsed(stored: str) -> Definition:
    """Return a stored definition, read once per process."""
    return Definition.model_validate_json(stored)


def _illegal(row: Sequence, verb: str) -> Conflict:
    return Conflict(f"A sequence that is {row.status} cannot be {verb}.", code="illegal_step", state=row.status)


def _not_archived(row: Sequence) -> None:
    if row.status == ARCHIVED:
        raise _illegal(row, "changed")


def _free(session: Session, name: str, own: UUID | None) -> None:
    found = session.execute(listed(session).where(Sequence.name == name)).scalar_one_or_none()
    if found is not None and found.id != own:
        raise Conflict(f"Another sequence is called '{name}'. Choose another name.")


def _checked(session: Session, wanted: Any) -> Definition:
    """Read a definition and ask whether its rules and segments can be used here. Raises Invalid."""
    made = definition.read(wanted)
    _ask(session, made)
    for rule in made.fits():
        named.check(session, rule)
    return made


def _ask(session: Session, made: Definition) -> None:
    """Ask for every segment that conditions, goals and the trigger name. Raises Invalid for one that is not there."""
    resolver = segments.Resolver(session, moment.of(session))
    for rule in made.fits():
        resolver.condition(rule)
    if isinstance(made.trigger, SegmentJoined):
        resolver.of(made.trigger.segment_id)


def _can_be_asked(session: Session, row: Sequence) -> None:
    """Refuse to go on by a segment that answers nothing: nobody would enter, and nobody would be told."""
    try:
        _ask(session, published(session, row))
    except Invalid as error:
        why = error.detail.removeprefix(f"{error.extra['field']}: ")
        raise Conflict(f"The sequence cannot go on: {why}, and publish again.", code="segment_missing") from None


def _campaigns_for(session: Session, row: Sequence, made: Definition, actor: str) -> dict[str, str]:
    """Return the campaign of each message step: the one it had, or a new draft."""
    had = step_campaigns.states(session, map(UUID, row.campaigns.values()))
    kept = {key: row.campaigns[key] for key in row.campaigns if UUID(row.campaigns[key]) in had}
    return {
        step.key: kept[step.key]
        if step.key in kept and had[UUID(kept[step.key])].channel == step.channel
        else str(step_campaigns.make(session, row.id, row.name, step, actor=actor))
        for step in made.messages()
    }


def campaigns_of(session: Session, row: Sequence) -> list[UUID]:
    """Return the campaigns that were ever behind a step of the sequence."""
    return list(
        session.execute(
            select(SequenceCampaign.campaign_id)
            .where(SequenceCampaign.tenant_id == row.tenant_id, SequenceCampaign.sequence_id == row.id)
            .order_by(SequenceCampaign.campaign_id)
        ).scalars()
    )
