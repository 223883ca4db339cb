"""Hits come in: durable in the journal before they are answered, in the database a moment later, each exactly once.

One thread makes records durable; requests that come while the disk works share its next turn. Another drains the
journal, every quarter of a second, in one transaction per turn that also says how far it got (`tracking_journal`), so
a turn whose answer was lost is not repeated. Neither waits for the other, and a request waits for neither's database.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from domain.tracking import drain, hits, journal
from domain.tracking.hits import KINDS
from kernel import clock, log
from kernel.settings import get_settings

FLUSH_SECONDS = 0.25
_SLOWEST_SECONDS = 5.0
_ADOPT_SECONDS = 5.0
_OPENS_SHARE = 0.75  # of the bound: the rest is kept for clicks and conversions
_SHED = Counter("ariia_tracking_shed_total", "Hits answered but not kept, because the journal is full", ["kind"])
_LOST = Counter("ariia_tracking_lost_total", "Hits answered but not kept, because the disk refused them")
_BACKLOG = Gauge(
    "ariia_tracking_journal_bytes", "Bytes of hits that are not in the database yet", multiprocess_mode="livesum"
)
_FLUSH = Histogram("ariia_tracking_flush_seconds", "Time of one turn of the flusher")
_KEPT = Counter("ariia_tracking_hits_total", "Hits kept")
_ALL = frozenset(range(len(KINDS)))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Waiter = tuple[bytes, asyncio.AbstractEventLoop, "asyncio.Future[bool]"]


class Ingest:
    """The journal of one process and its two threads; `stop` ends them."""

    def __init__(self, folder: Path, *, limit: int, segment_bytes: int = journal.SEGMENT_BYTES) -> None:
        """Begin to take hits into `folder`; more than `limit` bytes are never kept waiting for the database."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._limit = limit
        self._size = segment_bytes
        self._queue: deque[Waiter] = deque()
        self._bell = threading.Event()
        self._over = threading.Event()
        self._turn = threading.Lock()  # one flush at a time
        self._active: journal.Segment | None = None
        self._spare: journal.Segment | None = None
        self._full: list[journal.Segment] = []
        self._adopted: list[journal.Segment] = []
        self._swap = threading.Lock()
        self._failing = False
        self._room = _ALL
        self._threads = [
            threading.Thread(target=self._write_forever, name="tracking-writer", daemon=True),
            threading.Thread(target=self._flush_forever, name="tracking-flusher", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def backlog(self) -> int:
        """Return how many bytes wait for the database."""
        active = self._active
        waiting = active.waiting if active is not None else 0
        return waiting + sum(segment.waiting for segment in (*self._full, *self._adopted))

    async def keep(self, kind: int, packed: bytes) -> bool:
        """Return once a hit is on the disk; False where it could not be kept, and then that is counted."""
        if kind not in self._room:
            _SHED.labels(KINDS[kind]).inc()
            return False
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._queue.append((packed, loop, future))
        if not self._bell.is_set():
            self._bell.set()
        return await future

    def _write_forever(self) -> None:
        while True:
            self._bell.wait()
            self._bell.clear()
            while batch := self._next_batch():
                at = (clock.now() - _EPOCH) // _MICROSECOND
                kept = self._write(hits.batch(at, [packed for packed, _, _ in batch]))
                (_KEPT if kept else _LOST).inc(len(batch))
                _answer(batch, kept=kept)
                self._measure()
            if self._over.is_set() and not self._queue:
                return

    def _measure(self) -> None:
        """See for which kinds of hits there is room: opens give way before clicks."""
        backlog = self.backlog()
        if backlog < self._limit * _OPENS_SHARE:
            self._room = _ALL
        else:
            self._room = _ALL - {hits.OPENED} if backlog < self._limit else frozenset()
        _BACKLOG.set(backlog)

    def _next_batch(self) -> list[Waiter]:
        batch: list[Waiter] = []
        size = 0
        with suppress(IndexError):
            while size < self._size // 32:
                batch.append(self._queue.popleft())
                size += len(batch[-1][0])
        return batch

    def _write(self, record: bytes) -> bool:
        for _ in range(2):
            try:
                if self._active is None:
                    self._open_next()
                if self._active is not None:
                    self._active.append(record)
                    return True
            except journal.Full:
                self._seal()
            except OSError as error:
                log.get("tracking").error("journal.refused", error=type(error).__name__)
                return False
        return False

    def _open_next(self) -> None:
        with self._swap:
            self._active, self._spare = self._spare, None
        if self._active is None:
            self._active = journal.Segment.create(self.folder, self._size)

    def _seal(self) -> None:
        with self._swap:
            if self._active is not None:
                self._full.append(self._active)
            self._active = None

    def _flush_forever(self) -> None:
        pause, adopted = 0.0, -_ADOPT_SECONDS
        while not self._over.wait(pause):
            pause = FLUSH_SECONDS
            if time.monotonic() - adopted >= _ADOPT_SECONDS:
                adopted = time.monotonic()
                self._quietly(self._look_around)
            if not self._quietly(self.flush):
                pause = min(_SLOWEST_SECONDS, max(pause, FLUSH_SECONDS) * 4)

    def _quietly(self, step: Callable[[], None]) -> bool:
        """Do a step; say once that it fails, and once that it works again."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the journal keeps what the database does not take
            if not self._failing:
                log.get("tracking").warning("journal.waits", error=type(error).__name__, bytes=self.backlog())
            self._failing = True
            return False
        if self._failing and step == self.flush:
            self._failing = False
            log.get("tracking").info("journal.drained")
        return True

    def _look_around(self) -> None:
        """Take over what processes left that are gone, and have the next segment ready."""
        mine = {segment.path for segment in (*self._full, *self._adopted, self._active, self._spare) if segment}
        for path in journal.segments_in(self.folder):
            if path not in mine and (found := journal.Segment.adopt(path)) is not None:
                self._adopted.append(found)
        if self._spare is None and not self._over.is_set():
            made = journal.Segment.create(self.folder, self._size)
            with self._swap:
                self._spare = made

    def flush(self) -> None:
        """Bring what is durable into the database. Raises what the database raises; nothing is lost then."""
        with self._turn, _FLUSH.time():
            for group in (self._adopted, self._full):
                for segment in list(group):
                    drain.drain(segment)
                    drain.forget(segment)
                    group.remove(segment)
            if self._active is not None:
                drain.drain(self._active)
        self._measure()

    def stop(self) -> None:
        """Answer who still waits, bring everything into the database if it is there, and let go of the files."""
        self._over.set()
        self._bell.set()
        for thread in self._threads:
            thread.join(30)
        self._seal()
        self._quietly(self.flush)
        if self._spare is not None:
            self._spare.remove()
        for segment in (*self._full, *self._adopted):
            segment.close()


def _answer(batch: list[Waiter], *, kept: bool) -> None:
    """Tell every loop once which of its requests may go on."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[bool]]] = {}
    for _, loop, future in batch:
        loops.setdefault(loop, []).append(future)
    for loop, futures in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, futures, kept)


def _resolve(futures: list["asyncio.Future[bool]"], kept: bool) -> None:  # noqa: FBT001 - called by the loop
    for future in futures:
        if not future.done():
            future.set_result(kept)


_current: Ingest | None = None
_data_dir: Path | None = None
_change = threading.Lock()


def current() -> Ingest:
    """Return the ingest of this process, begun with the first hit or by `start`."""
    settings = get_settings()
    if _current is not None and _data_dir is settings.data_dir:
        return _current
    return start()


def start() -> Ingest:
    """Begin to take hits, and take over what a process left that is gone."""
    global _current, _data_dir  # noqa: PLW0603 - one process, one journal
    settings = get_settings()
    with _change:
        if _current is not None and _data_dir is settings.data_dir:
            return _current
        before = _current
        _current = Ingest(settings.data_dir / "tracking", limit=settings.tracking_journal_mb * 1024 * 1024)
        _data_dir = settings.data_dir
    if before is not None:
        before.stop()
    return _current


def stop() -> None:
    """End the ingest of this process, if it began; what the database did not take stays in the journal."""
    global _current, _data_dir
    with _change:
        before, _current, _data_dir = _current, None, None
    if before is not None:
        before.stop()
