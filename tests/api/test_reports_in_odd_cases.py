"""Reports over HTTP where something is unusual: nobody to write to, clocks that change, other currencies, deletion."""

import csv
import io
from datetime import UTC, datetime, timedelta

import ledger
import make
import pytest
from ledger import Happened
from sqlalchemy import update

from domain.analytics import rollup
from domain.delivery import materialise
from kernel import db
from models import Campaign, Member, Message, Tenant
from tests.domain.analytics import mail

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_TABLES = ("totals", "series", "channels", "languages", "links", "variants", "segments", "reasons")


@pytest.fixture
def enterprise(tenants):
    for tenant in (tenants.a, tenants.b):
        with db.tenant_session(tenant) as session:
            session.execute(update(Tenant).values(tier="enterprise"))
    return tenants


def test_a_campaign_that_went_to_nobody_has_no_rates_and_every_table(enterprise, clients):
    ours, theirs = clients
    with db.tenant_session(enterprise.a) as session:
        make.member(session, "no@a.example", consent=False)
        nobody, empty = make.started(session).id, make.campaign(session).id
    with db.tenant_session(enterprise.a) as session:
        assert materialise.materialise(session, nobody)
    ledger.settle(enterprise.a)
    told = ours.get(f"/campaigns/{nobody}/performance").json()
    assert (told["targeted"], told["skipped"]) == (1, {"no_consent": 1})
    assert {rate["value"] for rate in told["totals"]["rates"].values()} == {None}
    for campaign in (nobody, empty):
        place = f"/campaigns/{campaign}/performance"
        for table in _TABLES:
            for form in ("csv", "json", "xlsx"):
                assert ours.get(f"{place}/export", params={"table": table, "format": form}).status_code == 200
        assert ours.get(f"/campaigns/{campaign}/roi").json()["returns"] == []
        assert theirs.get(place).status_code == 404
    compared = ours.get("/campaigns/compare", params={"ids": [str(nobody), str(empty)]}).json()
    assert {each["verdict"] for each in compared["differences"]} == {"no_data"}


def test_days_are_23_24_and_25_hours_long_and_are_cut_anew_when_the_tenant_moves(enterprise, clients):
    ours, theirs = clients
    sent = ledger.messages(enterprise.a, [(0, "email", "de", None)])[0]
    hours = [datetime(2026, 3, 28, 22, tzinfo=UTC) + timedelta(hours=n) for n in range(27)]  # until 01:00 on the 30th
    hours += [datetime(2026, 10, 24, 21, tzinfo=UTC) + timedelta(hours=n) for n in range(27)]
    ledger.write(enterprise.a, [Happened(sent, "opened", at, "human") for at in hours])
    ledger.settle(enterprise.a)
    place = f"/campaigns/{sent.campaign}/performance"

    def opens() -> dict[str, int]:
        told = ours.get(place).json()
        assert sum(part["counts"]["opens"] for part in told["series"]) == told["totals"]["counts"]["opens"] == 54
        return {part["start"]: n for part in told["series"] if (n := part["counts"]["opens"])}

    assert opens() == {
        "2026-03-28": 1, "2026-03-29": 23, "2026-03-30": 3, "2026-10-24": 1, "2026-10-25": 25, "2026-10-26": 1,
    }  # fmt: skip
    assert ours.call("PUT", "/settings", {"time_zone": "Asia/Kolkata"}).status_code == 200
    assert opens() == {
        "2026-03-29": 21, "2026-03-30": 6, "2026-10-25": 22, "2026-10-26": 5,
    }  # fmt: skip
    assert ours.get(place).json()["zone"] == "Asia/Kolkata"
    with db.tenant_session(enterprise.a) as session:
        assert rollup.verify(session) == []
    assert theirs.get("/analytics/overview").json()["zone"] == "Europe/Berlin"


