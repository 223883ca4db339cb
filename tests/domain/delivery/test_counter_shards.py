"""Counters of campaigns under transactions that touch states in crossing order."""

import threading
import time
from uuid import UUID

import make
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.delivery import materialise, queries
from kernel import db
from models import Message

WORKERS, ROUNDS = 9, 6  # of nine connections two have the same process id modulo eight


@pytest.fixture
def campaign(tenants) -> tuple[UUID, UUID, list[UUID]]:
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        for n in range(WORKERS * 2):
            make.member(session, f"m{n}@example.org")
        made = make.started(session)
        materialise.materialise(session, made.id)
        ids = list(session.execute(select(Message.id).order_by(Message.id)).scalars())
    assert len(ids) == WORKERS * 2
    with db.tenant_session(tenants.a) as session:
        for message_id in ids[::2]:
            move(session, message_id, "sent")
    return tenants.a, made.id, ids


def move(session: Session, message_id: UUID, state: str) -> None:
    session.execute(text("UPDATE message SET state = :state WHERE id = :id"), {"state": state, "id": message_id})


def test_transactions_that_count_in_crossing_order_never_wait_for_each_other_in_a_circle(campaign):
    tenant_id, campaign_id, ids = campaign
    failed: list[Exception] = []

    def work(n: int) -> None:
        """Every second worker touches sent and delivered first, then failed and expired; the others vice versa."""
        here, there = ("sent", "delivered"), ("failed", "expired")
        try:
            for turn in range(ROUNDS):
                with db.tenant_session(tenant_id) as session:
                    one, other = (here, there) if n % 2 else (there, here)
                    move(session, ids[2 * n], one[turn % 2])
                    time.sleep(0.02)
                    move(session, ids[2 * n + 1], other[turn % 2])
                    move(session, ids[2 * n], other[turn % 2])
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed, failed[0]
    with db.tenant_session(tenant_id) as session:
        recount = session.execute(text("SELECT state, count(*) FROM message GROUP BY state")).all()
        assert queries.counts(session, campaign_id) == {row[0]: row[1] for row in recount}


def test_one_after_the_other_uses_one_shard(campaign):
    tenant_id, campaign_id, _ = campaign
    with db.tenant_session(tenant_id) as session:
        wanted = text("SELECT DISTINCT shard FROM campaign_count WHERE campaign_id = :campaign")
        assert session.execute(wanted, {"campaign": campaign_id}).scalars().all() == [0]
