"""Tasks over REST: repeats, scopes, tenants, events as they happen, signed callbacks; and no way to decide."""

import json
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from errands import GOAL, ORDERS, call, secret_of, stock, write

from agents import run as agent
from domain.agent_tasks.requester import Requester
from domain.identity import service as identity
from domain.identity.rules import SKILL_SCOPES
from domain.webhooks import service as webhooks
from kernel import db
from kernel.ids import new_id
from models import AgentRun
from tests.domain.webhooks.rounds import deliver


@dataclass(frozen=True)
class Rest:
    """An agent's view of the API."""

    http: Any
    key: str

    def call(self, verb, path, body=None, **headers):
        headers = {"Authorization": f"Bearer {self.key}", **headers}
        return self.http.request(verb, f"/api/v1{path}", json=body, headers=headers)

    def submit(self, skill="draft_campaign", values=None, **headers):
        body = {"skill": skill, "input": GOAL if values is None else values}
        return self.call("POST", "/agent-tasks", body, **headers)


@pytest.fixture
def lead(http, tenants):
    stock(tenants.a, tenants.b)
    return Rest(http, secret_of(tenants.a))


def test_a_task_goes_from_the_goal_to_the_review(lead, tenants):
    answer = lead.submit(**{"Idempotency-Key": "k-1"})
    assert answer.status_code == 202
    task = answer.json()
    assert (task["state"], task["skill"], task["questions"]) == ("queued", "draft_campaign", [])
    again = lead.submit(**{"Idempotency-Key": "k-1"})
    assert (again.status_code, again.json()["id"]) == (202, task["id"])
    other = lead.submit(values={**GOAL, "goal": "Anything else"}, **{"Idempotency-Key": "k-1"})
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    write(tenants.a)
    shown = lead.call("GET", f"/agent-tasks/{task['id']}").json()
    assert (shown["state"], shown["percent"]) == ("waiting_review", 100)
    assert shown["cost"] == {"input": 0, "cached": 0, "output": 0, "micro_eur": 0, "estimated": False}
    feedback = {"text": "kürzer", "revision_id": shown["result"]["revision_id"]}
    assert lead.call("POST", f"/agent-tasks/{task['id']}/feedback", feedback).json()["state"] == "queued"
    assert lead.call("POST", f"/agent-tasks/{task['id']}/cancel").json()["state"] == "cancelled"


def test_a_repeat_through_python_and_rest_is_one_task(lead, tenants):
    first = lead.submit(**{"Idempotency-Key": "shared"}).json()["id"]
    same = Requester.of(identity.authenticate(lead.key))
    assert str(call(tenants.a, "submit", "draft_campaign", GOAL, same, "shared")) == first


def test_lists_are_paginated_and_hold_one_tenant(lead, http, tenants):
    ids = [lead.submit(values={**GOAL, "goal": f"Goal number {n}"}).json()["id"] for n in range(3)]
    first = lead.call("GET", "/agent-tasks?limit=2").json()
    assert [row["id"] for row in first["items"]] == ids[:0:-1]
    rest = lead.call("GET", f"/agent-tasks?limit=2&cursor={first['next_cursor']}").json()
    assert ([row["id"] for row in rest["items"]], rest["next_cursor"]) == (ids[:1], None)
    stranger = Rest(http, secret_of(tenants.b))
    assert stranger.call("GET", "/agent-tasks").json()["items"] == []
    for verb, path, body in (
        ("GET", "", None), ("POST", "/cancel", None), ("GET", "/events", None), ("POST", "/feedback", {"text": "x"}),
        ("POST", "/answer", {"question_id": ids[0], "text": "x"}),
    ):  # fmt: skip
        assert stranger.call(verb, f"/agent-tasks/{ids[0]}{path}", body).status_code == 404


