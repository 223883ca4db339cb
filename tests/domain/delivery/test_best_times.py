"""Plans with the best time: whose hours decide, within the window, on the member's clock, also when clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import comparing
import make
import pytest
from sqlalchemy import insert, select, update

from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import flight, local, materialise
from domain.experiments import drafts
from domain.experiments import service as experiments
from domain.experiments.rules import Settings
from kernel import clock, db
from kernel.errors import Invalid, PlanLimit
from models import Campaign, Member, MemberHours, Message, SendTimeState, Tenant

AT = {"at": "2031-03-18T09:30", "time_zone": "Europe/Berlin", "per_member": True}
BEST = {**AT, "send_time": "best", "window_hours": 8}


def advise(session, tenant_id, hour: int, weekday: int = 2) -> None:
    """What the tenant's members do: they act at this hour of that weekday."""
    weights = {str(day): [float(day == weekday and n == hour) for n in range(24)] for day in range(1, 8)}
    advice = {"email": {"basis": "cells", "days": weights}}
    session.add(SendTimeState(tenant_id=tenant_id, zone="Europe/Berlin", advice=advice, counted_at=clock.now()))


def person(session, name: str, hour: int | None, *, profiling: bool = True, zone: str | None = None):
    """A member whose own best hour this is, with or without the consent to use it."""
    made = make.member(session, f"{name}@a.example", time_zone=zone)
    if profiling:
        consents.record(
            session, made.id, channel="email", purpose="profiling", state="granted", source="t", actor="t",
            evidence={"wording": "ja"},
        )  # fmt: skip
    session.execute(
        insert(MemberHours).values(
            tenant_id=made.tenant_id, member_id=made.id, channel="email", hours=[0] * 24, acts=9, best_hour=hour
        )
    )
    return made.id


def planned(session, wish: dict) -> Campaign:
    """An approved campaign that is due, as the beat starts it."""
    made, revision = make.drafted(session, schedule=wish)
    make.approve(session, made.id, revision)
    return campaigns.get(session, made.id)


def due(session, campaign: Campaign) -> dict:
    """When each member gets it, by its clock."""
    campaigns.start(session, campaign.id, actor="t")
    assert materialise.materialise(session, campaign.id)
    rows = session.execute(select(Message.member_id, Message.not_before).where(Message.state == "pending"))
    return {row.member_id: row.not_before for row in rows}


