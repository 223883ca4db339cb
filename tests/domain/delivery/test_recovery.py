"""What is left behind by crashes, late answers and ends of campaigns."""

import asyncio
import threading
import time
from datetime import timedelta
from uuid import UUID

import make
import psycopg
import pytest
from chaos import crowd
from fakes.smtp_sink import Fault, SmtpSink
from sqlalchemy import select, text

from channels.email import settings as relays
from domain.campaigns import service as campaigns
from domain.delivery import claim, engine, marks, materialise, outlets, queries, recovery, service, supply
from domain.delivery.answers import Answer, Start
from domain.delivery.claim import Work
from kernel import clock, db, outbox
from kernel.ids import new_id
from kernel.lane import Lane
from models import DomainEvent, Message, MessageEvent, TenantDue


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
    return tenants.a


def fixed(tenant_id: UUID, n: int) -> UUID:
    with db.tenant_session(tenant_id) as session:
        crowd.gather(session, n)
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    return campaign_id


def taken(tenant_id: UUID, campaign_id: UUID, owner: UUID, size: int = 100) -> list[claim.Claimed]:
    with db.tenant_session(tenant_id) as session:
        found = supply.slice_of(session, campaigns.get(session, campaign_id), owner=owner, lease_seconds=30, size=size)
        return found.messages


async def written(tenant_id: UUID, owner: UUID, starts: list[Start], answers: list[Answer]) -> set[UUID]:
    lane = Lane(tenant_id)
    granted = await marks.commit(lane, owner, starts, answers)
    await lane.close()
    return granted


def mark(tenant_id: UUID, owner: UUID, starts: list[Start], answers: list[Answer]) -> set[UUID]:
    return asyncio.run(written(tenant_id, owner, starts, answers))


def sweep(tenant_id: UUID) -> list[UUID]:
    with db.tenant_session(tenant_id) as session:
        outbox.mark_due(session, "campaigns")
        return recovery.sweep(session)


def expire(tenant_id: UUID) -> None:
    with db.tenant_session(tenant_id) as session:
        session.execute(text("UPDATE message SET lease_until = clock_timestamp() - interval '1 second'"))


def counts(tenant_id: UUID, campaign_id: UUID) -> dict[str, int]:
    with db.tenant_session(tenant_id) as session:
        return queries.counts(session, campaign_id)


def run(tenant_id: UUID, campaign_id: UUID, url: str, **more: object) -> engine.Outcome:
    outlet = outlets.through(relays.parse(url), 4)
    return engine.send(tenant_id, Work(campaign_id, "email"), outlet, lease_seconds=20, **more)


def test_an_expired_lease_frees_the_claimed_and_parks_the_begun(studio):
    campaign_id, owner = fixed(studio, 5), new_id()
    messages = taken(studio, campaign_id, owner)
    begun = [Start(message.id, message.attempt_id) for message in messages[:2]]
    assert len(mark(studio, owner, begun, [])) == 2
    expire(studio)
    assert sweep(studio) == [campaign_id]
    assert counts(studio, campaign_id) == {"pending": 3, "unknown": 2}
    with db.tenant_session(studio) as session:
        attempts = session.execute(select(Message.state, Message.attempt).distinct().order_by(Message.state)).all()
        assert [tuple(row) for row in attempts] == [("pending", 0), ("unknown", 1)]
        events = session.execute(select(MessageEvent.kind, MessageEvent.reason)).all()
        assert [tuple(row) for row in events] == [("unknown", "no_answer")] * 2


def test_the_late_answer_of_a_stalled_worker_heals_its_own_unknown_and_nobody_elses(studio):
    campaign_id, owner = fixed(studio, 2), new_id()
    first, second = (Start(message.id, message.attempt_id) for message in taken(studio, campaign_id, owner))
    mark(studio, owner, [first, second], [])
    expire(studio)
    sweep(studio)
    mark(studio, new_id(), [], [Answer(first.id, first.attempt_id, "sent")])
    assert counts(studio, campaign_id) == {"unknown": 2}
    mark(studio, owner, [], [Answer(first.id, first.attempt_id, "sent"),
                             Answer(second.id, second.attempt_id, "deferred", wait=1.0)])  # fmt: skip
    assert counts(studio, campaign_id) == {"sent": 1, "failed": 1}


