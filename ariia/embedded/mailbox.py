"""The built-in mailbox: a real SMTP server on loopback that keeps what it receives, one file per mail.

It never sends anything on. It is our own because the common asyncio server announces no PIPELINING.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from ariia.embedded.conversation import Conversation
from ariia.embedded.listening import Listener

_HOST = "127.0.0.1"
_LARGEST = 30 * 1024 * 1024


class Mailbox(Listener):
    """A running mailbox; `stop` ends it, what it received stays in `folder/new`, named by arrival."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__("mailbox")
        self.folder = folder
        self.port = port
        self._names = itertools.count()

    @property
    def url(self) -> str:
        return f"smtp://{_HOST}:{self.port}"

    def start(self) -> Self:
        """Listen; raises OSError when the port is taken or the folder cannot be written."""
        for part in ("tmp", "new"):
            (self.folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        for cut_off in (self.folder / "tmp").iterdir():
            cut_off.unlink()
        return super().start()

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

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, _HOST, self.port)
        self.port = server.sockets[0].getsockname()[1]
        await self._until_stopped()
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
