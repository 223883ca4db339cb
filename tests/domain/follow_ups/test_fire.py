"""Firing: what is due is judged again, handed over once, and sent only with a provider's answer."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
import tellers
from conftest import ROOT
from sqlalchemy import select, text, update

from ariia.tasks import campaigns as sending
from ariia.tasks import follow_ups as tasks
from domain.audience import service as audience
from domain.consent import opt_outs
from domain.follow_ups import closing, fire, seen, store
from domain.follow_ups.rules import Topic, Why
from kernel import clock, db
from kernel.errors import Conflict
from kernel.ids import new_id
from models import FollowUp, FollowUpText, FollowUpTurn, Message, Notice, PlanReservation


def fired(studio, follow_up_id, *, after: timedelta = timedelta(seconds=1)) -> fire.Step:
    """Look at what is due right after the moment that was promised, on a virtual clock."""
    with db.tenant_session(studio.tenant_id) as session:
        due = store.get(session, follow_up_id).due_at
        step = fire.take(session, fire.keep, follow_up_id, due + after)
    assert step is not None
    return step


def deliver(studio) -> None:
    """Let the ledger send what waits, and take over what it says."""
    sending.send_notices(studio.tenant_id, studio.tenant_id)
    tellers.look_now(studio.tenant_id)
    tasks.run(studio.tenant_id, studio.tenant_id)


def test_what_is_due_is_sent_once_and_is_sent_only_with_the_providers_id(studio, other, telegram):
    mine, theirs = tellers.promised(studio), tellers.promised(other)
    tellers.make_due(studio.tenant_id, mine)
    tasks.run(studio.tenant_id, studio.tenant_id)
    assert tellers.row(studio, mine).state == "sending"
    deliver(studio)
    row = tellers.row(studio, mine)
    assert (row.state, row.provider_reference) == ("sent", f"{tellers.CHAT}:1")
    assert len(telegram.sent[tellers.CHAT]) == 1
    assert telegram.sent[tellers.CHAT][0].startswith("Hallo Jörg, hier ist")
    with db.tenant_session(studio.tenant_id) as session:
        assert session.execute(select(PlanReservation.state)).scalars().all() == ["consumed"]
        assert session.execute(select(Notice.purpose, Notice.kind)).all() == [("marketing", "follow_up")]
    tellers.make_due(studio.tenant_id, mine)
    tasks.run(studio.tenant_id, studio.tenant_id)
    sending.send_notices(studio.tenant_id, studio.tenant_id)
    assert len(telegram.sent[tellers.CHAT]) == 1
    assert tellers.row(other, theirs).state == "pending"


def test_nothing_goes_out_before_it_is_due(studio):
    mine = tellers.promised(studio)
    tasks.run(studio.tenant_id, studio.tenant_id)
    with db.tenant_session(studio.tenant_id) as session:
        assert fire.fire(session, clock.now()) == []
    assert tellers.row(studio, mine).state == "pending"


def test_six_workers_hand_over_each_of_thirty_once(studio, telegram):
    with db.tenant_session(studio.tenant_id) as session:
        members = [tellers.a_member(session, str(80_000 + n)) for n in range(30)]
    ids = [tellers.promised(studio, member_id=member_id) for member_id in members]
    tellers.make_due(studio.tenant_id, *ids)
    broken: list[BaseException] = []

    def work() -> None:
        try:
            for follow_up_id in ids:
                with db.tenant_session(studio.tenant_id) as session:
                    fire.take(session, fire.keep, follow_up_id, clock.now())
        except BaseException as error:  # noqa: BLE001 - shown by the test
            broken.append(error)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert broken == []
    deliver(studio)
    assert {chat: len(texts) for chat, texts in telegram.sent.items()} == {str(80_000 + n): 1 for n in range(30)}
    with db.tenant_session(studio.tenant_id) as session:
        states = session.execute(select(FollowUp.state).where(FollowUp.id.in_(ids))).scalars().all()
    assert set(states) == {"sent"}


def test_a_worker_that_dies_before_the_commit_leaves_it_pending_and_the_next_sends_once(studio, telegram):
    mine = tellers.promised(studio)
    tellers.make_due(studio.tenant_id, mine)
    with pytest.raises(KeyboardInterrupt), db.tenant_session(studio.tenant_id) as session:
        assert fire.fire(session, clock.now())[0].state == "sending"
        raise KeyboardInterrupt
    assert tellers.row(studio, mine).state == "pending"
    assert tellers.messages(studio.tenant_id) == []
    tasks.run(studio.tenant_id, studio.tenant_id)
    deliver(studio)
    assert tellers.row(studio, mine).state == "sent"
    assert len(telegram.sent[tellers.CHAT]) == 1


def test_a_worker_that_dies_after_the_commit_leaves_a_message_that_is_sent_once(studio, telegram):
    mine = tellers.promised(studio)
    tellers.make_due(studio.tenant_id, mine)
    with db.tenant_session(studio.tenant_id) as session:
        fire.fire(session, clock.now())
    for _ in range(2):
        tasks.run(studio.tenant_id, studio.tenant_id)
        deliver(studio)
    assert tellers.row(studio, mine).state == "sent"
    assert len(telegram.sent[tellers.CHAT]) == 1


_WORKER = """
import sys
from uuid import UUID
from domain.follow_ups import fire
from kernel import clock, db, settings
folder, url, role, tenant = sys.argv[1:5]
settings.use(settings.Settings(data_dir=folder, database_url=url, environment="development"))
db.configure(url, app_role=role or None)
for follow_up in sys.argv[5:]:
    with db.tenant_session(UUID(tenant)) as session:
        fire.take(session, fire.keep, UUID(follow_up), clock.now())
        print(follow_up, flush=True)
