"""From a thing that happens to a tenant's server: at least once, in order, signed, and with patience."""

import re
import socket
import threading
import time

import make
import pytest
from fakes.http_provider import Fault
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from ariia import relay
from ariia.tasks.table import TASKS
from domain.audience import service as audience
from domain.audit import service as audit
from domain.campaigns import service as campaigns
from domain.webhooks import deliveries, events, rules
from domain.webhooks.post import post
from kernel import clock, db, egress
from kernel.ids import new_id
from models import DomainEvent
from tests.domain.webhooks.rounds import deliver, emit, make_due, rows


def test_what_happens_to_a_campaign_arrives_in_order_and_only_at_its_own_tenant(tenants, receiver, subscribe):
    subscribe(tenants.a, "crm.campaign.*")
    with db.tenant_session(tenants.b) as session:
        make.campaign(session)
    with db.tenant_session(tenants.a) as session:
        made = make.campaign(session)
        campaigns.edit(session, made.id, actor="t", version=None, changes={"name": "x"})
        campaigns.delete(session, made.id, actor="t")
    assert deliver(tenants.a) == 3
    assert deliver(tenants.b) == 0
    assert [got.type.rpartition(".")[2] for got in receiver.got] == ["created", "updated", "deleted"]
    assert [got.sequence for got in receiver.got] == [1, 2, 3]
    assert {got.aggregate for got in receiver.got} == {str(made.id)}
    assert receiver.refused == 0


def test_an_event_of_a_transaction_that_failed_is_never_told(tenants, receiver, subscribe):
    subscribe(tenants.a)
    with pytest.raises(RuntimeError), db.tenant_session(tenants.a) as session:
        make.campaign(session)
        raise RuntimeError
    assert deliver(tenants.a) == 0
    assert rows(tenants.a) == []


def test_an_event_of_a_savepoint_that_was_rolled_back_is_not_told_and_the_others_are(tenants):
    kept, gone = new_id(), new_id()
    with db.tenant_session(tenants.a) as session:
        with session.begin_nested():
            events.emit(session, "crm.campaign.updated", aggregate="campaign", id=kept)
        nested = session.begin_nested()
        events.emit(session, "crm.campaign.updated", aggregate="campaign", id=gone)
        nested.rollback()
        events.emit(session, "crm.campaign.updated", aggregate="campaign", id=kept)
    with db.tenant_session(tenants.a) as session:
        told = session.execute(select(DomainEvent.aggregate_id, DomainEvent.seq).order_by(DomainEvent.seq)).all()
    assert [tuple(row) for row in told] == [(kept, 1), (kept, 2)]