def test_no_agent_key_approves_sends_or_hands_out_the_right_to(lead, tenants):
    task_id = lead.submit().json()["id"]
    write(tenants.a)
    task = lead.call("GET", f"/agent-tasks/{task_id}").json()
    campaign, result = task["campaign_id"], task["result"]
    decision = {"revision_id": result["revision_id"], "content_hash": result["content_hash"], "comment": "ja"}
    for path, body in (
        ("approve", decision), ("reject", decision), ("start", None), ("resume", None), ("pause", None),
        ("cancel", None), ("withdraw-approval", {"reason": "x"}), ("preview-links", {"purpose": "approve"}),
        ("schedule", {"at": "2036-01-01T09:00", "time_zone": "Europe/Berlin"}), ("feedback", decision),
    ):  # fmt: skip
        answer = lead.call("POST", f"/campaigns/{campaign}/{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), path
    for skill in ORDERS:
        refused = lead.submit(skill, {"campaign_id": campaign})
        assert (refused.status_code, refused.json()["code"]) == (403, "people_only"), skill
    assert lead.call("GET", f"/campaigns/{campaign}").json()["status"] == "pending_review"
    keys = lead.call("POST", "/keys", {"name": "mine", "scopes": ["campaigns:send"]})
    assert keys.status_code == 403


@pytest.mark.parametrize("scope", sorted(SKILL_SCOPES))
def test_a_key_of_one_skill_is_told_which_scope_it_lacks(http, tenants, scope):
    skill = "draft_campaign" if scope != "skill:draft_campaign" else "search_knowledge"
    answer = Rest(http, secret_of(tenants.a, frozenset({scope}))).submit(skill, {})
    assert (answer.status_code, answer.json()["scope"]) == (403, f"skill:{skill}")


def parse(lines):
    """Server-sent events as `(event, id, data)`."""
    found, event = [], {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif "data" in event:
            found.append((event["event"], event.get("id"), json.loads(event["data"])))
            event = {}
        else:
            event = {}
    return found


def watch(lead, task_id, **headers):
    headers = {"Authorization": f"Bearer {lead.key}", **headers}
    with lead.http.stream("GET", f"/api/v1/agent-tasks/{task_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return parse(answer.iter_lines())


def test_progress_is_told_as_it_happens_and_the_stream_ends_at_the_review(lead, tenants):
    task_id = lead.submit().json()["id"]
    with db.tenant_session(tenants.a) as session:
        run_id = session.query(AgentRun.id).scalar()
    worker = threading.Thread(target=agent.execute, args=(tenants.a, run_id))
    worker.start()
    told = watch(lead, task_id)
    worker.join()
    steps = [(event_id, data["node"]) for name, event_id, data in told if name == "step"]
    states = [data["state"] for name, _, data in told if name == "task"]
    assert states[-1] == "waiting_review"
    assert (steps[0][1], steps[-1][1]) == ("load", "store")
    assert len({event_id for event_id, _ in steps}) == len(steps)
    again = watch(lead, task_id, **{"Last-Event-ID": steps[-2][0]})
    assert [data["node"] for name, _, data in again if name == "step"] == ["store"]
    bad = lead.call("GET", f"/agent-tasks/{task_id}/events", **{"Last-Event-ID": "x"})
    assert bad.status_code == 422


def test_a_stream_about_two_campaigns_goes_on_where_each_of_them_was(lead, tenants):
    task_id = lead.submit(values={**GOAL, "channels": ["email", "sms"]}).json()["id"]
    write(tenants.a)
    told = [(event_id, data) for name, event_id, data in watch(lead, task_id) if name == "step"]
    assert [data["node"] for _, data in told].count("store") == 2
    middle = len(told) // 2
    again = watch(lead, task_id, **{"Last-Event-ID": told[middle][0]})
    rest = [data["id"] for name, _, data in again if name == "step"]
    assert rest == [data["id"] for _, data in told[middle + 1 :]]
    one = [data for _, data in told if data["campaign_id"] == told[0][1]["campaign_id"]]
    half = watch(lead, task_id, **{"Last-Event-ID": one[-1]["id"]})  # of the other nothing was seen
    assert {data["id"] for name, _, data in half if name == "step"} == {data["id"] for _, data in told} - {
        data["id"] for data in one
    }
    strange = watch(lead, task_id, **{"Last-Event-ID": str(new_id())})
    assert len([data for name, _, data in strange if name == "step"]) == len(told)


def test_both_campaigns_of_a_task_are_told_of_and_commented_by_channel(lead, tenants):
    task = lead.submit(values={**GOAL, "channels": ["email", "sms"]}).json()
    write(tenants.a)
    comment = lead.call("POST", f"/agent-tasks/{task['id']}/feedback", {"text": "kürzer", "channel": "sms"}).json()
    assert [part["state"] for part in comment["result"]["campaigns"]] == ["waiting_review", "queued"]
    [listed] = lead.call("GET", "/agent-tasks").json()["items"]
    assert (listed["campaign_id"], len(listed["campaign_ids"]), listed["state"]) == (None, 2, "running")


def test_each_step_of_a_campaign_calls_back_signed(lead, tenants, receiver):
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            wanted = ["crm.agent_task.*"]
            _, secret = webhooks.create(session, url=f"{receiver.url}/in", wanted=wanted, actor="t")
            receiver.secrets.append(secret)
    task_id = lead.submit().json()["id"]
    write(tenants.a)
    lead.call("POST", f"/agent-tasks/{task_id}/feedback", {"text": "kürzer"})
    lead.call("POST", f"/agent-tasks/{task_id}/cancel")
    while deliver(tenants.a):
        pass
    assert deliver(tenants.b) == 0
    assert receiver.refused == 0
    assert [(got.aggregate, got.data["step"], got.data["skill"]) for got in receiver.got] == [
        (task_id, step, "draft_campaign") for step in ("submit", "revise", "cancel")
    ]


def test_keys_that_are_too_long_and_unknown_fields_are_refused(lead):
    assert lead.submit(**{"Idempotency-Key": "x" * 256}).status_code == 422
    answer = lead.submit(values={**GOAL, "approve": True})
    assert (answer.status_code, answer.json()["field"]) == (422, "input.approve")
    assert lead.call("GET", f"/agent-tasks/{new_id()}").status_code == 404


def test_a_chat_turn_asks_first_and_a_repeat_changes_nothing(lead, tenants):
    def say(text, key, conversation="desk"):
        body = {"text": text, "conversation": conversation}
        return lead.call("POST", "/agent-turns", body, **{"Idempotency-Key": key}).json()

    asked = say("Entwirf eine Kampagne für alle Mitglieder", "1")
    assert (asked["kind"], asked["intent"], asked["by"]) == ("question", "draft_campaign", "rules")
    assert say("Entwirf eine Kampagne für alle Mitglieder", "1")["task_id"] == asked["task_id"]
    assert say("ja", "2", "another desk")["kind"] == "clarify"
    assert say("ja", "3") | {"text": ""} == asked | {"kind": "task", "intent": "confirm", "by": "code", "text": ""}
    assert lead.call("GET", f"/agent-tasks/{asked['task_id']}").json()["state"] == "queued"
    assert say("Gib sie frei und sende sie sofort", "4")["kind"] == "handoff"


def test_feedback_with_a_key_is_given_once(lead, tenants):
    task_id = lead.submit().json()["id"]
    write(tenants.a)
    for _ in range(2):
        said = lead.call("POST", f"/agent-tasks/{task_id}/feedback", {"text": "kürzer"}, **{"Idempotency-Key": "f"})
        assert (said.status_code, said.json()["state"]) == (202, "queued")
    late = lead.call("POST", f"/agent-tasks/{task_id}/feedback", {"text": "länger"}, **{"Idempotency-Key": "g"})
    assert (late.status_code, late.json()["code"]) == (409, "not_in_review")
