"""Heatmap, money and comparison over HTTP: the shapes, the plans, the paths."""

from datetime import timedelta

import make
import pytest
from sqlalchemy import update

from domain.analytics import send_times
from kernel import clock, db
from models import Campaign, Tenant
from tests.domain.analytics import mail


@pytest.fixture
def two(tenants) -> list[str]:
    """Two campaigns that 50 people got an hour ago, with clicks."""
    made = []
    with db.tenant_session(tenants.a) as session:
        at = clock.now() - timedelta(hours=1)
        for _ in range(2):
            campaign = mail.campaign(session)
            ids = mail.sent(session, campaign, mail.members(session, tenants.a, [None] * 50), at=at)
            for one in ids[:3]:
                mail.act(session, one, "clicked", at)
            made.append(str(campaign.id))
    send_times.run(tenants.a)
    return made


def test_the_heatmap_has_every_hour_of_the_week_with_its_sample_and_words(clients, two):
    a, b = clients
    shown = a.get("/analytics/heatmap").json()
    assert (shown["total"], shown["basis"], shown["reason"], len(shown["cells"])) == (6, "none", "too_few", 168)
    assert sum(cell["n"] for cell in shown["cells"]) == 6
    assert "6 messages" in shown["sentence"]["en"]
    assert shown["best"] == {"weekday": 2, "hour": 10, "n": 0, "is_default": True}
    assert a.get("/analytics/heatmap?clock=member").json()["total"] == 6
    assert b.get("/analytics/heatmap").json()["total"] == 0


def test_a_members_hour_says_on_what_it_rests(clients, tenants):
    with db.tenant_session(tenants.a) as session:
        member = make.member(session, "m@a.example")
    shown = clients[0].get(f"/members/{member.id}/best-send-time").json()
    assert (shown["source"], shown["why"], shown["hour"]) == ("default", "no_consent", 10)
    assert clients[1].get(f"/members/{member.id}/best-send-time").status_code == 404


def test_a_price_makes_costs_and_a_budget_is_set_while_it_sends(clients, tenants, two):
    a, b = clients
    assert a.call("PUT", "/settings", {"email_price": "1000.5"}).json()["email_price"] == "1000.5"
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Campaign).values(status="sending"))
    changed = a.call("PUT", f"/campaigns/{two[0]}/budget", {"budget_minor": 60})
    assert changed.status_code == 200, changed.text
    shown = a.get(f"/campaigns/{two[0]}/budget").json()
    assert (shown["spent_minor"], shown["limit_minor"], shown["state"]) == (50, 60, "warned")
    assert b.get(f"/campaigns/{two[0]}/budget").status_code == 404
    one = a.get(f"/campaigns/{two[0]}/roi").json()
    assert one["returns"] == [{"currency": "EUR", "revenue_minor": 0, "cost_minor": 50, "roi": -1.0, "why": "known"}]
    assert (one["window_days"], one["purchases_of_recipients"]) == (7, [])


def test_the_overview_pages_by_campaign_and_sums_up(clients, two):
    first = clients[0].get("/analytics/roi?limit=1").json()
    second = clients[0].get("/analytics/roi", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [page["items"][0]["key"] for page in (first, second)] == sorted(two, reverse=True)
    assert second["next_cursor"] is None
    assert first["total"]["messages"] == second["total"]["messages"] == 100
    assert [item["key"] for item in clients[0].get("/analytics/roi?by=channel").json()["items"]] == ["email"]


def test_campaigns_are_compared_in_words_of_both_languages(clients, two):
    shown = clients[0].get("/campaigns/compare", params={"ids": two})
    assert shown.status_code == 200, shown.text
    assert [each["campaign_id"] for each in shown.json()["campaigns"]] == two
    assert {each["verdict"] for each in shown.json()["differences"]} == {"no_data"}
    assert set(shown.json()["differences"][0]["sentence"]) == {"de", "en"}
    assert clients[1].get("/campaigns/compare", params={"ids": two}).status_code == 404
    assert clients[0].get("/campaigns/compare", params={"ids": two[:1]}).status_code == 422


def test_each_plan_has_what_its_level_says(clients, tenants, two):
    advanced = ("/analytics/heatmap", "/analytics/roi", f"/campaigns/{two[0]}/roi")
    for tier, enough, whole in (("professional", 402, 402), ("business", 200, 402), ("enterprise", 200, 200)):
        with db.tenant_session(tenants.a) as session:
            session.execute(update(Tenant).values(tier=tier))
        assert [clients[0].get(path).status_code for path in advanced] == [enough] * 3
        assert clients[0].get("/campaigns/compare", params={"ids": two}).status_code == enough
        assert clients[0].get("/analytics/cohorts").status_code == whole


def test_files_hold_the_figures_of_the_answers(clients, tenants, two):
    a, b = clients
    a.call("PUT", "/settings", {"email_price": "1000"})
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(tier="enterprise"))
        mail.members(session, tenants.a, [None] * 3, joined_on=clock.now().date())
    hours = a.get("/analytics/heatmap/export?format=json").json()
    cells = a.get("/analytics/heatmap").json()["cells"]
    assert [{**each, "quiet": int(each["quiet"])} for each in cells] == hours
    accounts = a.get("/analytics/roi/export?format=json").json()
    shown = a.get("/analytics/roi").json()["items"]
    assert [(each["campaign"], each["cost_EUR"], each["roi_EUR"]) for each in accounts] == [
        (each["key"], 50, -1.0) for each in shown
    ]
    lines = a.get("/analytics/roi/export?by=channel").text.splitlines()
    assert lines[0].endswith("Kosten in EUR;Umsatz in EUR;ROI in EUR")
    assert lines[1] == "email;100;0;0;0;1,00;0,00;-100,00%"
    rows = a.get("/campaigns/compare/export", params={"ids": two, "format": "json"}).json()
    compared = a.get("/campaigns/compare", params={"ids": two}).json()
    assert [(row["campaign"], row["metric"], row["numerator"]) for row in rows] == [
        (each["campaign_id"], metric, share["numerator"])
        for each in compared["campaigns"]
        for metric, share in each["shares"].items()
    ]
    months = a.get("/analytics/cohorts/export?format=json").json()
    assert (months[-1]["members"], len(months)) == (3, 78)
    assert a.get("/analytics/cohorts/export?format=xlsx").content[:2] == b"PK"
    assert b.get("/campaigns/compare/export", params={"ids": two}).status_code == 404
