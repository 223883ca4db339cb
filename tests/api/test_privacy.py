"""A person's rights over HTTP: only who may, only of the own tenant, and once."""

import make
import pytest

from domain.identity import service as identity
from domain.identity.rules import Role
from kernel import db


@pytest.fixture
def member(tenants):
    with db.tenant_session(tenants.a) as session:
        return make.member(session, "ada@example.org", first_name="Ada").id


def key_of(tenants, role):
    with db.tenant_session(tenants.a) as session:
        return identity.issue_key(session, name=role, actor="t", role=role).secret


def test_everything_about_a_member_is_handed_out_and_then_gone(clients, member):
    a, b = clients
    assert b.post(f"/members/{member}/export").status_code == 404
    assert b.post(f"/members/{member}/erase", {}).status_code == 404
    handed = a.post(f"/members/{member}/export")
    assert handed.status_code == 200, handed.text
    assert handed.json()["tables"]["contact_point"][0]["address"] == "ada@example.org"
    assert a.post(f"/members/{member}/erase", {"reason": "asked by phone"}).status_code == 204
    for again in (
        a.get(f"/members/{member}"),
        a.post(f"/members/{member}/erase", {}),
        a.post(f"/members/{member}/export"),
    ):
        assert again.status_code == 404
    events = [event["type"] for event in a.get("/events").json()["items"]]
    assert {"crm.gdpr.exported", "crm.gdpr.erased"} <= set(events)
    assert "crm.gdpr.erased" not in {event["type"] for event in b.get("/events").json()["items"]}
    assert (
        a.get("/audit", params={"action": "member.erase"}).json()["items"][0]["details"]["reason"] == "asked by phone"
    )


@pytest.mark.parametrize(
    ("role", "may"), [("manager", True), ("editor", False), ("approver", False), ("viewer", False)]
)
def test_only_who_is_trusted_with_privacy_may(clients, tenants, member, role, may):
    headers = {"Authorization": f"Bearer {key_of(tenants, Role(role))}"}
    exported = clients[0].http.post(f"/api/v1/members/{member}/export", headers=headers)
    erased = clients[0].http.post(f"/api/v1/members/{member}/erase", json={}, headers=headers)
    assert (exported.status_code, erased.status_code) == ((200, 204) if may else (403, 403))