def test_parallel_writers_number_an_aggregate_without_gap_or_double(tenants):
    aggregate = new_id()
    threads = [
        threading.Thread(target=lambda: [emit(tenants.a, aggregate=aggregate) for _ in range(25)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.tenant_session(tenants.a) as session:
        found = session.execute(select(DomainEvent.seq).where(DomainEvent.aggregate_id == aggregate)).scalars().all()
    assert sorted(found) == list(range(1, 101))


def test_an_event_that_is_not_in_the_catalogue_is_a_bug(tenants):
    for name, aggregate, payload in (
        ("crm.nothing", "campaign", {}),
        ("crm.campaign.updated", "member", {}),
        ("crm.member.created", "member", {"email": "a@b.c"}),
        ("crm.campaign.recipient.converted", "recipient", {"campaign_id": "x"}),  # the feed tells it, and once
    ):
        with pytest.raises(ValueError, match="catalogue"), db.tenant_session(tenants.a) as session:
            events.emit(session, name, aggregate=aggregate, id=new_id(), **payload)


def test_a_later_event_of_an_aggregate_waits_for_its_earlier_one_and_others_do_not(tenants, receiver, subscribe):
    subscribe(tenants.a)
    first, other = new_id(), new_id()
    ids = [emit(tenants.a, aggregate=first) for _ in range(3)]
    free = emit(tenants.a, aggregate=other)
    receiver.script = lambda got: 500 if got.id == str(ids[0]) else 204
    deliver(tenants.a)
    assert [got.id for got in receiver.got] == [str(free)]
    receiver.script = None
    assert deliver(tenants.a) == 0  # the wait of the first is not over
    make_due(tenants.a)
    assert deliver(tenants.a) == 3
    assert [got.id for got in receiver.got[1:]] == [str(one) for one in ids]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 429, 500, 503])
def test_everything_but_2xx_is_a_failure_and_a_redirect_is_not_followed(tenants, receiver, subscribe, status):
    subscribe(tenants.a)
    receiver.faults.append(Fault(status=status, body={}, headers={"Location": f"{receiver.url}/elsewhere"}))
    emit(tenants.a)
    deliver(tenants.a)
    [row] = rows(tenants.a)
    assert (row.state, row.status, row.attempt) == ("failed", status, 1)
    assert len(receiver.requests) == 1


def test_silence_and_a_cut_are_failures_with_words(tenants, receiver, subscribe):
    subscribe(tenants.a)
    receiver.faults.append(Fault(drop_before=True))
    emit(tenants.a)
    deliver(tenants.a)
    [row] = rows(tenants.a)
    assert (row.state, row.status) == ("failed", None)
    assert row.problem.startswith("no answer")


def test_the_tries_end_after_the_schedule_and_the_line_goes_on(tenants, receiver, subscribe):
    subscribe(tenants.a)
    aggregate = new_id()
    bad, good = emit(tenants.a, aggregate=aggregate), emit(tenants.a, aggregate=aggregate)
    receiver.script = lambda got: 400 if got.id == str(bad) else 204
    for attempt in range(1, rules.MOST_ATTEMPTS + 1):
        before = clock.now()
        deliver(tenants.a)
        row = rows(tenants.a)[0]
        assert row.attempt == attempt
        if attempt < rules.MOST_ATTEMPTS:
            wait = (row.next_at - before).total_seconds()
            assert rules.SCHEDULE[attempt - 1] * 0.9 - 1 <= wait <= rules.SCHEDULE[attempt - 1] * 1.1 + 5
            make_due(tenants.a)
    assert rows(tenants.a)[0].state == "dead"
    make_due(tenants.a)
    deliver(tenants.a)
    assert [got.id for got in receiver.got] == [str(good)]


def test_a_repeated_delivery_has_the_same_id_and_body_and_a_fresh_time(tenants, receiver, subscribe):
    subscribe(tenants.a)
    receiver.faults.append(Fault(drop_after=True))
    event_id = emit(tenants.a, "name")
    deliver(tenants.a)
    make_due(tenants.a)
    deliver(tenants.a)
    assert receiver.ids == {str(event_id): 2}
    assert len({seen.body for seen in receiver.requests}) == 1


def test_the_answer_is_kept_to_one_kilobyte_without_control_characters(tenants, receiver, subscribe):
    subscribe(tenants.a)
    receiver.faults.append(Fault(status=500, body="\x1b[31mä" * 50_000))
    emit(tenants.a)
    deliver(tenants.a)
    [row] = rows(tenants.a)
    assert 0 < len(row.excerpt.encode()) <= 1_024
    assert "\x1b" not in row.excerpt


def test_the_dispatcher_is_told_the_next_time_and_nothing_when_nothing_is_left(tenants, receiver, subscribe):
    def due() -> float | None:
        with db.all_tenants_session("test") as session:
            return session.execute(
                text(
                    "SELECT extract(epoch FROM next_due_at - clock_timestamp()) FROM tenant_due "
                    "WHERE tenant_id = :t AND kind = 'webhooks'"
                ),
                {"t": tenants.a},
            ).scalar_one_or_none()

    subscribe(tenants.a)
    assert due() is None
    emit(tenants.a)
    assert due() <= 0
    receiver.faults.append(Fault(status=500, body={}))
    deliver(tenants.a)
    assert 3 < due() < 6
    make_due(tenants.a)
    deliver(tenants.a)
    assert due() is None


def test_the_sweep_rings_for_a_tenant_with_events_and_the_task_delivers_them(tenants, receiver, subscribe):
    subscribe(tenants.a)
    subscribe(tenants.b)
    event_id = emit(tenants.a)
    rung = []
    relay.sweep(lambda task, tenant_id, subject, _outbox: rung.append((task, tenant_id, subject)))
    mine = [ring for ring in rung if ring[0] == "webhooks.deliver" and ring[1] in {tenants.a, tenants.b}]
    assert mine == [("webhooks.deliver", tenants.a, tenants.a)]
    for task, tenant_id, subject in mine:
        TASKS[task](tenant_id, subject)
    assert [got.id for got in receiver.got] == [str(event_id)]
    rung.clear()
    relay.sweep(lambda task, tenant_id, subject, _outbox: rung.append((task, tenant_id, subject)))
    assert [ring for ring in rung if ring[0] == "webhooks.deliver" and ring[1] == tenants.a] == []


def test_writers_that_take_their_locks_in_any_order_never_wait_in_a_circle(tenants, receiver, subscribe):
    subscribe(tenants.a)
    with db.tenant_session(tenants.a) as session:
        member_id = audience.create(session, actor="t", contact={}).id
    problems = []

    def write(with_audit_first: bool) -> None:
        try:
            for _ in range(40):
                with db.tenant_session(tenants.a) as session:
                    if with_audit_first:
                        audit.append(session, actor="t", action="x", subject="x")
                    audience.change(session, member_id, actor="t", contact=None, changes={})
                    events.emit(session, "crm.campaign.updated", aggregate="campaign", id=new_id())
                with db.tenant_session(tenants.a) as session:
                    audience.change(session, member_id, actor="t", contact=None, changes={})
                    audit.append(session, actor="t", action="x", subject="x")
        except DBAPIError as error:
            problems.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in (True, False, False)]
    for thread in threads:
        thread.start()
    deliver(tenants.a)
    for thread in threads:
        thread.join()
    deliver(tenants.a)
    assert problems == []
    assert len(receiver.ids) == 1 + 3 * 40 * 3


