"""One connection: bytes out, replies in, every wait with an end."""

import asyncio
from collections import deque

from channels.email.replies import NotSmtp, Reply, ReplyReader


class Wire(asyncio.Protocol):
    """The asyncio side of a session. `lost` says why the connection ended, None while it stands."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.replies: deque[Reply] = deque()
        self.lost: str | None = None
        self._reader = ReplyReader()
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0
        self._writable: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # a stream connection has a stream transport

    def data_received(self, data: bytes) -> None:
        try:
            self.replies.extend(self._reader.feed(data))
        except NotSmtp as error:
            self.abort(str(error))
            return
        if self._waiter is not None and len(self.replies) >= self._wanted:
            _settle(self._waiter)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.lost or (str(exc) if exc else "the server closed the connection")
        for waiter in (self._waiter, self._writable):
            if waiter is not None:
                _settle(waiter, ConnectionError(self.lost))

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            _settle(self._writable)
            self._writable = None

    @property
    def quiet(self) -> bool:
        """True while the connection stands and the server said nothing that nobody asked for."""
        return self.lost is None and not self.replies and not self._reader.halfway

    def write(self, data: bytes) -> None:
        """Queue bytes. Raises ConnectionError when the connection is known to be gone."""
        if self.lost is not None or self.transport is None:
            raise ConnectionError(self.lost or "not connected")
        self.transport.write(data)

    async def wait(self, count: int, seconds: float) -> None:
        """Return when `count` replies stand in `replies`. Raises ConnectionError or TimeoutError; what came stays."""
        if len(self.replies) >= count:
            return
        if self.lost is not None:
            raise ConnectionError(self.lost)
        self._wanted = count
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await _with_end(self._waiter, seconds)
        finally:
            self._waiter = None

    async def reply(self, seconds: float) -> Reply:
        """Return the next reply. Raises ConnectionError or TimeoutError."""
        await self.wait(1, seconds)
        return self.replies.popleft()

    async def drained(self, seconds: float) -> None:
        """Return when the network takes more. Raises ConnectionError or TimeoutError."""
        if self._writable is not None:
            await _with_end(self._writable, seconds)

    def start_again(self) -> None:
        """Drop what came before encryption (RFC 3207 §4.2)."""
        self.replies.clear()
        self._reader = ReplyReader()

    def abort(self, why: str) -> None:
        """End the connection at once; waits end with `why`."""
        self.lost = self.lost or why
        if self.transport is not None:
            self.transport.abort()


async def _with_end(waiter: asyncio.Future[None], seconds: float) -> None:
    """Await with a plain timer: this runs several times per message, and `asyncio.timeout` costs more than the wait."""
    timer = asyncio.get_running_loop().call_later(seconds, _settle, waiter, TimeoutError("no answer in time"))
    try:
        await waiter
    finally:
        timer.cancel()


def _settle(waiter: asyncio.Future[None], error: Exception | None = None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)
