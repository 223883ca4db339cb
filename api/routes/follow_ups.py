"""Follow-ups: dated messages that were promised to members, in a chat or by the team."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from agents.follow_up.dry_run import understand
from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.base import Moment
from api.schemas.follow_ups import (
    ConfirmIn,
    DryRunIn,
    DryRunOut,
    FollowUpIn,
    FollowUpOut,
    InsightOut,
    MoveIn,
    RehearsalIn,
    RehearsalOut,
    StateName,
    StepOut,
    SuggestionOut,
    TextIn,
    TextOut,
    TextsOut,
)
from api.threads import ThreadRoute
from domain.conversations import insights
from domain.follow_ups import planning, rehearsal, store, texts
from domain.identity import tenants
from domain.identity.service import Principal
from kernel.errors import Forbidden
from models import FollowUp

router = APIRouter(prefix="/follow-ups", tags=["follow-ups"], route_class=IdempotentRoute)

about = APIRouter(prefix="/members", tags=["follow-ups"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("conversations:read")]
Writer = Annotated[Principal, requires("conversations:write")]
Approver = Annotated[Principal, requires("campaigns:approve")]


@router.get("")
def list_follow_ups(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    state: Annotated[StateName | None, Query()] = None,
    member_id: Annotated[UUID | None, Query()] = None,
    due_from: Annotated[Moment | None, Query()] = None,
    due_until: Annotated[Moment | None, Query(description="Exclusive.")] = None,
) -> Page[FollowUpOut]:
    """List follow-ups, newest first."""
    statement = store.matching(session, state=state, member_id=member_id, due_from=due_from, due_until=due_until)
    rows, cursor = page_of(session, statement, FollowUp.id, paging)
    return Page(items=[FollowUpOut.of(row) for row in rows], next_cursor=cursor)


@router.post("", status_code=201)
def create_follow_up(payload: FollowUpIn, session: TenantSession, who: Writer) -> FollowUpOut:
    """Promise a message to a member; a pending one about the same topic is moved instead of adding a second.

    Only a person may promise one that needs no consent (`transactional`).
    """
    if payload.purpose == "transactional" and who.kind == "key":
        raise Forbidden(
            "A key cannot promise a message that needs no consent. Use the purpose marketing, or sign in as a person.",
            code="person_needed",
        )
    made = planning.plan(session, actor=who.actor, **payload.model_dump())
    return FollowUpOut.of(made.row)


@router.post("/dry-run")
def dry_run_follow_up(payload: DryRunIn, session: TenantSession, _who: Reader) -> DryRunOut:
    """Show what a text would lead to: the form, the time, the step and the answer. Nothing is kept, no model asked."""
    tenant = tenants.current(session)
    given = payload.model_dump() | {"zone": planning.known_zone(payload.zone)}
    quiet = (tenant.quiet_from, tenant.quiet_until)
    return DryRunOut.of(understand(given.pop("text"), day_time=tenant.follow_up_at, quiet=quiet, **given))


@router.post("/rehearsal")
def rehearse_follow_ups(payload: RehearsalIn, session: TenantSession, _who: Writer) -> RehearsalOut:
    """Show on a virtual clock what would be sent when, and what would not and why. Nothing is sent or kept."""
    steps = rehearsal.rehearse(session, until=payload.until)
    return RehearsalOut(steps=[StepOut.of(step) for step in steps])


@router.get("/texts")
def list_follow_up_texts(session: TenantSession, _who: Reader) -> TextsOut:
    """Show what is said when a follow-up is due, and suggestions for what is not approved yet."""
    found = list(texts.approved(session))
    known = {(row.topic, row.language) for row in found}
    open_ = [
        SuggestionOut(topic=topic, language=language, body=body)
        for language, words in texts.SUGGESTIONS.items()
        for topic, body in words.items()
        if (topic, language) not in known
    ]
    return TextsOut.of(found, suggestions=open_)


@router.put("/texts")
def approve_follow_up_text(payload: TextIn, session: TenantSession, who: Approver) -> TextOut:
    """Approve what is said about a topic in a language; only a person may. It holds for what is sent from now on."""
    return TextOut.of(texts.approve(session, actor=who.actor, **payload.model_dump()))


@router.get("/{follow_up_id}")
def get_follow_up(follow_up_id: UUID, session: TenantSession, _who: Reader) -> FollowUpOut:
    """Show one follow-up."""
    return FollowUpOut.of(store.get(session, follow_up_id))


@router.post("/{follow_up_id}/move")
def move_follow_up(follow_up_id: UUID, payload: MoveIn, session: TenantSession, who: Writer) -> FollowUpOut:
    """Give a pending one another date; one that failed or expired is promised anew."""
    zone = payload.time_zone or store.get(session, follow_up_id).zone
    return FollowUpOut.of(store.move(session, follow_up_id, planning.due_of(payload.at, zone), actor=who.actor))


@router.post("/{follow_up_id}/confirm")
def confirm_follow_up(follow_up_id: UUID, payload: ConfirmIn, session: TenantSession, who: Writer) -> FollowUpOut:
    """Promise one of the dates of a proposed one; the plan's unit is reserved now."""
    row = store.get(session, follow_up_id)
    return FollowUpOut.of(store.confirm(session, row, payload.option - 1, actor=who.actor).row)


@router.post("/{follow_up_id}/cancel")
def cancel_follow_up(follow_up_id: UUID, session: TenantSession, who: Writer) -> FollowUpOut:
    """End an open one; one that is over stays as it is. Refused once a provider may have it."""
    return FollowUpOut.of(store.cancel(session, follow_up_id, actor=who.actor))


@about.get("/{member_id}/insights")
def list_insights(member_id: UUID, session: TenantSession, _who: Reader) -> list[InsightOut]:
    """Show what chats say about a member: one word per key, the message that says so, and until when it counts."""
    return [InsightOut.of(row) for row in insights.of_member(session, member_id)]