def test_a_mark_that_is_repeated_changes_nothing(studio):
    campaign_id, owner = fixed(studio, 1), new_id()
    [message] = taken(studio, campaign_id, owner)
    start = Start(message.id, message.attempt_id)
    assert mark(studio, owner, [start], []) == mark(studio, owner, [start], []) == {start.id}
    for _ in range(2):
        mark(studio, owner, [], [Answer(start.id, start.attempt_id, "sent")])
    assert counts(studio, campaign_id) == {"sent": 1}
    with db.tenant_session(studio) as session:
        assert session.execute(select(MessageEvent.kind)).scalars().all() == ["sent"]


def test_a_campaign_is_complete_only_when_nothing_is_open(studio):
    campaign_id, owner = fixed(studio, 4), new_id()
    messages = taken(studio, campaign_id, owner)
    starts = [Start(message.id, message.attempt_id) for message in messages]
    mark(studio, owner, starts, [])
    for n, state in enumerate(["sent", "bounced", "unknown"]):
        mark(studio, owner, [], [Answer(starts[n].id, starts[n].attempt_id, state)])
        assert sweep(studio) == []
        with db.tenant_session(studio) as session:
            assert campaigns.get(session, campaign_id).status == "sending"
    mark(studio, owner, [], [Answer(starts[3].id, starts[3].attempt_id, "failed")])
    sweep(studio)
    with db.tenant_session(studio) as session:
        assert campaigns.get(session, campaign_id).status == "sent"
        assert session.execute(select(TenantDue).where(TenantDue.tenant_id == studio, TenantDue.kind == "campaigns")
                               ).all() == []  # fmt: skip


def test_deferred_messages_are_rung_for_when_they_are_due_and_not_before(studio):
    campaign_id, owner = fixed(studio, 1), new_id()
    [message] = taken(studio, campaign_id, owner)
    mark(studio, owner, [], [Answer(message.id, message.attempt_id, "deferred", "retry", wait=600.0)])
    assert sweep(studio) == []
    with db.tenant_session(studio) as session:
        until = session.execute(select(Message.not_before)).scalar_one()
        due = session.execute(
            select(TenantDue.next_due_at).where(TenantDue.tenant_id == studio, TenantDue.kind == "campaigns")
        ).scalar_one()
        assert due == until
        assert campaigns.get(session, campaign_id).status == "sending"
        assert recovery.sweep(session) == []
        session.execute(text("UPDATE message SET not_before = clock_timestamp()"))
    assert sweep(studio) == [campaign_id]


def test_a_message_that_was_deferred_while_its_campaign_was_cancelled_is_cancelled_too(studio):
    campaign_id, owner = fixed(studio, 3), new_id()
    held, *_ = taken(studio, campaign_id, owner)
    mark(studio, owner, [Start(held.id, held.attempt_id)], [])
    with db.tenant_session(studio) as session:
        campaigns.cancel(session, campaign_id, actor="t")
        assert recovery.cancel_open(session, campaign_id) == 2
    mark(studio, owner, [], [Answer(held.id, held.attempt_id, "deferred", "retry", wait=1.0)])
    assert counts(studio, campaign_id) == {"cancelled": 2, "deferred": 1}
    sweep(studio)
    assert counts(studio, campaign_id) == {"cancelled": 3}


def test_a_scheduled_campaign_starts_when_its_time_has_come(studio):
    with db.tenant_session(studio) as session:
        crowd.gather(session, 2)
        made, revision = make.drafted(session)
        soon = clock.now() + timedelta(days=1)
        campaigns.edit(session, made.id, actor="t", version=None, changes={
            "schedule": {"at": soon.strftime("%Y-%m-%dT%H:%M"), "time_zone": "UTC"}})  # fmt: skip
        make.approve(session, made.id, revision)
        planned = campaigns.schedule(session, made.id, actor="t", at=soon.strftime("%Y-%m-%dT%H:%M"), time_zone="UTC")
        assert planned.status == "scheduled"
        campaign_id = made.id
    assert sweep(studio) == []
    clock.set_source(lambda: soon + timedelta(minutes=1))
    try:
        sweep(studio)
    finally:
        clock.set_source(None)
    with db.tenant_session(studio) as session:
        assert campaigns.get(session, campaign_id).status == "sending"


