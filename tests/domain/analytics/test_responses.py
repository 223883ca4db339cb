"""Responses by the hour of sending: equal to the messages, honest about little, and nothing made of chance."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ledger
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger import Happened
from sqlalchemy import text, update

from domain.analytics import heatmap, responses
from domain.analytics.heatmap import HOURS, WEEKDAYS
from domain.analytics.responses import Group
from domain.campaigns import best_times
from kernel import clock, db
from kernel.errors import PlanLimit
from models import Tenant

QUIET = best_times.quiet_hours("20:00", "08:00")
_KEYS = [(day, hour) for day in WEEKDAYS for hour in HOURS]
_GROUPS = st.tuples(st.integers(1, 400), st.floats(0, 1)).map(lambda each: Group(each[0], int(each[0] * each[1])))


@given(sent=st.dictionaries(st.sampled_from(_KEYS), _GROUPS, max_size=40))
def test_groups_add_up_and_lie_between_their_own_rate_and_that_of_all(sent):
    found = responses.read("clicked", sent, QUIET)
    assert [(cell.weekday, cell.hour) for cell in found.cells] == _KEYS
    assert sum(cell.group.reached for cell in found.cells) == found.whole.reached
    assert (found.basis == "none") == found.best.is_default == all(cell.index is None for cell in found.cells)
    assert found.best.hour not in QUIET
    if found.basis == "cells":
        for cell in found.cells:
            assert (cell.index is None) == (cell.group.reached == 0)
            if cell.index is not None:
                own = cell.group.rate / found.whole.rate
                assert min(own, 1) - 1e-3 <= cell.index <= max(own, 1) + 1e-3
        assert found.best.n == sent[found.best.weekday, found.best.hour].reached > 0


def _sent(n: int, rate, seed: int) -> dict:
    rng = random.Random(seed)
    return {key: Group(n, sum(rng.random() < rate(*key) for _ in range(n))) for key in _KEYS if key[1] in range(8, 20)}


@pytest.mark.parametrize(("n", "basis", "weekday"), [(5, "none", 2), (60, "hours", None), (600, "cells", 4)])
def test_a_planted_hour_is_found_as_far_as_the_numbers_carry(n, basis, weekday):
    def rate(day: int, hour: int) -> float:
        return 0.06 + 0.12 * (hour == 18) + 0.2 * (hour == 18) * (day == 4) * (n > 500)

    found = responses.read("clicked", _sent(n, rate, 3), QUIET)
    assert (found.basis, found.best.weekday) == (basis, weekday)
    assert found.best.hour == (heatmap.DEFAULT_HOUR if basis == "none" else 18)
    for language, word in (("de", "zugestellten"), ("en", "arrived")):
        assert word in responses.words(found, language)


def test_one_hour_of_sending_and_chance_say_nothing():
    alone = responses.read("clicked", {(2, 9): Group(20_000, 2_000)}, QUIET)
    assert (alone.basis, alone.reason, alone.best.is_default) == ("none", "no_pattern", True)
    chance = [responses.read("clicked", _sent(200, lambda *_: 0.1, seed), QUIET) for seed in range(40)]
    assert sum(found.basis != "none" for found in chance) <= 6


def test_it_is_read_from_the_roll_ups_by_the_time_of_sending_and_equals_the_messages(tenants, analyse):
    monday = clock.now().astimezone(UTC).replace(hour=9, minute=10) - timedelta(days=7 + clock.now().weekday())
    sent = ledger.messages(tenants.a, [(0, "email", "de", None, 3)] * 3 + [(1, "sms", "de", None)])
    later = timedelta(hours=30)
    ledger.write(tenants.a, [Happened(each, "sent", monday + n * timedelta(hours=1)) for n, each in enumerate(sent)])
    ledger.write(
        tenants.a,
        [
            Happened(sent[0], "clicked", monday + later, "human", link_n=0),
            Happened(sent[1], "clicked", monday + later, "machine", link_n=0),
            Happened(sent[2], "bounced", monday + later),
        ],
    )
    old = ledger.messages(tenants.a, [(0, "email", "de", None)])[0]
    ledger.write(tenants.a, [Happened(old, "sent", datetime(2020, 1, 6, 9, tzinfo=UTC))])
    ledger.settle(tenants.a)
    analyse("rollup_quarter")
    local = monday.astimezone(ZoneInfo("Europe/Berlin"))
    with db.tenant_session(tenants.a) as session:
        found = responses.show(session)
        groups = {(cell.weekday, cell.hour): cell.group for cell in found.cells if cell.group.reached}
        assert groups == {(1, local.hour): Group(1, 1), (1, local.hour + 1): Group(1, 0)}
        assert (found.kind, found.reason, found.whole) == ("clicked", "too_few", Group(2, 1))
        assert responses.show(session, channel="sms").whole == Group(1, 0)
        session.execute(text("SET LOCAL enable_seqscan = off"))  # the table is tiny: can an index serve it at all?
        asked = {"tenant": tenants.a, "zone": "UTC", "channel": "email", "since": monday}
        plan = "\n".join(session.execute(text(f"EXPLAIN {responses._SENT.text}"), asked).scalars())
        assert "ix_rollup_quarter_sent" in plan, plan
        session.execute(update(Tenant).values(tier="professional"))
        with pytest.raises(PlanLimit):
            responses.show(session)
    with db.tenant_session(tenants.b) as session:
        assert responses.show(session).whole == Group()
