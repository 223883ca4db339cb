"""Endpoints: switched off and on, in trouble, with new secrets, tried out, and told again."""

from datetime import timedelta
from uuid import UUID

import pytest
from fakes.http_provider import Fault
from sqlalchemy import func, select, text

from domain.audience import service as audience
from domain.webhooks import rules, run, service
from kernel import clock, db
from kernel.errors import Conflict, Invalid, NotFound
from models import WebhookDelivery, WebhookEndpoint
from tests.domain.webhooks.rounds import deliver, emit, endpoint_of, make_due, rows


def test_410_switches_the_endpoint_off_and_says_so(tenants, receiver, subscribe):
    gone = subscribe(tenants.a, "crm.campaign.*")
    witness = subscribe(tenants.a, "crm.webhook.*")
    receiver.faults.append(Fault(status=410, body={}))
    emit(tenants.a)
    deliver(tenants.a)
    endpoint = endpoint_of(tenants.a, gone)
    assert (endpoint.active, endpoint.disabled_reason) == (False, "gone")
    assert endpoint_of(tenants.a, witness).active
    deliver(tenants.a)
    assert [(got.type, got.aggregate, got.data["reason"]) for got in receiver.got] == [
        ("crm.webhook.disabled", str(gone), "gone")
    ]
    emit(tenants.a)
    assert len([row for row in rows(tenants.a) if row.endpoint_id == gone]) == 1


def test_three_days_of_failures_switch_an_endpoint_off_and_two_do_not(tenants, receiver, subscribe):
    endpoint_id = subscribe(tenants.a)
    receiver.script = lambda _: 500

    def fail_days_ago(days: float) -> WebhookEndpoint:
        with db.tenant_session(tenants.a) as session:
            service.get(session, endpoint_id).failing_since = clock.now() - timedelta(days=days)
        emit(tenants.a)
        make_due(tenants.a)
        deliver(tenants.a)
        return endpoint_of(tenants.a, endpoint_id)

    assert fail_days_ago(2.9).active
    ended = fail_days_ago(3.01)
    assert (ended.active, ended.disabled_reason) == (False, "failing")
    with db.tenant_session(tenants.a) as session:
        service.change(session, endpoint_id, actor="t", changes={"active": True})
    receiver.script = None
    make_due(tenants.a)
    assert deliver(tenants.a) == 2  # what was open when it was switched off
    assert endpoint_of(tenants.a, endpoint_id).failing_since is None


def test_an_event_that_never_arrives_has_switched_the_endpoint_off_with_its_last_try(
    tenants, receiver, subscribe, monkeypatch
):
    """The schedule reaches beyond three days: nobody is tried for longer, and the event waits for a replay."""
    monkeypatch.setattr(rules, "_JITTER", 0)
    endpoint_id = subscribe(tenants.a)
    receiver.script = lambda _: 500
    event_id = emit(tenants.a)
    tries = 0
    while endpoint_of(tenants.a, endpoint_id).active:
        deliver(tenants.a)
        tries += 1
        _pass(tenants.a, endpoint_id)
    assert (tries, endpoint_of(tenants.a, endpoint_id).disabled_reason) == (len(rules.SCHEDULE) + 1, "failing")
    with db.tenant_session(tenants.a) as session:
        service.change(session, endpoint_id, actor="t", changes={"active": True})
        service.replay(session, endpoint_id, actor="t", event_id=event_id)
    receiver.script = None
    assert deliver(tenants.a) == 1


def _pass(tenant_id: UUID, endpoint_id: UUID) -> None:
    """Let the time until the next try pass."""
    with db.tenant_session(tenant_id) as session:
        endpoint = service.get(session, endpoint_id)
        left = session.execute(
            text("SELECT max(next_at) - clock_timestamp() FROM webhook_delivery WHERE state = 'failed'")
        ).scalar_one()
        if left is not None and endpoint.failing_since is not None:
            endpoint.failing_since -= left
    make_due(tenant_id)


def test_an_endpoint_in_trouble_gets_one_at_a_time_and_then_everything(tenants, receiver, subscribe):
    subscribe(tenants.a)
    for _ in range(40):
        emit(tenants.a)
    receiver.script = lambda _: 503
    deliver(tenants.a)
    tried = len(receiver.requests)
    assert 5 <= tried <= 5 + 8  # those that were side by side when the fifth failed
    deliver(tenants.a)
    assert len(receiver.requests) == tried  # it is left alone
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE webhook_endpoint SET paused_until = NULL"))
    deliver(tenants.a)
    assert len(receiver.requests) == tried + 1
    receiver.script = None
    make_due(tenants.a)
    assert deliver(tenants.a) == 40
    assert set(receiver.ids.values()) == {1}


def test_a_receiver_that_was_down_gets_everything_later(tenants, receiver, subscribe):
    subscribe(tenants.a, url="http://127.0.0.1:9/hook")  # nobody listens
    ids = {str(emit(tenants.a)) for _ in range(10)}
    deliver(tenants.a)
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE webhook_endpoint SET url = :url"), {"url": receiver.url + "/hook"})
    make_due(tenants.a)
    deliver(tenants.a)
    make_due(tenants.a)
    deliver(tenants.a)
    assert set(receiver.ids) == ids


