"""Sequences through the API, from the draft to the last step."""

import make
import pytest
from sqlalchemy import text
from walking import approve, message, move, ready, wanted

from kernel import db


@pytest.fixture
def studios(tenants, clients):
    for tenant_id in (tenants.a, tenants.b):
        ready(tenant_id)
    return clients


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_from_the_draft_to_the_last_step(studios, tenants):
    ours, theirs = studios
    definition = wanted(message("hello", goal="Begrüße"), {"type": "delay", "key": "d", "days": 1}, message("more"))
    made = ours.post("/sequences", {"name": "Willkommen", "definition": definition})
    assert (made.status_code, made.json()["status"], made.json()["unpublished"]) == (201, "draft", True)
    place = f"/sequences/{made.json()['id']}"
    steps = {step["key"]: step for step in made.json()["steps"]}
    assert [step["problem"] for step in steps.values()] == ["not_approved", None, "not_approved"]
    campaign = ours.get(f"/campaigns/{steps['hello']['campaign_id']}").json()
    assert (campaign["kind"], campaign["status"], campaign["goal"]) == ("drip", "draft", "Begrüße")
    refused = ours.post(f"{place}/publish")
    assert (*code(refused), refused.json()["steps"]) == (409, "steps_not_approved", ["hello", "more"])
    with db.tenant_session(tenants.a) as session:
        member = str(make.member(session, "a@example.org", first_name="Ada").id)
        for step in ("hello", "more"):
            approve(session, steps[step]["campaign_id"])
    assert code(ours.post(f"{place}/enrolments", {"member_ids": [member]})) == (409, "sequence_not_live")
    live = ours.post(f"{place}/publish").json()
    assert (live["status"], live["published"], live["unpublished"]) == ("live", 1, False)
    for verb in ("start", "duplicate"):
        assert code(ours.post(f"/campaigns/{steps['hello']['campaign_id']}/{verb}")) == (409, "of_sequence")

    rehearsed = ours.post(f"{place}/rehearsal", {"member_ids": [member], "start": "2027-03-27T09:00:00+01:00"}).json()
    assert [(each["kind"], each["step"], each["local"]) for each in rehearsed[0]["entries"]] == [
        ("enrolled", None, "2027-03-27T09:00+01:00"),
        ("message", "hello", "2027-03-27T09:00+01:00"),
        ("wait", "d", "2027-03-27T09:00+01:00"),
        ("message", "more", "2027-03-28T09:00+02:00"),
        ("completed", None, "2027-03-28T09:00+02:00"),
    ]
    invented = {"member": {"time_zone": "America/New_York"}, "start": "2027-03-27T09:00:00+01:00"}
    assert ours.post(f"{place}/rehearsal", invented).json()[0]["entries"][0]["local"] == "2027-03-27T04:00-04:00"
    assert ours.post(f"{place}/rehearsal", {}).json()[0]["member_id"] == member
    assert code(ours.post(f"{place}/rehearsal", {"does": {"d": ["opened"]}})) == (422, "invalid")

    assert ours.post(f"{place}/enrolments", {"member_ids": [member]}).json()["enrolled"] == 1
    assert ours.post(f"{place}/enrolments", {"member_ids": [member]}).json()["enrolled"] == 0
    move(tenants.a)
    seen = ours.get(place).json()
    assert seen["enrolments"] == {"active": 1}
    assert {step["key"]: (step["waiting"], step["messages"]) for step in seen["steps"]} == {
        "hello": (0, {"pending": 1}), "d": (1, {}), "more": (0, {}),
    }  # fmt: skip
    (enrolment,) = ours.get(f"/members/{member}/enrolments").json()["items"]
    assert (enrolment["state"], enrolment["step"], enrolment["done"]) == ("active", "d", ["hello"])
    ended = ours.call("DELETE", f"{place}/enrolments/{enrolment['id']}").json()
    assert (ended["state"], ended["reason"]) == ("exited", "manual")
    assert ours.get(f"{place}/enrolments", params={"state": "active"}).json()["items"] == []

    again = ours.post(f"{place}/steps/more/rewrite")
    assert again.status_code == 201
    assert ours.get(place).json()["unpublished"] is True
    with db.tenant_session(tenants.a) as session:
        approve(session, again.json()["campaign_id"])
    assert ours.post(f"{place}/publish").json()["published"] == 2
    assert [version["n"] for version in ours.get(f"{place}/versions").json()["items"]] == [2, 1]
    for verb, status in (("pause", "paused"), ("resume", "live"), ("archive", "archived")):
        assert ours.post(f"{place}/{verb}").json()["status"] == status
    assert code(ours.call("PUT", place, {"name": "x"})) == (409, "illegal_step")
    assert theirs.get("/sequences").json()["items"] == []
    told = [each["type"] for each in ours.get("/events", params={"limit": 200}).json()["items"]]
    assert {each for each in told if each.startswith("crm.sequence")} == {
        f"crm.sequence.{what}" for what in ("started", "paused", "enrolled", "exited")
    }


def test_the_plan_below_enterprise_has_none(clients, tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE tenant SET tier = 'business'"))
    answer = clients[0].post("/sequences", {"name": "x", "definition": wanted(message("a"))})
    assert (*code(answer), answer.json()["lifted_by"]) == (402, "plan_limit", "enterprise")
    assert code(clients[0].post("/sequences", {"name": "x", "definition": {"steps": 1}}))[0] == 402