def test_a_relay_that_is_away_defers_a_few_and_counts_nobodys_attempt(studio):
    campaign_id = fixed(studio, 40)
    with SmtpSink() as gone:
        url = gone.url
    outcome = run(studio, campaign_id, url)
    left = counts(studio, campaign_id)
    assert outcome.sent == 0
    assert set(left) == {"pending", "deferred"}
    assert left["deferred"] < 15
    with db.tenant_session(studio) as session:
        assert session.execute(select(Message.attempt).distinct()).scalars().all() == [0]
        session.execute(text("UPDATE message SET not_before = clock_timestamp()"))
    with SmtpSink() as repaired:
        run(studio, campaign_id, repaired.url)
        assert repaired.count == 40
    assert counts(studio, campaign_id) == {"sent": 40}


def test_a_wrong_password_holds_the_campaign_and_after_the_repair_everybody_gets_it(studio):
    campaign_id = fixed(studio, 30)
    with SmtpSink(users={"u": "right"}) as sink:
        run(studio, campaign_id, sink.url.replace("smtp://", "smtp://u:wrong@"))
        assert sink.count == 0
        with db.tenant_session(studio) as session:
            held = campaigns.get(session, campaign_id)
            assert held.status == "held"
            assert "535" in (held.hold_reason or "")
            campaigns.resume(session, campaign_id, actor="t")
        run(studio, campaign_id, sink.url.replace("smtp://", "smtp://u:right@"))
        assert sink.count == 30
    assert counts(studio, campaign_id) == {"sent": 30}


def test_a_stop_hands_back_within_a_moment_what_was_not_begun(studio):
    campaign_id, stop = fixed(studio, 200), threading.Event()
    with SmtpSink([Fault("dot", only_late=True, delay=0.05)]) as sink:
        sender = threading.Thread(target=run, args=(studio, campaign_id, sink.url), kwargs={"stop": stop})
        sender.start()
        while sink.count < 8:
            time.sleep(0.01)
        stop.set()
        sender.join(60)
        assert not sender.is_alive()
        left = counts(studio, campaign_id)
        assert set(left) == {"sent", "pending"}
        assert left["sent"] == sink.count < 200
        run(studio, campaign_id, sink.url)
        assert sink.count == 200


def test_one_broken_row_fails_alone_with_a_reason(studio):
    campaign_id = fixed(studio, 10)
    with db.tenant_session(studio) as session:
        victim = session.execute(select(Message).order_by(Message.id).limit(1)).scalar_one()
        victim.address = "broken@@example.org"
        broken = victim.id
    with SmtpSink() as sink:
        run(studio, campaign_id, sink.url)
        assert sink.count == 9
    with db.tenant_session(studio) as session:
        row = session.execute(select(Message).where(Message.id == broken)).scalar_one()
        assert (row.state, row.reason) == ("failed", "invalid_address")
        row.address = row.address_norm
    sweep(studio)
    with db.tenant_session(studio) as session:
        assert service.retry_failed(session, campaign_id, actor="t") == 1
    with SmtpSink() as sink:
        run(studio, campaign_id, sink.url)
        assert sink.count == 1
    sweep(studio)
    assert counts(studio, campaign_id) == {"sent": 10}


def test_a_campaign_of_which_nothing_reached_a_provider_is_failed_and_says_so(studio):
    """Regression: it was shown as sent, and `crm.campaign.failed` was told by nothing."""
    campaign_id = fixed(studio, 2)
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE message SET address = 'broken@@example.org'"))
    with SmtpSink() as sink:
        run(studio, campaign_id, sink.url)
        assert sink.count == 0
        sweep(studio)
        with db.tenant_session(studio) as session:
            assert campaigns.get(session, campaign_id).status == "failed"
            session.execute(text("UPDATE message SET address = address_norm"))
            assert service.retry_failed(session, campaign_id, actor="t") == 2
        run(studio, campaign_id, sink.url)
        assert sink.count == 2
    sweep(studio)
    with db.tenant_session(studio) as session:
        assert campaigns.get(session, campaign_id).status == "sent"
        told = select(DomainEvent.type).where(DomainEvent.aggregate_id == campaign_id).order_by(DomainEvent.seq.desc())
        assert session.execute(told.limit(2)).scalars().all() == ["crm.campaign.completed", "crm.campaign.failed"]


