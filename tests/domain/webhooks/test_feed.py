"""What happens to single recipients is read from the ledger, in order, and costs nothing where nobody wants it."""

import secrets
import threading
import time
from datetime import timedelta
from uuid import UUID

import make
import pytest
from conftest import settled
from sqlalchemy import event, func, select, text

from domain.webhooks import feed, service
from kernel import db
from kernel.ids import new_id
from models import DomainEvent, Message, MessageEvent, WebhookDelivery
from tests.domain.webhooks.rounds import deliver

_HAPPENED = text("""
INSERT INTO message_event (id, tenant_id, campaign_id, message_id, kind, actor, reason)
VALUES (:id, :tenant, :campaign, :message, :kind, :actor, :reason)
""")
_AGO = timedelta(seconds=30)


@pytest.fixture
def listen(subscribe):
    """An endpoint that reads from a minute ago on."""

    def make_one(tenant_id: UUID, *patterns: str) -> UUID:
        endpoint_id = subscribe(tenant_id, *patterns)
        with db.tenant_session(tenant_id) as session:
            now = service.database_now(session)
            feed.rewind(session, service.get(session, endpoint_id), now - 2 * _AGO)
        return endpoint_id

    return make_one


class Ledger:
    """A campaign with messages, to which things happen."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        with db.tenant_session(tenant_id) as session:
            self.campaign_id = make.campaign(session).id

    def message(self) -> UUID:
        message_id = new_id()
        with db.tenant_session(self.tenant_id) as session:
            member = make.member(session, f"{message_id.hex}@example.org").id
            session.add(
                Message(
                    tenant_id=self.tenant_id, id=message_id, campaign_id=self.campaign_id, channel="email",
                    language="de", state="sent", approval_hash="x", member_id=member,
                )
            )  # fmt: skip
        return message_id

    def happens(self, session, message_id: UUID, kind: str, actor="human", reason=None, ago=_AGO) -> None:
        at = service.database_now(session) - ago
        session.execute(
            _HAPPENED,
            {
                "id": UUID(int=feed.floor(at).int + secrets.randbits(74)),
                "tenant": self.tenant_id, "campaign": self.campaign_id, "message": message_id, "kind": kind,
                "actor": actor, "reason": reason,
            },
        )  # fmt: skip

    def happened(self, message_id: UUID, *kinds: str, **more) -> None:
        for kind in kinds:
            with db.tenant_session(self.tenant_id) as session:
                self.happens(session, message_id, kind, **more)
            time.sleep(0.002)  # within a millisecond ids are in no order


def rounds(tenant_id: UUID, n: int = 3, *, patient: bool = True) -> int:
    """A mark, the look behind it, the delivery."""
    done = 0
    for _ in range(n):
        done += deliver(tenant_id)
        if patient:
            settled()
    return done


def test_a_subscriber_hears_of_each_recipient_in_order_and_by_ids_alone(tenants, receiver, listen):
    listen(tenants.a, "crm.campaign.recipient.*")
    ledger, foreign = Ledger(tenants.a), Ledger(tenants.b)
    one, two = ledger.message(), ledger.message()
    ledger.happened(one, "claimed", "sent", "opened", "clicked", "converted")
    ledger.happened(two, "sent", "bounced", reason="refused")
    foreign.happened(foreign.message(), "sent")
    rounds(tenants.a)
    by_message = {
        message: [got.type.rpartition(".")[2] for got in receiver.got if got.aggregate == str(message)]
        for message in (one, two)
    }
    assert by_message == {one: ["sent", "opened", "clicked", "converted"], two: ["sent", "bounced"]}
    assert len(receiver.got) == 6
    body = b"".join(seen.body for seen in receiver.requests)
    assert b"@" not in body
    assert receiver.got[-1].data["campaign_id"] == str(ledger.campaign_id)


def test_nothing_is_heard_twice_and_later_events_follow(tenants, receiver, listen):
    listen(tenants.a, "crm.campaign.recipient.sent")
    ledger = Ledger(tenants.a)
    ledger.happened(ledger.message(), "sent", "opened")
    rounds(tenants.a)
    assert len(receiver.got) == 1
    ledger.happened(ledger.message(), "sent", "opened", ago=timedelta(0))
    rounds(tenants.a)
    assert len(receiver.got) == 2
    assert set(receiver.ids.values()) == {1}


def test_a_hit_that_is_written_long_after_it_happened_is_told_too(tenants, receiver, listen):
    """Regression: the journal of a process that died is taken over later, and its hits carry ids of their own time."""
    listen(tenants.a, "crm.campaign.recipient.*")
    ledger = Ledger(tenants.a)
    message = ledger.message()
    ledger.happened(message, "sent", ago=timedelta(0))
    rounds(tenants.a)
    ledger.happened(message, "opened", ago=timedelta(hours=1))
    rounds(tenants.a)
    assert [got.type.rpartition(".")[2] for got in receiver.got] == ["sent", "opened"]


def test_on_a_restored_server_the_feed_goes_on(tenants, receiver, listen):
    """A dump that is restored begins to count transactions anew: positions of before lie in the future."""
    endpoint_id = listen(tenants.a, "crm.campaign.recipient.*")
    ledger = Ledger(tenants.a)
    with db.tenant_session(tenants.a) as session:
        service.get(session, endpoint_id).feed_mark_xid = 2**60
    ledger.happened(ledger.message(), "sent")
    rounds(tenants.a)
    assert [got.type.rpartition(".")[2] for got in receiver.got] == ["sent"]


def test_machines_that_open_are_not_told(tenants, receiver, listen):
    listen(tenants.a, "crm.campaign.recipient.*")
    ledger = Ledger(tenants.a)
    ledger.happened(ledger.message(), "opened", "clicked", actor="machine")
    rounds(tenants.a)
    assert receiver.got == []


def test_a_click_that_may_still_turn_out_to_be_a_scanners_waits(tenants, receiver, listen):
    """A gateway follows the first link like a person; only its next ones give it away, within 15 seconds."""
    listen(tenants.a, "crm.campaign.recipient.*")
    ledger = Ledger(tenants.a)
    person, gateway, behind = ledger.message(), ledger.message(), ledger.message()
    ledger.happened(person, "clicked")
    ledger.happened(gateway, "opened", "clicked", ago=timedelta(0))
    ledger.happened(behind, "sent", ago=timedelta(0))
    rounds(tenants.a)
    assert [got.aggregate for got in receiver.got] == [str(person)]
    with db.tenant_session(tenants.a) as session:
        seen = session.execute(select(MessageEvent.id).where(MessageEvent.message_id == gateway)).scalars().all()
        session.execute(text("SELECT mark_hits(:ids, :reasons)"), {"ids": seen, "reasons": ["burst"] * len(seen)}).all()
    rounds(tenants.a)
    assert [got.aggregate for got in receiver.got] == [str(person), str(behind)]


def test_an_event_of_a_slow_transaction_is_not_missed(tenants, receiver, listen):
    listen(tenants.a, "crm.campaign.recipient.*")
    ledger = Ledger(tenants.a)
    slow, quick = ledger.message(), ledger.message()
    written, go_on = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with db.tenant_session(tenants.a) as session:
            ledger.happens(session, slow, "sent")
            written.set()
            go_on.wait(60)

    thread = threading.Thread(target=write_slowly)
    thread.start()
    written.wait(60)
    ledger.happened(quick, "sent")
    rounds(tenants.a, 4, patient=False)
    early = len(receiver.got)
    go_on.set()
    thread.join()
    rounds(tenants.a)
    assert early == 0
    assert {got.aggregate for got in receiver.got} == {str(slow), str(quick)}


def test_more_than_one_reading_holds_goes_in_several(tenants, receiver, listen):
    listen(tenants.a, "crm.campaign.recipient.sent")
    ledger = Ledger(tenants.a)
    message = ledger.message()
    with db.tenant_session(tenants.a) as session:
        for _ in range(feed.MOST + 20):
            ledger.happens(session, message, "sent")
    deliver(tenants.a)
    rounds(tenants.a, 4)
    assert len(receiver.ids) == feed.MOST + 20


def test_without_a_subscriber_the_ledger_is_not_read_and_nothing_is_written(tenants, receiver, listen):
    listen(tenants.a, "*", "crm.campaign.*")
    ledger = Ledger(tenants.a)
    message = ledger.message()
    deliver(tenants.a)
    read = []
    note = lambda _c, _u, statement, *_: read.append(statement) if "message_event" in statement else None  # noqa: E731
    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        ledger.happened(message, "sent", "opened")
        writes = len(read)
        deliver(tenants.a)
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    assert len(read) == writes == 2
    with db.tenant_session(tenants.a) as session:
        kinds = session.execute(select(WebhookDelivery.type)).scalars().all()
        told = session.execute(select(func.count()).where(DomainEvent.aggregate_kind == "recipient")).scalar_one()
    assert not any("recipient" in kind for kind in kinds)
    assert told == 0


def test_a_new_subscriber_begins_now_and_may_ask_for_the_past(tenants, receiver, subscribe):
    with db.tenant_session(tenants.a) as session:
        since = service.database_now(session) - 2 * _AGO
    ledger = Ledger(tenants.a)
    ledger.happened(ledger.message(), "sent")
    endpoint_id = subscribe(tenants.a, "crm.campaign.recipient.sent")
    rounds(tenants.a)
    assert receiver.got == []
    with db.tenant_session(tenants.a) as session:
        service.replay(session, endpoint_id, actor="t", since=since)
    rounds(tenants.a)
    assert len(receiver.got) == 1
    with db.tenant_session(tenants.a) as session:
        service.replay(session, endpoint_id, actor="t", since=since)
    rounds(tenants.a)
    assert list(receiver.ids.values()) == [2]


def test_a_message_whose_member_was_erased_is_told_without_the_member(tenants, receiver, listen):
    listen(tenants.a, "crm.campaign.recipient.sent")
    ledger = Ledger(tenants.a)
    message = ledger.message()
    ledger.happened(message, "sent")
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE message SET member_id = NULL WHERE id = :id"), {"id": message})
    rounds(tenants.a)
    assert "member_id" not in receiver.got[0].data
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(func.count()).select_from(Message)).scalar_one() == 1


def test_the_ledger_is_read_by_index(tenants, subscribe):
    subscribe(tenants.a, "crm.campaign.recipient.sent")
    ledger = Ledger(tenants.a)
    with db.tenant_session(tenants.a) as session:
        session.execute(
            text(
                "INSERT INTO message_event (tenant_id, campaign_id, message_id, kind) "
                "SELECT :t, :c, new_id(), 'pending' FROM generate_series(1, 20000)"
            ),
            {"t": tenants.a, "c": ledger.campaign_id},
        )
        plan = session.execute(
            text("EXPLAIN " + str(feed._READ)),
            {
                "tenant": tenants.a, "endpoint": new_id(), "mark": 2**40, "after": UUID(int=0), "oldest": 2**41,
                "kinds": ["sent"], "most": 500, "prefix": "x", "young": UUID(int=0),
            },
        ).scalars().all()  # fmt: skip
    assert any("ix_message_event_xid" in line for line in plan), plan
    assert not any("Seq Scan on message_event" in line for line in plan), plan
