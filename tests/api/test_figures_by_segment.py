"""Figures by segment over HTTP: who was in it when the recipients were fixed, and everything equal to a recount."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import ledger
import make
import pytest
from ledger import Happened, Sent
from sqlalchemy import select, update

from domain.analytics import rollup
from domain.delivery import materialise
from domain.segments import membership
from domain.segments import service as segments
from kernel import db
from models import Campaign, CampaignPart, Message, Tenant

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_EVERYONE = {"a": "xy", "b": "x", "c": "y", "d": "xy", "e": "y", "f": ""}  # who is in which segment


def segment(session, name: str, key: str, people: dict):
    """A segment by hand, or by a rule, with everybody whose letters have the key."""
    if key == "x":
        made = segments.create(session, name=name, kind="static", actor="t")
        membership.add(session, made.id, [people[who] for who, of in _EVERYONE.items() if key in of], actor="t")
        return made.id
    rule = {"type": "tag", "any_of": ["yoga"]}
    return segments.create(session, name=name, kind="dynamic", rule=rule, actor="t").id


@pytest.fixture
def sent(tenants, clients):
    """Three campaigns of tenant A: to both segments, to one, and to nobody's segment; what happened to the messages."""
    with db.tenant_session(tenants.a) as session:
        people = {
            who: make.member(session, f"{who}@a.example", consent=who != "e", tags=["yoga"] if "y" in of else []).id
            for who, of in _EVERYONE.items()
        }
        x, y = segment(session, "Stamm", "x", people), segment(session, "Yoga", "y", people)
        wanted = [
            {"kind": "segments", "segments": [str(x), str(y), str(x)]},
            {"kind": "segments", "segments": [str(y)]},
            {"kind": "all_members"},
        ]
        ids = [make.started(session, audience_definition=each).id for each in wanted]
    with db.tenant_session(tenants.a) as session:
        for each in ids:
            assert materialise.materialise(session, each)
        names = {member_id: who for who, member_id in people.items()}
        rows = session.execute(select(Message).where(Message.campaign_id == ids[0])).scalars().all()
        found = {
            names[row.member_id]: (Sent(row.id, ids[0], "email", row.language, None, row.parts), row.state)
            for row in rows
        }
    happened = [Happened(each, "sent", NOON) for each, state in found.values() if state == "pending"]
    happened += [Happened(found[who][0], "opened", NOON + timedelta(hours=1), "human") for who in "ab"]
    happened += [Happened(found["a"][0], "clicked", NOON, "human", link_n=0), Happened(found["c"][0], "bounced", NOON)]
    happened += [Happened(found["a"][0], "converted", NOON, "human", value=990, currency="CHF")]
    ledger.write(tenants.a, happened)
    for tenant in (tenants.a, tenants.b):
        ledger.settle(tenant)
    return ids, (x, y), found


def test_the_bits_of_a_message_are_the_segments_of_its_member(tenants, sent):
    ids, (x, y), found = sent
    assert {who: each.parts for who, (each, _) in found.items()} == {"a": 3, "b": 1, "c": 2, "d": 3, "e": 2}
    assert found["e"][1] == "skipped"
    with db.tenant_session(tenants.a) as session:
        of = {row.id: row.parts for row in session.execute(select(Message.id, Message.parts))}
        assert Counter(of.values()) == Counter({1: 1 + 4, 2: 2, 3: 2, None: 6})
        rows = session.execute(select(CampaignPart).order_by(CampaignPart.campaign_id, CampaignPart.n)).scalars()
        assert [(each.campaign_id, each.n, each.segment_id, each.name, each.messages) for each in rows] == [
            (ids[0], 0, x, "Stamm", 3), (ids[0], 1, y, "Yoga", 4), (ids[1], 0, y, "Yoga", 4),
        ]  # fmt: skip


