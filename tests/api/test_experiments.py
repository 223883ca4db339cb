"""A/B tests over HTTP: from the agent's or a person's variants to results in words."""

import email
import email.policy

import comparing as own
import make
import pytest
from sqlalchemy import func, select
from walking import message, ready, wanted

from ariia.embedded.mailbox import Mailbox
from ariia.tasks import campaigns as tasks
from domain.campaigns import service as campaigns
from domain.delivery import materialise
from domain.experiments import service
from domain.identity import service as identity
from domain.identity.rules import Role
from domain.sequences import service as sequences
from kernel import clock, db, settings
from models import CampaignCount, Message, Tenant

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
    assert found["needed"] == 3_941
    assert found["sentences"]["de"] == [
        "180 je Variante finden bei 10,0 % einen Unterschied ab 11,2 Prozentpunkten.",
        "Für 2,0 Prozentpunkte über 10,0 % braucht es 3.941 je Variante.",
    ]
    always = a.get("/ab-tests/plan", params={"base_rate": 0.1, "effect": 0.02, "decide": "evidence"}).json()
    assert always["needed"] > 3_941
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


def others(n: int) -> list[dict]:
    return [{"languages": {"de": {"email": {"subject": f"Betreff {i}"}}}} for i in range(n)]


@pytest.mark.parametrize(
    ("n", "chosen", "field"),
    [
        (26, {}, "variants"),
        (1, {"weights": [1, 1, 1]}, "weights"),
        (1, {"weights": [0, 1]}, "weights"),
        (1, {"weights": [1.5, 1]}, "weights"),
        (1, {"holdout_percent": 100}, "holdout_percent"),
        (1, {"holdout_percent": 40, "test_percent": 70}, "test_percent"),
        (1, {"metric": "conversions", "hours": 30 * 24}, "hours"),
        (1, {"alpha": "NaN"}, "alpha"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_its_name(tenants, clients, n, chosen, field):
    with db.tenant_session(tenants.a) as session:
        made, _ = make.drafted(session)
    refused = clients[0].post(f"/campaigns/{made.id}/variants", {"variants": others(n), "settings": chosen})
    assert refused.status_code == 422
    assert field in refused.text


def test_a_comparison_of_one_person_ends_and_is_not_edited_while_it_runs(tenants, clients, frozen_clock):
    ours, _ = clients
    with db.tenant_session(tenants.a) as session:
        own.people(session, 1)
        ids = [own.compared(session, own.B, metric=metric).id for metric in ("clicks", "revenue")]
        for campaign_id in ids:
            own.hand_over(session, campaign_id)
    try:
        for hours in (1, 30):
            own.later(hours)
            with db.tenant_session(tenants.a) as session:
                verdicts = [service.look(session, campaign_id).verdict for campaign_id in ids]
    finally:
        clock.set_source(None)
    assert verdicts == ["not_enough_data", "not_enough_data"]
    for campaign_id in ids:
        shown = ours.get(f"/campaigns/{campaign_id}/ab-test-results").json()
        assert (shown["status"], sorted(each["allocated"] for each in shown["variants"])) == ("decided", [0, 1])
        edited = ours.post(f"/campaigns/{campaign_id}/variants", {"variants": others(1)})
        assert edited.status_code == 409, edited.text
        assert ours.call("DELETE", f"/campaigns/{campaign_id}/variants").status_code == 409


def test_a_test_shows_every_variant_to_the_team_or_the_one_that_is_named(tenants, clients, tmp_path):
    ours, theirs = clients
    ready(tenants.a)
    with db.tenant_session(tenants.a) as session:
        member = str(make.member(session, "jo@example.org", first_name="Jo").id)
        identity.add_user(session, name="Mara", email="mara@studio.example", role=Role.EDITOR, password=None, actor="t")
        made, _ = make.drafted(session)
        step = sequences.create(session, name="Drip", wanted=wanted(message("a")), actor="t").campaigns["a"]
    path = f"/campaigns/{made.id}"
    wish = {"member_id": member, "to": "mara@studio.example"}
    assert list(ours.post(f"{path}/test", wish).json()["variants"]) == ["A"]
    assert ours.post(f"{path}/variants", {"variants": others(2)}).status_code == 201
    for path_, content in ((f"/campaigns/{step}", {"content": make.draft_content()}),):
        assert ours.post(f"{path_}/test", wish).json()["code"] == "no_content"
        assert ours.post(f"{path_}/revisions", content).status_code == 201
        refused = ours.post(f"{path_}/variants", {"variants": others(1), "settings": {"holdout_percent": 5}})
        assert (refused.status_code, "step of a sequence" in refused.text) == (422, True)
        assert ours.post(f"{path_}/variants", {"variants": others(1)}).status_code == 201
    every = ours.post(f"{path}/test", wish).json()
    assert every["message_id"] == every["variants"]["A"]
    assert list(ours.post(f"{path}/test", wish | {"variant": "C"}).json()["variants"]) == ["C"]
    assert list(ours.post(f"/campaigns/{step}/test", wish | {"variant": "B"}).json()["variants"]) == ["B"]
    assert ours.post(f"{path}/test", wish | {"variant": "D"}).status_code == 422
    assert ours.post(f"{path}/test", wish | {"variant": "Z"}).status_code == 422
    assert theirs.post(f"{path}/test", wish | {"variant": "B"}).status_code == 404
    before = settings.get_settings()
    with Mailbox(tmp_path / "mail") as mailbox:
        settings.use(before.model_copy(update={"smtp_url": mailbox.url}))
        try:
            tasks.send_notices(tenants.a, tenants.a)
        finally:
            settings.use(before)
        mails = [email.message_from_bytes(raw, policy=email.policy.default) for raw in mailbox.messages()]
    assert sorted(str(mail["Subject"]) for mail in mails) == [
        "[Test A] Jo, dein Platz ist frei",
        "[Test B] Betreff 0",
        "[Test B] Betreff 0",
        "[Test C] Betreff 1",
        "[Test C] Betreff 1",
        "[Test] Jo, dein Platz ist frei",
    ]
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(func.count()).select_from(CampaignCount)).scalar_one() == 0
        assert session.execute(select(Message.id).where(Message.tested)).first() is None