def test_money_of_other_currencies_is_never_added_and_is_written_with_its_own_digits(enterprise, clients):
    ours, theirs = clients
    sent = ledger.messages(enterprise.a, [(0, "email", "de", None)])[0]
    ledger.write(enterprise.a, [Happened(sent, "sent", NOON)])
    for n, (currency, value) in enumerate((("EUR", 1_050), ("JPY", 1_050), ("KWD", 1_050), ("EUR", 50))):
        order = {
            "external_id": f"o{n}", "value_minor": value, "currency": currency, "message_id": str(sent.id),
            "at": (NOON + timedelta(hours=1)).isoformat(),
        }  # fmt: skip
        assert ours.post("/campaigns/tracking/conversion", order).status_code == 201
        assert ours.post("/campaigns/tracking/conversion", order).status_code == 200  # told twice
    ledger.settle(enterprise.a)
    place = f"/campaigns/{sent.campaign}"
    told = ours.get(f"{place}/performance").json()["totals"]
    assert told["values"] == {"EUR": 1_100, "JPY": 1_050, "KWD": 1_050}
    assert (told["counts"]["conversions"], told["counts"]["converted"]) == (4, 1)
    [heading, row] = csv.reader(
        io.StringIO(ours.get(f"{place}/performance/export", params={"table": "totals", "language": "en"}).text[1:])
    )
    shown = dict(zip(heading, row, strict=True))
    assert [shown[f"Value in {name}"] for name in ("EUR", "JPY", "KWD")] == ["11.00", "1,050", "1.050"]
    account = ours.get(f"{place}/roi").json()
    assert {each["currency"]: each["value_minor"] for each in account["revenues"]} == told["values"]
    assert {each["currency"]: each["roi"] for each in account["returns"]} == dict.fromkeys(told["values"])
    assert theirs.get(f"{place}/roi").status_code == 404


def test_a_campaign_with_recipients_is_kept_and_one_without_is_deleted(enterprise, clients):
    ours, theirs = clients
    with db.tenant_session(enterprise.a) as session:
        written, free = mail.campaign(session), mail.campaign(session)
        mail.sent(session, written, mail.members(session, enterprise.a, [None]))  # one by one, as a sequence does
        session.execute(update(Campaign).values(status="cancelled"))
    refused = ours.call("DELETE", f"/campaigns/{written.id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "has_recipients")
    assert "cancel" in refused.json()["detail"].lower()
    assert theirs.call("DELETE", f"/campaigns/{free.id}").status_code == 404
    assert ours.call("DELETE", f"/campaigns/{free.id}").status_code == 204
    assert ours.get(f"/campaigns/{written.id}").status_code == 200


def test_recipients_as_a_file_are_those_of_the_list(enterprise, clients):
    ours, theirs = clients
    with db.tenant_session(enterprise.a) as session:
        written = mail.campaign(session)
        people = mail.members(session, enterprise.a, [None, None, None])
        session.execute(update(Member).where(Member.id == people[0]).values(first_name="=1+1", last_name="Größe; Öl"))
        sent = mail.sent(session, written, people)
        session.execute(update(Message).where(Message.id == sent[1]).values(state="skipped", reason="no_consent"))
    place = f"/campaigns/{written.id}/recipients"
    listed = {each["id"]: each for each in ours.get(place).json()["items"]}
    read = ours.get(f"{place}/export", params={"format": "json"}).json()
    assert {each["message_id"]: (each["state"], each["reason"], each["member_id"]) for each in read} == {
        each: (row["state"], row["reason"], row["member_id"]) for each, row in listed.items()
    }
    file = ours.get(f"{place}/export")
    assert "attachment" in file.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [row["message_id"] for row in rows] == [each["message_id"] for each in read]
    assert {row["first_name"] for row in rows if row["member_id"] == str(people[0])} == {"'=1+1"}
    assert {row["last_name"] for row in rows if row["member_id"] == str(people[0])} == {"Größe; Öl"}
    [skipped] = csv.DictReader(io.StringIO(ours.get(f"{place}/export", params={"reason": "no_consent"}).text))
    assert skipped["message_id"] == str(sent[1])
    assert ours.get(f"{place}/export", params={"state": "failed", "format": "json"}).json() == []
    assert theirs.get(f"{place}/export").status_code == 404


def test_responses_by_the_hour_of_sending_and_their_file(enterprise, clients):
    ours, theirs = clients
    sent = ledger.messages(enterprise.a, [(0, "email", "de", None)] * 3)
    at = datetime.now(UTC).replace(minute=5) - timedelta(days=2)
    ledger.write(enterprise.a, [Happened(each, "sent", at) for each in sent])
    ledger.write(enterprise.a, [Happened(sent[0], "clicked", at + timedelta(hours=9), "human", link_n=0)])
    ledger.settle(enterprise.a)
    told = ours.get("/analytics/heatmap/responses").json()
    assert (told["reached"], told["responded"], told["reason"], len(told["cells"])) == (3, 1, "too_few", 168)
    [cell] = [each for each in told["cells"] if each["reached"]]
    assert (cell["responded"], cell["share"], cell["index"]) == (1, pytest.approx(1 / 3), None)
    assert "1 of 3" in told["sentence"]["en"]
    rows = ours.get("/analytics/heatmap/responses/export", params={"format": "json"}).json()
    assert rows == [each | {"quiet": int(each["quiet"])} for each in told["cells"]]
    assert theirs.get("/analytics/heatmap/responses").json()["reached"] == 0
