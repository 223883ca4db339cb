"""Reports through the API: what they say, when they are unchanged, who may have what, and files equal to them."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import ledger
import pytest
from ledger import Happened
from sqlalchemy import update

from kernel import db
from models import Tenant

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def campaign(tenants, clients):
    """Two mails of tenant A, one of them opened and clicked, and one of tenant B."""
    one, two = ledger.messages(tenants.a, [(0, "email", "de", None), (0, "email", "en", 1)])
    ledger.write(
        tenants.a,
        [
            *(Happened(each, "sent", NOON) for each in (one, two)),
            Happened(one, "opened", NOON + timedelta(hours=1), "human"),
            Happened(one, "clicked", NOON + timedelta(hours=1), "human", link_n=0),
            Happened(two, "opened", NOON, "machine"),
        ],
    )
    for tenant in (tenants.a, tenants.b):
        ledger.settle(tenant)
    return one


def tier(tenant, name):
    with db.tenant_session(tenant) as session:
        session.execute(update(Tenant).values(tier=name))


def test_a_report_says_counts_rates_with_their_denominators_and_how_far_it_is(clients, campaign):
    ours, theirs = clients
    place = f"/campaigns/{campaign.campaign}/performance"
    told = ours.get(place).json()
    assert told["totals"]["rates"]["opened"] == {"value": 0.5, "numerator": 1, "denominator": 2, "per": "reached"}
    assert (told["totals"]["counts"]["opens"], told["totals"]["counts"]["opens_machine"]) == (1, 1)
    assert (told["start"], told["end"], told["zone"], told["behind"]) == (
        "2026-03-02",
        "2026-03-02",
        "Europe/Berlin",
        0,
    )
    assert [each["n"] for each in told["links"]] == [0]
    assert [each["variant"] for each in told["variants"]] == [None, 1]
    assert theirs.get(place).status_code == 404
    everything = ours.get("/analytics/overview", params={"from": "2026-03-01", "to": "2026-03-31", "by": "week"}).json()
    assert everything["totals"]["counts"]["sent"] == 2
    assert len(everything["series"]) == 6
    none = theirs.get("/analytics/overview", params={"from": "2026-03-01", "to": "2026-03-31"}).json()
    assert none["totals"]["counts"]["sent"] == 0
    wrong = ours.get("/analytics/overview", params={"from": "2026-03-02", "to": "2026-03-01"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "to")


def test_who_asks_sees_what_was_written_just_before_and_an_unchanged_report_is_not_sent_again(
    tenants, clients, campaign
):
    ours, _ = clients
    place = f"/campaigns/{campaign.campaign}/performance"
    first = ours.get(place)
    again = ours.get(place, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    ledger.write(tenants.a, [Happened(campaign, "opened", NOON + timedelta(hours=2), "human")])
    ledger.settle(tenants.a)
    changed = ours.get(place, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.json()["totals"]["counts"]["opens"] == 2


def test_the_plan_decides_and_a_refusal_names_the_tier_that_has_it(tenants, clients, campaign):
    ours, _ = clients
    place = f"/campaigns/{campaign.campaign}"
    tier(tenants.a, "starter")
    basic = ours.get(f"{place}/performance").json()
    assert (basic["level"], basic["series"], basic["links"]) == ("basic", None, None)
    assert basic["totals"]["counts"]["sent"] == 2
    for path, lifted_by in (
        (f"{place}/performance?include=series", "professional"),
        (f"{place}/performance?include=variants", "business"),
        (f"{place}/performance/export", "professional"),
        (f"{place}/links", "professional"),
        ("/analytics/overview/export", "professional"),
        (f"{place}/events/export", "enterprise"),
    ):
        refused = ours.get(path)
        assert (refused.status_code, refused.json()["code"], refused.json()["lifted_by"]) == (
            402, "plan_limit", lifted_by,
        )  # fmt: skip
    tier(tenants.a, "professional")
    for table in ("variants", "segments"):  # a file asks for what its table needs
        refused = ours.get(f"{place}/performance/export", params={"table": table})
        assert (refused.status_code, refused.json()["lifted_by"]) == (402, "business")
    file = ours.get(f"{place}/performance/export", params={"table": "channels", "include": "series", "format": "json"})
    assert [row["channel"] for row in file.json()] == ["email"]


def test_months_that_end_before_they_begin_are_refused_in_every_form(clients):
    ours, _ = clients
    for path in ("/analytics/roi", "/analytics/roi/export", "/analytics/overview", "/analytics/attribution"):
        refused = ours.get(path, params={"from": "2026-06-01", "to": "2026-01-01"})
        assert (refused.status_code, refused.json()["field"]) == (422, "to")
    assert ours.get("/analytics/roi", params={"from": "2990-01-01"}).json()["first"] == "2990-01-01"


def test_files_hold_what_the_report_says(clients, campaign):
    ours, theirs = clients
    place = f"/campaigns/{campaign.campaign}/performance"
    told = ours.get(place).json()
    for table in ("series", "channels", "languages", "links", "variants"):
        rows = ours.get(f"{place}/export", params={"table": table, "format": "json"}).json()
        assert len(rows) == len(told[table])
        for row, part in zip(rows, told[table], strict=True):
            assert {name: row[name] for name in part["counts"]} == part["counts"]
            assert {name: row[f"{name}_rate"] for name in part["rates"]} == {
                name: rate["value"] for name, rate in part["rates"].items()
            }
    file = ours.get(f"{place}/export", params={"table": "totals", "language": "en"})
    assert 'filename="campaign-' in file.headers["content-disposition"]
    [heading, row] = csv.reader(io.StringIO(file.text.removeprefix("\ufeff")))
    assert dict(zip(heading, row, strict=True))["Opens (people)"] == "1"
    book = ours.get("/analytics/overview/export", params={"format": "xlsx", "table": "totals", "from": "2026-03-01"})
    assert book.content.startswith(b"PK")
    assert theirs.get(f"{place}/export").status_code == 404


def test_raw_events_are_read_as_they_were_written(tenants, clients, campaign):
    ours, theirs = clients
    for tenant in (tenants.a, tenants.b):
        tier(tenant, "enterprise")
    place = f"/campaigns/{campaign.campaign}/events/export"
    rows = list(csv.DictReader(io.StringIO(ours.get(place).text)))
    assert sorted(row["kind"] for row in rows) == ["clicked", "opened", "opened", "sent", "sent"]
    lines = [json.loads(line) for line in ours.get(place, params={"format": "json"}).text.splitlines()]
    assert [line["id"] for line in lines] == [row["id"] for row in rows]
    assert {line["language"] for line in lines} == {"de", "en"}
    assert theirs.get(place).status_code == 404


def test_attribution_states_its_model_and_window_and_settings_choose_them(clients, campaign):
    ours, theirs = clients
    assert ours.get("/settings").json()["attribution_model"] == "last_click"
    assert ours.call("PUT", "/settings", {"attribution_model": "linear", "conversion_days": 30}).status_code == 200
    sold = {
        "external_id": "order-1",
        "value_minor": 4_990,
        "message_id": str(campaign.id),
        "at": "2026-03-03T12:00:00Z",
    }
    assert ours.post("/campaigns/tracking/conversion", sold).status_code == 201
    asked = {"from": "2026-03-01", "to": "2026-03-31"}
    told = ours.get("/analytics/attribution", params=asked).json()
    assert (told["model"], told["window_days"], told["conversions"]) == ("linear", 30, 1.0)
    assert [(each["campaign_id"], each["values"]) for each in told["campaigns"]] == [
        (str(campaign.campaign), {"EUR": 4_990})
    ]
    other = ours.get("/analytics/attribution", params=asked | {"model": "first_touch", "window_days": 3}).json()
    assert (other["model"], other["window_days"]) == ("first_touch", 3)
    assert ours.get("/analytics/attribution", params={"window_days": 91}).status_code == 422
    assert theirs.get("/analytics/attribution", params=asked).json()["campaigns"] == []
