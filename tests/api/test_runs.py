"""Runs over HTTP: watched while they work, continued when they stopped; the brand profile and its rules."""

import json
import threading
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from agents import run as agent
from kernel import db
from models import AgentRun, AgentStep, Campaign
from tests.api.test_main_path import created

GOAL = "Information zu den Öffnungszeiten über die Feiertage"


@pytest.fixture
def asked(clients, tenants) -> tuple[str, str]:
    """A campaign of tenant A with a queued run."""
    a, _ = clients
    campaign = created(a, goal=GOAL)
    run = a.post(f"/campaigns/{campaign['id']}/generate", {}).json()
    return campaign["id"], run["id"]


def stopped(tenant_id: UUID, run_id: str, status: str) -> None:
    with db.tenant_session(tenant_id) as session:
        campaign_id = session.execute(
            update(AgentRun)
            .where(AgentRun.id == UUID(run_id))
            .values(status=status, error_code="run_token_limit", attempts=5, spent_tokens=120_000, token_limit=120_000)
            .returning(AgentRun.campaign_id)
        ).scalar_one()
        session.execute(update(Campaign).where(Campaign.id == campaign_id).values(status="draft"))


def events(text: str) -> list[tuple[str, dict[str, Any], str | None]]:
    found = []
    for part in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in part.splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"]), lines.get("id")))
    return found


def test_a_run_is_watched_from_its_first_step_to_its_end(clients, tenants, asked):
    a, _ = clients
    campaign_id, run_id = asked
    worker = threading.Thread(target=agent.execute, args=(tenants.a, UUID(run_id)))
    worker.start()
    answer = a.get(f"/campaigns/{campaign_id}/runs/{run_id}/events")
    worker.join()
    assert answer.headers["content-type"].startswith("text/event-stream")
    seen = events(answer.text)
    steps = [data["node"] for name, data, _ in seen if name == "step"]
    assert steps == ["load", "audience", "retrieve", "scope", "brief", "base", "batch", "adapt", "check", "store"]
    states = [data for name, data, _ in seen if name == "run"]
    assert (states[-1]["status"], states[-1]["percent"]) == ("done", 100)
    percents = [state["percent"] for state in states]
    assert percents == sorted(percents)
    ids = [event_id for name, _, event_id in seen if name == "step"]
    later = a.get(f"/campaigns/{campaign_id}/runs/{run_id}/events", headers={"Last-Event-ID": ids[3]})
    assert [data["node"] for name, data, _ in events(later.text) if name == "step"] == steps[4:]


