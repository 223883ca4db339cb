"""Running the agent on a queued run: claimed with a lease, repeatable after a crash, ended in a named state."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from agents import guards
from agents.call import Caller, Chain
from agents.campaign.context import Context, Writer
from agents.campaign.writers import BuiltinWriter, ModelWriter
from agents.llm import registry
from agents.llm.errors import CallStopped, Outcome
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb
from kernel import clock, db, log, outbox
from kernel.ids import new_id
from kernel.settings import get_settings
from models import AgentRun, AgentStep, Tenant

_LEASE_SECONDS = 60
_BEAT_SECONDS = 15
_MOST_ATTEMPTS = 5
_STEPS = 60
_PARALLEL = 4
_TOLD = ("search", "notes")  # how passages were found; what became of a second reader
_WAITING = ("queued", "running", "paused_provider", "paused_budget")


@dataclass(frozen=True, slots=True)
class _Claim:
    campaign_id: UUID
    owner: UUID


def execute(tenant_id: UUID, run_id: UUID) -> None:
    """Write the draft of a queued run; a second call while another worker is at it does nothing."""
    owner = new_id()
    claimed = _claim(tenant_id, run_id, owner)
    if claimed is None:
        return
    with _heartbeat(tenant_id, run_id, owner):
        try:
            outcome = _attempted(tenant_id, run_id, claimed)
        except CallStopped as stopped:
            _end(tenant_id, run_id, owner, stopped.outcome, code=stopped.code, retry_at=stopped.retry_at)
        except Exception as error:  # noqa: BLE001 - every end is a named state
            log.get("agents").exception("run.failed", run_id=str(run_id))
            _end(tenant_id, run_id, owner, "failed", code="internal", detail=type(error).__name__)
        else:
            _end(tenant_id, run_id, owner, outcome)


def _attempted(tenant_id: UUID, run_id: UUID, claimed: _Claim) -> str:
    """Run the graph; where no model answers and the operator allows it, the built-in writer finishes the same brief."""
    try:
        return _invoke(tenant_id, run_id, claimed)
    except CallStopped as stopped:
        if not get_settings().llm_fallback_builtin or stopped.outcome is Outcome.PAUSED_BUDGET:
            raise
        log.get("agents").warning("run.without_ai", run_id=str(run_id), code=stopped.code)
    with db.tenant_session(tenant_id) as session:
        run = session.get_one(AgentRun, run_id)
        run.options = {**run.options, "writer": "builtin"}
    return _invoke(tenant_id, run_id, claimed)


def _claim(tenant_id: UUID, run_id: UUID, owner: UUID) -> _Claim | None:
    with db.tenant_session(tenant_id) as session:
        campaign_id = session.execute(
            update(AgentRun)
            .where(
                AgentRun.tenant_id == tenant_id,
                AgentRun.id == run_id,
                AgentRun.status.in_(_WAITING),
                AgentRun.attempts < _MOST_ATTEMPTS,
                or_(AgentRun.lease_until.is_(None), AgentRun.lease_until < func.clock_timestamp()),
            )
            .values(
                status="running",
                lease_owner=owner,
                lease_until=_lease_end(),
                attempts=AgentRun.attempts + 1,
            )
            .returning(AgentRun.campaign_id)
        ).scalar_one_or_none()
        return _Claim(campaign_id, owner) if campaign_id is not None else None


def _lease_end() -> Any:
    return func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, _LEASE_SECONDS)


@contextmanager
def _heartbeat(tenant_id: UUID, run_id: UUID, owner: UUID) -> Iterator[None]:
    """Prolong the lease while the run goes on."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT_SECONDS):
            with db.tenant_session(tenant_id) as session:
                session.execute(
                    update(AgentRun)
                    .where(AgentRun.tenant_id == tenant_id, AgentRun.id == run_id, AgentRun.lease_owner == owner)
                    .values(lease_until=_lease_end())
                )

    thread = threading.Thread(target=beat, name="agent-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _invoke(tenant_id: UUID, run_id: UUID, claimed: _Claim) -> str:
    """Run the graph and return how it ended."""
    from langsmith import tracing_context  # noqa: PLC0415 - comes with the graph library, which is loaded here first

    from agents.campaign.graph import compiled  # noqa: PLC0415

    def open_session() -> AbstractContextManager[Session]:
        return db.tenant_session(tenant_id)

    context = Context(
        tenant_id=tenant_id,
        run_id=run_id,
        campaign_id=claimed.campaign_id,
        owner=claimed.owner,
        open_session=open_session,
        writer=choose_writer(tenant_id, run_id, claimed.campaign_id, open_session),
    )
    config = {"recursion_limit": _STEPS, "max_concurrency": _PARALLEL}
    state: dict[str, Any] = {}
    began = time.monotonic()
    with tracing_context(enabled=False):
        for update_ in compiled().stream({}, config, context=context, stream_mode="updates"):
            for node, values in update_.items():
                state |= values or {}
                _note(tenant_id, run_id, node, began, values or {})
                began = time.monotonic()
    return "needs_input" if state.get("questions") else "done"


def choose_writer(
    tenant_id: UUID, run_id: UUID, campaign_id: UUID, open_session: Callable[[], AbstractContextManager[Session]]
) -> Writer:
    """Return the configured model behind the ledger, or the built-in writer.

    The built-in one writes where no model is configured, where the run was told so, and where the tenant lets nothing
    leave.
    """
    with open_session() as session:
        forced = session.get_one(AgentRun, run_id).options.get("writer") is not None
        forced = forced or session.get_one(Tenant, tenant_id).ai_egress == "none"
    found = [] if forced else registry.providers()
    writer: Writer = BuiltinWriter()
    if found:
        callers = [
            Caller(provider=provider, open_session=open_session, tenant_id=tenant_id, run_id=run_id)
            for provider in found
        ]
        writer = ModelWriter(Chain(tuple(callers)), guards.marker(tenant_id, campaign_id, "v1"))
    with open_session() as session:
        session.execute(
            update(AgentRun).where(AgentRun.tenant_id == tenant_id, AgentRun.id == run_id).values(writer=writer.name)
        )
    return writer


def _note(tenant_id: UUID, run_id: UUID, node: str, began: float, values: Mapping[str, Any]) -> None:
    with db.tenant_session(tenant_id) as session:
        milliseconds = round((time.monotonic() - began) * 1_000)
        info = {name: values[name] for name in _TOLD if values.get(name)}
        session.add(AgentStep(tenant_id=tenant_id, run_id=run_id, node=node, status="done", ms=milliseconds, info=info))


def _end(
    tenant_id: UUID,
    run_id: UUID,
    owner: UUID,
    status: str,
    *,
    code: str | None = None,
    detail: str | None = None,
    retry_at: datetime | None = None,
) -> None:
    """Write the end of a run that this worker still holds; a paused one is rung again when it may go on.

    Where nothing goes on by itself the campaign is a draft again: people may write by hand or generate once more, and
    what the run has paid for is in the ledger.
    """
    with db.tenant_session(tenant_id) as session:
        run = session.execute(
            select(AgentRun).where(AgentRun.tenant_id == tenant_id, AgentRun.id == run_id).with_for_update()
        ).scalar_one()
        if run.lease_owner != owner:
            return
        run.status, run.error_code, run.error_detail, run.retry_at = status, code, detail, retry_at
        run.lease_owner = run.lease_until = None
        if status in {"done", "needs_input", "failed"}:
            run.finished_at = clock.now()
        if status in {"failed", "paused_budget"} or (status == "paused_provider" and retry_at is None):
            campaign = campaigns.lock(session, run.campaign_id)
            if campaign.status == Status.AI_GENERATING:
                campaigns.move(session, campaign, Verb.STOP_WRITING, actor=f"agent:{run_id}", code=code)
        if status == "paused_provider" and retry_at is not None:
            run.attempts -= 1
            outbox.enqueue(session, "agents.run", id=run_id, due_at=retry_at)
        session.flush()