def test_a_report_by_segment_stays_as_it_was_sent_whoever_joins_leaves_or_is_renamed(tenants, clients, sent):
    ours, theirs = clients
    ids, (x, y), found = sent
    place = f"/campaigns/{ids[0]}/performance"
    told = ours.get(place).json()
    shown = {each["name"]: each for each in told["segments"]}
    assert [(each["segment_id"], each["targeted"]) for each in told["segments"]] == [(str(x), 3), (str(y), 4)]
    counted = ("sent", "reached", "opened", "clicked", "bounced_hard", "skipped", "conversions")
    assert [shown["Stamm"]["counts"][name] for name in counted] == [3, 3, 2, 1, 0, 0, 1]
    assert [shown["Yoga"]["counts"][name] for name in counted] == [3, 2, 1, 1, 1, 1, 1]
    assert shown["Yoga"]["rates"]["opened"] == {"value": 0.5, "numerator": 1, "denominator": 2, "per": "reached"}
    assert shown["Yoga"]["values"] == {"CHF": 990}
    assert (told["segments_overlap"], told["totals"]["counts"]["sent"], told["targeted"]) == (True, 4, 5)
    alone = ours.get(f"/campaigns/{ids[1]}/performance").json()
    assert ([each["name"] for each in alone["segments"]], alone["segments_overlap"]) == (["Yoga"], False)
    none = ours.get(f"/campaigns/{ids[2]}/performance").json()
    assert (none["segments"], none["segments_overlap"]) == ([], False)
    with db.tenant_session(tenants.a) as session:
        member_id = session.execute(select(Message.member_id).where(Message.id == found["a"][0].id)).scalar_one()
        membership.take(session, x, member_id, actor="t")
        session.execute(update(Campaign).values(status="sent", completed_at=NOON))
        segments.change(session, y, actor="t", name="Anders")
    assert ours.call("DELETE", f"/segments/{x}").status_code == 200
    assert ours.get(place).json()["segments"] == told["segments"]
    with db.tenant_session(tenants.a) as session:
        assert rollup.verify(session) == []
        rollup.rebuild(session)
    assert ours.get(place, params={"include": "segments"}).json()["segments"] == told["segments"]
    assert theirs.get(place).status_code == 404


def test_a_tenants_segments_add_up_over_campaigns_and_files_hold_the_same(tenants, clients, sent):
    ours, theirs = clients
    march = {"from": "2026-03-01", "to": "2026-12-31"}
    told = ours.get("/analytics/overview", params=march).json()  # Yoga is in two campaigns
    assert [(each["name"], each["targeted"]) for each in told["segments"]] == [("Stamm", 3), ("Yoga", 8)]
    assert told["segments_overlap"]
    assert theirs.get("/analytics/overview", params=march).json()["segments"] == []
    for path in (f"/campaigns/{sent[0][0]}/performance", "/analytics/overview"):
        shown = ours.get(path, params=march).json()["segments"]
        rows = ours.get(f"{path}/export", params=march | {"table": "segments", "format": "json"}).json()
        assert [(row["segment_id"], row["name"], row["targeted"]) for row in rows] == [
            (each["segment_id"], each["name"], each["targeted"]) for each in shown
        ]
        for row, part in zip(rows, shown, strict=True):
            assert {name: row[name] for name in part["counts"]} == part["counts"]
            assert row["value_CHF"] == part["values"]["CHF"]
        assert "Stamm" in ours.get(f"{path}/export", params=march | {"table": "segments"}).text
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(tier="professional"))
    refused = ours.get("/analytics/overview", params=march | {"include": "segments"})
    assert (refused.status_code, refused.json()["lifted_by"]) == (402, "business")
    assert ours.get("/analytics/overview", params=march).json()["segments"] is None


def test_campaigns_are_compared_within_a_segment(clients, sent):
    ours, theirs = clients
    ids, (x, y), _ = sent
    two = {"ids": [str(each) for each in ids[:2]]}
    told = ours.get("/campaigns/compare", params=two | {"segment": str(y)}).json()
    shares = [each["shares"]["opened"] for each in told["campaigns"]]
    assert [(each["numerator"], each["denominator"]) for each in shares] == [(1, 2), (0, 0)]
    assert told["campaigns"][0]["revenue_per_1000"] == {"CHF": 495_000.0}
    assert told["campaigns"][0]["cost_per_1000"] == {}
    rows = ours.get("/campaigns/compare/export", params=two | {"segment": str(y), "format": "json"}).json()
    assert [row["denominator"] for row in rows if row["metric"] == "opened"] == [2, 0]
    refused = ours.get("/campaigns/compare", params=two | {"segment": str(x)})
    assert (refused.status_code, refused.json()["field"]) == (422, "segment")
    assert theirs.get("/campaigns/compare", params=two | {"segment": str(y)}).status_code == 404
