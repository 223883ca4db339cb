"""Templates as the provider has them, and a tenant's own words that stop, over HTTP."""

from collections.abc import Iterator

import pytest
import texters
from fakes.http_provider import Fault
from fakes.twilio import FakeTwilio, content

from domain.senders import accounts
from domain.senders import content_templates as service
from kernel import db, settings


@pytest.fixture
def twilio(address) -> Iterator[FakeTwilio]:
    with FakeTwilio() as running:
        settings.use(settings.get_settings().model_copy(update={"twilio_url": running.url}))
        yield running


def test_templates_are_taken_over_with_whatsapps_word_about_each(clients, tenants, twilio):
    ours, theirs = clients
    account = texters.account(tenants.a)
    twilio.contents = [
        content("herbst", "Hallo {{1}}, {{2}} kostet {{price}}."),
        content("pause", "Hallo", approval="paused"),
        content("roh", "Hallo {{1}}", approval_requests=None, types={"twilio/quick-reply": {
            "body": "Hallo {{1}}", "actions": [{"title": "Ja {{ 3 }}", "id": "1"}]}}),
    ]  # fmt: skip
    answer = ours.post("/content-templates/sync", {"account_id": str(account.id)})
    assert (answer.status_code, answer.json()) == (200, {"known": 3, "gone": 0})
    shown = {row["name"]: row for row in ours.get("/content-templates").json()["items"]}
    assert {name: row["approval"] for name, row in shown.items()} == {
        "herbst": "approved", "pause": "paused", "roh": "unsubmitted",
    }  # fmt: skip
    assert list(shown["herbst"]["variables"]) == ["1", "2", "price"]
    assert (sorted(shown["roh"]["variables"]), shown["roh"]["kind"]) == (["1", "3"], "twilio/quick-reply")
    assert shown["herbst"]["category"] == "marketing"
    twilio.contents = [content("herbst", "Servus {{1}}", approval="rejected")]
    twilio.contents[0]["approval_requests"]["rejection_reason"] = "too loud"
    assert ours.post("/content-templates/sync", {"account_id": str(account.id)}).json() == {"known": 1, "gone": 2}
    found = ours.get("/content-templates?approval=rejected").json()["items"]
    assert [(row["id"], row["rejection"], row["body"]) for row in found] == [
        (shown["herbst"]["id"], "too loud", "Servus {{1}}")
    ]
    assert theirs.get("/content-templates").json()["items"] == []
    assert theirs.get(f"/content-templates/{found[0]['id']}").status_code == 404
    assert ours.get(f"/content-templates/{found[0]['id']}").json()["sid"] == found[0]["sid"]
    assert theirs.post("/content-templates/sync", {"account_id": str(account.id)}).status_code == 404


def test_only_an_approved_template_whose_variables_fit_can_be_sent(tenants, twilio):
    account = texters.account(tenants.a)
    twilio.contents = [content("gut", "{{1}} {{2}}"), content("pause", "x", approval="paused")]
    service.sync(tenants.a, account.id)
    good, paused = (each["sid"] for each in twilio.contents)

    def code(sid: str, **variables: str) -> str | None:
        with db.tenant_session(tenants.a) as session:
            found = service.problem(session, account.id, sid, {name[1:]: value for name, value in variables.items()})
            return found.code if found else None

    assert code(good, _1="a", _2="b") is None
    assert code(good, _1="a", _2="b" * 1_024) is None
    assert code(paused) == "template_not_approved"
    assert code("HX" + "9" * 32) == "template_unknown"
    for wrong in (
        {"_1": "a"},
        {"_1": "a", "_2": "b", "_3": "c"},
        {"_1": "a", "_2": " "},
        {"_1": "a", "_2": "b" * 1_025},
    ):
        assert code(good, **wrong) == "template_variables"


def test_a_refusal_of_the_provider_is_told_in_its_words(clients, tenants, twilio):
    account = texters.account(tenants.a)
    twilio.faults.append(Fault(401, {"code": 20003, "message": "Authenticate", "status": 401}))
    answer = clients[0].post("/content-templates/sync", {"account_id": str(account.id)})
    assert (answer.status_code, answer.json()["code"]) == (409, "provider_refuses")
    assert "20003 Authenticate" in answer.json()["detail"]
    with db.tenant_session(tenants.a) as session:
        mail = accounts.create(
            session, kind="smtp", label="m", settings={"host": "relay.example", "security": "tls"}, secret="", actor="t"
        )
    answer = clients[0].post("/content-templates/sync", {"account_id": str(mail.id)})
    assert answer.json()["code"] == "no_templates"


def test_a_tenants_words_are_kept_plain_and_its_own(clients):
    ours, theirs = clients
    answer = ours.call("PUT", "/opt-out-words", {"words": ["Pfeffer!", "pfeffer", "Ça suffit"]})
    assert answer.json() == {"words": ["ca suffit", "pfeffer"]}
    assert ours.get("/opt-out-words").json() == {"words": ["ca suffit", "pfeffer"]}
    assert theirs.get("/opt-out-words").json() == {"words": []}
    for wrong in (["!!"], ["x"], ["w" * 41], [f"wort{n}" for n in range(51)]):
        assert ours.call("PUT", "/opt-out-words", {"words": wrong}).status_code == 422
    assert ours.call("PUT", "/opt-out-words", {"words": []}).json() == {"words": []}