"""


@pytest.mark.parametrize("after", [1, 6])
def test_a_worker_that_is_killed_in_the_middle_leaves_each_sent_once(studio, telegram, database, tmp_path, after):
    with db.tenant_session(studio.tenant_id) as session:
        members = [tellers.a_member(session, str(50_000 + n)) for n in range(12)]
    ids = [tellers.promised(studio, member_id=member_id) for member_id in members]
    tellers.make_due(studio.tenant_id, *ids)
    arguments = [str(tmp_path), database.app_url, database.app_role or "", str(studio.tenant_id), *map(str, ids)]
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        for _ in range(after):
            assert worker.stdout.readline()
        worker.kill()  # before or after the commit of the last one: nobody knows
    tasks.run(studio.tenant_id, studio.tenant_id)
    deliver(studio)
    assert {chat: len(words) for chat, words in telegram.sent.items()} == {str(50_000 + n): 1 for n in range(12)}
    with db.tenant_session(studio.tenant_id) as session:
        states = session.execute(select(FollowUp.state).where(FollowUp.id.in_(ids))).scalars().all()
    assert states == ["sent"] * 12


def test_the_mark_of_a_worker_that_died_comes_due_again(studio):
    mine = tellers.promised(studio)
    tellers.make_due(studio.tenant_id, mine)
    with db.tenant_session(studio.tenant_id) as session:
        assert fire.begin(session)
    assert fire.run(studio.tenant_id) == 0  # somebody is at it
    tellers.look_now(studio.tenant_id)  # the lease is over
    assert fire.run(studio.tenant_id) == 1
    assert tellers.row(studio, mine).state == "sending"


def test_who_opted_out_gets_nothing_at_any_point(studio, telegram):
    """Before the look, between hand-over and sending, and when the closing task never ran."""
    early = tellers.promised(studio)
    late = tellers.promised(studio, topic=Topic.TRIAL)
    tellers.make_due(studio.tenant_id, late)
    tasks.run(studio.tenant_id, studio.tenant_id)
    assert tellers.row(studio, late).state == "sending"
    with db.tenant_session(studio.tenant_id) as session:
        opt_outs.stop(
            session, channel="telegram", address_norm=tellers.CHAT, everything=False, actor="member", evidence={"m": 1}
        )
    assert fired(studio, early).why in {Why.OPTED_OUT, Why.NO_CONSENT}
    deliver(studio)
    assert telegram.sent == {}
    assert tellers.row(studio, late).state == "cancelled"
    assert tellers.row(studio, early).state == "cancelled"


def test_a_transactional_one_is_taken_back_when_the_member_stops_after_the_hand_over(studio, telegram):
    mine = tellers.promised(studio, purpose="transactional")
    tellers.make_due(studio.tenant_id, mine)
    tasks.run(studio.tenant_id, studio.tenant_id)
    with db.tenant_session(studio.tenant_id) as session:
        opt_outs.stop(
            session, channel="telegram", address_norm=tellers.CHAT, everything=False, actor="member", evidence={"m": 1}
        )
    assert closing.after_stop(studio.tenant_id, studio.member_id) == 1
    deliver(studio)
    assert telegram.sent == {}


def test_a_cancelled_one_is_not_sent_and_one_in_the_providers_hands_cannot_be_cancelled(studio, telegram):
    before, during = tellers.promised(studio), tellers.promised(studio, topic=Topic.TRIAL)
    with db.tenant_session(studio.tenant_id) as session:
        store.cancel(session, before, actor="t")
    tellers.make_due(studio.tenant_id, before, during)
    tasks.run(studio.tenant_id, studio.tenant_id)
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(update(Message).values(state="claimed"))
    with db.tenant_session(studio.tenant_id) as session, pytest.raises(Conflict):
        store.cancel(session, during, actor="t")
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(update(Message).values(state="pending"))
    with db.tenant_session(studio.tenant_id) as session:
        store.cancel(session, during, actor="t")
    deliver(studio)
    assert telegram.sent == {}
    assert {row.state for row in tellers.rows(studio)} == {"cancelled"}


def test_an_erased_member_gets_nothing_also_after_the_hand_over(studio, telegram):
    mine = tellers.promised(studio, purpose="transactional")
    tellers.make_due(studio.tenant_id, mine)
    tasks.run(studio.tenant_id, studio.tenant_id)
    with db.tenant_session(studio.tenant_id) as session:
        audience.delete(session, studio.member_id, actor="t")
    sending.send_notices(studio.tenant_id, studio.tenant_id)
    assert telegram.sent == {}


def test_it_waits_for_the_end_of_the_quiet_hours_and_then_goes_out(studio):
    tellers.set_tenant(studio.tenant_id, quiet_from="00:00", quiet_until="23:00")
    mine = tellers.promised(studio, tellers.due_in(days=1))
    step = fired(studio, mine)
    if step.state == "sending":  # it was due between 23 and 24 o'clock
        return
    row = tellers.row(studio, mine)
    assert (row.state, row.why) == ("pending", Why.QUIET_HOURS)
    assert row.look_at.astimezone(tellers.due_in(days=1).at.tzinfo) > row.due_at
    with db.tenant_session(studio.tenant_id) as session:
        assert [step.state for step in fire.fire(session, row.look_at)] == ["sending"]


def test_the_frequency_cap_holds_it_back_until_it_is_too_late(studio):
    tellers.set_tenant(studio.tenant_id, frequency_cap=1, frequency_days=30)
    mine, second = tellers.promised(studio), tellers.promised(studio, topic=Topic.TRIAL)
    assert fired(studio, mine).state == "sending"
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(update(Message).values(state="sent", provider_id="x", provider_text="ok"))
    step = fired(studio, second)
    assert (step.state, step.why) == ("pending", Why.FREQUENCY_CAP)
    assert fired(studio, second, after=timedelta(hours=25)).state == "expired"
    assert tellers.row(studio, second).why == Why.FREQUENCY_CAP


def test_what_was_missed_for_a_day_is_shown_as_expired(studio):
    mine = tellers.promised(studio)
    assert fired(studio, mine, after=timedelta(hours=25)).state == "expired"
    assert tellers.row(studio, mine).why == Why.TOO_LATE


def test_after_a_downgrade_the_first_ones_of_the_month_go_out_and_the_rest_does_not(studio):
    with db.tenant_session(studio.tenant_id) as session:
        members = [tellers.a_member(session, str(60_000 + n)) for n in range(7)]
    ids = [tellers.promised(studio, member_id=member_id) for member_id in members]
    tellers.set_tenant(studio.tenant_id, tier="starter")
    steps = [fired(studio, follow_up_id) for follow_up_id in ids]
    states = [tellers.row(studio, follow_up_id).state for follow_up_id in ids]
    assert states == ["sending"] * 5 + ["cancelled"] * 2
    assert {step.why for step in steps[5:]} == {Why.QUOTA}


def test_without_approved_words_nothing_is_said(studio):
    mine = tellers.promised(studio)
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(text("DELETE FROM follow_up_text"))
    assert (fired(studio, mine).state, tellers.row(studio, mine).why) == ("failed", Why.NO_TEXT)


def test_a_text_that_cannot_be_read_any_more_fails_alone(studio):
    broken, good = tellers.promised(studio, topic=Topic.TRIAL), tellers.promised(studio)
    with db.tenant_session(studio.tenant_id) as session:
        tellers.approve(session, Topic.TRIAL, "de")
        session.execute(update(FollowUpText).where(FollowUpText.topic == "trial").values(body="{gone}"))
    tellers.make_due(studio.tenant_id, broken, good)
    tasks.run(studio.tenant_id, studio.tenant_id)
    assert (tellers.row(studio, broken).state, tellers.row(studio, broken).why) == ("failed", Why.BAD_TEXT)
    assert tellers.row(studio, good).state == "sending"


def wrote(studio, topic: str | None) -> None:
    with db.tenant_session(studio.tenant_id) as session:
        seen.is_first(session, new_id(), member_id=studio.member_id, at=clock.now(), topic=topic, outcome="none")


def test_who_wrote_about_it_since_is_not_reminded_unless_the_wish_was_explicit(studio):
    absent = tellers.promised(studio, topic=Topic.TRIAL, unless_active=True, intent="absence")
    explicit = tellers.promised(studio, topic=Topic.COURSE)
    wrote(studio, None)
    wrote(studio, Topic.COURSE)
    with db.tenant_session(studio.tenant_id) as session:
        assert session.execute(select(FollowUpTurn)).scalars().all()
    wrote(studio, Topic.TRIAL)
    assert (fired(studio, absent).state, tellers.row(studio, absent).why) == ("cancelled", Why.WROTE_SINCE)
    assert fired(studio, explicit).state == "sending"


def test_who_is_back_already_is_not_asked_to_come_back(studio):
    absent = tellers.promised(studio, unless_active=True, intent="absence")
    with db.tenant_session(studio.tenant_id) as session:
        audience.add_activity(session, studio.member_id, actor="t", kind="visit", at=clock.now())
    assert (fired(studio, absent).state, tellers.row(studio, absent).why) == ("cancelled", Why.BACK)


def test_a_suspended_tenant_waits(studio):
    mine = tellers.promised(studio)
    tellers.set_tenant(studio.tenant_id, suspended_at=datetime.now(UTC))
    assert (fired(studio, mine).state, tellers.row(studio, mine).why) == ("pending", Why.SUSPENDED)


def test_without_consent_it_ends_and_is_given_back(studio):
    with db.tenant_session(studio.tenant_id) as session:
        stranger = tellers.a_member(session, "91999", consent=False)
    mine = tellers.promised(studio, member_id=stranger)
    assert (fired(studio, mine).state, tellers.row(studio, mine).why) == ("cancelled", Why.NO_CONSENT)


def test_a_provider_that_refuses_fails_it_and_it_can_be_moved(studio, telegram):
    mine = tellers.promised(studio)
    tellers.make_due(studio.tenant_id, mine)
    telegram.unknown.add(tellers.CHAT)
    tasks.run(studio.tenant_id, studio.tenant_id)
    deliver(studio)
    row = tellers.row(studio, mine)
    assert (row.state, row.why, row.provider_reference) == ("failed", Why.PROVIDER, None)


def test_a_question_lapses_after_its_time(studio):
    with db.tenant_session(studio.tenant_id) as session:
        asked = store.propose(
            session, tellers.wish(studio), [tellers.due_in(days=5)], until=clock.now() + timedelta(hours=24), actor="t"
        ).id
    with db.tenant_session(studio.tenant_id) as session:
        assert fire.lapse(session, clock.now() + timedelta(hours=23)) == []
        assert [step.follow_up_id for step in fire.lapse(session, clock.now() + timedelta(hours=25))] == [asked]
    assert (tellers.row(studio, asked).state, tellers.row(studio, asked).why) == ("expired", Why.NO_ANSWER)


@pytest.mark.parametrize("state", ["pending", "sending", "proposed"])
def test_every_look_is_served_by_an_index(studio, state):
    column = "expires_at" if state == "proposed" else "look_at"
    with db.tenant_session(studio.tenant_id) as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = session.execute(
            text(
                f"EXPLAIN SELECT id FROM follow_up WHERE tenant_id = :t AND state = '{state}' AND {column} <= now() "
                f"ORDER BY {column} LIMIT 50"
            ),
            {"t": studio.tenant_id},
        ).scalars()
        assert any("ix_follow_up_" in line for line in plan)