def test_while_the_database_is_away_nobody_begins_and_answers_wait(studio, database):
    campaign_id, owner = fixed(studio, 3), new_id()
    first, second, _ = (Start(message.id, message.attempt_id) for message in taken(studio, campaign_id, owner))
    mark(studio, owner, [first], [])

    async def outage() -> tuple[bool, bool]:
        marker = marks.Marker(studio, owner)
        work = asyncio.create_task(marker.run())
        db.configure(database.app_url.replace("/ariia_test_", "/nowhere_"))
        marker.answered(Answer(first.id, first.attempt_id, "sent"))
        waits = asyncio.create_task(marker.may_begin(second))
        await asyncio.sleep(0.6)
        meanwhile = waits.done()
        db.configure(database.app_url, app_role=database.app_role)
        granted = await asyncio.wait_for(waits, 60)
        marker.close(5)
        await work
        return meanwhile, granted

    assert asyncio.run(outage()) == (False, True)
    assert counts(studio, campaign_id) == {"sent": 1, "sending": 1, "claimed": 1}


def test_a_run_that_ends_during_an_outage_sends_the_waiting_away_and_says_so_later(studio, database):
    campaign_id, owner = fixed(studio, 1), new_id()
    [message] = taken(studio, campaign_id, owner)
    start = Start(message.id, message.attempt_id)

    async def outage() -> bool:
        marker = marks.Marker(studio, owner)
        work = asyncio.create_task(marker.run())
        await written(studio, owner, [start], [])  # as if the commit's answer was lost
        db.configure(database.app_url.replace("/ariia_test_", "/nowhere_"))
        waits = asyncio.create_task(marker.may_begin(start))
        await asyncio.sleep(0.1)
        marker.close(5)
        granted = await asyncio.wait_for(waits, 60)
        db.configure(database.app_url, app_role=database.app_role)
        await work
        return granted

    assert asyncio.run(outage()) is False
    assert counts(studio, campaign_id) == {"pending": 1}


def test_a_lease_is_renewed_between_marks_and_never_beside_them(studio):
    """Beside them the renewal would lock the same rows in another order, and one of the two would be refused."""
    campaign_id, owner = fixed(studio, 40), new_id()
    claimed = taken(studio, campaign_id, owner, 40)
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE message SET lease_until = clock_timestamp() + interval '10 seconds'"))

    async def both() -> list[bool]:
        marker = marks.Marker(studio, owner)
        running = asyncio.create_task(marker.run())
        starts = [marker.may_begin(Start(each.id, each.attempt_id)) for each in reversed(claimed)]
        *granted, _, _ = await asyncio.gather(*starts, marker.renew(60), marker.renew(3_600))
        marker.close(5)
        await running
        return granted

    assert asyncio.run(both()) == [True] * 40
    with db.tenant_session(studio) as session:
        shortest = session.execute(text("SELECT min(lease_until) - clock_timestamp() FROM message")).scalar_one()
        states = set(session.execute(select(Message.state)).scalars())
    assert states == {"sending"}
    assert shortest > timedelta(minutes=10)


def test_a_renewal_that_fails_says_so_to_who_waits_and_marks_go_on(studio, monkeypatch):
    campaign_id, owner = fixed(studio, 1), new_id()
    [message] = taken(studio, campaign_id, owner)

    async def both() -> bool:
        marker = marks.Marker(studio, owner)
        running = asyncio.create_task(marker.run())
        with monkeypatch.context() as broken:
            broken.setattr(marks, "_RENEW", "SELECT 1 / 0")
            with pytest.raises(psycopg.Error):
                await marker.renew(60)
        granted = await marker.may_begin(Start(message.id, message.attempt_id))
        marker.close(5)
        await running
        return granted

    assert asyncio.run(both())
