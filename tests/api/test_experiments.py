"""A/B tests over HTTP: from the agent's or a person's variants to results in words."""

import comparing as own
import make
import pytest

from domain.campaigns import service as campaigns
from domain.delivery import materialise
from domain.experiments import service
from kernel import clock, db
from models import Tenant

DE = {"de": {"email": {"subject": "Komm wieder vorbei"}}}


@pytest.fixture
def studio(tenants, frozen_clock):
    with db.tenant_session(tenants.a) as session:
        own.people(session, 400)
    yield tenants.a
    clock.set_source(None)


def test_variants_are_written_shown_sent_and_decided(studio, tenants, clients):
    a, b = clients
    with db.tenant_session(studio) as session:
        made, parent = make.drafted(session)
    path = f"/campaigns/{made.id}"
    assert a.get(f"{path}/ab-test-results").status_code == 404
    payload = {
        "parent_id": str(parent.id),
        "variants": [{"languages": DE}],
        "settings": {"test_percent": 50, "holdout_percent": 10, "no_winner": "ask"},
    }
    written = a.post(f"{path}/variants", payload)
    assert written.status_code == 201, written.text
    assert b.post(f"{path}/variants", payload).status_code == 404
    assert a.post(f"{path}/variants", payload).status_code == 409
    shown = a.get(f"{path}/variants").json()
    assert [each["variant"] for each in shown["variants"]] == ["A", "B"]
    assert shown["variants"][1]["languages"]["de"]["email"]["subject"] == "Komm wieder vorbei"
    assert shown["settings"]["weights"] == [1, 1]
    assert a.get(f"{path}/flight-check").json()["variants"] == {"A": 100, "B": 100}
    assert a.get(f"{path}/ab-test-results").json()["status"] == "not_started"
    with db.tenant_session(studio) as session:
        revision = service.revisions.current(session, campaigns.get(session, made.id))
        make.approve(session, made.id, revision)
        campaigns.start(session, made.id, actor="t")
        assert materialise.materialise(session, made.id)
        own.hand_over(session, made.id)
        own.click(session, made.id, [10, 13])
    running = a.get(f"{path}/ab-test-results").json()
    assert running["status"] == "testing"
    assert [(each["allocated"], each["responses"]) for each in running["variants"]] == [(100, 10), (100, 13)]
    assert "Noch ist nichts entschieden" in running["summary"]["de"]
    own.later(25)
    with db.tenant_session(studio) as session:
        service.look(session, made.id)
    asking = a.get(f"{path}/ab-test-results").json()
    assert (asking["status"], asking["verdict"]) == ("asking", "not_enough_data")
    assert asking["plan"]["needed"] > 1_000
    choice = {"outcome": "send", "variant": "B", "reason": "Der Ton passt besser."}
    assert b.post(f"{path}/ab-test-decision", choice).status_code == 404
    wrong = a.post(f"{path}/ab-test-decision", choice | {"variant": "C"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    decided = a.post(f"{path}/ab-test-decision", choice).json()
    assert (decided["status"], decided["winner"]) == ("decided", "B")
    assert [(each["outcome"], each["variant"], each["released"]) for each in decided["decisions"]] == [
        ("ask", None, 0),
        ("send", "B", 160),
    ]
    assert a.post(f"{path}/ab-test-decision", choice).json()["code"] == "already_decided"


def test_lift_is_for_those_whose_plan_has_it(studio, clients):
    a, _ = clients
    with db.tenant_session(studio) as session:
        campaign_id = own.compared(session, holdout_percent=20).id
        own.hand_over(session, campaign_id)
        own.buy(session, campaign_id, 0, [1_000] * 40)
    path = f"/campaigns/{campaign_id}/holdout-lift"
    assert a.get(path).status_code == 402
    with db.tenant_session(studio) as session:
        session.get_one(Tenant, studio).tier = "enterprise"
    own.later(1)
    found = a.get(path).json()
    assert found["effects"][0]["sent"] == [40, 320]
    assert found["effects"][0]["held_out"] == [0, 80]
    assert "written to" in found["sentences"]["en"][0]


def test_the_planner_answers_in_words_and_refuses_nonsense(clients):
    a, _ = clients
    found = a.get("/ab-tests/plan", params={"base_rate": 0.1, "per_arm": 180, "effect": 0.02}).json()
    assert found["needed"] == 3_841
    assert found["sentences"]["de"] == [
        "180 je Variante finden bei 10,0 % einen Unterschied ab 10,6 Prozentpunkten.",
        "Für 2,0 Prozentpunkte über 10,0 % braucht es 3.841 je Variante.",
    ]
    always = a.get("/ab-tests/plan", params={"base_rate": 0.1, "effect": 0.02, "decide": "evidence"}).json()
    assert always["needed"] > 3_841
    assert a.get("/ab-tests/plan", params={"base_rate": 1.5}).status_code == 422
    beyond = a.get("/ab-tests/plan", params={"base_rate": 0.9, "effect": 0.2}).json()
    assert beyond["needed"] is None
    assert "per_arm" in a.get("/ab-tests/plan").json()["sentences"]["en"][0]


def test_variants_go_again_and_plans_below_have_none(studio, clients):
    a, _ = clients
    with db.tenant_session(studio) as session:
        made, _ = make.drafted(session)
    path = f"/campaigns/{made.id}/variants"
    assert a.get(path).json()["settings"] is None
    assert a.post(path, {}).status_code == 422
    assert a.post(path, {"variants": [], "settings": {"holdout_percent": 5}}).status_code == 201
    assert a.call("DELETE", path).status_code == 200
    assert a.call("DELETE", path).status_code == 404
    with db.tenant_session(studio) as session:
        session.get_one(Tenant, studio).tier = "starter"
    refused = a.post(path, {"variants": [{"languages": DE}]})
    assert (refused.status_code, refused.json()["code"]) == (402, "plan_limit")
