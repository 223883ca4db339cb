"""Webhooks and events over HTTP: the secret is shown once, and every tenant sees its own."""

import pytest

from domain.audience import service as audience
from domain.identity import service as identity
from domain.identity.rules import Role
from kernel import db
from tests.api.conftest import Client
from tests.domain.webhooks.rounds import deliver

HOOK = {"url": "https://crm.studio.example/hooks", "events": ["crm.member.*"]}


def made(client, **fields):
    answer = client.post("/webhooks", HOOK | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def member(tenant_id) -> None:
    with db.tenant_session(tenant_id) as session:
        audience.create(session, actor="t", contact={})


def test_a_secret_is_shown_when_it_is_made_and_never_again(clients):
    a, _ = clients
    hook = made(a)
    path = f"/webhooks/{hook['id']}"
    rotated = a.post(f"{path}/secret")
    assert hook["secret"].startswith("whsec_")
    assert rotated.status_code == 200
    assert rotated.json()["secret"] != hook["secret"]
    assert rotated.json()["previous_until"] is not None
    for answer in (a.get(path), a.get("/webhooks"), a.get("/audit"), a.call("PUT", path, {"description": "CRM"})):
        assert answer.status_code == 200
        assert hook["secret"] not in answer.text
        assert rotated.json()["secret"] not in answer.text


def test_an_event_is_listed_delivered_and_replayed(clients, tenants, receiver):
    a, b = clients
    hook = made(a, url=f"{receiver.url}/in")
    receiver.secrets.append(hook["secret"])
    member(tenants.a)
    member(tenants.b)
    assert deliver(tenants.a) == 1
    [event] = a.get("/events", params={"type": "crm.member.created"}).json()["items"]
    path = f"/webhooks/{hook['id']}"
    [delivery] = a.get(f"{path}/deliveries", params={"state": "delivered"}).json()["items"]
    assert delivery["event_id"] == event["id"] == receiver.got[0].id
    assert (delivery["status"], delivery["attempt"]) == (204, 1)
    assert a.get(f"{path}/deliveries", params={"state": "dead"}).json()["items"] == []
    assert a.post(f"{path}/replay", {"event_id": event["id"]}).json() == {"events": 1}
    assert a.post(f"{path}/replay", {"since": event["occurred_at"]}).json() == {"events": 1}
    deliver(tenants.a)
    assert receiver.ids == {event["id"]: 2}
    assert event["id"] not in b.get("/events").text
    [foreign] = b.get("/events", params={"aggregate": "member"}).json()["items"]
    assert a.post(f"{path}/replay", {"event_id": foreign["id"]}).status_code == 404


def test_a_ping_shows_what_came_back(clients, tenants, receiver):
    a, _ = clients
    hook = made(a, url=f"{receiver.url}/in")
    path = f"/webhooks/{hook['id']}"
    answer = a.post(f"{path}/ping")
    assert answer.status_code == 202
    deliver(tenants.a)  # the receiver does not know the secret
    [shown] = a.get(f"{path}/deliveries").json()["items"]
    assert (shown["id"], shown["state"], shown["status"]) == (answer.json()["id"], "failed", 401)
    assert "signature" in shown["excerpt"]


def test_lists_are_paginated(clients, tenants):
    a, _ = clients
    for _ in range(5):
        member(tenants.a)
    seen, cursor = [], None
    while True:
        page = a.get("/events", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("url", [
    "http://127.0.0.1/", "https://localhost:22/", "https://0x7f000001/", "https://[::1]/", "https://user:pw@crm.example/",
    "ftp://crm.example/", "crm.example", "https://169.254.169.254/latest", "https://crm.example/#x", "https://",
])  # fmt: skip
def test_a_url_that_leads_inside_is_refused_with_the_way_out(clients, url):
    a, _ = clients
    hook = made(a)
    for answer in (a.post("/webhooks", HOOK | {"url": url}), a.call("PUT", f"/webhooks/{hook['id']}", {"url": url})):
        assert answer.status_code == 422
        assert answer.json()["field"] == "url"


@pytest.mark.parametrize("fields", [
    {"events": []}, {"events": ["crm.nothing"]}, {"events": ["crm.camp*"]}, {"secret": "whsec_x"}, {"active": "yes"},
    {"failing_since": None}, {"tenant_id": "x"}, {"url": None}, {"url": "https://\x00"},
])  # fmt: skip
def test_what_cannot_be_used_is_refused(clients, fields):
    a, _ = clients
    assert a.post("/webhooks", HOOK | fields).status_code == 422


def test_another_tenants_webhook_is_not_there(clients):
    a, b = clients
    path = f"/webhooks/{made(a)['id']}"
    calls = [
        b.get(path), b.call("PUT", path, {}), b.call("DELETE", path), b.post(f"{path}/secret"),
        b.get(f"{path}/deliveries"), b.post(f"{path}/ping"),
        b.post(f"{path}/replay", {"since": "2026-01-01T00:00:00Z"}),
    ]  # fmt: skip
    assert {answer.status_code for answer in calls} == {404}
    assert b.get("/webhooks").json()["items"] == []
    assert a.get(path).status_code == 200


def test_scopes_decide_who_reads_and_who_writes(clients, http, tenants):
    a, _ = clients
    hook = made(a)
    with db.tenant_session(tenants.a) as session:
        reads = identity.issue_key(session, name="r", actor="t", scopes=frozenset({"webhooks:read"})).secret
        editor = identity.issue_key(session, name="e", actor="t", role=Role.EDITOR).secret
    for secret in (reads, editor):
        client = Client(http, secret)
        assert client.get(f"/webhooks/{hook['id']}").status_code == 200
        assert client.post("/webhooks", HOOK).status_code == 403
        assert client.post(f"/webhooks/{hook['id']}/secret").status_code == 403
    assert Client(http, reads).get("/events").status_code == 403


def test_a_tenant_has_at_most_twenty_and_one_that_is_off_is_left_alone(clients, tenants):
    a, _ = clients
    hooks = [made(a) for _ in range(20)]
    refused = a.post("/webhooks", HOOK)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
    path = f"/webhooks/{hooks[0]['id']}"
    off = a.call("PUT", path, {"active": False})
    assert (off.json()["active"], off.json()["disabled_reason"]) == (False, "switched_off")
    assert a.post(f"{path}/ping").json()["code"] == "webhook_off"
    member(tenants.a)
    assert a.get(f"{path}/deliveries").json()["items"] == []
    assert a.call("PUT", path, {"active": True}).json()["disabled_at"] is None
    assert a.call("DELETE", path).status_code == 204
    assert a.get(path).status_code == 404
