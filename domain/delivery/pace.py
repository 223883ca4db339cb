"""How fast one account may send, over all workers: a row holds when its next message may begin.

Slots are handed out one behind the other (generic cell rate algorithm): however many workers ask, no second holds more
than the rate, and a row that was lost begins empty, so nothing comes in a burst. A worker uses each of its slots in its
moment or not at all (`Pace`): whoever is late would meet the slots of the others.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.delivery.rules import boottime
from kernel import db

AHEAD = 2.0  # seconds of slots that may be handed out in advance
_USED = 0.98  # of the rate: a slot that begins a little early must not be one too many
_SHARE = 4  # nobody takes more than so much of what is ahead at once: the others send too
_LATE = 0.01  # seconds; half of what `_USED` leaves free of a second (20 ms): the way to the provider takes the rest
_LATE_SHARE = 0.05  # of the gap between two slots, where that is more
_EARLY = 0.06  # seconds before its slot in which a message is made and marked
_SHORTEST_WAIT = 0.05

# The clock is read once, after the row is ours: two readings could disagree by a slot.
_TAKE = text("""
INSERT INTO rate_bucket AS b (tenant_id, key, next_at, granted)
VALUES (:tenant, :key, clock_timestamp() + make_interval(secs => CAST(:wanted AS float8) / :rate), :wanted)
ON CONFLICT (tenant_id, key) DO UPDATE SET (granted, next_at) = (
  SELECT n, begin + make_interval(secs => n / CAST(:rate AS float8))
  FROM (SELECT now, greatest(b.next_at, now) AS begin FROM (SELECT clock_timestamp() AS now OFFSET 0) AS c) AS s
  CROSS JOIN LATERAL (SELECT least(:wanted, greatest(0, floor(
    extract(epoch FROM now + make_interval(secs => :ahead) - begin) * CAST(:rate AS float8))::int)) AS n) AS g
)
RETURNING granted, extract(epoch FROM next_at - clock_timestamp())::float8 AS until
""")
_SLOW_DOWN = text("""
INSERT INTO rate_bucket AS b (tenant_id, key, next_at, granted)
VALUES (:tenant, :key, clock_timestamp() + make_interval(secs => :seconds), 0)
ON CONFLICT (tenant_id, key) DO UPDATE SET next_at = greatest(b.next_at, excluded.next_at)
""")


def take(session: Session, *, key: str, rate: float, wanted: int) -> tuple[int, float]:
    """Reserve up to `wanted` slots at `rate` per second, never more than a share of what is ahead.

    Returns how many, and the seconds until the first of them begins; the others follow one `spacing` behind the other.
    With none: the seconds after which asking again makes sense.
    """
    used, ahead = rate * _USED, _ahead(rate)
    most = max(1, min(wanted, math.ceil(used * ahead / _SHARE)))
    row = session.execute(
        _TAKE, {"tenant": db.tenant_of(session), "key": key, "rate": used, "wanted": most, "ahead": ahead}
    ).one()
    if row.granted == 0:
        return 0, max(_SHORTEST_WAIT, row.until - ahead + spacing(rate))
    return row.granted, max(0.0, row.until - row.granted * spacing(rate))


def _ahead(rate: float) -> float:
    """Return the seconds that may be handed out in advance: at least one slot, also of an account that is very slow."""
    return max(AHEAD, 1.5 * spacing(rate))


def spacing(rate: float) -> float:
    """Return the seconds between two slots."""
    return 1 / (rate * _USED)


def slow_down(session: Session, *, key: str, seconds: float) -> None:
    """Give no slot for so long: the provider asked for it."""
    session.execute(_SLOW_DOWN, {"tenant": db.tenant_of(session), "key": key, "seconds": seconds})


class Pace:
    """The slots of one account that this run holds; messages take them in turn, in one event loop.

    `lease` reserves more (`take`, in a thread); who has none asks for it. `close` sends everybody away who waits. It
    closes by itself where the next slot begins after `until` (on the clock of `rules.boottime`): a run does not sit
    there until a provider that asked for an hour takes more.
    """

    def __init__(self, rate: float, lease: Callable[[], tuple[int, float]], until: float = math.inf) -> None:
        self._gap = spacing(rate)
        self._late = max(_LATE, _LATE_SHARE * self._gap)
        self._lease = lease
        self._until = until
        self._slots: deque[float] = deque()
        self._not_before = 0.0
        self._asking = asyncio.Lock()
        self._closed = asyncio.Event()

    def add(self, granted: int, begin_at: float) -> None:
        """Hold slots that were reserved; `begin_at` on the clock of `rules.boottime`."""
        self._slots.extend(begin_at + n * self._gap for n in range(granted))

    def pause(self, seconds: float) -> None:
        """Use no slot for so long; those that are held for this time are lost."""
        self._not_before = max(self._not_before, boottime() + seconds)

    def close(self) -> None:
        """Give nobody a slot any more."""
        self._closed.set()

    async def soon(self) -> float | None:
        """Wait until shortly before a slot of ours, and return its moment; None once it is closed."""
        while not self._closed.is_set():
            if (slot := await self._next()) is None:
                continue
            await self._sleep(slot - _EARLY - boottime())
            if not self._is_over(slot):
                return slot
        return None

    async def moment(self, slot: float | None) -> bool:
        """Wait for the moment itself; a slot that was missed is given up for the next one.

        False once it is paused or closed: whoever waits has to come back later.
        """
        while slot is not None:
            await self._sleep(slot - boottime())
            if self._closed.is_set() or boottime() < self._not_before:
                return False
            if not self._is_over(slot):
                return True
            slot = await self.soon()
        return False

    def _is_over(self, slot: float) -> bool:
        return slot < max(boottime() - self._late, self._not_before)

    async def _next(self) -> float | None:
        """Return the next slot that is not over; where none is left, ask for more, one at a time."""
        while self._slots:
            if not self._is_over(slot := self._slots.popleft()):
                return slot
        async with self._asking:
            if self._slots or self._closed.is_set():
                return None
            granted, delay = await asyncio.to_thread(self._lease)
            if granted:
                self.add(granted, boottime() + delay)
            elif boottime() + delay > self._until:
                self.close()
            else:
                await self._sleep(delay)
        return None

    async def _sleep(self, seconds: float) -> None:
        """Sleep, unless it is closed meanwhile."""
        if seconds <= 0:
            return
        try:
            await asyncio.wait_for(self._closed.wait(), seconds)
        except TimeoutError:
            return
