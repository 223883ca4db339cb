"""Reports: what they count, what their rates are shares of, and that they never look at events."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import ledger
import make
import pytest
from ledger import Happened
from sqlalchemy import event, text, update

from domain.analytics import attribution, periods, reports, rollup
from domain.analytics.periods import By, Span
from domain.analytics.reports import Asked
from domain.audience import service as audience
from domain.delivery import materialise
from kernel import db
from kernel.errors import Invalid, NotFound, PlanLimit
from models import Message, Tenant

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_SHAPES = [(0, "email", "de", 0), (0, "email", "de", 1), (0, "email", "en", 1), (1, "sms", "de", None)]


@pytest.fixture
def story(tenants):
    """Two campaigns of tenant A with every kind of thing that happens, and one of tenant B."""
    one, two, three, text_ = sent = ledger.messages(tenants.a, _SHAPES)
    hour = timedelta(hours=1)
    ledger.write(
        tenants.a,
        [
            *(Happened(each, "sent", NOON) for each in sent),
            Happened(one, "opened", NOON + hour, "human"),
            Happened(one, "opened", NOON + 2 * hour, "human"),
            Happened(one, "clicked", NOON + 2 * hour, "human", link_n=0),
            Happened(one, "clicked", NOON + 26 * hour, "human", link_n=2),
            Happened(one, "converted", NOON + 27 * hour, "human", value=4_990, link_n=2),
            Happened(one, "converted", NOON + 28 * hour, "human", value=1_000, currency="CHF"),
            Happened(two, "opened", NOON, "machine", "mail_privacy"),
            Happened(two, "clicked", NOON, "machine", "burst", link_n=0),
            Happened(two, "opened", NOON + 40 * hour, "proxy"),
            Happened(three, "bounced", NOON + hour, "provider:mail", "refused"),
            Happened(three, "opened", NOON + hour, "human"),
            Happened(text_, "delivered", NOON, "twilio"),
        ],
    )
    other = ledger.messages(tenants.b, _SHAPES[:1])
    ledger.write(tenants.b, [Happened(other[0], "sent", NOON), Happened(other[0], "opened", NOON, "human")])
    for tenant in (tenants.a, tenants.b):
        ledger.settle(tenant)
    return sent


def performance(tenant, campaign, **asked):
    with db.tenant_session(tenant) as session:
        return reports.performance(session, campaign, Asked(**asked))


def overview(tenant, **asked):
    with db.tenant_session(tenant) as session:
        return reports.overview(session, Asked(**asked))


def test_a_campaign_counts_people_once_and_machines_apart(tenants, story):
    report = performance(tenants.a, story[0].campaign)
    counts = report.totals.counts
    wanted = {"sent": 3, "reached": 2, "opened": 3, "opens": 4, "opened_machine": 1, "opens_machine": 1}
    assert {name: counts[name] for name in wanted} == wanted
    assert (counts["clicked"], counts["clicks"], counts["clicked_machine"], counts["converted"]) == (1, 2, 1, 1)
    assert report.totals.values == {"CHF": 1_000, "EUR": 4_990}
    rates = {name: (rate.numerator, rate.denominator, rate.per) for name, rate in report.totals.rates.items()}
    assert rates["opened"] == (2, 2, "reached")  # the third one bounced, whatever was opened there
    assert rates["bounced"] == (1, 3, "attempted")
    assert rates["clicked"] == (1, 2, "reached")
    assert (report.targeted, report.behind, report.zone, report.level) == (3, 0, "Europe/Berlin", "advanced")
    assert report.span == Span(date(2026, 3, 2), date(2026, 3, 4))


def test_a_campaign_is_broken_down_by_day_channel_language_link_and_variant(tenants, story):
    report = performance(tenants.a, story[0].campaign)
    assert [(part.span.first.day, part.figures.counts["opened"]) for part in report.series] == [(2, 2), (3, 0), (4, 1)]
    assert {name: each.counts["sent"] for name, each in report.channels.items()} == {"email": 3}
    assert {name: each.counts["sent"] for name, each in report.languages.items()} == {"de": 2, "en": 1}
    assert {name: each.counts["opened"] for name, each in report.variants.items()} == {0: 1, 1: 2}
    links = {(link.n, link.language): link.figures for link in report.links}
    assert {key: (each.counts["clicked"], each.counts["clicked_machine"]) for key, each in links.items()} == {
        (0, "de"): (1, 1), (2, "de"): (1, 0),
    }  # fmt: skip
    assert links[2, "de"].values == {"EUR": 4_990}
    for part in (report.series, list(report.channels.values()), list(report.variants.values())):
        figures = [getattr(each, "figures", each) for each in part]
        assert sum(each.counts["opens"] for each in figures) == report.totals.counts["opens"]


def test_the_overview_is_the_sum_of_the_campaigns_of_one_tenant(tenants, story):
    report = overview(tenants.a, first=date(2026, 3, 1), last=date(2026, 3, 31), by=By.WEEK)
    assert (report.totals.counts["sent"], report.totals.counts["delivered"], report.targeted) == (4, 1, 4)
    assert {name: each.counts["sent"] for name, each in report.channels.items()} == {"email": 3, "sms": 1}
    assert [part.span.first.day for part in report.series] == [1, 2, 9, 16, 23, 30]
    assert [part.figures.counts["sent"] for part in report.series] == [0, 4, 0, 0, 0, 0]
    assert report.links is None
    assert overview(tenants.b, first=date(2026, 3, 1), last=date(2026, 3, 31)).totals.counts["sent"] == 1
    with pytest.raises(NotFound):
        performance(tenants.b, story[0].campaign)


def test_a_rate_is_about_what_was_sent_in_the_period_and_never_above_one(tenants, story):
    late = overview(tenants.a, first=date(2026, 3, 4), last=date(2026, 3, 4))
    assert (late.totals.counts["opened"], late.totals.rates["opened"].denominator) == (1, 0)
    assert late.totals.rates["opened"].value is None
    early = overview(tenants.a, first=date(2026, 3, 2), last=date(2026, 3, 2))
    assert early.totals.rates["opened"].value == pytest.approx(2 / 3)


def test_the_plan_decides_which_sections_there_are(tenants, story):
    for tier, level, had in (
        ("starter", "basic", ()),
        ("professional", "standard", ("series", "channels", "languages", "links")),
    ):
        with db.tenant_session(tenants.a) as session:
            session.execute(update(Tenant).values(tier=tier))
        report = performance(tenants.a, story[0].campaign)
        assert report.level == level
        assert (
            tuple(
                name
                for name in ("series", "channels", "languages", "links", "variants")
                if getattr(report, name) is not None
            )
            == had
        )
        with pytest.raises(PlanLimit) as refused:
            performance(tenants.a, story[0].campaign, sections=frozenset({"variants"}))
        assert refused.value.extra["lifted_by"] == "business"


def test_who_is_erased_leaves_the_figures_as_they_are(tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        member = make.member(session, "ada@example.org", tracking=True)
        campaign = make.started(session)
        member_id, campaign_id = member.id, campaign.id
    with db.tenant_session(tenants.a) as session:
        materialise.materialise(session, campaign_id)
        message = session.query(Message).one()
        sent = ledger.Sent(message.id, campaign_id, "email", message.language, None)
    ledger.write(tenants.a, [Happened(sent, "sent", NOON), Happened(sent, "opened", NOON, "human")])
    ledger.settle(tenants.a)
    before = ledger.kept(tenants.a)
    with db.tenant_session(tenants.a) as session:
        audience.delete(session, member_id, actor="t")
    ledger.write(tenants.a, [Happened(sent, "opened", NOON, "human")])
    ledger.settle(tenants.a)
    after = ledger.kept(tenants.a)
    assert {key[-1]: n for key, n in (after - before).items()} == {"opens": 1}
    with db.tenant_session(tenants.a) as session:
        assert rollup.verify(session) == []


def test_reports_read_roll_ups_and_no_event(tenants, story):
    seen = []
    with db.tenant_session(tenants.a) as session:
        reports.freshen(session)
        listener = lambda *args: seen.append(args[2])  # noqa: E731
        event.listen(db.engine(), "before_cursor_execute", listener)
        try:
            reports.performance(session, story[0].campaign, Asked())
            reports.overview(session, Asked())
        finally:
            event.remove(db.engine(), "before_cursor_execute", listener)
    touching = [statement for statement in seen if "message_event" in statement]
    assert len(touching) == 2
    assert all("count(*) FROM (\n  SELECT FROM message_event WHERE tenant_id" in each for each in touching)


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York", "Asia/Kolkata", "Europe/Berlin"])
def test_days_begin_when_the_tenants_clock_says_so_also_after_a_change_of_zone(tenants, story, zone):
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(time_zone=zone))
    at = datetime(2026, 3, 28, 18, 14, 59, tzinfo=UTC)  # one second before midnight in Kathmandu; the day before DST
    ledger.write(
        tenants.a, [Happened(story[0], "opened", at + timedelta(minutes=15 * n), "human") for n in range(-110, 110)]
    )
    ledger.settle(tenants.a)
    report = performance(tenants.a, story[0].campaign, first=date(2026, 3, 26), last=date(2026, 3, 31))
    days = [(at + timedelta(minutes=15 * n)).astimezone(ZoneInfo(zone)).date() for n in range(-110, 110)]
    assert report.zone == zone
    assert {
        part.span.first: part.figures.counts["opens"] for part in report.series if part.figures.counts["opens"]
    } == {day: days.count(day) for day in days}
    with db.tenant_session(tenants.a) as session:
        assert rollup.verify(session) == []


def test_a_span_falls_into_weeks_and_months_without_gap_or_overlap():
    whole = Span(date(2025, 12, 18), date(2026, 3, 3))
    for by in By:
        parts = list(periods.parts(whole, by))
        assert [parts[0].first, parts[-1].last] == [whole.first, whole.last]
        assert all(after.first - before.last == timedelta(days=1) for before, after in pairwise(parts))
    assert [part.first for part in periods.parts(whole, By.MONTH)] == [
        date(2025, 12, 18), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1),
    ]  # fmt: skip
    with pytest.raises(Invalid):
        periods.span(date(2026, 1, 2), date(2026, 1, 1), "UTC")
    with pytest.raises(Invalid):
        periods.span(date(2020, 1, 2), date(2026, 1, 1), "UTC")


def test_what_reports_and_turns_read_is_served_by_indexes_across_the_policy(tenants, story, analyse):
    for table in ("message_event", "rollup_day", "conversion"):
        analyse(table)
    seen = []
    with db.tenant_session(tenants.a) as session:
        reports.freshen(session)
        session.execute(text("SET LOCAL enable_seqscan = off"))  # the tables are tiny: can an index serve it at all?
        listener = lambda *args: seen.append((args[2], args[3]))  # noqa: E731
        event.listen(db.engine(), "before_cursor_execute", listener)
        try:
            reports.performance(session, story[0].campaign, Asked())
            reports.overview(session, Asked())
            attribution.attribute(session, date(2026, 3, 1), date(2026, 3, 31))
        finally:
            event.remove(db.engine(), "before_cursor_execute", listener)
        raw = session.connection().connection.cursor()
        plans, of_tenant = [], []
        for statement, parameters in seen:
            if any(name in statement for name in ("rollup_day", "message_event", "conversion ")):
                raw.execute("EXPLAIN " + statement, parameters)
                plans.append("\n".join(row[0] for row in raw.fetchall()))
                if "rollup_day" in statement and "campaign_id = " not in statement:
                    of_tenant.append(plans[-1])
    assert len(plans) > 8
    assert [plan for plan in plans if "Seq Scan" in plan] == []
    assert len(of_tenant) > 1  # whole messages, and segments
    assert all("(day >= " in plan and "(link_n = " in plan and "ix_rollup_day_day" in plan for plan in of_tenant)
    assert any("ix_message_event_xid" in plan and "(xid >= " in plan for plan in plans)
    assert any("ix_conversion_at" in plan for plan in plans)
