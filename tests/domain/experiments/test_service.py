"""A comparison from its variants to its last message."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import comparing as own
import make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Text, case, func, null, select, text
from sqlalchemy.dialects.postgresql import UUID as PG_UUID

from ariia.tasks import experiments as tasks
from domain.campaigns import drafting, hold_reasons, revisions
from domain.campaigns import service as campaigns
from domain.delivery import flight, recovery
from domain.delivery import queries as delivery
from domain.delivery.rules import Reason
from domain.experiments import allocation, drafts, queries, release, results, rules, service
from domain.experiments.rules import Settings
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid, NotFound, PlanLimit
from models import AuditEntry, DomainEvent, ExperimentLook, Message, Tenant, TenantDue


@pytest.fixture
def studio(tenants, frozen_clock):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
    yield tenants.a
    clock.set_source(None)


def judged(n, blocked):
    """A statement of n members, of whom the first are blocked, as the gate returns it."""
    series = select(func.generate_series(1, n).label("i")).subquery()
    reason = case((series.c.i <= blocked, "no_consent"), else_=null())
    member = func.md5(series.c.i.cast(Text), type_=Text).cast(PG_UUID)
    return select(member.label("member_id"), reason.label("reason"), series.c.i.label("zone")).cte("judged")


@settings(max_examples=25)
@given(
    n=st.integers(0, 400),
    blocked=st.integers(0, 20),
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    shares=st.tuples(st.integers(0, 50), st.integers(1, 100)).filter(lambda pair: sum(pair) <= 100),
)
def test_the_statement_gives_exactly_the_shares_of_the_rule(database, n, blocked, weights, shares):
    chosen = Settings(weights=tuple(weights), holdout_percent=shares[0], test_percent=shares[1])
    placed = allocation.allocated(judged(n, blocked), chosen, "seed")
    columns = (placed.c.reason, placed.c.variant, placed.c.tested)
    with db.all_tenants_session("count shares") as session:
        found = {tuple(row[:3]): row[3] for row in session.execute(select(*columns, func.count()).group_by(*columns))}
        again = session.execute(select(placed.c.member_id, placed.c.variant).order_by(placed.c.member_id)).all()
        assert again == session.execute(select(placed.c.member_id, placed.c.variant).order_by(placed.c.member_id)).all()
    held, *arms, waiting = rules.allocate(max(0, n - blocked), chosen.cells)
    wanted = {("no_consent", None, None): min(n, blocked), (rules.HOLDOUT, None, False): held}
    wanted |= {(None, number, True): size for number, size in enumerate(arms)}
    wanted[rules.WAITS, None, False] = waiting
    assert found == {key: size for key, size in wanted.items() if size}


def test_a_message_of_a_sequence_has_the_same_variant_in_the_database_and_in_python(database):
    series = select(func.md5(func.generate_series(1, 200).cast(Text)).cast(PG_UUID).label("member")).subquery()
    with db.all_tenants_session("compare variants") as session:
        rows = session.execute(
            select(series.c.member, allocation.variant_for("step:3", series.c.member, (3, 1, 2)))
        ).all()
    assert {row[1] for row in rows} == {0, 1, 2}
    assert all(allocation.variant_of("step:3", row[0], (3, 1, 2)) == row[1] for row in rows)


def test_shares_are_exact_and_the_rest_and_the_held_out_are_told_why(studio, tenants):
    with db.tenant_session(studio) as session:
        own.people(session, 101)
        make.member(session, "no@example.org", consent=False)
        campaign = own.compared(session, own.B, test_percent=20, holdout_percent=10)
        assert own.cells(session, campaign.id) == {
            ("pending", None, 0, True): 10,
            ("pending", None, 1, True): 10,
            ("deferred", "waits_for_winner", None, False): 71,
            ("skipped", "holdout", None, False): 10,
            ("skipped", "no_consent", None, None): 1,
        }
        checked = flight.check(session, campaign)
        assert (checked.targeted, checked.will_send, checked.variants) == (102, 91, {"A": 10, "B": 10})
        assert checked.skipped == {"holdout": 10, "no_consent": 1}
        assert checked.waiting == 71
        held = session.execute(select(Message.member_id).where(Message.reason == Reason.HOLDOUT)).scalars().first()
        assert "Vergleichsgruppe" in delivery.why(session, campaign.id, held).sentence["de"]
    with db.tenant_session(tenants.b) as session:
        assert queries.find(session, campaign.id) is None
        with pytest.raises(NotFound):
            service.decide(session, campaign.id, outcome="send", variant=0, reason="x", actor="t")


def test_a_planted_effect_wins_and_the_rest_gets_it(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 1000)
        campaign_id = own.compared(session, own.B, test_percent=60).id
        own.hand_over(session, campaign_id)
        own.later(1)
        assert service.look(session, campaign_id).verdict == "waiting"
        own.click(session, campaign_id, [15, 60])
        own.later(24)
        assert service.look(session, campaign_id).winner == 1
        assert own.cells(session, campaign_id)["pending", None, 1, False] == 400
        log = queries.decisions(session, queries.get(session, campaign_id))
        assert [(row.verdict, row.outcome, row.winner, row.released) for row in log] == [("winner", "send", 1, 400)]
        assert [each["responses"] for each in log[0].figures["arms"]] == [15, 60]
    with db.tenant_session(studio) as session:
        told = session.execute(select(DomainEvent.type).where(DomainEvent.aggregate_id == campaign_id)).scalars().all()
        assert told.count("crm.campaign.ab_test.decided") == 1
        entries = session.execute(select(AuditEntry.action).where(AuditEntry.subject == str(campaign_id))).scalars()
        assert {"experiment.write", "experiment.begin", "experiment.decide"} <= set(entries)
        assert service.look(session, campaign_id) is None
        found = results.of(session, campaigns.get(session, campaign_id))
        assert found.winner == "B"
        assert found.summary["de"].startswith("B gewinnt: 20,0 % haben geklickt, bei A 5,0 %. Unterschied 15,0 P")
        assert found.summary["en"].startswith("B wins: 20.0% clicked, against 5.0% of A. Difference 15.0 p")
        assert found.summary["de"].endswith("Der Rest (400) bekommt B.")


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ("send_a", {("pending", None, 0, False): 120}),
        ("send_none", {("skipped", "no_winner", None, False): 120}),
        ("split", {("pending", None, 0, False): 60, ("pending", None, 1, False): 60}),
        ("ask", {("deferred", "waits_for_winner", None, False): 120}),
    ],
)
def test_180_per_arm_are_not_enough_and_what_was_agreed_follows(studio, policy, left):
    with db.tenant_session(studio) as session:
        own.people(session, 480)
        campaign = own.compared(session, own.B, test_percent=75, no_winner=policy)
        own.hand_over(session, campaign.id)
        own.click(session, campaign.id, [18, 25])
        own.later(25)
        assert service.look(session, campaign.id).verdict == "not_enough_data"
        rest = {key: n for key, n in own.cells(session, campaign.id).items() if key[3] is False}
        assert rest == left
        found = results.of(session, campaign)
        assert found.status == ("asking" if policy == "ask" else "decided")
        assert "180 je Variante, für 2 Prozentpunkte braucht es" in found.summary["de"]
        assert found.summary["en"].startswith("Not enough data: 180 per arm")
        if policy == "ask":
            service.decide(session, campaign.id, outcome="send", variant=1, reason="Klingt besser.", actor="user:x")
            assert own.cells(session, campaign.id)["pending", None, 1, False] == 120
        with pytest.raises(Conflict):
            service.decide(session, campaign.id, outcome="send", variant=0, reason="Doch A.", actor="user:x")


def test_evidence_decides_before_the_time_is_up_and_every_look_is_kept(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 700)
        campaign = own.compared(session, own.B, test_percent=80, decide="evidence", hours=72)
        own.hand_over(session, campaign.id)
        looks = 0
        while queries.get(session, campaign.id).status == "testing":
            own.click(session, campaign.id, [2, 12])
            own.later(1)
            service.look(session, campaign.id)
            looks += 1
            assert looks < 20
        experiment = queries.get(session, campaign.id)
        assert experiment.winner == 1
        kept = session.execute(select(ExperimentLook.n).order_by(ExperimentLook.n)).scalars().all()
        assert kept == list(range(1, looks + 1))
        assert "beliebig häufiges Hinsehen" in results.of(session, campaign).summary["de"]


def test_clicks_are_not_compared_where_there_is_nothing_to_click(studio):
    with db.tenant_session(studio) as session:
        made = make.campaign(session)
        content = make.draft_content(cta_url="")
        parent = drafting.write(session, made.id, content=content, parent_id=None, actor=make.ACTOR)
        for metric in ("clicks", "conversions"):
            given = {"variants": [own.B], "settings": Settings(weights=(1, 1), metric=metric), "parent_id": parent.id}
            if metric == "clicks":
                with pytest.raises(Invalid, match="no link to click"):
                    drafts.write(session, made.id, **given, actor="t")
            else:
                assert rules.settings_of(drafts.write(session, made.id, **given, actor="t").content_json)


def test_a_ratio_that_cannot_be_stops_the_decision_and_asks(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 900)
        campaign = own.compared(session, own.B, test_percent=80)
        own.hand_over(session, campaign.id)
        session.execute(
            text("UPDATE message SET state = 'failed', accepted_at = NULL WHERE id IN "
                 "(SELECT id FROM message WHERE campaign_id = :c AND variant = 1 LIMIT 100)"),
            {"c": campaign.id},
        )  # fmt: skip
        own.click(session, campaign.id, [10, 80])
        own.later(25)
        assert service.look(session, campaign.id).verdict == "sample_ratio"
        assert queries.get(session, campaign.id).status == "asking"
        assert "360 : 260" in results.of(session, campaign).summary["en"]
    with db.tenant_session(studio) as session:
        told = session.execute(select(DomainEvent.type).where(DomainEvent.aggregate_id == campaign.id)).scalars().all()
        assert told.count("crm.campaign.ab_test.asks") == 1


def test_a_pause_waits_with_the_decision_and_an_end_stops_it(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 600)
        campaign_id = own.compared(session, own.B, test_percent=50).id
        own.hand_over(session, campaign_id)
        own.click(session, campaign_id, [5, 60])
        campaigns.pause(session, campaign_id, actor="t")
        own.later(30)
        assert service.look(session, campaign_id) is None
        assert queries.get(session, campaign_id).status == "testing"
        campaigns.resume(session, campaign_id, actor="t")
        assert service.look(session, campaign_id).winner == 1
        assert own.cells(session, campaign_id)["pending", None, 1, False] == 300
    with db.tenant_session(studio) as session:
        other = own.compared(session, own.B, test_percent=50).id
        campaigns.cancel(session, other, actor="t")
        recovery.cancel_open(session, other)
        assert set(own.cells(session, other)) == {
            ("cancelled", "cancelled", 0, True), ("cancelled", "cancelled", 1, True),
            ("cancelled", "cancelled", None, False),
        }  # fmt: skip
        assert service.look(session, other) is None
        assert queries.get(session, other).status == "stopped"
        assert "beendet" in results.of(session, campaigns.get(session, other)).summary["de"]


def test_a_campaign_waits_for_its_decision_and_is_not_sent_before(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 40)
        campaign_id = own.compared(session, own.B, test_percent=50).id
        own.hand_over(session, campaign_id)
        outbox.mark_due(session, "campaigns")
        assert recovery.sweep(session) == []
        assert campaigns.get(session, campaign_id).status == "sending"
        own.later(25)
        service.look(session, campaign_id)
        outbox.mark_due(session, "campaigns")
        assert recovery.sweep(session) == [campaign_id]


def test_the_task_looks_at_what_is_due_and_notes_when_to_come_again(studio, tenants):
    with db.tenant_session(studio) as session:
        own.people(session, 60)
        campaign_id = own.compared(session, own.B).id
        own.hand_over(session, campaign_id)
    mine = (TenantDue.tenant_id == studio, TenantDue.kind == "experiments")
    tasks.look(studio, studio)
    tasks.look(tenants.b, tenants.b)
    with db.tenant_session(studio) as session:
        assert queries.get(session, campaign_id).looks == 0
    own.later(1.5)
    tasks.look(studio, studio)
    with db.tenant_session(studio) as session:
        experiment = queries.get(session, campaign_id)
        assert experiment.looks == 1
        mark = session.execute(select(TenantDue.next_due_at).where(*mine)).scalar_one()
        assert mark == experiment.next_look_at
    own.later(24)
    tasks.look(studio, studio)
    with db.tenant_session(studio) as session:
        assert queries.get(session, campaign_id).status == "decided"
        assert session.execute(select(TenantDue).where(*mine)).first() is None


def test_only_opens_of_people_count(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 30)
        campaign = own.compared(session, own.B, metric="opens")
        own.hand_over(session, campaign.id)
        session.execute(
            text("""
            WITH opened AS (UPDATE message SET first_opened_at = clock_timestamp() WHERE campaign_id = :c
              AND variant = 1 RETURNING id, tenant_id, campaign_id)
            INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, actor)
            SELECT tenant_id, campaign_id, id, 'opened',
              CASE WHEN row_number() OVER () <= 4 THEN 'human' ELSE 'proxy' END
            FROM opened
            """),
            {"c": campaign.id},
        )
        arms = results.of(session, campaign).arms
        assert [(arm.measured, arm.responses) for arm in arms] == [(15, 0), (15, 4)]


def test_revenue_per_recipient_decides_by_money(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 500)
        campaign = own.compared(session, own.B, test_percent=80, metric="revenue", effect=20.0)
        own.hand_over(session, campaign.id)
        own.buy(session, campaign.id, 0, [3_000 + 10 * n for n in range(30)])
        own.buy(session, campaign.id, 1, [4_000 + 10 * n for n in range(90)])
        own.later(25)
        assert service.look(session, campaign.id).winner == 1
        found = results.of(session, campaign)
        assert found.arms[0].value == pytest.approx(30 * 3_145 / 200)
        assert "EUR" in found.summary["de"]


def test_what_is_held_out_gets_nothing_and_shows_what_the_campaign_brought(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 200)
        campaign = own.compared(session, holdout_percent=25)
        own.hand_over(session, campaign.id)
        states = own.cells(session, campaign.id)
        assert states == {("sent", None, 0, True): 150, ("skipped", "holdout", None, False): 50}
        own.buy(session, campaign.id, 0, [2_000] * 60)
        own.buy_anyway(session, campaign.id, 5)
        own.later(1)
        found = results.lift(session, campaign, days=14)
        acted = {each.measure: (each.sent, each.held_out) for each in found.effects}
        assert acted == {"conversions": ((60, 150), (5, 50)), "purchases": ((0, 150), (0, 50))}
        effect = found.effects[0]
        assert effect.difference == pytest.approx(0.3)
        assert 0 < effect.interval.low < 0.3 < effect.interval.high
        assert effect.revenue == (800, 100)
        assert "40,0 % der Angeschriebenen, 10,0 % der Vergleichsgruppe" in found.sentences["de"][0]
        assert queries.get(session, campaign.id).status == "measuring"
        assert service.look(session, campaign.id) is None


def test_the_rest_gets_it_at_the_planned_time_on_each_members_clock():
    wish = {"at": "2026-12-01T09:00", "time_zone": "Europe/Berlin", "per_member": True}
    now = datetime(2026, 12, 2, 10, 30, tzinfo=UTC)
    found = release.next_round(wish, [None, "America/New_York", "Asia/Tokyo"], now)
    assert {name: release._instant(wish, name, at) for name, at in found.items()} == {
        None: datetime(2026, 12, 3, 8, tzinfo=UTC),
        "America/New_York": datetime(2026, 12, 2, 14, tzinfo=UTC),
        "Asia/Tokyo": datetime(2026, 12, 3, 0, tzinfo=UTC),
    }


def test_messages_are_released_to_each_members_clock(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 40)
        session.execute(text("UPDATE member SET time_zone = 'Asia/Tokyo'"))
        made, parent = make.drafted(session)
        begin = (clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT09:00")
        campaigns.schedule(session, made.id, actor="t", at=begin, time_zone="Europe/Berlin", per_member=True)
        chosen = Settings(weights=(1, 1), test_percent=50)
        revision = drafts.write(
            session, made.id, variants=[own.B], settings=chosen, parent_id=parent.id, actor=make.ACTOR
        )
        make.approve(session, made.id, revision)
        campaigns.start(session, made.id, actor="t")
        assert own.materialise.materialise(session, made.id)
        own.hand_over(session, made.id)
        own.later(49)
        service.decide(session, made.id, outcome="send", variant=1, reason="x", actor="t")
        due = session.execute(select(Message.not_before).where(Message.tested.is_(False))).scalars().all()
        assert len(due) == 20
        assert {each.astimezone(UTC).hour for each in due} == {0}
        assert all(timedelta() <= each - clock.now() <= timedelta(days=1) for each in due)


def test_variants_are_checked_sealed_and_carried_along(studio):
    with db.tenant_session(studio) as session:
        own.people(session, 20)
        made, parent = make.drafted(session)
        pair = Settings(weights=(1, 1))
        wrong = {"languages": {"de": {"email": {"subject": "Heute 50 % Rabatt auf alles für 9,99 €"}}}}
        blocked = drafts.write(session, made.id, variants=[wrong], settings=pair, parent_id=parent.id, actor="t")
        assert any(each["path"].startswith("de~B.email.subject") for each in revisions.open_blockers(session, blocked))
        good = drafts.write(session, made.id, variants=[own.B], settings=pair, parent_id=blocked.id, actor="t")
        assert good.content_hash != blocked.content_hash
        make.approve(session, made.id, good)
        assert campaigns.get(session, made.id).approval_hash
        later = drafts.write(
            session, made.id, variants=[own.B], settings=replace(pair, holdout_percent=1), parent_id=good.id, actor="t"
        )
        assert campaigns.get(session, made.id).approval_hash is None
        again = drafting.write(session, made.id, content=make.draft_content(form="sie"), parent_id=later.id, actor="t")
        assert again.content_json["experiment"] == later.content_json["experiment"]
        gone = drafts.clear(session, made.id, parent_id=again.id, actor="t")
        assert "experiment" not in gone.content_json
        with pytest.raises(NotFound):
            drafts.clear(session, made.id, parent_id=gone.id, actor="t")


@pytest.mark.parametrize(
    ("variant", "field"),
    [
        ({"languages": {"en": {"email": {"subject": "x"}}}}, "languages"),
        ({"languages": {"de": {"email": {}}}}, "email"),
        ({"languages": {"de": {"sms": {"text": "x"}}}}, "email"),
        ({"languages": {"de": {"email": {"preheader": make.email()["preheader"]}}}}, "email"),
    ],
)
def test_variants_that_compare_nothing_are_refused(studio, variant, field):
    with db.tenant_session(studio) as session:
        made, parent = make.drafted(session)
        with pytest.raises(Invalid) as refused:
            drafts.write(session, made.id, variants=[variant], settings=Settings(), parent_id=parent.id, actor="t")
        assert field in str(refused.value)


def test_the_agents_alternatives_become_a_variant(studio):
    with db.tenant_session(studio) as session:
        made, parent = make.drafted(session)
        with pytest.raises(Invalid):
            drafts.write(session, made.id, variants=None, settings=Settings(), parent_id=parent.id, actor="t")
        content = {**parent.content_json, "alternatives": {"de": {"email": make.email(subject="Noch ein Platz")}}}
        written = revisions.store(
            session, made.id, content_json=content, origin="model", author="agent:x", parent_id=parent.id,
            sources=[], claims=[], findings=[],
        )  # fmt: skip
        revision = drafts.write(session, made.id, variants=None, settings=Settings(), parent_id=written.id, actor="t")
        variants = revision.content_json["experiment"]["variants"]
        assert variants[0]["languages"]["de"]["email"]["subject"] == "Noch ein Platz"
        assert "alternatives" not in revision.content_json
        assert (revision.origin, revision.content_json["experiment"]["weights"]) == ("model", [1, 1])


def test_the_plan_and_a_newer_draft_are_asked_first(studio):
    with db.tenant_session(studio) as session:
        made, parent = make.drafted(session)
        drafts.write(session, made.id, variants=[own.B], settings=Settings(), parent_id=parent.id, actor="t")
        with pytest.raises(Conflict):
            drafts.write(session, made.id, variants=[own.B], settings=Settings(), parent_id=parent.id, actor="t")
        session.get_one(Tenant, studio).tier = "professional"
        session.flush()
        with pytest.raises(PlanLimit):
            drafts.write(session, made.id, variants=[own.B], settings=Settings(), parent_id=None, actor="t")


def test_a_comparison_that_cannot_be_looked_at_backs_off_is_shown_and_keeps_no_other_waiting(studio, tenants):
    with db.tenant_session(studio) as session:
        own.people(session, 60)
        bad, good = (own.compared(session, own.B, test_percent=50, **chosen).id for chosen in ({}, {"hours": 1}))
        session.execute(text("UPDATE experiment SET settings = '{}' WHERE campaign_id = :id"), {"id": bad})
        own.hand_over(session, good)
    with db.tenant_session(tenants.b) as session:
        make.sender(session)
        own.people(session, 20)
        theirs = own.compared(session, own.B, test_percent=50).id
    own.later(0)
    before = tasks.FAILED._value.get()
    waits = []
    for times in range(1, service.MOST_FAILURES + 1):
        with db.tenant_session(studio) as session:
            session.execute(text("UPDATE experiment SET next_look_at = :now"), {"now": clock.now()})
            outbox.mark_due(session, service.DUE)
        tasks.look(studio, studio)
        with db.tenant_session(studio) as session:
            stuck, fine = queries.get(session, bad), queries.get(session, good)
            assert (stuck.failures, stuck.looks, stuck.failed_because) == (times, 0, "KeyError")
            assert (fine.failures, fine.looks) == (0, times)
            waits.append(stuck.next_look_at - clock.now())
            campaign = campaigns.get(session, bad)
            assert (campaign.status == "held") == (times == service.MOST_FAILURES)
            mark = session.get_one(TenantDue, (studio, service.DUE), populate_existing=True)
            assert mark.next_due_at == min(stuck.next_look_at, fine.next_look_at)
    assert waits == [timedelta(minutes=2**n) for n in range(service.MOST_FAILURES)]
    assert campaign.hold_reason == "experiment_fails: KeyError"
    assert "A/B-Test" in hold_reasons.sentence(campaign.hold_reason)["de"]
    assert tasks.FAILED._value.get() == before + service.MOST_FAILURES
    with db.tenant_session(tenants.b) as session:
        session.execute(text("UPDATE experiment SET next_look_at = :now"), {"now": clock.now()})
    tasks.look(tenants.b, tenants.b)
    with db.tenant_session(tenants.b) as session:
        assert (queries.get(session, theirs).failures, queries.get(session, theirs).looks) == (0, 1)
    with db.tenant_session(studio) as session:  # somebody mended it, and resumes
        session.execute(
            text("UPDATE experiment SET next_look_at = :now, settings = (SELECT settings FROM experiment "
                 "WHERE campaign_id = :good) WHERE campaign_id = :bad"), {"now": clock.now(), "good": good, "bad": bad},
        )  # fmt: skip
        campaigns.resume(session, bad, actor="t")
    tasks.look(studio, studio)
    with db.tenant_session(studio) as session:
        assert (queries.get(session, bad).failures, queries.get(session, bad).looks) == (0, 1)
        assert results.of(session, campaigns.get(session, bad)).failures == 0
