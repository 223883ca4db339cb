"""Statistics of segments per day."""

from datetime import UTC, date, datetime, timedelta

import make
import pytest
from sqlalchemy import text

from domain.audience import service as audience
from domain.segments import membership, performance
from domain.segments import service as segments
from kernel import db
from kernel.errors import Invalid
from kernel.ids import new_id
from models import Conversion, Message, SegmentDay

NOW = datetime(2026, 3, 29, 10, tzinfo=UTC)  # the day on which summer time begins in Berlin
VIP = {"kind": "static", "actor": "t"}


@pytest.fixture
def known(tenants, frozen_clock):
    """Two members of a segment and one beside it, in either tenant; a campaign of the segment and one of all."""
    frozen_clock(NOW)
    made = {}
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            members = [make.member(session, f"{n}@example.org").id for n in range(3)]
            segment_id = segments.create(session, name="VIP", **VIP).id
            membership.add(session, segment_id, members[:2], actor="t")
            of_segment = {"kind": "segments", "segments": [str(segment_id)]}
            campaigns = [make.campaign(session, audience_definition=of_segment), make.campaign(session)]
            for campaign in campaigns:
                for member_id in members:
                    sent(session, tenant_id, campaign.id, member_id, NOW - timedelta(hours=1))
            made[tenant_id] = (segment_id, members, [each.id for each in campaigns])
    return tenants.a, *made[tenants.a]


def sent(session, tenant_id, campaign_id, member_id, at, step=0):
    session.add(
        Message(
            id=new_id(), tenant_id=tenant_id, campaign_id=campaign_id, member_id=member_id, channel="email",
            language="de", state="sent", approval_hash="", accepted_at=at, step=step,
        )
    )  # fmt: skip


def bought(session, tenant_id, campaign_id, member_id, at, value=500, currency="EUR"):
    session.add(
        Conversion(
            tenant_id=tenant_id, campaign_id=campaign_id, member_id=member_id, at=at, external_id=str(new_id()),
            goal="x", value_minor=value, currency=currency, source="api", attribution="message",
        )
    )  # fmt: skip


def measured(tenant_id, segment_id, first, last, per="day"):
    with db.tenant_session(tenant_id) as session:
        performance.measure(session, segment_id)
        return performance.spans(session, segment_id, first, last, per)


def test_a_day_holds_members_and_what_campaigns_for_the_segment_did_to_them(known):
    tenant_id, segment_id, members, (ours, of_all) = known
    with db.tenant_session(tenant_id) as session:
        audience.add_activity(session, members[0], actor="t", kind="visit", at=NOW - timedelta(days=29))
        audience.add_activity(session, members[1], actor="t", kind="visit", at=NOW - timedelta(days=32))
        sent(session, tenant_id, ours, members[0], NOW, step=1)
        for campaign_id, member_id in (
            (ours, members[0]),
            (ours, members[0]),
            (ours, members[2]),
            (of_all, members[1]),
        ):
            bought(session, tenant_id, campaign_id, member_id, NOW)
        bought(session, tenant_id, ours, members[1], NOW - timedelta(days=1), currency="CHF")
        midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
        sent(session, tenant_id, ours, members[1], midnight - timedelta(seconds=1), step=2)
    yesterday, today = measured(tenant_id, segment_id, date(2026, 3, 28), date(2026, 3, 29))
    assert (today.members, today.active_members, today.joined, today.campaigns) == (2, 1, 2, 1)
    assert (today.received, today.converted, today.conversion_rate, today.revenue_minor) == (2, 1, 0.5, 1_000)
    assert (yesterday.received, yesterday.converted, yesterday.revenue_minor) == (1, 1, 0)
    assert (yesterday.members, yesterday.growth, today.growth) == (None, None, None)
    assert measured(tenant_id, segment_id, date(2026, 3, 28), date(2026, 3, 29)) == [yesterday, today]