def test_a_watch_shows_nothing_of_another_tenant_and_refuses_foreign_ids(clients, asked):
    a, b = clients
    campaign_id, run_id = asked
    other = created(a, goal=GOAL)["id"]
    assert b.get(f"/campaigns/{campaign_id}/runs/{run_id}/events").status_code == 404
    assert b.post(f"/campaigns/{campaign_id}/runs/{run_id}/continue", {}).status_code == 404
    assert a.get(f"/campaigns/{other}/runs/{run_id}/events").status_code == 404
    assert a.post(f"/campaigns/{other}/runs/{run_id}/continue", {}).status_code == 404
    bad = a.get(f"/campaigns/{campaign_id}/runs/{run_id}/events", headers={"Last-Event-ID": "x"})
    assert (bad.status_code, bad.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("status", ["paused_budget", "paused_provider", "failed"])
def test_a_run_that_stopped_goes_on_where_it_was(clients, tenants, asked, status):
    a, _ = clients
    campaign_id, run_id = asked
    stopped(tenants.a, run_id, status)
    answer = a.post(f"/campaigns/{campaign_id}/runs/{run_id}/continue", {})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert a.get(f"/campaigns/{campaign_id}").json()["status"] == "ai_generating"
    agent.execute(tenants.a, UUID(run_id))
    shown = a.get(f"/campaigns/{campaign_id}").json()
    assert (shown["status"], shown["run"]["id"], shown["run"]["status"]) == ("pending_review", run_id, "done")
    again = a.post(f"/campaigns/{campaign_id}/runs/{run_id}/continue", {})
    assert (again.status_code, again.json()["code"]) == (409, "run_not_stopped")


def test_a_run_is_finished_without_ai_on_request(clients, tenants, asked):
    a, _ = clients
    campaign_id, run_id = asked
    stopped(tenants.a, run_id, "failed")
    assert a.post(f"/campaigns/{campaign_id}/runs/{run_id}/continue", {"without_ai": True}).status_code == 202
    with db.tenant_session(tenants.a) as session:
        assert session.get(AgentRun, UUID(run_id)).options == {"writer": "builtin"}
    agent.execute(tenants.a, UUID(run_id))
    assert a.get(f"/campaigns/{campaign_id}").json()["run"]["writer"] == "builtin"


def test_only_the_last_run_goes_on(clients, tenants, asked):
    a, _ = clients
    campaign_id, run_id = asked
    stopped(tenants.a, run_id, "failed")
    assert a.post(f"/campaigns/{campaign_id}/generate", {"variation": 1, "ask": "never"}).status_code == 202
    answer = a.post(f"/campaigns/{campaign_id}/runs/{run_id}/continue", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "superseded")


def test_steps_hold_no_text(clients, tenants, asked):
    _, run_id = asked
    agent.execute(tenants.a, UUID(run_id))
    with db.tenant_session(tenants.a) as session:
        told = {step.node: step.info for step in session.query(AgentStep).all() if step.info}
        assert told == {"retrieve": {"search": {"by": "words"}}}  # codes only


def test_feedback_on_a_clicked_field_over_http(clients, tenants, asked):
    a, _ = clients
    campaign_id, run_id = asked
    agent.execute(tenants.a, UUID(run_id))
    revision = a.get(f"/campaigns/{campaign_id}/revisions").json()["items"][0]
    body = {"revision_id": revision["id"], "content_hash": revision["content_hash"], "comment": "anderer Betreff"}
    refused = a.post(f"/campaigns/{campaign_id}/feedback", body | {"scope": [{"field": "nowhere"}]})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    taken = a.post(f"/campaigns/{campaign_id}/feedback", body | {"scope": [{"field": "subject", "language": "de"}]})
    assert taken.status_code == 202
    agent.execute(tenants.a, UUID(taken.json()["id"]))
    second = a.get(f"/campaigns/{campaign_id}/revisions").json()["items"][0]
    fields = a.get(f"/campaigns/{campaign_id}/revisions/{second['id']}/diff").json()["fields"]
    assert [field["path"] for field in fields] == ["de.email.subject"]


def test_the_brand_profile_and_its_rules_over_http(clients, tenants, asked):
    a, b = clients
    campaign_id, run_id = asked
    assert a.get("/brand").json()["version"] == 0
    saved = a.call("PUT", "/brand", {"tone": "formal", "forbidden": ["Schnäppchen"]})
    assert (saved.status_code, saved.json()["version"]) == (200, 1)
    assert a.call("PUT", "/brand", {"required": ["schnäppchen"]}).status_code == 422
    agent.execute(tenants.a, UUID(run_id))
    revision = a.get(f"/campaigns/{campaign_id}/revisions").json()["items"][0]
    body = {"revision_id": revision["id"], "content_hash": revision["content_hash"], "comment": "per Sie"}
    taken = a.post(f"/campaigns/{campaign_id}/feedback", body)
    agent.execute(tenants.a, UUID(taken.json()["id"]))
    rules = a.get("/brand/rules").json()["items"]
    assert [(rule["code"], rule["state"]) for rule in rules] == [("form_sie", "proposed")]
    assert b.get("/brand/rules").json()["items"] == []
    assert b.call("PUT", f"/brand/rules/{rules[0]['id']}", {"state": "active"}).status_code == 404
    ticked = a.call("PUT", f"/brand/rules/{rules[0]['id']}", {"state": "active"})
    assert ticked.json()["state"] == "active"
    assert (a.get("/brand").json()["form"], a.get("/brand").json()["rules"]) == ("sie", ["form_sie"])
    assert b.get("/brand").json()["form"] == "du"
