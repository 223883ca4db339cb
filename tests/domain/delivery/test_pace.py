"""The rate of an account over all workers, judged by a window that slides over what was begun, not by our limiter."""

import asyncio
import concurrent.futures
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from domain.delivery import pace
from domain.delivery.pace import Pace
from domain.delivery.rules import boottime
from kernel import db
from models import RateBucket

RATE = 30.0
WORKERS = 4


def fullest(times: Sequence[float], seconds: float = 1.0) -> int:
    """Return the most events in any window of so many seconds."""
    times = sorted(times)
    return max(bisect_left(times, at + seconds) - n for n, at in enumerate(times))


def take(tenant_id: UUID, *, key: str = "bot", rate: float = RATE, wanted: int = 60) -> tuple[int, float]:
    with db.tenant_session(tenant_id) as session:
        return pace.take(session, key=key, rate=rate, wanted=wanted)


_LATER = text("UPDATE rate_bucket SET next_at = next_at - make_interval(secs => :s)")


def slots_of(tenant_id: UUID, seconds: float, wanted: int) -> list[tuple[int, float]]:
    """What four workers are given: who, and the slot. Whoever has to wait lets the time pass instead."""
    passed = [0.0]  # whoever has the row, and nobody else, reads and writes it

    def worker(name: int) -> list[tuple[int, float]]:
        mine: list[tuple[int, float]] = []
        while passed[0] < seconds or (not mine and passed[0] < 20 * seconds):
            with db.tenant_session(tenant_id) as session:
                n, delay = pace.take(session, key="bot", rate=RATE, wanted=wanted)
                end = session.execute(select(RateBucket.next_at)).scalar_one().timestamp() + passed[0]
                if n == 0:
                    session.execute(_LATER, {"s": delay})
                    passed[0] += delay
            mine += [(name, end - (n - i) * pace.spacing(RATE)) for i in range(n)]
        return mine

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return [slot for mine in pool.map(worker, range(WORKERS)) for slot in mine]


@pytest.mark.parametrize("wanted", [1, 7, 60])
def test_four_workers_share_out_98_percent_of_the_rate_and_never_more_than_it(tenants, wanted):
    given_out = slots_of(tenants.a, 3, wanted)
    slots = sorted(at for _, at in given_out)
    assert fullest(slots) <= RATE
    assert min(b - a for a, b in pairwise(slots)) >= 0.9 * pace.spacing(RATE)
    assert (len(slots) - 1) / (slots[-1] - slots[0]) >= 0.979 * RATE
    shares = [sum(1 for name, _ in given_out if name == worker) for worker in range(WORKERS)]
    assert min(shares) > 0  # nobody starves; how even it is depends on who is awake


def test_a_bucket_that_lost_its_state_starts_empty(tenants):
    given_out = [take(tenants.a, wanted=1_000) for _ in range(10)]
    assert sum(n for n, _ in given_out) <= pace.AHEAD * RATE
    with db.tenant_session(tenants.a) as session:
        session.execute(text("DELETE FROM rate_bucket"))
    n, delay = take(tenants.a, wanted=1_000)
    assert n <= pace.AHEAD * RATE / 2
    assert delay == pytest.approx(0, abs=0.05)


def test_after_a_pause_nothing_is_saved_up(tenants):
    take(tenants.a)
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE rate_bucket SET next_at = clock_timestamp() - interval '1 hour'"))
    assert sum(take(tenants.a, wanted=1_000)[0] for _ in range(10)) <= pace.AHEAD * RATE


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 1.0, 3.0, 80.0])
def test_a_slow_account_gets_its_slots_too(tenants, rate):
    assert take(tenants.a, rate=rate, wanted=1) == (1, pytest.approx(0, abs=0.1))
    n, delay = take(tenants.a, rate=rate, wanted=1)
    if n == 0:
        assert delay <= pace.spacing(rate)
        with db.tenant_session(tenants.a) as session:  # as if the time had passed
            session.execute(_LATER, {"s": delay})
        n, delay = take(tenants.a, rate=rate, wanted=1)
    assert n == 1
    assert delay <= pace.spacing(rate)


@given(st.lists(st.integers(1, 90), min_size=2, max_size=12), st.floats(0.3, 200), st.uuids())
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whoever_asks_for_whatever_slots_keep_their_distance(tenants, asks, rate, key):
    slots = []
    for wanted in asks:
        with db.tenant_session(tenants.a) as session:
            n, _ = pace.take(session, key=str(key), rate=rate, wanted=wanted)
            end = session.get_one(RateBucket, (tenants.a, str(key))).next_at
        slots += [end - timedelta(seconds=(n - i) * pace.spacing(rate)) for i in range(n)]
    gaps = [(b - a).total_seconds() for a, b in pairwise(slots)]
    assert all(gap >= pace.spacing(rate) - 1e-5 for gap in gaps)


