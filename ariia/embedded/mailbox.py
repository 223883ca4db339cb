"""The built-in mailbox: a real SMTP server on loopback that keeps what it receives, one file per mail.

It never sends anything on. It is our own because the common asyncio server announces no PIPELINING.
"""

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ariia.embedded.conversation import Conversation

_HOST = "127.0.0.1"
_LARGEST = 30 * 1024 * 1024


class Mailbox:
    """A running mailbox; `stop` ends it, what it received stays in `folder/new`, named by arrival."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self._names = itertools.count()
        self._thread = threading.Thread(target=self._run, name="mailbox", daemon=True)
        self._settled = threading.Event()
        self._failure: Exception | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"smtp://{_HOST}:{self.port}"

    def start(self) -> Self:
        """Listen; raises OSError when the port is taken or the folder cannot be written."""
        for part in ("tmp", "new"):
            (self.folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        for cut_off in (self.folder / "tmp").iterdir():
            cut_off.unlink()
        self._thread.start()
        self._settled.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop listening and close what is open; a second call does nothing."""
        if self._loop is not None and self._end is not None:
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def count(self) -> int:
        """Return how many mails are kept."""
        return sum(1 for _ in os.scandir(self.folder / "new"))

    def messages(self) -> Iterator[bytes]:
        """Yield the mails in the order in which they came."""
        for name in sorted(entry.name for entry in os.scandir(self.folder / "new")):
            yield (self.folder / "new" / name).read_bytes()

    def keep(self, sender: str, recipients: list[str], data: bytes) -> str:
        """Write one mail whole or not at all, under a new name, which is returned; raises OSError."""
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._names):09d}.eml"
        draft = self.folder / "tmp" / name
        head = f"Return-Path: <{sender}>\r\nDelivered-To: {', '.join(recipients)}\r\n".encode("ascii")
        try:
            draft.write_bytes(head + data)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        draft.rename(self.folder / "new" / name)
        return name

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())  # closes the connections that are left
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the start
            self._failure = error
            self._settled.set()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, _HOST, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._settled.set()
        await self._end.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Conversation(_Host(self), reader, writer).run()
        except (ConnectionError, TimeoutError):
            writer.transport.abort()
        except asyncio.CancelledError:  # the mailbox ends
            writer.transport.abort()
        finally:
            writer.close()


class _Host:
    """The mailbox as the host of a conversation: it takes mail for anybody."""

    name = "ariia mailbox"
    largest = _LARGEST

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def refusal(self, recipient: str) -> str:  # noqa: ARG002 - it takes mail for anybody
        return ""

    async def keep(self, sender: str, recipients: list[str], data: bytes) -> str:
        return self._mailbox.keep(sender, recipients, data)
