"""From the webhook to the promised message through the relay and the sweep, as the worker process does it."""

from uuid import UUID

import tellers
from sqlalchemy import func, select, update

from ariia import relay
from ariia.tasks.table import TASKS
from kernel import db
from models import Conversation, Outbox, TenantDue
from tests.agents.follow_up.test_worker import hear


def work(tenant_id: UUID) -> None:
    """Ring and run until nothing of this tenant is due any more."""

    def ring(task: str, tenant: UUID, subject: UUID, outbox_id: UUID | None) -> None:
        if tenant != tenant_id:
            return
        TASKS[task](tenant, subject)
        if outbox_id is not None:
            relay.settle(tenant, outbox_id, None)

    for _ in range(6):
        with db.tenant_session(tenant_id) as session:
            now = func.clock_timestamp()
            session.execute(update(TenantDue).where(TenantDue.tenant_id == tenant_id).values(next_due_at=now))
        relay.deliver(ring)
        relay.sweep(ring)
        tellers.look_now(tenant_id)


def test_a_wish_in_a_chat_is_answered_and_kept_once(studio, other, telegram):
    hear(studio, "Kannst du mich in zwei Wochen nochmal erinnern?")
    hear(other, "Remind me in two weeks", chat="9002")
    work(studio.tenant_id)
    row = tellers.rows(studio, "pending")[0]
    assert len(telegram.sent[tellers.CHAT]) == 1
    assert "ich melde mich am" in telegram.sent[tellers.CHAT][0]
    tellers.make_due(studio.tenant_id, row.id)
    work(studio.tenant_id)
    work(studio.tenant_id)
    assert tellers.row(studio, row.id).state == "sent"
    assert len(telegram.sent[tellers.CHAT]) == 2
    assert telegram.sent[tellers.CHAT][1].startswith("Hallo Jörg, hier ist")
    assert tellers.rows(other) == []  # nobody worked for the other tenant
    with db.tenant_session(studio.tenant_id) as session:
        assert session.execute(select(Outbox).where(Outbox.task.like("follow_ups%"))).scalars().all() == []


def test_a_stop_by_any_way_ends_what_is_open_through_the_relay(studio, telegram):
    hear(studio, "Kannst du mich in zwei Wochen nochmal erinnern?")
    work(studio.tenant_id)
    hear(studio, "STOP")
    work(studio.tenant_id)
    assert {row.state for row in tellers.rows(studio)} == {"cancelled"}
    before = len(telegram.sent[tellers.CHAT])
    for row in tellers.rows(studio):
        tellers.make_due(studio.tenant_id, row.id)
    work(studio.tenant_id)
    assert len(telegram.sent[tellers.CHAT]) == before


def test_a_follow_up_outlives_its_conversation(studio):
    hear(studio, "Kannst du mich in zwei Wochen nochmal erinnern?")
    work(studio.tenant_id)
    with db.tenant_session(studio.tenant_id) as session:
        session.delete(session.execute(select(Conversation)).scalar_one())
    row = tellers.rows(studio)[0]
    assert (row.state, row.conversation_id) == ("pending", None)