def berlin(hour: int, minute: int = 30) -> datetime:
    return datetime(2031, 3, 18, hour, minute, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


@pytest.fixture
def studio(tenants):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
    yield tenants
    clock.set_source(None)


def test_own_hours_come_before_the_tenants_and_those_before_the_planned_time(studio):
    with db.tenant_session(studio.a) as session:
        own = person(session, "own", 15)
        at_once = person(session, "at-once", 9)
        late = person(session, "late", 18)  # outside of the window
        unwilling = person(session, "unwilling", 15, profiling=False)
        nothing = person(session, "nothing", None)
        tokyo = person(session, "tokyo", 12, zone="Asia/Tokyo")
        advise(session, studio.a, 11)
        made = planned(session, BEST)
        assert flight.check(session, made).send_times == {"member": 3, "tenant": 3}
        found = due(session, made)
    assert found == {
        own: berlin(15),
        at_once: berlin(9),
        **dict.fromkeys((late, unwilling, nothing), berlin(11)),
        tokyo: datetime(2031, 3, 18, 3, 30, tzinfo=UTC),
    }


@pytest.mark.parametrize("advised", [None, 20, 8])
def test_without_evidence_within_the_window_the_planned_time_stays(studio, advised):
    with db.tenant_session(studio.a) as session:
        one = person(session, "one", None)
        if advised is not None:
            advise(session, studio.a, advised)
        made = planned(session, BEST)
        assert flight.check(session, made).send_times == {"member": 0, "planned": 1}
        assert due(session, made) == {one: berlin(9)}


def test_nobody_gets_it_in_quiet_hours(studio):
    with db.tenant_session(studio.a) as session:
        session.execute(update(Tenant).values(quiet_from="13:00", quiet_until="08:00"))
        one = person(session, "one", 15)
        assert due(session, planned(session, BEST)) == {one: berlin(9)}


def test_hours_are_those_of_the_wall_also_when_a_clock_is_changed_within_the_window(studio):
    wish = {**BEST, "at": "2031-03-30T00:30", "window_hours": 10}
    with db.tenant_session(studio.a) as session:
        session.execute(update(Tenant).values(quiet_from="00:00", quiet_until="00:00"))
        changed = person(session, "berlin", 9)
        before = person(session, "early", 1)
        unchanged = person(session, "kolkata", 9, zone="Asia/Kolkata")
        found = due(session, planned(session, wish))
    zone = ZoneInfo("Europe/Berlin")
    assert found[changed] == datetime(2031, 3, 30, 9, 30, tzinfo=zone).astimezone(UTC)
    assert found[changed] - found[before] == timedelta(hours=7)
    assert found[unchanged] == datetime(2031, 3, 30, 4, 0, tzinfo=UTC)


def test_the_window_is_sealed_and_its_plan_and_form_are_checked(studio):
    with db.tenant_session(studio.a) as session:
        person(session, "one", 15)
        made = planned(session, BEST)
        sealed = made.approval_hash
        assert campaigns.schedule(session, made.id, actor="t", **BEST).approval_hash == sealed
        changed = campaigns.schedule(session, made.id, actor="t", **{**BEST, "window_hours": 3})
        assert (changed.approval_hash, changed.schedule["window_hours"]) == (None, 3)
        for wrong in ({"window_hours": 13}, {"window_hours": None}, {"per_member": False}, {"send_time": "soon"}):
            with pytest.raises(Invalid, match="send_time"):
                campaigns.schedule(session, made.id, actor="t", **{**BEST, **wrong})
        session.execute(update(Tenant).values(tier="professional"))
        with pytest.raises(PlanLimit, match="upgrade to business"):
            campaigns.schedule(session, made.id, actor="t", **{**BEST, "window_hours": 5})


def test_the_rest_of_a_comparison_gets_the_winner_at_each_members_best_time(studio):
    with db.tenant_session(studio.a) as session:
        hours = {person(session, f"own-{n}", 10 + n): 10 + n for n in range(8)}
        hours |= {person(session, f"tokyo-{n}", 12, zone="Asia/Tokyo"): 12 for n in range(4)}
        hours |= {person(session, f"none-{n}", None): 11 for n in range(4)}  # the tenant's hour of that weekday
        advise(session, studio.a, 11, weekday=4)
        made, parent = make.drafted(session, schedule=BEST)
        chosen = Settings(weights=(1, 1), test_percent=25)
        revision = drafts.write(
            session, made.id, variants=[comparing.B], settings=chosen, parent_id=parent.id, actor="t"
        )
        make.approve(session, made.id, revision)
        tested = due(session, campaigns.get(session, made.id))
        assert len(tested) == 4
        now = datetime(2031, 3, 19, 20, 0, tzinfo=UTC)  # in the evening of the day after
        clock.set_source(lambda: now)
        experiments.decide(session, made.id, outcome="send", variant=1, reason="x", actor="t")
        rest = {
            row.member_id: row.not_before
            for row in session.execute(select(Message.member_id, Message.not_before).where(Message.tested.is_(False)))
        }
        zones = dict(session.execute(select(Member.id, Member.time_zone)).all())
        assert len(rest) == 12
        for member_id, at in rest.items():
            local_time = at.astimezone(ZoneInfo(zones[member_id] or "Europe/Berlin"))
            assert (local_time.day, local_time.hour, local_time.minute) == (20, hours[member_id], 30)
        session.execute(update(Campaign).values(zone_rules="2000a"))
        assert local.reckon_again(session) == 1
        again = session.execute(select(Message.member_id, Message.not_before).where(Message.tested.is_(False))).all()
        assert dict(again) == rest
