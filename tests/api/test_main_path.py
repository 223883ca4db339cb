"""From a goal to an approval over HTTP, and the refusals on the way."""

import concurrent.futures

import make
import pytest

from domain.delivery import materialise, service
from domain.delivery.render import link
from kernel import db
from kernel.ids import stable_id
from models import Campaign

CAMPAIGN = {"name": "Herbst", "audience": {"kind": "all_members"}, "goal": "Reaktiviere alle"}


def created(client, **fields):
    answer = client.post("/campaigns", CAMPAIGN | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def written(client, campaign):
    body = {"content": make.draft_content() | {"languages": {"de": {"email": make.email()}}}}
    answer = client.post(f"/campaigns/{campaign['id']}/revisions", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_person_approves_and_a_key_never_can(clients, approver):
    a, _ = clients
    a.post("/members", {"first_name": "Jo", "contact_points": {"email": "jo@example.org"}})
    campaign = created(a)
    revision = written(a, campaign)
    decision = {"revision_id": revision["id"], "content_hash": revision["content_hash"]}
    refused = a.post(f"/campaigns/{campaign['id']}/approve", decision)
    assert refused.status_code == 403
    assert "preview link" in refused.json()["detail"]
    approved = approver.post(f"/campaigns/{campaign['id']}/approve", decision)
    assert approved.status_code == 200, approved.text
    assert approved.json()["status"] == "approved"
    again = approver.post(f"/campaigns/{campaign['id']}/approve", decision)
    assert again.status_code == 409
    assert again.json()["allowed"]
    changed = a.call("PUT", f"/campaigns/{campaign['id']}", {"audience": {"kind": "all_members", "inactive_days": 3}})
    assert changed.json()["status"] == "pending_review"
    assert changed.json()["approval_hash"] is None
    assert a.post(f"/campaigns/{campaign['id']}/start").status_code == 409


def test_fifty_parallel_starts_launch_once(clients, approver):
    a, _ = clients
    a.post("/members", {"first_name": "Jo", "contact_points": {"email": "jo@example.org"}})
    campaign = created(a)
    revision = written(a, campaign)
    approver.post(
        f"/campaigns/{campaign['id']}/approve",
        {"revision_id": revision["id"], "content_hash": revision["content_hash"]},
    )
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: a.post(f"/campaigns/{campaign['id']}/start").status_code, range(50)))
    assert sorted(set(answers)) == [200, 409]
    assert answers.count(200) == 1


