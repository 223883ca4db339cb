"""Tasks for lead agents over REST: ask, look, answer, comment, cancel, and watch. The rules are the task service's."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from agents.lead import run as lead
from api.auth import CurrentPrincipal
from api.deps import Page, Paging, TenantSession, cursor_of
from api.idempotency import IdempotentRoute
from api.schemas.agent_tasks import (
    StepOut,
    TaskAnswerIn,
    TaskFeedbackIn,
    TaskIn,
    TaskOut,
    TaskRowOut,
    TurnIn,
    TurnOut,
)
from api.threads import ThreadRoute
from domain.agent_tasks.heard import LONGEST_KEY
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.service import TaskService
from domain.agent_tasks.states import OVER, WAITING
from domain.identity.service import Principal
from kernel import db
from kernel.errors import Invalid
from kernel.ids import new_id

router = APIRouter(prefix="/agent-tasks", tags=["agent tasks"], route_class=ThreadRoute)
words = APIRouter(prefix="/agent-tasks/{task_id}", tags=["agent tasks"], route_class=IdempotentRoute)
turns = APIRouter(prefix="/agent-turns", tags=["agent tasks"], route_class=ThreadRoute)

_LOOK_SECONDS = 0.5
_LONGEST_SECONDS = 60.0
_RETRY_MS = 2_000
_AT_REST = OVER | WAITING
_LONGEST_ID = 200

Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=LONGEST_KEY, description="A repeat returns the same task."),
]


def _shown(session: TenantSession, task_id: UUID, who: Requester) -> TaskOut:
    return TaskOut.of(TaskService(session).get(task_id, who))


@router.post("", status_code=202)
def submit_task(
    payload: TaskIn, session: TenantSession, principal: CurrentPrincipal, idempotency_key: Key = None
) -> TaskOut:
    """Ask for a skill. Needs the scope `skill:<name>`; nobody's key approves or sends."""
    who = Requester.of(principal)
    wish = (payload.skill, payload.input)
    task_id = TaskService(session).submit(*wish, who, idempotency_key, context_id=payload.context_id)
    return _shown(session, task_id, who)


@router.get("")
def list_tasks(
    session: TenantSession,
    principal: CurrentPrincipal,
    paging: Paging,
    skill: Annotated[str | None, Query(max_length=40)] = None,
    context_id: Annotated[str | None, Query(max_length=200)] = None,
) -> Page[TaskRowOut]:
    """List the tasks of the skills that the key holds, newest first; all with `tasks:read`."""
    found = TaskService(session).list(
        Requester.of(principal), limit=paging.limit + 1, before=paging.after, skill=skill, context_id=context_id
    )
    rows = found[: paging.limit]
    cursor = cursor_of(rows[-1].id) if len(found) > paging.limit else None
    return Page(items=[TaskRowOut.of(row) for row in rows], next_cursor=cursor)


@router.get("/{task_id}")
def get_task(task_id: UUID, session: TenantSession, principal: CurrentPrincipal) -> TaskOut:
    """Show how a task stands, what is open, what came out, and what it cost."""
    return _shown(session, task_id, Requester.of(principal))


@words.post("/answer", status_code=202)
def answer_task(task_id: UUID, payload: TaskAnswerIn, session: TenantSession, principal: CurrentPrincipal) -> TaskOut:
    """Answer a question of the task; after the last answer it goes on."""
    who = Requester.of(principal)
    TaskService(session).answer(task_id, who, question_id=payload.question_id, text=payload.text)
    return _shown(session, task_id, who)


@words.post("/feedback", status_code=202)
def comment_task(
    task_id: UUID, payload: TaskFeedbackIn, session: TenantSession, principal: CurrentPrincipal
) -> TaskOut:
    """Ask for another revision of the draft that is up for review; this decides nothing."""
    who = Requester.of(principal)
    TaskService(session).feedback(task_id, who, **payload.model_dump())
    return _shown(session, task_id, who)


@words.post("/cancel")
def cancel_task(task_id: UUID, session: TenantSession, principal: CurrentPrincipal) -> TaskOut:
    """End a task that no person has decided on; a campaign that it made ends with it."""
    who = Requester.of(principal)
    TaskService(session).cancel(task_id, who)
    return _shown(session, task_id, who)


@turns.post("")
def take_turn(payload: TurnIn, principal: CurrentPrincipal, idempotency_key: Key = None) -> TurnOut:
    """Say something to the lead agent: it answers, asks, or submits a task after a yes. It sends nothing."""
    key = idempotency_key or str(new_id())
    who = Requester.of(principal)
    reply = lead.answer(principal.tenant_id, who, payload.text, conversation=payload.conversation, key=key)
    return TurnOut.of(reply)


@dataclass(frozen=True, slots=True)
class _Watch:
    """A look at a task, again and again, each in a short transaction of its own."""

    principal: Principal
    task_id: UUID

    def begin(self, step_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
        """Return up to where each campaign of the task was seen."""
        with db.tenant_session(self.principal.tenant_id) as session:
            return TaskService(session).last_of_each(self.task_id, Requester.of(self.principal), step_ids)

    def look(self, after: Collection[UUID]) -> tuple[TaskOut, list[StepOut]]:
        who = Requester.of(self.principal)
        with db.tenant_session(self.principal.tenant_id) as session:
            service = TaskService(session)
            steps = service.events(self.task_id, who, after=after)
            return TaskOut.of(service.get(self.task_id, who)), [StepOut.of(step) for step in steps]


def _last(value: str | None) -> list[UUID]:
    """Return the last step that was seen of each campaign."""
    try:
        return [UUID(part) for part in value.split(".")] if value else []
    except ValueError:
        raise Invalid("Last-Event-ID", "is none of ours; start without one") from None


@router.get(
    "/{task_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "`step` and `task` events."}},
)
async def watch_task(
    task_id: UUID,
    principal: CurrentPrincipal,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=_LONGEST_ID)] = None,
) -> StreamingResponse:
    """Watch a task as server-sent events: `step` for each finished step, `task` whenever it stands differently.

    The stream ends as soon as the task is over or waits for somebody, and after a minute; connect again to go on
    from the last step.
    """
    watch = _Watch(principal, task_id)
    after = await run_in_threadpool(watch.begin, _last(last_event_id))
    first = await run_in_threadpool(watch.look, list(after.values()))
    return StreamingResponse(
        _stream(watch, first, after), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _stream(watch: _Watch, seen: tuple[TaskOut, list[StepOut]], after: Mapping[UUID, UUID]) -> AsyncIterator[str]:
    yield f"retry: {_RETRY_MS}\n\n"
    told, last = "", dict(after)
    loop = asyncio.get_running_loop()
    until = loop.time() + _LONGEST_SECONDS
    while True:
        task, steps = seen
        for step in steps:
            last[step.campaign_id] = step.id
            yield _event("step", step.model_dump(mode="json"), list(last.values()))
        now = json.dumps(task.model_dump(mode="json"))
        if now != told:
            told = now
            yield f"event: task\ndata: {now}\n\n"
        if task.state in _AT_REST or loop.time() >= until:
            return
        await asyncio.sleep(_LOOK_SECONDS)
        seen = await run_in_threadpool(watch.look, list(last.values()))


def _event(name: str, data: object, seen: list[UUID]) -> str:
    return f"id: {'.'.join(map(str, seen))}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
