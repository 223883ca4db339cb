"""Cancelling while a worker writes, answering twice at once: one outcome, no deadlock, nothing half done."""

import concurrent.futures
import threading
from uuid import UUID

import pytest
from errands import call, key_of, stock, submit, write

from agents import run as agent
from domain.agent_tasks.states import State
from domain.campaigns import service as campaigns
from kernel import db
from kernel.errors import Conflict
from models import AgentRun, DraftRevision, Review


@pytest.fixture
def lead(tenants):
    stock(tenants.a, tenants.b)
    return key_of(tenants.a)


def queued(tenant_id):
    with db.tenant_session(tenant_id) as session:
        return session.query(AgentRun.id).filter(AgentRun.status == "queued").scalar()


@pytest.mark.parametrize("after", ["at once", "load", "base", "check"])
def test_a_task_cancelled_under_a_worker_stays_cancelled(tenants, lead, monkeypatch, after):
    task_id = submit(tenants.a, lead)
    reached = threading.Event()
    note = agent._note

    def noted(tenant_id, run_id, node, *rest, **more):
        note(tenant_id, run_id, node, *rest, **more)
        if node == after:
            reached.set()

    monkeypatch.setattr(agent, "_note", noted)
    worker = threading.Thread(target=agent.execute, args=(tenants.a, queued(tenants.a)))
    worker.start()
    if after != "at once":
        assert reached.wait(60)
    try:
        call(tenants.a, "cancel", task_id, lead)
    finally:
        worker.join(60)
    assert not worker.is_alive()
    task = call(tenants.a, "get", task_id, lead)
    assert task.state is State.CANCELLED
    with db.tenant_session(tenants.a) as session:
        assert campaigns.get(session, task.campaign_id).status == "cancelled"
        ended = session.query(AgentRun.status).scalar()
        kept = session.query(DraftRevision).count()
    # The worker may have stored its draft right before; it never ends as if nothing had happened without having.
    assert (ended, kept) in {("cancelled", 0), ("cancelled", 1), ("done", 1)}


def test_a_revision_cancelled_under_a_worker_leaves_the_draft_decidable(tenants, lead):
    task_id = submit(tenants.a, lead)
    write(tenants.a)
    draft = call(tenants.a, "get", task_id, lead)
    values = {"campaign_id": str(draft.campaign_id), "revision_id": draft.result["revision_id"], "feedback": "kürzer"}
    revision = submit(tenants.a, lead, "revise_campaign", values)
    worker = threading.Thread(target=agent.execute, args=(tenants.a, queued(tenants.a)))
    worker.start()
    call(tenants.a, "cancel", revision, lead)
    worker.join(60)
    assert not worker.is_alive()
    seen = call(tenants.a, "get", task_id, lead)
    assert seen.state is State.WAITING_REVIEW
    with db.tenant_session(tenants.a) as session:
        decided = session.query(Review).filter(Review.verb == "revise").one()
        current = UUID(seen.result["revision_id"])
        assert (decided.voided_at is not None) == (current == decided.revision_id)


def test_one_of_many_equal_answers_begins_the_task(tenants, lead):
    task_id = submit(tenants.a, lead, confirm=True)

    def answer(_):
        try:
            return bool(call(tenants.a, "answer", task_id, lead, question_id=task_id, text="ja"))
        except Conflict:
            return False

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(answer, range(12))) == 1
    with db.tenant_session(tenants.a) as session:
        assert session.query(AgentRun).count() == 1


def test_the_same_feedback_many_times_at_once_is_one_revision(tenants, lead):
    task_id = submit(tenants.a, lead)
    write(tenants.a)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        repeats = [
            pool.submit(call, tenants.a, "feedback", task_id, lead, text="kürzer", idempotency_key="f")
            for _ in range(8)
        ]
        assert {done.result() for done in repeats} == {task_id}
    with db.tenant_session(tenants.a) as session:
        assert session.query(Review).filter(Review.verb == "revise").count() == 1
        assert session.query(AgentRun).count() == 2