def test_the_second_broadcast_of_a_starter_is_refused_with_the_way_out(clients, approver, tenants):
    a, _ = clients
    with db.tenant_session(tenants.a) as session:
        session.execute(Campaign.__table__.delete())
        session.connection().exec_driver_sql("UPDATE tenant SET tier = 'starter'")
        make.member(session, "jo@example.org")
    answers = []
    for _ in range(2):
        campaign = created(a)
        revision = written(a, campaign)
        answers.append(
            approver.post(
                f"/campaigns/{campaign['id']}/approve",
                {"revision_id": revision["id"], "content_hash": revision["content_hash"]},
            )
        )
    assert [answer.status_code for answer in answers] == [200, 402]
    problem = answers[1].json()
    assert (problem["limit"], problem["used"], problem["allowed"], problem["lifted_by"]) == (
        "broadcasts", 1, 1, "professional",
    )  # fmt: skip
    assert problem["resets_at"]
    refused = a.post(f"/campaigns/{created(a)['id']}/generate", {})
    assert (refused.status_code, refused.json()["lifted_by"]) == (402, "professional")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        (CAMPAIGN | {"status": "sent"}, "status"),
        (CAMPAIGN | {"tenant_id": "x"}, "tenant_id"),
        (CAMPAIGN | {"name": "a\x00b"}, "name"),
        (CAMPAIGN | {"audience": {"kind": "everyone"}}, "audience.kind"),
        (CAMPAIGN | {"audience": {"kind": "tags"}}, "audience.tags"),
        (CAMPAIGN | {"audience": {"kind": "all_members", "segment": "x"}}, "audience.segment"),
        (CAMPAIGN | {"budget_minor": True}, "budget_minor"),
        (CAMPAIGN | {"cta_url": "javascript:alert(1)"}, "cta_url"),
        (CAMPAIGN | {"schedule": {"at": "2026-13-01T09:00", "time_zone": "Mars/Base"}}, "schedule"),
    ],
)
def test_bad_input_is_named_with_its_field(clients, body, field):
    answer = clients[0].post("/campaigns", body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    named = [str(problem.get("field")), *(error["field"] for error in problem.get("errors", []))]
    assert any(name.startswith(field) for name in named) or "NUL" in problem["detail"]
    assert problem["request_id"]


def test_an_idempotency_key_makes_one_resource(clients):
    a, _ = clients
    headers = {"Idempotency-Key": "once"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: a.post("/campaigns", CAMPAIGN, headers=headers), range(30)))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    replay = a.post("/campaigns", CAMPAIGN, headers=headers)
    assert replay.headers["Idempotent-Replayed"] == "true"
    other = a.post("/campaigns", CAMPAIGN | {"name": "Anders"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    assert len(a.get("/campaigns").json()["items"]) == 1


def test_lists_are_paged_by_cursor_without_gap_or_repeat(clients):
    a, _ = clients
    for n in range(7):
        created(a, name=f"Nr {n}")
    seen, cursor = [], None
    while True:
        page = a.get("/campaigns", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"Nr {n}" for n in reversed(range(7))]
    assert a.get("/campaigns", params={"cursor": "!"}).status_code == 422


def test_a_stale_version_is_refused(clients):
    a, _ = clients
    campaign = created(a)
    first = a.call("PUT", f"/campaigns/{campaign['id']}", {"name": "Neu", "version": campaign["version"]})
    assert first.status_code == 200
    second = a.call("PUT", f"/campaigns/{campaign['id']}", {"name": "Alt", "version": campaign["version"]})
    assert (second.status_code, second.json()["code"]) == (409, "stale_version")


def test_a_key_is_shown_once_and_revoked_at_once(clients, http):
    a, _ = clients
    made = a.post("/keys", {"name": "kasse", "scopes": ["campaigns:read"]}).json()
    listed = a.get("/keys").text
    assert made["secret"] not in listed
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert http.get("/api/v1/campaigns", headers=headers).status_code == 200
    assert http.post("/api/v1/campaigns", json=CAMPAIGN, headers=headers).status_code == 403
    assert a.call("DELETE", f"/keys/{made['id']}").status_code == 204
    assert http.get("/api/v1/campaigns", headers=headers).status_code == 401


def test_too_large_unknown_and_wrong_method_are_problems(clients, http):
    a, _ = clients
    large = a.post("/campaigns", CAMPAIGN | {"name": "x" * 3_000_000})
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert http.get("/nowhere").json()["code"] == "not_found"
    assert http.request("PATCH", "/api/v1/campaigns", json={}).json()["code"] == "method_not_allowed"
    assert http.get("/health").json() == {"status": "ok"}
    assert http.get("/ready").json() == {"status": "ready"}
    assert "ariia_requests_total" in http.get("/metrics").text


def test_links_lead_only_where_the_campaign_says_and_pictures_always_answer(http, tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        member = make.member(session, "jo@example.org", tracking=True)
        campaign = make.started(session)
        materialise.materialise(session, campaign.id)
        message_id = stable_id(tenants.a, campaign.id, "0", member.id)
    path = link("c", tenants.a, message_id, 0).partition("/t/")[2]
    good = http.get(f"/t/{path}", follow_redirects=False)
    target, _, named = good.headers["location"].partition("&utm_source=")
    assert target == "https://www.studio.example/kurse?a=1&b=2"
    assert named == "ariia&utm_medium=email&utm_campaign=herbst&utm_content=link-1"
    assert good.headers["referrer-policy"] == "no-referrer"
    for bad in (path[:-1] + ("A" if path[-1] != "A" else "B"), link("o", tenants.a, message_id).rpartition("/")[2]):
        assert http.get(f"/t/c/{bad.removeprefix('c/')}", follow_redirects=False).status_code == 404
    assert http.get("/t/o/nonsense.gif").headers["content-type"] == "image/gif"
    with db.tenant_session(tenants.a) as session:
        message = service.find(session, message_id)
        assert message.first_clicked_at is None  # a client library is no human