def test_a_rotated_secret_signs_twice_for_a_day_and_then_alone(tenants, receiver, subscribe):
    endpoint_id = subscribe(tenants.a)
    old = receiver.secrets[-1]
    with db.tenant_session(tenants.a) as session:
        _, new = service.rotate(session, endpoint_id, actor="t")
    for accepted, good in ((old, True), (new, True)):
        receiver.secrets = [accepted]
        emit(tenants.a)
        assert (deliver(tenants.a) == 1) is good
    assert len(receiver.requests[-1].headers["webhook-signature"].split(" ")) == 2
    with db.tenant_session(tenants.a) as session:
        service.get(session, endpoint_id).previous_until = clock.now() - timedelta(seconds=1)
    receiver.secrets = [old]
    emit(tenants.a)
    assert deliver(tenants.a) == 0
    assert len(receiver.requests[-1].headers["webhook-signature"].split(" ")) == 1


def test_the_secret_lies_sealed_and_no_delivery_goes_out_unsigned(tenants, receiver, subscribe):
    endpoint_id = subscribe(tenants.a)
    other = subscribe(tenants.b)
    secret = receiver.secrets[0]
    endpoint = endpoint_of(tenants.a, endpoint_id)
    assert secret.encode() not in endpoint.sealed_secret
    foreign = endpoint_of(tenants.b, other).sealed_secret
    with db.tenant_session(tenants.a) as session:
        service.get(session, endpoint_id).sealed_secret = foreign
    emit(tenants.a)
    assert deliver(tenants.a) == 0
    assert receiver.requests == []
    assert endpoint_of(tenants.a, endpoint_id).paused_until > clock.now()


def test_one_event_and_all_since_a_time_are_delivered_again(tenants, receiver, subscribe):
    endpoint_id = subscribe(tenants.a, "crm.campaign.*")
    with db.tenant_session(tenants.a) as session:
        audience.create(session, actor="t", contact={})
    first = emit(tenants.a)
    since = clock.now()
    later = [emit(tenants.a) for _ in range(3)]
    deliver(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert service.replay(session, endpoint_id, actor="t", event_id=first) == 1
    deliver(tenants.a)
    assert receiver.ids[str(first)] == 2
    with db.tenant_session(tenants.a) as session:
        assert service.replay(session, endpoint_id, actor="t", since=since) == 3
    deliver(tenants.a)
    assert {receiver.ids[str(one)] for one in later} == {2}
    assert receiver.ids[str(first)] == 2


def test_events_from_before_an_endpoint_can_be_replayed_to_it(tenants, receiver, subscribe):
    since = clock.now()
    early = emit(tenants.a)
    endpoint_id = subscribe(tenants.a)
    assert deliver(tenants.a) == 0
    with db.tenant_session(tenants.a) as session:
        service.replay(session, endpoint_id, actor="t", since=since)
    assert deliver(tenants.a) == 1
    assert [got.id for got in receiver.got] == [str(early)]


def test_a_replay_refuses_what_it_cannot_do(tenants, subscribe):
    endpoint_id = subscribe(tenants.a)
    foreign = emit(tenants.b)
    for fields, refusal in (
        ({"event_id": foreign}, NotFound),
        ({}, Invalid),
        ({"event_id": foreign, "since": clock.now()}, Invalid),
    ):
        with pytest.raises(refusal), db.tenant_session(tenants.a) as session:
            service.replay(session, endpoint_id, actor="t", **fields)
    with db.tenant_session(tenants.a) as session:
        service.change(session, endpoint_id, actor="t", changes={"active": False})
    with pytest.raises(Conflict), db.tenant_session(tenants.a) as session:
        service.ping(session, endpoint_id, actor="t")


def test_a_ping_goes_to_one_endpoint_alone_and_waits_for_nothing(tenants, receiver, subscribe):
    endpoint_id = subscribe(tenants.a)
    subscribe(tenants.a)
    with db.tenant_session(tenants.a) as session:
        sent = service.ping(session, endpoint_id, actor="t")
    assert deliver(tenants.a) == 1
    assert [(got.type, got.id) for got in receiver.got] == [("crm.webhook.ping", str(sent.event_id))]


def test_what_was_delivered_long_ago_is_forgotten_and_dead_ones_stay(tenants, receiver, subscribe, database):
    endpoint_id = subscribe(tenants.a)
    emit(tenants.a)
    deliver(tenants.a)
    old = clock.now() - timedelta(days=31)
    for state in ("delivered", "dead"):
        with db.tenant_session(tenants.a) as session:
            session.execute(
                text(
                    "INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, event_id, type, aggregate_id, ordinal, "
                    "body, state) VALUES (:id, :t, :e, new_id(), 'x', new_id(), 1, '{}', :s)"
                ),
                {"id": UUID(int=(int(old.timestamp() * 1000) << 80) + (state == "dead")), "t": tenants.a,
                 "e": endpoint_id, "s": state},
            )  # fmt: skip
    with db.tenant_session(tenants.a) as session:
        run.settle(session)
        states = session.execute(select(WebhookDelivery.state, func.count()).group_by(WebhookDelivery.state)).all()
    assert {tuple(row) for row in states} == {("delivered", 1), ("dead", 1)}
