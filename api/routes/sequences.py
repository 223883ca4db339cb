"""Drip sequences: what is sent to whom after what, who is where, and the rehearsal of it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import Select
from sqlalchemy.orm import Session

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.sequences import (
    EnrolIn,
    EnrolledOut,
    EnrolmentOut,
    EntryOut,
    RehearsalIn,
    RehearsedOut,
    SequenceDetail,
    SequenceIn,
    SequenceOut,
    SequencePatch,
    StepCampaignOut,
    StepOut,
    VersionOut,
)
from domain.audience import service as audience
from domain.identity.service import Principal
from domain.sequences import definition, entries, queries, rehearsal, standing
from domain.sequences import service as sequences
from domain.sequences.course import Exit
from kernel import clock
from kernel.errors import Invalid
from models import Enrolment, Sequence, SequenceVersion

router = APIRouter(prefix="/sequences", tags=["sequences"], route_class=IdempotentRoute)
about = APIRouter(prefix="/members", tags=["sequences"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Writer = Annotated[Principal, requires("campaigns:write")]
Launcher = Annotated[Principal, requires("campaigns:send")]
MemberReader = Annotated[Principal, requires("members:read")]
StateName = Literal["active", "completed", "exited"]
State = Annotated[StateName | None, Query()]


def _detail(session: Session, row: Sequence) -> SequenceDetail:
    seen = queries.overview(session, row)
    return SequenceDetail(
        **SequenceOut.of(row).model_dump(),
        definition=row.draft,
        unpublished=seen.unpublished,
        enrolments=seen.enrolments,
        exits=seen.exits,
        steps=[StepOut.of(step) for step in seen.steps],
    )


@router.post("", status_code=201)
def create_sequence(payload: SequenceIn, session: TenantSession, who: Writer) -> SequenceDetail:
    """Make a draft; its message steps get campaigns to write and approve."""
    made = sequences.create(
        session, name=payload.name, description=payload.description, wanted=payload.definition, actor=who.actor
    )
    return _detail(session, made)


@router.get("")
def list_sequences(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    status: Annotated[Literal["draft", "live", "paused", "archived"] | None, Query()] = None,
) -> Page[SequenceOut]:
    """List sequences, newest first."""
    rows, cursor = page_of(session, sequences.listed(session, status=status), Sequence.id, paging)
    return Page(items=[SequenceOut.of(row) for row in rows], next_cursor=cursor)


@router.get("/{sequence_id}")
def get_sequence(sequence_id: UUID, session: TenantSession, _who: Reader) -> SequenceDetail:
    """Show a sequence: its steps, what holds them, who waits where, and the messages per step."""
    return _detail(session, sequences.get(session, sequence_id))


@router.put("/{sequence_id}")
def change_sequence(sequence_id: UUID, payload: SequencePatch, session: TenantSession, who: Writer) -> SequenceDetail:
    """Change the draft; members follow what is published until it is published anew."""
    given = payload.model_dump(exclude_unset=True)
    fields = {name: value for name, value in given.items() if name == "description" or value is not None}
    if "definition" in fields:
        fields["wanted"] = fields.pop("definition")
    return _detail(session, sequences.change(session, sequence_id, actor=who.actor, **fields))


@router.get("/{sequence_id}/versions")
def list_versions(sequence_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[VersionOut]:
    """List what was published, newest first."""
    row = sequences.get(session, sequence_id)
    rows, cursor = page_of(session, queries.versions(row), SequenceVersion.id, paging)
    return Page(items=[VersionOut.of(each) for each in rows], next_cursor=cursor)


@router.post("/{sequence_id}/publish")
def publish_sequence(sequence_id: UUID, session: TenantSession, who: Launcher) -> SequenceDetail:
    """Make the draft what members follow; the first time it goes live. Every message must be approved."""
    return _detail(session, sequences.publish(session, sequence_id, actor=who.actor))


@router.post("/{sequence_id}/pause")
def pause_sequence(sequence_id: UUID, session: TenantSession, who: Launcher) -> SequenceDetail:
    """Send nothing more for now, and let nobody in or on."""
    return _detail(session, sequences.pause(session, sequence_id, actor=who.actor))


@router.post("/{sequence_id}/resume")
def resume_sequence(sequence_id: UUID, session: TenantSession, who: Launcher) -> SequenceDetail:
    """Go on where it stopped."""
    return _detail(session, sequences.resume(session, sequence_id, actor=who.actor))


@router.post("/{sequence_id}/archive")
def archive_sequence(sequence_id: UUID, session: TenantSession, who: Launcher) -> SequenceDetail:
    """End it for good: everybody leaves."""
    return _detail(session, sequences.archive(session, sequence_id, actor=who.actor))


@router.post("/{sequence_id}/steps/{step}/rewrite", status_code=201)
def rewrite_step(sequence_id: UUID, step: str, session: TenantSession, who: Writer) -> StepCampaignOut:
    """Give a message step a new campaign to write and approve; the former text goes out until it is published."""
    return StepCampaignOut(campaign_id=sequences.rewrite(session, sequence_id, step, actor=who.actor))


@router.post("/{sequence_id}/steps/{step}/review")
def review_step_again(sequence_id: UUID, step: str, session: TenantSession, who: Writer) -> StepCampaignOut:
    """Put a held step up for review again; who waits at it goes on once it is approved."""
    return StepCampaignOut(campaign_id=sequences.review_again(session, sequence_id, step, actor=who.actor))


@router.post("/{sequence_id}/enrolments", status_code=201)
def enrol_members(sequence_id: UUID, payload: EnrolIn, session: TenantSession, who: Launcher) -> EnrolledOut:
    """Let members into a live sequence by hand."""
    came = entries.enrol_by_hand(session, sequence_id, payload.member_ids, actor=who.actor)
    return EnrolledOut(enrolled=len(came), member_ids=came)


@router.get("/{sequence_id}/enrolments")
def list_enrolments(
    sequence_id: UUID,
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    state: State = None,
    step: Annotated[definition.Key | None, Query(description="Who is at this step, or left there.")] = None,
    reason: Annotated[Exit | None, Query(description="Who left for this reason.")] = None,
    member_id: Annotated[UUID | None, Query()] = None,
) -> Page[EnrolmentOut]:
    """List who is, or was, in a sequence, newest first: what comes next and when, and why somebody left."""
    sequences.get(session, sequence_id)
    chosen = entries.matching(
        session, sequence_id=sequence_id, member_id=member_id, state=state, step=step, reason=reason
    )
    return _page(session, paging, chosen)


def _page(session: Session, paging: Paging, statement: Select[Enrolment]) -> Page[EnrolmentOut]:
    rows, cursor = page_of(session, statement, Enrolment.id, paging)
    return Page(items=[EnrolmentOut.at(each) for each in standing.of(session, rows)], next_cursor=cursor)


@router.delete("/{sequence_id}/enrolments/{enrolment_id}")
def end_enrolment(sequence_id: UUID, enrolment_id: UUID, session: TenantSession, who: Launcher) -> EnrolmentOut:
    """Take a member out; what was handed over stays sent."""
    row = entries.leave(session, sequence_id, enrolment_id, actor=who.actor)
    return EnrolmentOut.at(standing.of(session, [row])[0])


@router.post("/{sequence_id}/rehearsal")
def rehearse_sequence(
    sequence_id: UUID, payload: RehearsalIn, session: TenantSession, _who: Reader
) -> list[RehearsedOut]:
    """Say which message the draft would send when, and why, on a virtual clock. Nothing is written or sent."""
    row = sequences.get(session, sequence_id)
    if payload.member is not None and payload.member_ids:
        raise Invalid("member", "rehearse either with members or with an invented one")
    start = payload.start or clock.now()
    if payload.member is not None:
        subject = rehearsal.invented(session, payload.member, payload.does)
        found = rehearsal.rehearse(session, row, subject, start, days=payload.days)
        return [RehearsedOut(member_id=None, entries=[EntryOut.of(each) for each in found])]
    version, shown = definition.read(row.draft), []
    for member_id in payload.member_ids or queries.newest_members(session, row):
        subject = rehearsal.subject_of(session, row, version, member_id, payload.does)
        found = rehearsal.rehearse(session, row, subject, start, days=payload.days)
        shown.append(RehearsedOut(member_id=member_id, entries=[EntryOut.of(each) for each in found]))
    return shown


@about.get("/{member_id}/enrolments")
def list_enrolments_of_member(
    member_id: UUID, session: TenantSession, _who: MemberReader, paging: Paging, state: State = None
) -> Page[EnrolmentOut]:
    """List the sequences that a member is, or was, in."""
    audience.get(session, member_id)
    return _page(session, paging, entries.matching(session, member_id=member_id, state=state))
