"""Answering one chat turn: a run of the graph that ends with the reply. Nothing of it outlives the turn but tasks."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.orm import Session

from agents import guards
from agents.call import Caller
from agents.lead.context import Context, OpenSession, Selector
from agents.lead.skills import ModelSelector, RuleSelector
from agents.llm import registry
from domain.agent_tasks.actions import tenant_of
from domain.agent_tasks.requester import Requester
from domain.plans.catalog import AI_CONTENT, Tier
from kernel import db, log

_STEPS = 12


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said back. `kind`: question, task, answer, clarify, handoff or refused; `by`: rules, model or code.

    A question waits for yes or no in the same conversation. `sources` are the passages that an answer is taken from.
    """

    kind: str
    text: str
    task_id: UUID | None
    intent: str
    by: str
    sources: list[dict[str, str]] = field(default_factory=list)
    code: str | None = None


def answer(tenant_id: UUID, requester: Requester, text: str, *, conversation: str, key: str) -> Reply:
    """Answer one turn of a conversation; the same `key` again begins nothing a second time."""
    from langsmith import tracing_context  # noqa: PLC0415 - comes with the graph library, which is loaded here first

    from agents.lead.graph import compiled  # noqa: PLC0415

    def open_session() -> AbstractContextManager[Session]:
        return db.tenant_session(tenant_id)

    selector = _selector(tenant_id, requester, open_session)
    context = Context(tenant_id, requester, text, conversation, key, open_session, selector)
    with tracing_context(enabled=False):
        state = compiled().invoke({}, {"recursion_limit": _STEPS}, context=context)
    said = state["reply"]
    log.get("agents").info("lead.answered", intent=said["intent"], by=said["by"], suspicious=state["suspicious"])
    task_id = UUID(said["task_id"]) if said["task_id"] else None
    return Reply(**{**said, "task_id": task_id})


def _selector(tenant_id: UUID, requester: Requester, open_session: OpenSession) -> Selector:
    """Return the model where plan and tenant let it read the turn, else the rules; a member's words need `insights`."""
    provider = registry.provider()
    with open_session() as session:
        tenant = tenant_of(session)
        lets = {"insights"} if requester.member_id is not None else {"insights", "no_member_data"}
        may = tenant.ai_egress in lets and AI_CONTENT.level(Tier(tenant.tier)) is not None
    if provider is None or not may:
        return RuleSelector()
    caller = Caller(provider, open_session, tenant_id, None)
    return ModelSelector(caller, guards.marker(tenant_id, tenant_id, "lead"))