def test_what_comes_late_is_counted_on_its_day_and_what_is_older_stays(known, frozen_clock):
    tenant_id, segment_id, members, (ours, _) = known
    (day,) = measured(tenant_id, segment_id, NOW.date(), NOW.date())
    for later, counted in ((timedelta(days=7), 1), (timedelta(days=8), 1)):
        frozen_clock(NOW + later)
        with db.tenant_session(tenant_id) as session:
            bought(session, tenant_id, ours, members[0], NOW)
            membership.take(session, segment_id, members[1], actor="t")
            membership.add(session, segment_id, [members[1]], actor="t")
        (again,) = measured(tenant_id, segment_id, NOW.date(), NOW.date())
        assert (again.converted, again.revenue_minor, again.members) == (counted, 500, day.members)


def test_a_day_whose_members_all_left_counts_nobody(known):
    tenant_id, segment_id, members, (ours, _) = known
    with db.tenant_session(tenant_id) as session:
        bought(session, tenant_id, ours, members[0], NOW)
    (before,) = measured(tenant_id, segment_id, NOW.date(), NOW.date())
    assert (before.received, before.converted, before.revenue_minor) == (2, 1, 500)
    with db.tenant_session(tenant_id) as session:
        for member_id in members[:2]:
            membership.take(session, segment_id, member_id, actor="t")
    (after,) = measured(tenant_id, segment_id, NOW.date(), NOW.date())
    assert (after.members, after.campaigns, after.received, after.converted, after.revenue_minor) == (0, 0, 0, 0, 0)


def test_looking_again_within_a_minute_measures_nothing(known):
    tenant_id, segment_id, *_ = known
    asked = []
    with db.tenant_session(tenant_id) as session, pytest.MonkeyPatch.context() as patch:
        measure = performance.measure
        patch.setattr(performance, "measure", lambda *given: asked.append(given) or measure(*given))
        for aged, looks in ((False, 1), (False, 1), (True, 2)):
            if aged:
                session.execute(text("UPDATE segment_day SET measured_at = measured_at - interval '2 minutes'"))
            performance.keep_current(session, segment_id)
            assert len(asked) == looks


@pytest.mark.parametrize(
    ("per", "days", "expected"),
    [
        ("day", {"05-28": 10, "05-29": 12, "05-31": 15}, [(10, None), (12, 2), (None, None), (15, 3)]),
        ("week", {"05-23": 9, "05-24": 10, "05-31": 15}, [(10, None), (15, 5)]),
        ("month", {"05-02": 10, "05-31": 12, "06-01": 15}, [(12, None), (15, 3)]),
    ],
)
def test_spans_add_up_their_days(known, per, days, expected):
    tenant_id, segment_id, *_ = known
    dates = [date.fromisoformat(f"2026-{day}") for day in days]
    with db.tenant_session(tenant_id) as session:
        session.execute(text("DELETE FROM segment_day"))
        own = {"tenant_id": tenant_id, "segment_id": segment_id, "joined": 1, "received": 2, "converted": 1}
        session.add_all(SegmentDay(**own, day=day, members=n) for day, n in zip(dates, days.values(), strict=True))
        session.flush()
        found = performance.spans(session, segment_id, dates[0], dates[-1], per)
        later = performance.spans(session, segment_id, dates[-1], dates[-1], "day")
    assert [(span.members, span.growth) for span in found] == expected
    assert sum(span.joined for span in found) == 3
    assert {span.conversion_rate for span in found} <= {0.5, None}
    assert found[0].first <= dates[0] <= found[0].last <= found[-1].last == dates[-1]
    assert [span.growth for span in later] == [expected[-1][1]]


def test_too_many_days_or_the_wrong_order_are_refused(known):
    tenant_id, segment_id, *_ = known
    for first, last in ((NOW.date(), NOW.date() - timedelta(days=1)), (date(2024, 1, 1), NOW.date())):
        with db.tenant_session(tenant_id) as session, pytest.raises(Invalid):
            performance.spans(session, segment_id, first, last, "day")
