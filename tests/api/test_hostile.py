"""What a fuzzer found over HTTP: the ends of the calendar, halves of characters, words nobody meant."""

import json

import make
import pytest

from kernel import db

ENDS = ("0001-01-01", "9999-12-31")
FIGURES = (
    "/analytics/overview",
    "/analytics/overview/export?by=month",
    "/analytics/attribution",
    "/analytics/cohorts",
    "/analytics/cohorts/export",
    "/analytics/roi",
    "/analytics/roi/export",
)


@pytest.mark.parametrize("path", [*FIGURES, "/campaigns/{}/performance", "/campaigns/{}/performance/export"])
def test_the_ends_of_the_calendar_name_the_field(path, clients, tenants):
    with db.tenant_session(tenants.a) as session:
        place = path.format(make.campaign(session).id)
    for name in ("from", "to"):
        for day in ENDS:
            refused = clients[0].get(f"{place}{'&' if '?' in place else '?'}{name}={day}")
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid"), (name, day, refused.text)
            assert name in refused.json()["detail"]


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59+14:00", "2026-13-45 12/31/9999 heute 12h", "remind me mid 9999-12-31T23:59:59+14:00"]
)
def test_a_members_last_day_of_all_days_is_read(text, clients):
    read = clients[0].post("/follow-ups/dry-run", {"text": text, "ref": "2026-11-20T09:30:00+01:00"})
    assert read.status_code == 200, read.text
    assert read.json()["action"] in {"none", "too_far", "ask"}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_moments_that_overflow_on_another_clock_are_refused(moment, clients):
    a, _ = clients
    answers = {
        "ref": a.post("/follow-ups/dry-run", {"text": "morgen", "ref": moment}),
        "until": a.post("/follow-ups/rehearsal", {"until": moment}),
        "due_from": a.get("/follow-ups", params={"due_from": moment}),
        "due_until": a.get("/follow-ups", params={"due_until": moment}),
    }
    for field, answer in answers.items():
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text


def test_half_a_character_is_refused_wherever_it_stands(clients, tenants):
    with db.tenant_session(tenants.a) as session:
        campaign, parent = make.drafted(session)
    for subject in ({"\ud800": 1}, ["\ud800"], "\ud800"):
        variant = {"languages": {"de": {"email": {"subject": subject}}}}
        payload = json.dumps({"parent_id": str(parent.id), "variants": [variant]})
        refused = clients[0].post(
            f"/campaigns/{campaign.id}/variants", content=payload, headers={"Content-Type": "application/json"}
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid"), refused.text


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_no_moment_is_stored_that_cannot_be_read_again(moment, clients, tenants):
    a, _ = clients
    with db.tenant_session(tenants.a) as session:
        member = make.member(session, "m@a.example").id
    conversation = a.post("/conversations", {"member_id": str(member), "channel": "telegram"}).json()["id"]
    answers = {
        "last_visit_at": a.call("PUT", f"/members/{member}", {"last_visit_at": moment}),
        "at": a.post(f"/members/{member}/activities", {"kind": "visit", "at": moment}),
        "expires_at": a.post("/keys", {"name": "k", "scopes": ["members:read"], "expires_at": moment}),
    }
    said = a.post(f"/conversations/{conversation}/messages", {"author": "member", "text": "Hallo", "at": moment})
    bought = a.post(
        f"/members/{member}/purchases", {"product": "x", "amount_minor": 1, "currency": "EUR", "at": moment}
    )
    for field, answer in [*answers.items(), ("at", said), ("at", bought)]:
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert a.get(f"/members/{member}").status_code == a.get("/members").status_code == 200


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
def test_numbers_that_are_none_are_named(number, clients):
    payload = f'{{"first_name": "Jo", "attributes": {{"height": {number}}}}}'
    refused = clients[0].post("/members", content=payload, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text
    assert "attributes.height is no finite number" in refused.json()["detail"]


@pytest.mark.parametrize("at", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_schedule_at_the_ends_of_the_calendar_is_refused(at, clients):
    schedule = {"at": at, "time_zone": "Pacific/Kiritimati", "per_member": True}
    campaign = {"name": "x", "audience": {"kind": "all_members"}, "schedule": schedule}
    refused = clients[0].post("/campaigns", campaign)
    assert (refused.status_code, refused.json()["field"]) == (422, "schedule.at"), refused.text


@pytest.mark.parametrize("kind", [[], {}, [None], 1])
def test_a_block_of_no_type_is_refused(kind, clients):
    content = {"subject": "Hallo", "preheader": "Neu", "blocks": [{"type": kind, "text": "x"}]}
    refused = clients[0].post("/templates", {"name": "x", "kind": "email", "content": content})
    assert (refused.status_code, refused.json()["field"]) == (422, "content.blocks.0"), refused.text


@pytest.mark.parametrize("field", ["budget_minor", "cost_ceiling_minor"])
def test_an_amount_beyond_what_is_stored_is_named(field, clients):
    refused = clients[0].post("/campaigns", {"name": "x", "audience": {"kind": "all_members"}, field: 2**31})
    assert refused.json()["errors"][0]["field"] == field, refused.text


def test_half_a_character_is_refused_at_the_door_for_agents(clients):
    a, _ = clients
    for call in ('{"jsonrpc":"2.0","id":"\\ud800","method":"\\ud800","params":{}}', '{"jsonrpc":"2.0","id":"\\ud800"}'):
        headers = {"Authorization": f"Bearer {a.key}", "Content-Type": "application/json"}
        refused = a.http.post("/a2a", content=call, headers=headers)
        assert refused.status_code < 500, refused.text


NOTHING = ("\u200b", "\u3164", " \ufeff\u2800 ")


@pytest.mark.parametrize("nothing", NOTHING)
def test_a_text_that_nobody_sees_is_none(nothing, clients):
    a, _ = clients
    answers = {
        "first_name": a.post("/members", {"first_name": nothing}),
        "tags.0": a.post("/members", {"first_name": "Jo", "tags": [nothing]}),
        "name": a.post("/campaigns", {"name": nothing, "audience": {"kind": "all_members"}}),
    }
    for field, answer in answers.items():
        assert answer.status_code == 422, answer.text
        assert f"{field} holds only characters that cannot be seen" in answer.json()["detail"]


def test_a_name_that_nobody_sees_is_an_empty_cell_of_a_file(clients, tenants):
    a, _ = clients
    rows = "".join(f"M{n};{nothing};Lee;m{n}@a.example\n" for n, nothing in enumerate(NOTHING))
    file = {"file": ("m.csv", f"Mitgliedsnr;Vorname;Nachname;E-Mail\n{rows}".encode(), "text/csv")}
    made = a.post("/imports/members", files=file)
    assert made.status_code < 300, made.text
    members = a.get("/members").json()["items"]
    assert [(each["first_name"], each["last_name"]) for each in members] == [(None, "Lee")] * 3


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        ('{"name": "a", "name": "b"}', "'name'"),
        ('{"name": "a", "audience": {"kind": "all_members", "kind": "all_members"}}', "'kind'"),
        ('{"name": "a", "\\u006eame": "a"}', "'name'"),
        ('{"\\ud800": 1, "\\ud800": 2}', "'?'"),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "twice"}], ids=["plain", "idempotent"])
def test_a_key_that_stands_twice_in_an_object_is_refused_by_its_name(payload, name, headers, clients):
    a, _ = clients
    sent = {"Content-Type": "application/json", **headers}
    refused = a.post("/campaigns", content=payload, headers=sent)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request"), refused.text
    assert f"names {name} twice" in refused.json()["detail"]
    assert a.get("/campaigns").json()["items"] == []
