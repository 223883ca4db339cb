from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func

from agents import ledger
from agents.llm.port import ModelReply, Prices, Usage
from domain.privacy import retention
from kernel import db
from models.agent import ModelCall
from tests.agents.model_rows import Desk, question
from tests.fakes.openai_server import FakeModelServer


def test_the_kept_reply_is_unreadable_without_the_key(mine: Desk):
    subject = mine.caller.ask(question()).value.subject
    assert subject not in (mine.row().reply or "")


def test_a_caller_whose_lease_lapsed_cannot_overwrite_its_successor(mine: Desk):
    lapsed = ledger.begin(mine.caller.open_session, mine.caller._entry(question()), lease=timedelta(0))
    assert isinstance(lapsed, ledger.Held)
    answer = mine.caller.ask(question())
    late = ModelReply('{"late": true}', None, Usage(1, 0, 1), "stop", "late", None, 200)
    with pytest.raises(ledger.LeaseLost):
        ledger.finish(mine.caller.open_session, lapsed, late, "{}", latency_ms=1)
    booking = ledger.Booking(mine.caller.open_session, lapsed, mine.run_id, Prices())
    before = mine.run().spent_tokens
    with pytest.raises(ledger.LeaseLost):
        booking.reserve(Usage(10, 0, 10))
    assert mine.run().spent_tokens == before
    assert mine.caller.ask(question()).value == answer.value


@pytest.mark.parametrize(
    "change",
    [
        lambda row: setattr(row, "expires_at", func.now() - timedelta(days=1)),
        lambda row: setattr(row, "reply", None),
        lambda row: setattr(row, "reply", "sealed with another secret"),
        lambda row: setattr(row, "reply", ledger._sealed('{"old": "form"}')),
    ],
    ids=["expired", "erased", "other secret", "other form"],
)
def test_a_reply_that_is_no_answer_any_more_is_asked_for_again(
    mine: Desk, server: FakeModelServer, change: Callable[[ModelCall], None]
):
    mine.caller.ask(question())
    mine.change_row(change)
    assert not mine.caller.ask(question()).from_ledger
    assert mine.caller.ask(question()).from_ledger
    assert len(server.requests) == 2


def test_expired_replies_are_erased_and_the_bill_stays(mine: Desk, theirs: Desk):
    mine.caller.ask(question())
    theirs.caller.ask(question())
    mine.change_row(lambda row: setattr(row, "expires_at", func.now() - timedelta(days=1)))
    with db.tenant_session(mine.tenant_id) as session:
        replies = next(rule for rule in retention.RULES if rule.table == "model_call")
        assert retention.forget(session, replies) == 1
    assert mine.row().reply is None
    assert mine.row().in_tokens > 0
    assert theirs.row().reply is not None


def test_a_reservation_renews_the_lease_and_the_old_one_is_worth_nothing(mine: Desk):
    held = ledger.begin(mine.caller.open_session, mine.caller._entry(question()))
    assert isinstance(held, ledger.Held)
    booking = ledger.Booking(mine.caller.open_session, held, mine.run_id, Prices())
    booking.reserve(Usage(10, 0, 10))
    assert booking.held.lease_until > held.lease_until
    with pytest.raises(ledger.LeaseLost):
        ledger.give_up(
            mine.caller.open_session, held, "x", unknown=False, http_status=None, request_id=None, latency_ms=0
        )
    booking.settle(Usage(10, 0, 10), Usage(3, 1, 4))
    assert mine.booked() == mine.run().spent_tokens == 7
    assert mine.row().cached_tokens == 1


def test_prices_are_per_million_tokens_rounded_up():
    prices = Prices(input=2_000_000, cached=500_000, output=8_000_000)
    assert Usage(10, 4, 3).cost(prices) == 12 + 2 + 24
    assert Usage(1).cost(Prices(input=1)) == 1
    assert Usage(100, 0, 100).cost(Prices()) == 0