def test_two_deliverers_at_once_keep_the_order_and_double_nothing(tenants, receiver, subscribe):
    subscribe(tenants.a)
    aggregates = [new_id() for _ in range(6)]
    for n in range(240):
        emit(tenants.a, aggregate=aggregates[n % 6])
    threads = [threading.Thread(target=deliver, args=(tenants.a,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliver(tenants.a)
    assert len(receiver.ids) == 240
    assert set(receiver.ids.values()) == {1}
    assert all(found == list(range(1, 41)) for found in receiver.firsts().values())


def test_taking_reads_indexes_alone(tenants, subscribe, analyse):
    """Each of the three indexes holds, or leads to, open deliveries only: what was delivered costs nothing."""
    endpoint_id = subscribe(tenants.a)
    with db.tenant_session(tenants.a) as session:
        session.execute(
            text(
                "INSERT INTO webhook_delivery "
                "(id, tenant_id, endpoint_id, event_id, type, aggregate_id, ordinal, body, state) "
                "SELECT new_id(), :t, :e, new_id(), 'x', new_id(), 1, '{}', 'delivered' "
                "FROM generate_series(1, 5000)"
            ),
            {"t": tenants.a, "e": endpoint_id},
        )
    analyse("webhook_delivery")
    with db.tenant_session(tenants.a) as session:
        parameters = {"tenant": tenants.a, "endpoint": endpoint_id, "lines": 32}
        plan = session.execute(text("EXPLAIN " + deliveries._HEADS), parameters).scalars().all()
    read = re.findall(r"(?:Scan using|Bitmap Index Scan on) (\w+)", "\n".join(plan))
    assert read, plan
    assert set(read) <= {f"ix_webhook_delivery_{name}" for name in ("open", "order", "state")}, plan
    assert not any("Seq Scan" in line for line in plan), plan


def test_a_slow_answer_ends_after_the_time_even_when_bytes_keep_coming(receiver):
    listener = socket.create_server(("127.0.0.1", 0))
    hung_up = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                for _ in range(2_000):
                    connection.sendall(b"H")
                    time.sleep(0.05)
            except OSError:
                hung_up.set()

    threading.Thread(target=drip, daemon=True).start()
    answer = post(f"http://127.0.0.1:{listener.getsockname()[1]}/", {}, b"{}", egress.get_guard(), seconds=0.5)
    listener.close()
    assert answer.status is None
    assert "0.5 seconds" in answer.problem
    assert hung_up.wait(60)
