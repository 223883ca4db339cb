"""Sending by SMTP: a pool of sessions to one relay, and a rehearsal of the way there.

Bound to one event loop. `send` carries one message; the durable mark belongs into `before_dot`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from channels.email.greeting import greet, part_ways
from channels.email.session import Accepted, BeforeDot, Envelope, SmtpSession
from channels.email.settings import Relay, parse

__all__ = ["Accepted", "BeforeDot", "Envelope", "SmtpPool", "SmtpSession", "check"]


class SmtpPool:
    """At most `sessions` connections to one relay; the one used last is taken first, so that idle ones end.

    `relay` is a Relay or its URL (raises BadRelay).
    """

    def __init__(self, relay: Relay | str, sessions: int = 8) -> None:
        self._relay = parse(relay) if isinstance(relay, str) else relay
        self._places = asyncio.Semaphore(sessions)
        self._idle: list[SmtpSession] = []

    @asynccontextmanager
    async def session(self) -> AsyncIterator[SmtpSession]:
        """Lend a session for as long as the block runs; waits for a free place."""
        async with self._places:
            lent = self._idle.pop() if self._idle else SmtpSession(self._relay)
            try:
                yield lent
            finally:
                self._idle.append(lent)

    async def close(self) -> None:
        """Say goodbye on all idle sessions."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.close() for session in idle))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def check(relay: Relay | str) -> None:
    """Connect, greet, encrypt and sign in as a sender would, and leave again. Raises SendFailed or BadRelay."""
    greeted = await greet(parse(relay) if isinstance(relay, str) else relay)
    await part_ways(greeted.wire)
