"""Promising, asking, moving and ending follow-ups: limits hold, steps happen once, and nobody sees another tenant's."""

import threading
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
import tellers
from sqlalchemy import select

from domain.audience import service as audience
from domain.consent import opt_outs
from domain.consent import service as consents
from domain.follow_ups import closing, seen, store
from domain.follow_ups.rules import Due, State, Topic, Why, spoken
from domain.plans import service as plans
from domain.plans.catalog import FOLLOW_UPS
from kernel import clock, db
from kernel.errors import Conflict, Invalid, NotFound, PlanLimit
from kernel.ids import new_id
from models import DomainEvent, FollowUp, Outbox, PlanReservation, PlanUsage


def used(tenant_id) -> int:
    with db.tenant_session(tenant_id) as session:
        return next(meter.used for meter in plans.meters(session) if meter.limit == FOLLOW_UPS)


def told(tenant_id, follow_up_id) -> list[str]:
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            select(DomainEvent.type).where(DomainEvent.aggregate_id == follow_up_id).order_by(DomainEvent.seq)
        )
        return [name.removeprefix("crm.follow_up.") for name in rows.scalars()]


def test_a_promise_keeps_the_moment_in_utc_and_on_the_members_clock(studio):
    due = Due.of(clock.now() + timedelta(days=30), "America/New_York")
    made = tellers.row(studio, tellers.promised(studio, due))
    assert (made.state, made.due_at, made.due_local, made.zone) == ("pending", due.at, due.local, "America/New_York")
    assert made.ai_context_json["version"] == 1
    assert told(studio.tenant_id, made.id) == ["scheduled"]


def test_the_same_topic_moves_instead_of_adding_and_costs_nothing_more(studio):
    first = tellers.promised(studio, tellers.due_in(days=10))
    with db.tenant_session(studio.tenant_id) as session:
        again = store.schedule(session, tellers.wish(studio), tellers.due_in(days=12), actor="t")
        assert again.row.id == first
        assert again.before is not None
        assert store.is_near(again.row, again.before)
    assert used(studio.tenant_id) == 1
    assert tellers.row(studio, first).moves == 1
    assert told(studio.tenant_id, first) == ["scheduled", "moved"]


def test_parallel_wishes_of_one_member_pass_neither_the_topic_nor_the_limit_of_three(studio):
    topics = [topic for topic in Topic for _ in range(2)]
    outcomes: list[str] = []

    def ask(topic: Topic) -> None:
        try:
            tellers.promised(studio, topic=topic)
            outcomes.append("ok")
        except Conflict as refused:
            outcomes.append(refused.code)

    threads = [threading.Thread(target=ask, args=(topic,)) for topic in topics]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = tellers.rows(studio, "pending")
    assert len(rows) == 3
    assert len({row.topic for row in rows}) == 3
    assert "follow_ups_open" in outcomes
    assert used(studio.tenant_id) == 3


def test_the_plan_reserves_at_the_promise_and_gives_back_on_cancel(studio, other):
    tellers.set_tenant(studio.tenant_id, tier="starter")
    with db.tenant_session(studio.tenant_id) as session:
        for _ in range(4):
            plans.spend(session, FOLLOW_UPS, new_id())
    fifth = tellers.promised(studio)
    with pytest.raises(PlanLimit) as refused:
        tellers.promised(studio, topic=Topic.TRIAL)
    assert (refused.value.extra["used"], refused.value.extra["lifted_by"]) == (5, "professional")
    with db.tenant_session(studio.tenant_id) as session:
        store.cancel(session, fifth, actor="t")
    assert used(studio.tenant_id) == 4
    tellers.promised(studio, topic=Topic.TRIAL)
    tellers.promised(other)


