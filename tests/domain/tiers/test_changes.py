"""A change of tier: seen before, done exactly so, taken back by the next one; at once, or with the next month."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import make
import pytest
import walking
from sqlalchemy import select, text

from ariia.tasks import plans as tasks
from domain.campaigns import service as campaigns
from domain.plans import catalog
from domain.plans import service as plans
from domain.plans.catalog import BROADCASTS, TEMPLATES, Tier
from domain.segments import service as segments
from domain.sequences import service as sequences
from domain.templates import service as templates
from domain.tiers import service as tiers
from kernel import clock, db
from kernel.errors import Conflict, Invalid, PlanLimit
from models import AuditEntry, DomainEvent, Outbox, PlanChange, Segment, Sequence, Template, Tenant

RULE = {"type": "tag", "any_of": ["yoga"]}


def tier_of(tenant_id):
    with db.tenant_session(tenant_id) as session:
        return session.get_one(Tenant, tenant_id).tier


def working(session, entity):
    on = entity.active.is_(True) if entity is Template else entity.status == "active"
    return list(session.execute(select(entity.name).where(on).order_by(entity.id)).scalars())


@pytest.fixture
def filled(tenants):
    """Both tenants with four templates, five segments, and a campaign that is planned for the newest segment."""
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            make.sender(session)
            make.member(session, "ada@example.org", first_name="Ada", tags=["yoga"])
            for n in range(4):
                templates.create(session, name=f"T{n}", description=None, kind="email", content=make.email(), actor="t")
            made = [segments.create(session, name=f"S{n}", kind="dynamic", rule=RULE, actor="t") for n in range(5)]
            later = (clock.now() + timedelta(days=3)).replace(tzinfo=None)
            campaign, revision = make.drafted(
                session,
                audience_definition={"kind": "segments", "segments": [str(made[4].id)]},
                schedule={"at": later.isoformat(timespec="minutes"), "time_zone": "Europe/Berlin"},
            )
            make.approve(session, campaign.id, revision)
    return tenants


def campaign_of(session):
    return session.execute(select(campaigns.Campaign)).scalar_one()


def test_a_downgrade_stops_the_newest_holds_what_needs_it_and_deletes_nothing(filled):
    with db.tenant_session(filled.a) as session:
        seen = tiers.preview(session, Tier.PROFESSIONAL)
        assert [thing.name for thing in seen.stops] == ["S4", "S3"]
        assert [thing.name for thing in seen.holds] == ["Herbst"]
        assert tiers.planned(session) is None
        assert working(session, Segment) == [f"S{n}" for n in range(5)]
    with db.tenant_session(filled.a) as session:
        row = tiers.change(session, Tier.STARTER, reason="asked by mail", actor="operator")
        assert [each["name"] for each in row.consequences["stops"]] == ["T3", "T2", "S4", "S3", "S2", "S1", "S0"]
    with db.tenant_session(filled.a) as session:
        assert working(session, Template) == ["T0", "T1"]
        assert working(session, Segment) == []
        campaign = campaign_of(session)
        assert (campaign.status, campaign.hold_reason) == ("held", "segment_missing")
        assert campaign.approval_hash is not None
        used = next(meter.used for meter in plans.meters(session) if meter.limit is BROADCASTS)
        assert used == 1, "what was approved keeps its place"
        assert len(session.execute(select(Template.id)).all()) == 4
        assert len(session.execute(select(Segment.id)).all()) == 5
        with pytest.raises(PlanLimit) as refused:
            plans.spend(session, TEMPLATES, row.id)
        assert (refused.value.extra["used"], refused.value.extra["allowed"]) == (4, 2)
    assert tier_of(filled.b) == "business"
    with db.tenant_session(filled.b) as session:
        assert working(session, Template) == [f"T{n}" for n in range(4)]
        assert campaign_of(session).status == "scheduled"


def test_an_upgrade_switches_on_what_a_downgrade_had_stopped_and_nothing_else(filled):
    with db.tenant_session(filled.a) as session:
        by_hand = session.execute(select(Template.id).where(Template.name == "T1")).scalar_one()
        templates.change(session, by_hand, actor="t", content=None, active=False)
        tiers.change(session, Tier.STARTER, reason="cheaper", actor="operator")
        assert working(session, Template) == ["T0", "T2"]
    with db.tenant_session(filled.a) as session:
        tiers.change(session, Tier.PROFESSIONAL, reason="dearer", actor="operator")
        assert working(session, Template) == ["T0", "T2", "T3"], "not the one that a person switched off"
        assert working(session, Segment) == ["S0", "S1", "S2"], "the oldest first, as far as the plan goes"
        assert campaign_of(session).status == "held"
    with db.tenant_session(filled.a) as session:
        tiers.change(session, Tier.ENTERPRISE, reason="dearer", actor="operator")
        assert working(session, Segment) == [f"S{n}" for n in range(5)]
        campaigns.resume(session, campaign_of(session).id, actor="t")
        assert campaign_of(session).status == "scheduled", "the seal still fits: the segment is what it was"


def test_a_change_is_told_and_written_into_the_chain_with_its_reason(filled):
    with db.tenant_session(filled.a) as session:
        tiers.change(session, Tier.STARTER, reason="asked by mail", actor="operator")
    with db.tenant_session(filled.a) as session:
        told = session.execute(select(DomainEvent).where(DomainEvent.type == "crm.plan.changed")).scalars().all()
        assert [(one.seq, one.payload["from_tier"], one.payload["to_tier"]) for one in told] == [
            (1, "business", "starter")
        ]
        assert told[0].payload["stops"] == 7
        entry = session.execute(select(AuditEntry).where(AuditEntry.action == "plan.change")).scalar_one()
        assert (entry.actor, entry.details["reason"]) == ("operator", "asked by mail")
    with db.tenant_session(filled.b) as session:
        assert session.execute(select(PlanChange.id)).all() == []
        assert session.execute(select(DomainEvent.id).where(DomainEvent.type == "crm.plan.changed")).all() == []


def test_a_planned_change_comes_with_the_month_of_the_tenants_zone_and_once(filled, frozen_clock):
    before = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)  # 23:59 in Berlin
    frozen_clock(before)
    with db.tenant_session(filled.a) as session:
        row = tiers.plan_for_next_month(session, Tier.STARTER, reason="end of contract", actor="operator")
        assert row.at == datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
        waiting = session.execute(select(Outbox).where(Outbox.task == tiers.TASK)).scalar_one()
        assert (waiting.due_at, waiting.arguments["id"]) == (row.at, str(row.id))
    tasks.change(filled.a, row.id)
    assert tier_of(filled.a) == "business"
    frozen_clock(datetime(2026, 11, 30, 23, 0, tzinfo=UTC))
    for _ in range(2):
        tasks.change(filled.a, row.id)
    assert tier_of(filled.a) == "starter"
    with db.tenant_session(filled.a) as session:
        told = session.execute(select(DomainEvent.id).where(DomainEvent.type == "crm.plan.changed")).all()
        assert len(told) == 1
        assert working(session, Template) == ["T0", "T1"]
        assert tiers.planned(session) is None


def test_a_later_decision_takes_the_place_of_a_planned_one(filled, frozen_clock):
    frozen_clock(datetime(2026, 11, 10, tzinfo=UTC))
    with db.tenant_session(filled.a) as session:
        first = tiers.plan_for_next_month(session, Tier.STARTER, reason="r", actor="operator")
        second = tiers.plan_for_next_month(session, Tier.PROFESSIONAL, reason="r", actor="operator")
        assert (first.state, tiers.planned(session)) == ("withdrawn", second)
        tiers.change(session, Tier.ENTERPRISE, reason="r", actor="operator")
        assert second.state == "withdrawn"
    frozen_clock(datetime(2026, 12, 10, tzinfo=UTC))
    for row in (first, second):
        tasks.change(filled.a, row.id)
    assert tier_of(filled.a) == "enterprise"
    with db.tenant_session(filled.a) as session:
        assert tiers.withdraw(session, actor="operator") is False


def test_a_change_needs_another_tier_and_a_reason(filled):
    with db.tenant_session(filled.a) as session:
        with pytest.raises(Conflict, match="already"):
            tiers.change(session, Tier.BUSINESS, reason="r", actor="operator")
        with pytest.raises(Invalid, match="reason"):
            tiers.change(session, Tier.STARTER, reason=" ", actor="operator")
        with pytest.raises(Conflict, match="already"):
            tiers.preview(session, Tier.BUSINESS)
        assert session.execute(text("SELECT count(*) FROM plan_change")).scalar_one() == 0


def test_live_sequences_stop_with_the_plan_and_no_upgrade_starts_them(filled):
    on = {"trigger": "manual", "draft": {}, "campaigns": {}, "published": 1}
    for tenant_id in (filled.a, filled.b):
        with db.tenant_session(tenant_id) as session:
            session.get_one(Tenant, tenant_id).tier = Tier.ENTERPRISE
            for name, status in (("Welcome", "live"), ("Old", "paused")):
                session.add(Sequence(tenant_id=tenant_id, name=name, status=status, **on))
    with db.tenant_session(filled.a) as session:
        seen = tiers.preview(session, Tier.BUSINESS)
        assert [(thing.kind, thing.name) for thing in seen.stops] == [("sequence", "Welcome")]
        tiers.change(session, Tier.BUSINESS, reason="r", actor="operator")
        tiers.change(session, Tier.ENTERPRISE, reason="r", actor="operator")
    for tenant_id, status in ((filled.a, "paused"), (filled.b, "live")):
        with db.tenant_session(tenant_id) as session:
            row = session.execute(select(Sequence).where(Sequence.name == "Welcome")).scalar_one()
            assert (row.status, row.stop_reason) == (status, "plan" if status == "paused" else None)


def test_a_sequence_that_starts_while_the_tier_changes_is_stopped_by_the_change(filled):
    with db.tenant_session(filled.a) as session:
        session.get_one(Tenant, filled.a).tier = Tier.ENTERPRISE

    def changed():
        with db.tenant_session(filled.a) as session:
            tiers.change(session, Tier.BUSINESS, reason="r", actor="operator")

    with ThreadPoolExecutor(1) as pool:
        with db.tenant_session(filled.a) as session:
            sequence_id = walking.live(session, walking.message("hello"))
            change = pool.submit(changed)
            with pytest.raises(TimeoutError):  # it waits, however long
                change.result(0.3)
        change.result()
    with db.tenant_session(filled.a) as session:
        assert sequences.get(session, sequence_id).status == "paused"
        with pytest.raises(PlanLimit):
            sequences.resume(session, sequence_id, actor="t")


def test_a_segment_that_others_refer_to_stops_too(filled):
    with db.tenant_session(filled.a) as session:
        newest = session.execute(select(Segment.id).where(Segment.name == "S4")).scalar_one()
        segments.create(
            session, name="Z", kind="dynamic", rule={"type": "segment", "segment_id": str(newest)}, actor="t"
        )
        tiers.change(session, Tier.STARTER, reason="r", actor="operator")
        assert working(session, Segment) == []
        tiers.change(session, Tier.BUSINESS, reason="r", actor="operator")
        assert working(session, Segment) == ["S0", "S1", "S2", "S3", "S4", "Z"]


def test_what_is_made_while_the_tier_changes_is_refused_or_stopped_never_forgotten(filled):
    """Creators and a downgrade at the same time: whatever the order, no more works than the new tier allows."""

    def made(n):
        try:
            with db.tenant_session(filled.a) as session:
                if n % 2:
                    segments.create(session, name=f"P{n}", kind="static", actor="t")
                    return None
                templates.create(session, name=f"P{n}", description=None, kind="email", content=make.email(), actor="t")
        except PlanLimit as refused:
            return refused.extra["allowed"]
        return None

    def changed(_n):
        with db.tenant_session(filled.a) as session:
            tiers.change(session, Tier.PROFESSIONAL, reason="r", actor="operator")

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(changed if n == 4 else made, n) for n in range(24)]
        answers = [job.result() for n, job in enumerate(jobs) if n != 4]
        jobs[4].result()
    assert set(answers) <= {None, 3, 10}
    with db.tenant_session(filled.a) as session:
        assert len(working(session, Template)) == 10
        assert len(working(session, Segment)) == 3


def test_a_segment_that_rests_by_the_plan_pauses_what_asks_it_until_it_lives_again(tenants, monkeypatch):
    """A plan that has sequences and fewer segments than there are."""
    monkeypatch.setattr(catalog.Feature, "level", lambda _feature, _tier: "yes")
    walking.ready(tenants.a)
    with db.tenant_session(tenants.a) as session:
        made = [segments.create(session, name=f"S{n}", kind="static", actor="t") for n in range(4)]
        outer = {"type": "segment", "segment_id": str(made[3].id)}
        around = segments.create(session, name="around", kind="dynamic", rule=outer, actor="t")
        trigger = {"type": "segment_joined", "segment_id": str(made[3].id)}
        asks = {
            "type": "condition",
            "key": "c",
            "test": {"type": "rule", "rule": {**outer, "segment_id": str(around.id)}},
        }
        stays = {"type": "segment_joined", "segment_id": str(made[0].id)}
        steps = {
            "trigger": (trigger, [walking.message("a")]),
            "condition": (None, [asks, walking.message("a")]),
            "other": (stays, [walking.message("a")]),
        }
        ids = {name: walking.live(session, *some, name=name, trigger=entry) for name, (entry, some) in steps.items()}

    def state(session):
        return {name: sequences.get(session, each) for name, each in ids.items()}

    with db.tenant_session(tenants.a) as session:
        seen = tiers.preview(session, Tier.PROFESSIONAL)
        assert {thing.name for thing in seen.stops} == {"S3", "around", "trigger", "condition"}
        tiers.change(session, Tier.PROFESSIONAL, reason="cheaper", actor="operator")
    with db.tenant_session(tenants.a) as session:
        found = state(session)
        assert {name: row.status for name, row in found.items()} == {
            "trigger": "paused", "condition": "paused", "other": "live",
        }  # fmt: skip
        assert (found["trigger"].stop_reason or "").startswith("the segment 'S3' is inactive by the plan")
        for name in ("trigger", "condition"):
            with pytest.raises(Conflict, match="is inactive; activate it") as refused:
                sequences.resume(session, ids[name], actor="t")
            assert refused.value.code == "segment_missing"
        tiers.change(session, Tier.ENTERPRISE, reason="dearer", actor="operator")
        for name in ("trigger", "condition"):
            sequences.resume(session, ids[name], actor="t")
        assert {row.status for row in state(session).values()} == {"live"}
