"""Runs of the campaign agent: watch one at work, and let one go on that stopped."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from api import sse
from api.auth import requires
from api.deps import TenantSession
from api.idempotency import IdempotentRoute
from api.schemas.campaigns import ContinueIn, RunOut, RunStepOut
from domain.campaigns import queries, runs
from domain.identity.service import Principal
from kernel import db
from kernel.errors import NotFound

router = APIRouter(prefix="/campaigns/{campaign_id}/runs/{run_id}", tags=["drafts"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Writer = Annotated[Principal, requires("campaigns:write")]

_AT_REST = {"done", "needs_input", "failed", "cancelled", "paused_budget"}


@router.post("/continue", status_code=202)
def continue_run(campaign_id: UUID, run_id: UUID, payload: ContinueIn, session: TenantSession, who: Writer) -> RunOut:
    """Go on with a run that paused or failed; what was paid for is not paid again."""
    return RunOut.of(runs.resume(session, campaign_id, run_id, actor=who.actor, without_ai=payload.without_ai))


@dataclass(frozen=True, slots=True)
class _Watch:
    tenant_id: UUID
    campaign_id: UUID
    run_id: UUID

    def look(self, after: UUID | None) -> sse.Seen:
        with db.tenant_session(self.tenant_id) as session:
            seen = queries.run(session, self.campaign_id, self.run_id)
            if seen is None:
                raise NotFound("run")
            steps = [RunStepOut.of(step) for step in runs.steps(session, self.run_id, after=after)]
            state = RunOut.of(seen.run, stage=seen.stage, percent=seen.percent)
        events = [("step", step.id, step.model_dump(mode="json")) for step in steps]
        return sse.Seen(events, state.model_dump(mode="json"), state.status in _AT_REST)


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "`step` and `run` events."}},
)
async def watch_run(
    campaign_id: UUID,
    run_id: UUID,
    who: Reader,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=60)] = None,
) -> StreamingResponse:
    """Watch a run as server-sent events: `step` for each finished step, `run` whenever it stands differently.

    The stream ends with the run, and after a minute; connect again to go on from the last step.
    """
    watch = _Watch(who.tenant_id, campaign_id, run_id)
    return await sse.stream(watch.look, sse.last_id(last_event_id), state="run")