def test_twenty_parallel_members_cannot_pass_the_plan(studio):
    tellers.set_tenant(studio.tenant_id, tier="starter")
    with db.tenant_session(studio.tenant_id) as session:
        members = [tellers.a_member(session, str(70_000 + n)) for n in range(20)]

    def ask(member_id) -> None:
        with suppress(PlanLimit):
            tellers.promised(studio, member_id=member_id)

    threads = [threading.Thread(target=ask, args=(member_id,)) for member_id in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert used(studio.tenant_id) == 5
    with db.tenant_session(studio.tenant_id) as session:
        assert len(session.execute(select(FollowUp).where(FollowUp.state == "pending")).scalars().all()) == 5


def test_a_question_reserves_nothing_until_it_is_answered_and_then_holds_the_chosen_date(studio):
    options = [tellers.due_in(days=5), tellers.due_in(days=12)]
    with db.tenant_session(studio.tenant_id) as session:
        asked = store.propose(
            session, tellers.wish(studio, intent="absence"), options, until=clock.now() + timedelta(hours=24), actor="t"
        )
    assert used(studio.tenant_id) == 0
    with db.tenant_session(studio.tenant_id) as session:
        done = store.confirm(session, store.get(session, asked.id), 1, actor="member")
    assert (done.row.state, done.row.due_at) == ("pending", options[1].at)
    assert used(studio.tenant_id) == 1
    with db.tenant_session(studio.tenant_id) as session, pytest.raises(Conflict):
        store.confirm(session, store.get(session, asked.id), 0, actor="member")


def test_a_newer_question_replaces_the_older_one(studio):
    until = clock.now() + timedelta(hours=24)
    with db.tenant_session(studio.tenant_id) as session:
        old = store.propose(session, tellers.wish(studio), [tellers.due_in(days=5)], until=until, actor="t").id
        new = store.propose(session, tellers.wish(studio), [tellers.due_in(days=6)], until=until, actor="t").id
    assert (tellers.row(studio, old).state, tellers.row(studio, old).why) == ("cancelled", Why.REPLACED)
    assert tellers.row(studio, new).state == "proposed"


def test_a_turn_has_its_effect_once_also_when_it_is_read_twice_at_once(studio):
    turn = new_id()
    firsts: list[bool] = []
    barrier = threading.Barrier(4)

    def read() -> None:
        barrier.wait()
        with db.tenant_session(studio.tenant_id) as session:
            firsts.append(
                seen.is_first(
                    session, turn, member_id=studio.member_id, at=clock.now(), topic=None, outcome="scheduled"
                )
            )

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(firsts) == [False, False, False, True]


@pytest.mark.parametrize("ahead", [timedelta(minutes=1), timedelta(days=-1), timedelta(days=401)])
def test_what_is_past_or_too_far_is_refused(studio, ahead):
    with pytest.raises(Invalid) as refused:
        tellers.promised(studio, Due.of(clock.now() + ahead, tellers.ZONE))
    assert refused.value.code in {"due_past", "due_too_far"}


def test_a_stop_ends_what_is_open_on_its_channel_and_nothing_of_the_other_tenant(studio, other):
    mine, theirs = tellers.promised(studio), tellers.promised(other)
    with db.tenant_session(studio.tenant_id) as session:
        opt_outs.stop(
            session, channel="telegram", address_norm=tellers.CHAT, everything=False, actor="member", evidence={"m": 1}
        )
    with db.tenant_session(studio.tenant_id) as session:
        asked = session.execute(select(Outbox).where(Outbox.task == "follow_ups.close")).scalars().all()
    assert {row.arguments["id"] for row in asked} == {str(studio.member_id)}
    assert closing.after_stop(studio.tenant_id, studio.member_id) == 1
    assert closing.after_stop(studio.tenant_id, studio.member_id) == 0
    assert (tellers.row(studio, mine).state, tellers.row(studio, mine).why) == ("cancelled", Why.OPTED_OUT)
    assert tellers.row(other, theirs).state == "pending"
    assert used(studio.tenant_id) == 0


def test_a_stop_of_another_channel_leaves_the_promise(studio):
    mine = tellers.promised(studio)
    with db.tenant_session(studio.tenant_id) as session:
        consents.record(
            session, studio.member_id, channel="email", purpose="marketing", state="withdrawn", source="t", actor="t",
            evidence={},
        )  # fmt: skip
    assert closing.after_stop(studio.tenant_id, studio.member_id) == 0
    assert tellers.row(studio, mine).state == "pending"


def test_a_goal_that_is_reached_ends_the_topic_and_closing_the_tenant_everything(studio):
    trial, other_topic = tellers.promised(studio, topic=Topic.TRIAL), tellers.promised(studio)
    with db.tenant_session(studio.tenant_id) as session:
        assert store.close(session, studio.member_id, why=Why.GOAL, actor="t", topic=Topic.TRIAL) == 1
        assert store.close(session, studio.member_id, why=Why.GOAL, actor="t", topic=Topic.TRIAL) == 0
        assert store.close_tenant(session, actor="t") == 1
        assert store.close_tenant(session, actor="t") == 0
    assert tellers.row(studio, trial).why == Why.GOAL
    assert tellers.row(studio, other_topic).why == Why.TENANT


def test_erasing_a_member_leaves_no_follow_up_and_no_turn(studio):
    made = tellers.promised(studio)
    with db.tenant_session(studio.tenant_id) as session:
        audience.delete(session, studio.member_id, actor="t")
    with db.tenant_session(studio.tenant_id) as session, pytest.raises(NotFound):
        store.get(session, made)


def test_another_tenants_follow_up_is_not_there(studio, other):
    made = tellers.promised(studio)
    with db.tenant_session(other.tenant_id) as session:
        with pytest.raises(NotFound):
            store.get(session, made)
        with pytest.raises(NotFound):
            store.schedule(session, tellers.wish(other, member_id=studio.member_id), tellers.due_in(days=1), actor="t")
        assert session.execute(store.matching(session)).scalars().all() == []


def test_the_reservation_belongs_to_the_month_of_the_tenants_zone(studio, frozen_clock):
    frozen_clock(datetime.fromisoformat("2026-11-30T23:30:00+00:00"))
    tellers.promised(studio)
    with db.tenant_session(studio.tenant_id) as session:
        period = session.execute(
            select(PlanUsage.period).where(PlanUsage.limit_key == "follow_ups", PlanUsage.used == 1)
        ).scalar_one()
        assert session.execute(select(PlanReservation.period)).scalar_one() == period
    assert period.isoformat() == "2026-12-01"


@pytest.mark.parametrize(
    ("language", "zone", "expected"),
    [
        ("de", "Europe/Berlin", "Fr, 4. Dezember um 10 Uhr"),
        ("en", "Europe/London", "Fri, 4 December at 09:00"),
    ],
)
def test_the_date_is_said_as_people_say_it(language, zone, expected):
    due = Due.of(datetime.fromisoformat("2026-12-04T09:00:00+00:00"), zone)
    assert spoken(due, language, datetime.fromisoformat("2026-11-21T09:00:00+00:00")) == expected
    year = " 2026"
    assert year in spoken(due, language, datetime.fromisoformat("2025-11-21T09:00:00+00:00"))


def test_a_stored_moment_reads_back_as_it_was():
    due = tellers.due_in(days=3)
    assert Due.read(due.stored()) == due


def test_only_a_pending_failed_or_expired_one_can_be_moved(studio):
    made = tellers.promised(studio)
    with db.tenant_session(studio.tenant_id) as session:
        row = store.get(session, made)
        store.finish(session, row, State.FAILED, Why.NO_TEXT)
    assert used(studio.tenant_id) == 0
    with db.tenant_session(studio.tenant_id) as session:
        store.move(session, made, tellers.due_in(days=2), actor="t")
    assert (tellers.row(studio, made).state, used(studio.tenant_id)) == ("pending", 1)
    with db.tenant_session(studio.tenant_id) as session:
        store.cancel(session, made, actor="t")
        store.cancel(session, made, actor="t")
        with pytest.raises(Conflict):
            store.move(session, made, tellers.due_in(days=2), actor="t")
