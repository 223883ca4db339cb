"""What tests of the lead agent's doors share: agents' keys, people, and an agent that writes."""

from typing import Any
from uuid import UUID

import make

from agents import run as agent
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.service import TaskService
from domain.agent_tasks.views import TaskView
from domain.campaigns import reviews, revisions
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Verb
from domain.campaigns.reviews import Decision
from domain.identity import service as identity
from domain.identity.rules import SKILL_SCOPES, Role
from kernel import db
from models import AgentQuestion, AgentRun, AgentStep

SKILLS = SKILL_SCOPES | {"campaigns:read"}
# What agents may try to be allowed.
ORDERS = ("approve", "approve_campaign", "send", "send_campaign", "start", "schedule_campaign", "resume", "waive")
GOAL = {"goal": "Bring back members who were not here for a month", "audience": {"kind": "all_members"}}


def secret_of(tenant_id: UUID, scopes: frozenset[str] = SKILLS) -> str:
    """The secret of an agent's key."""
    with db.tenant_session(tenant_id) as session:
        return identity.issue_key(session, name="lead", actor="t", scopes=scopes).secret


def key_of(tenant_id: UUID, scopes: frozenset[str] = SKILLS) -> Requester:
    """An agent's key, as the doors know it."""
    return Requester.of(identity.authenticate(secret_of(tenant_id, scopes)))


def session_of(tenant_id: UUID, role: Role = Role.OWNER) -> str:
    """The token of a person who signed in."""
    email = f"mara-{role}-{tenant_id.hex[-8:]}@studio.example"
    with db.tenant_session(tenant_id) as session:
        identity.add_user(session, name="Mara", email=email, role=role, password="long enough 1", actor="t")
    return identity.sign_in(email, "long enough 1")[0]


def person_of(tenant_id: UUID, role: Role = Role.OWNER) -> Requester:
    return Requester.of(identity.authenticate(session_of(tenant_id, role)))


def stock(*tenant_ids: UUID) -> None:
    """A sender and two members, one of whom agreed."""
    for tenant_id in tenant_ids:
        with db.tenant_session(tenant_id) as session:
            make.sender(session)
            make.member(session, "a@example.org", first_name="Anna")
            make.member(session, "b@example.org", consent=False, first_name="Ben")


def write(tenant_id: UUID) -> None:
    """Let the agent write whatever is asked of it."""
    for run_id in _queued(tenant_id):
        agent.execute(tenant_id, run_id)


def _queued(tenant_id: UUID) -> list[UUID]:
    with db.tenant_session(tenant_id) as session:
        return [run.id for run in session.query(AgentRun).filter(AgentRun.status == "queued").order_by(AgentRun.id)]


def play(tenant_id: UUID, question: str | None = None) -> None:
    """What a worker does to the tables, without an agent: it stores the next draft, or asks a question."""
    for run_id in _queued(tenant_id):
        with db.tenant_session(tenant_id) as session:
            run = session.get_one(AgentRun, run_id)
            for node in ("load", "ask" if question else "store"):
                session.add(AgentStep(tenant_id=tenant_id, run_id=run_id, node=node, status="done", ms=1, info={}))
                session.flush()
            if question:
                session.add(
                    AgentQuestion(
                        tenant_id=tenant_id, campaign_id=run.campaign_id, run_id=run_id, code=question, text="?"
                    )
                )
                campaigns.move(session, campaigns.lock(session, run.campaign_id), Verb.ASK, actor="agent")
            else:
                content = make.draft_content(form="sie" if run.parent_revision_id else "du")
                revisions.store(
                    session, run.campaign_id, content_json=content, origin="builtin", author="agent", run_id=run_id,
                    parent_id=run.parent_revision_id, sources=[], claims=[], findings=[],
                )  # fmt: skip
            run.status = "needs_input" if question else "done"


def submit(
    tenant_id: UUID,
    who: Requester,
    skill: str = "draft_campaign",
    values: dict[str, Any] | None = None,
    key: str | None = None,
    **more: Any,
) -> UUID:
    with db.tenant_session(tenant_id) as session:
        return TaskService(session).submit(skill, GOAL if values is None else values, who, key, **more)


def call(tenant_id: UUID, verb: str, *args: Any, **more: Any) -> Any:
    """One verb of the task service in a transaction of its own."""
    with db.tenant_session(tenant_id) as session:
        return getattr(TaskService(session), verb)(*args, **more)


def decide(tenant_id: UUID, task: TaskView, verb: str = "approve") -> None:
    """A person decides on the draft of a task."""
    assert task.campaign_id is not None
    decision = Decision(
        actor="user:mara",
        name="Mara",
        revision_id=UUID(task.result["revision_id"]),
        content_hash=task.result["content_hash"],
        comment="so nicht",
    )
    with db.tenant_session(tenant_id) as session:
        getattr(reviews, verb)(session, task.campaign_id, decision)
