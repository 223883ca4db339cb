"""A TCP proxy on loopback that cuts connections where a test says: at something that was said, or after some bytes.

In a test: `with TcpProxy(sink.port, [Cut("client", rb"RCPT TO:[^\\r]*\\r\\n")]) as proxy: … proxy.port`.
"""

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Self

Side = Literal["client", "server"]
_OTHER: dict[Side, Side] = {"client": "server", "server": "client"}
_BLOCK = 65_536
_PATIENCE = 10.0
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Cut:
    """Ends one connection at a point of what one side says; afterwards it is used up.

    The point is the end of the first match of `at` plus `more` bytes; without `at` it is `more` bytes from the
    beginning. With `once` only what the server says after the client said that is looked at. What is said before the
    point arrives, together with the end of the connection; nothing behind it does. When the client learns of it, the
    server has dealt with all that it got. `reset`: the client gets an RST instead of a FIN.
    """

    side: Side
    at: bytes = b""
    more: int = 0
    once: bytes = b""
    reset: bool = False
    used: bool = field(default=False, init=False)

    def point(self, said: bytes) -> int | None:
        """Return how much of it is let through, None while the point is not reached."""
        found = re.search(self.at, said, re.DOTALL) if self.at else re.match(b"", said)
        if found is None or len(said) < found.end() + self.more:
            return None
        return max(0, found.end() + self.more)


class _Passage:
    """One connection through the proxy, both ways."""

    def __init__(
        self, cuts: Sequence[Cut], client: socket.socket, server: socket.socket, said: dict[Side, bytes]
    ) -> None:
        self._cuts = cuts
        self._sockets: dict[Side, socket.socket] = {"client": client, "server": server}
        self._said = said
        said.update(client=b"", server=b"")
        self._once: dict[int, int] = {}
        self._cut: tuple[Cut, bytes] | None = None

    async def run(self) -> None:
        pumps = [asyncio.create_task(self._pump(side)) for side in self._sockets]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        with suppress(OSError, TimeoutError):
            await self._part(*(self._cut or (None, b"")))
        for one in self._sockets.values():
            one.close()

    async def _pump(self, source: Side) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while self._cut is None and (data := await loop.sock_recv(self._sockets[source], _BLOCK)):
                self._cut = self._reached(source, data)
                if self._cut is None:
                    await loop.sock_sendall(self._sockets[_OTHER[source]], data)

    def _reached(self, source: Side, data: bytes) -> tuple[Cut, bytes] | None:
        """Return the cut that these bytes reach, and what of them still passes."""
        before = len(self._said[source])
        self._said[source] += data
        for n, cut in enumerate(self._cuts):
            if cut.once and source == "client" and n not in self._once and re.search(cut.once, self._said["client"]):
                self._once[n] = len(self._said["server"])
            if cut.used or cut.side != source or (cut.once and n not in self._once):
                continue
            start = self._once.get(n, 0)
            point = cut.point(self._said[source][start:])
            if point is not None:
                cut.used = True
                return cut, data[: max(0, start + point - before)]
        return None

    async def _part(self, cut: Cut | None, last: bytes) -> None:
        """End both sides; the server first, unless the last words were its own."""
        client, server = self._sockets["client"], self._sockets["server"]
        if cut is not None and cut.reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        if cut is not None and cut.side == "server":
            await self._end(client, last, quietly=cut.reset)
            await self._end(server, b"")
        else:
            await self._end(server, last)
            await self._end(client, b"", quietly=cut is not None and cut.reset)

    async def _end(self, one: socket.socket, last: bytes, *, quietly: bool = False) -> None:
        """Say the last bytes and FIN in one segment, and wait until the other end leaves too."""
        loop = asyncio.get_running_loop()
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        if last:
            await loop.sock_sendall(one, last)
        if quietly:
            return
        one.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(_PATIENCE):
            while await loop.sock_recv(one, _BLOCK):
                pass


class TcpProxy:
    """The proxy, in a thread of its own, before a server on a port of loopback. `cuts` may be added while it runs."""

    def __init__(self, upstream: int, cuts: Sequence[Cut] = ()) -> None:
        self.cuts = list(cuts)
        self.connections = 0
        self.said: dict[Side, bytes] = {"client": b"", "server": b""}  # on the last connection
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="tcp-proxy", daemon=True)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._serving = asyncio.create_task(self._serve())
        self._ready.set()
        with suppress(asyncio.CancelledError):
            await self._serving

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        passages: set[asyncio.Task[None]] = set()
        try:
            while True:
                client, _ = await loop.sock_accept(self._listener)
                self.connections += 1
                passage = asyncio.create_task(self._pass(client))
                passages.add(passage)
                passage.add_done_callback(passages.discard)
        finally:
            for passage in passages:
                passage.cancel()
            await asyncio.gather(*passages, return_exceptions=True)

    async def _pass(self, client: socket.socket) -> None:
        server = socket.socket()
        with client, server:
            server.setblocking(False)
            client.setblocking(False)
            with suppress(OSError):
                await asyncio.get_running_loop().sock_connect(server, ("127.0.0.1", self._upstream))
                await _Passage(self.cuts, client, server, self.said).run()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._serving is not None
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(60)
        self._listener.close()
        assert not self._thread.is_alive()