def test_who_is_told_to_wait_gets_nothing_before_and_others_do(tenants):
    take(tenants.a)
    with db.tenant_session(tenants.a) as session:
        before = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        pace.slow_down(session, key="bot", seconds=700)
        pace.slow_down(session, key="bot", seconds=300)  # a shorter wait does not end a longer one
        after, next_at = session.execute(text("SELECT clock_timestamp(), next_at FROM rate_bucket")).one()
        assert before <= next_at - timedelta(seconds=700) <= after
    n, delay = take(tenants.a)
    assert n == 0
    assert 300 < delay < 700 - pace.AHEAD + 1  # asking makes sense again before slots begin
    assert take(tenants.a, key="other")[0] > 0
    assert take(tenants.b)[0] > 0


@pytest.fixture
def read(monkeypatch) -> threading.local:
    """`now`: what the clock showed a worker when it looked last. Its machine may stop it before it says so."""
    seen = threading.local()

    def look() -> float:
        seen.now = boottime()
        return seen.now

    monkeypatch.setattr(pace, "boottime", look)
    return seen


def begin(
    lease: Callable[[], tuple[int, float]], seconds: float, read: threading.local, *, stall: float = 0.0
) -> list[float]:
    """Take every slot of a worker for so long, and return when it was used."""

    async def go() -> list[float]:
        used, mine = [], Pace(RATE, lease)
        asyncio.get_running_loop().call_later(seconds, mine.close)
        if stall:
            asyncio.get_running_loop().call_later(seconds / 3, time.sleep, stall)
        while (slot := await mine.soon()) is not None:
            if await mine.moment(slot):
                used.append(read.now)
        return used

    return asyncio.run(go())


def test_four_workers_that_stall_never_begin_more_than_the_limit_in_any_second(tenants, read):
    def lease() -> tuple[int, float]:
        return take(tenants.a, wanted=15)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        runs = [pool.submit(begin, lease, 4, read, stall=stall) for stall in (0, 0.4, 0.9, 0.05)]
        used = [at for running in runs for at in running.result()]
    assert fullest(used) <= RATE
    assert len(used) >= RATE  # the most of what they may where the machine is quiet


def test_a_missed_slot_is_not_caught_up():
    def lease() -> tuple[int, float]:
        return 100, 0.0

    async def go() -> int:
        mine = Pace(100.0, lease)
        assert await mine.moment(await mine.soon())
        time.sleep(0.5)  # noqa: ASYNC251 - a stalled process
        n, until = 0, time.monotonic() + 0.05
        while time.monotonic() < until and await mine.moment(await mine.soon()):
            n += 1
        return n

    assert asyncio.run(go()) <= 8  # not the 49 that were missed


def test_a_paused_pace_sends_the_waiting_away_and_uses_nothing_before():
    asked = []

    def lease() -> tuple[int, float]:
        asked.append(time.monotonic())
        return 5, 0.2

    async def go() -> tuple[bool, float]:
        mine = Pace(RATE, lease)
        slot = await mine.soon()
        mine.pause(0.6)
        began = time.monotonic()
        refused = await mine.moment(slot)
        assert await mine.moment(await mine.soon())
        return refused, time.monotonic() - began

    refused, waited = asyncio.run(go())
    assert refused is False
    assert waited >= 0.59


def test_closing_sends_everybody_away_at_once():
    async def go() -> tuple[set[float | None], bool]:
        mine = Pace(1.0, lambda: (0, 3_600.0))
        waiting = [asyncio.create_task(mine.soon()) for _ in range(3)]
        await asyncio.sleep(0.05)
        mine.close()
        found = await asyncio.wait_for(asyncio.gather(*waiting), 60)
        return set(found), await asyncio.wait_for(mine.moment(boottime() + 3_600), 60)

    assert asyncio.run(go()) == ({None}, False)


def test_a_run_does_not_sit_out_the_hour_that_a_provider_asked_for():
    """Regression: its sessions waited for a slot long after the run was over, and a thread of the worker with them."""

    async def ask() -> float | None:
        mine = Pace(1.0, lambda: (0, 3_600.0), until=boottime() + 5)
        return await asyncio.wait_for(mine.soon(), 20)

    assert asyncio.run(ask()) is None
