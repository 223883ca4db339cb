"""Sequences through the API, from the draft to the last step."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import make
import pytest
from sqlalchemy import text
from walking import approve, delay, message, move, ready, wanted

from domain.campaigns import revisions
from domain.campaigns import service as campaigns
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
    _says_where_they_stand(ours, place, enrolment)
    ended = ours.call("DELETE", f"{place}/enrolments/{enrolment['id']}").json()
    assert (ended["state"], ended["reason"], ended["next_message"]) == ("exited", "manual", None)
    assert ended["words"] == {"de": "Wurde herausgenommen.", "en": "Was taken out."}
    assert ours.get(f"{place}/enrolments", params={"reason": "manual"}).json()["items"] == [ended]
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


def _says_where_they_stand(ours, place, enrolment):
    assert (enrolment["sequence"], enrolment["sequence_status"]) == ("Willkommen", "live")
    assert enrolment["next_message"] == "more"
    due = datetime.fromisoformat(enrolment["due_at"]).astimezone(ZoneInfo("Europe/Berlin"))
    local = due.isoformat(timespec="minutes")
    assert enrolment["words"] == {
        "de": f"Wartet bis {local}, dann kommt „more“.", "en": f"Waits until {local}; “more” comes next.",
    }  # fmt: skip
    for params, n in (
        ({"step": "d"}, 1), ({"step": "more"}, 0), ({"member_id": enrolment["member_id"]}, 1),
        ({"reason": "manual"}, 0),
        ({"member_id": enrolment["id"]}, 0),
    ):  # fmt: skip
        assert len(ours.get(f"{place}/enrolments", params=params).json()["items"]) == n
    assert ours.get(f"{place}/enrolments", params={"reason": "bored"}).status_code == 422
    assert ours.post(f"{place}/pause").status_code == 200
    (halted,) = ours.get(f"{place}/enrolments").json()["items"]
    assert halted["words"] == {"de": "Die Sequenz ist angehalten.", "en": "The sequence is paused."}
    assert ours.post(f"{place}/resume").status_code == 200


def test_the_plan_below_enterprise_has_none(clients, tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE tenant SET tier = 'business'"))
    answer = clients[0].post("/sequences", {"name": "x", "definition": wanted(message("a"))})
    assert (*code(answer), answer.json()["lifted_by"]) == (402, "plan_limit", "enterprise")
    assert code(clients[0].post("/sequences", {"name": "x", "definition": {"steps": 1}}))[0] == 402


NESTED: dict = {"type": "tag", "any_of": ["x"]}
for _ in range(300):
    NESTED = {"type": "not", "rule": NESTED}
READ = {"type": "did", "what": "opened", "step": "a"}


@pytest.mark.parametrize(
    "definition",
    [
        wanted(delay("d", days=0), message("a")),
        wanted(delay("d", days=3_650), message("a")),
        wanted(delay("d", hours=10**12), message("a")),
        wanted(message("a"), {"type": "condition", "key": "c", "test": READ, "yes": "a"}),
        wanted(message("a", next="a")),
        wanted(*[message(f"a{n}") for n in range(51)]),
        wanted(message("größe")),
        wanted(message("а")),  # Cyrillic
        wanted(message("a\n")),
        wanted(message("a"), goals=[{"type": "rule", "rule": NESTED}]),
        wanted(message("a"), trigger={"type": "segment_joined", "segment_id": "00000000-0000-0000-0000-000000000000"}),
        wanted(message("a", goal="x\0y")),
        wanted({"type": "tag", "key": "t", "add": ["x\0"]}, message("a")),
        {"trigger": {"type": "manual"}, "steps": {}},
        [],
    ],
)
def test_what_cannot_be_followed_is_refused_and_leaves_nothing(studios, tenants, definition):
    refused = studios[0].post("/sequences", {"name": "x", "definition": definition})
    assert 400 <= refused.status_code < 500, refused.text
    assert refused.json()["code"]
    with db.tenant_session(tenants.a) as session:
        assert session.execute(text("SELECT count(*) FROM sequence")).scalar_one() == 0


def test_of_two_editors_the_second_is_told(studios):
    ours, theirs = studios
    made = ours.post("/sequences", {"name": "Zwei", "definition": wanted(message("a"))}).json()
    place, mine = f"/sequences/{made['id']}", {"draft_version": made["draft_version"]}
    first = ours.call("PUT", place, mine | {"definition": wanted(message("a"), delay("d", days=1), message("b"))})
    assert (first.status_code, first.json()["draft_version"]) == (200, 2)
    second = ours.call("PUT", place, mine | {"definition": wanted(message("z"))})
    assert (*code(second), second.json()["current_version"]) == (409, "stale_version", 2)
    assert [step["key"] for step in ours.get(place).json()["steps"]] == ["a", "d", "b"]
    assert ours.call("PUT", place, {"draft_version": 2, "name": "Drei"}).status_code == 200
    assert theirs.call("PUT", place, mine).status_code == 404


def test_a_segment_that_is_gone_stops_the_publishing_and_nobody_deletes_a_sequence(studios, tenants):
    ours, _ = studios
    segment = ours.post("/segments", {"name": "VIP", "kind": "static"}).json()["id"]
    trigger = {"type": "segment_joined", "segment_id": segment}
    made = ours.post("/sequences", {"name": "VIP", "definition": wanted(message("a"), trigger=trigger)}).json()
    place, step = f"/sequences/{made['id']}", made["steps"][0]["campaign_id"]
    with db.tenant_session(tenants.a) as session:
        approve(session, step)
    assert ours.call("DELETE", f"/segments/{segment}").status_code == 200
    refused = ours.post(f"{place}/publish")
    assert (refused.status_code, refused.json()["code"]) in {(422, "invalid"), (404, "not_found")}
    assert ours.get(place).json()["status"] == "draft"
    assert ours.call("DELETE", place).status_code == 405


def test_a_held_step_is_given_another_ceiling_by_the_api_and_goes_on(studios, tenants):
    ours, _ = studios
    made = ours.post("/sequences", {"name": "Teuer", "definition": wanted(message("a"))}).json()
    place, step = f"/sequences/{made['id']}", f"/campaigns/{made['steps'][0]['campaign_id']}"
    assert ours.call("PUT", step, {"cost_ceiling_minor": 1}).status_code == 200
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE tenant SET email_price = 2000"))
        member = str(make.member(session, "a@example.org").id)
        approve(session, made["steps"][0]["campaign_id"])
    assert ours.post(f"{place}/publish").status_code == 200
    assert ours.post(f"{place}/enrolments", {"member_ids": [member]}).json()["enrolled"] == 1
    move(tenants.a)
    (shown,) = ours.get(place).json()["steps"]
    assert (shown["holds"], shown["held"], shown["passed"], shown["messages"]) == ("over_cost_ceiling", 1, 0, {})
    assert ours.call("PUT", step, {"cost_ceiling_minor": 2}).status_code == 409
    assert ours.post(f"{place}/steps/a/review").status_code == 200
    assert ours.call("PUT", step, {"cost_ceiling_minor": 2}).status_code == 200
    with db.tenant_session(tenants.a) as session:
        campaign = campaigns.get(session, UUID(made["steps"][0]["campaign_id"]))
        make.approve(session, campaign.id, revisions.current(session, campaign))
    move(tenants.a)
    seen = ours.get(place).json()
    assert (seen["enrolments"], seen["steps"][0]["passed"]) == ({"completed": 1}, 1)
