"""From a row in the outbox to a call, at least once."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from ariia import relay
from domain.delivery import notices
from kernel import clock, db, outbox
from kernel.ids import new_id
from models import Outbox


class Bell:
    def __init__(self) -> None:
        self.rung: list[tuple[str, UUID, UUID, UUID | None]] = []

    def __call__(self, task: str, tenant_id: UUID, subject: UUID, outbox_id: UUID | None) -> None:
        self.rung.append((task, tenant_id, subject, outbox_id))

    def of(self, *tenants: UUID) -> list[tuple[str, UUID, UUID]]:
        return [(task, tenant_id, subject) for task, tenant_id, subject, _ in self.rung if tenant_id in tenants]


@pytest.fixture
def bell() -> Bell:
    return Bell()


def ask(tenant_id: UUID, task: str = "campaigns.start") -> UUID:
    subject = new_id()
    with db.tenant_session(tenant_id) as session:
        outbox.enqueue(session, task, id=subject)
    return subject


def rows(tenant_id: UUID) -> list[Outbox]:
    with db.tenant_session(tenant_id) as session:
        return list(session.execute(select(Outbox)).scalars())


def test_every_tenants_rows_are_rung_and_stay_until_the_task_succeeded(tenants, bell):
    a, b = ask(tenants.a), ask(tenants.b, "agents.run")
    relay.deliver(bell)
    assert sorted(bell.of(tenants.a, tenants.b)) == sorted(
        [("campaigns.start", tenants.a, a), ("agents.run", tenants.b, b)]
    )
    [row] = rows(tenants.a)
    relay.settle(tenants.a, row.id, None)
    assert rows(tenants.a) == []
    assert len(rows(tenants.b)) == 1


def test_a_row_that_was_rung_is_quiet_for_a_while_and_then_rung_again(tenants, bell):
    subject = ask(tenants.a)
    relay.deliver(bell)
    relay.deliver(bell)
    assert len(bell.of(tenants.a)) == 1
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE outbox SET due_at = clock_timestamp()"))
        outbox.mark_due(session, "outbox")
    relay.deliver(bell)
    assert bell.of(tenants.a) == [("campaigns.start", tenants.a, subject)] * 2


def test_a_failed_task_is_kept_with_its_error_and_comes_back_soon(tenants, bell):
    ask(tenants.a)
    relay.deliver(bell)
    [row] = rows(tenants.a)
    relay.settle(tenants.a, row.id, "RuntimeError: no mail relay")
    [row] = rows(tenants.a)
    assert row.error == "RuntimeError: no mail relay"
    assert row.attempts == 1
    with db.tenant_session(tenants.a) as session:
        seconds = session.execute(
            text("SELECT extract(epoch FROM d.next_due_at - clock_timestamp()) FROM tenant_due d "
                 "WHERE d.tenant_id = :t AND d.kind = 'outbox'"), {"t": tenants.a}
        ).scalar_one()  # fmt: skip
    assert 0 < seconds <= 2


def test_a_rolled_back_request_leaves_nothing_to_ring(tenants, bell):
    class Mistake(Exception):  # noqa: N818
        pass

    def fail() -> None:
        with db.tenant_session(tenants.a) as session:
            outbox.enqueue(session, "campaigns.start", id=new_id())
            raise Mistake

    with pytest.raises(Mistake):
        fail()
    relay.deliver(bell)
    assert bell.of(tenants.a) == []


def test_a_tenant_with_nothing_to_do_has_no_mark(tenants, bell):
    ask(tenants.a)
    relay.deliver(bell)
    [row] = rows(tenants.a)
    relay.settle(tenants.a, row.id, None)
    with db.tenant_session(tenants.a) as session:
        outbox.mark_due(session, "outbox")
    relay.deliver(bell)
    with db.all_tenants_session("test") as session:
        left = session.execute(text("SELECT count(*) FROM tenant_due WHERE tenant_id = :t"), {"t": tenants.a})
        assert left.scalar_one() == 0


def test_a_run_that_ended_rings_for_its_own_tenant_and_who_sent_for_all_who_send(tenants, bell):
    """Regression: many tenants due at one moment rang for each other after every run, and no worker got through."""
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            for kind in ("segments", "analytics"):
                outbox.mark_due(session, kind)
            outbox.mark_due(session, "sequences", clock.now() + timedelta(hours=1))
            outbox.mark_due(session, "campaigns")
            notices.send(
                session, kind="confirmation", key="k", purpose="transactional", channel="email",
                address="ada@example.org", subject="Hallo", body="Da.",
            )  # fmt: skip
    mine = {("segments.refresh", tenants.a, tenants.a), ("analytics.count", tenants.a, tenants.a)}
    sending = [("notices.send", tenant_id, tenant_id) for tenant_id in (tenants.a, tenants.b)]
    relay.go_on(bell, tenants.a, sent=False)
    assert sorted(bell.of(tenants.a, tenants.b)) == sorted([*mine, sending[0]])
    bell.rung.clear()
    with db.tenant_session(tenants.a) as session:
        outbox.mark_due(session, "campaigns")
    relay.go_on(bell, tenants.a, sent=True)
    assert set(bell.of(tenants.a, tenants.b)) == {*mine, *sending}
    bell.rung.clear()
    relay.sweep(bell)
    assert {("segments.refresh", each, each) for each in (tenants.a, tenants.b)} <= set(bell.of(tenants.a, tenants.b))
