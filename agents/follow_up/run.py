"""Reading one chat turn for follow-ups: a graph of one pass, whose effect happens once."""

from contextlib import AbstractContextManager
from uuid import UUID

from sqlalchemy.orm import Session

from agents.call import Caller
from agents.follow_up.context import Context
from agents.llm import registry
from kernel import db, log

_STEPS = 12


def read(tenant_id: UUID, turn_id: UUID) -> str:
    """Read a turn and return what became of it; a second reading changes nothing. Raises NotFound for the turn."""
    from langsmith import tracing_context  # noqa: PLC0415 - comes with the graph library, which is loaded here first

    from agents.follow_up.graph import compiled  # noqa: PLC0415

    def open_session() -> AbstractContextManager[Session]:
        return db.tenant_session(tenant_id)

    provider = registry.provider()
    caller = Caller(provider, open_session, tenant_id, None) if provider is not None else None
    context = Context(tenant_id, turn_id, open_session, caller)
    with tracing_context(enabled=False):
        state = compiled().invoke({}, {"recursion_limit": _STEPS}, context=context)
    outcome = str(state.get("outcome", "none"))
    log.get("follow_ups").info("follow_up.read", id=str(turn_id), outcome=outcome)
    return outcome
