"""The built-in mailbox: a real SMTP server on loopback that keeps what it receives, one file per mail.

It speaks PIPELINING and 8BITMIME (RFC 5321, 2920) and never sends anything on.
"""

import asyncio
import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_LARGEST = 30 * 1024 * 1024
_LONGEST_COMMAND = 4_096
_HOST = "127.0.0.1"


class Mailbox:
    """A running mailbox; `stop` ends it, what it received stays."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self._names = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="mailbox", daemon=True)
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"smtp://{_HOST}:{self.port}"

    def start(self) -> Self:
        """Listen; raises OSError when the port is taken."""
        for part in ("tmp", "new"):
            (self.folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        try:
            server = await asyncio.start_server(self._talk, _HOST, self.port)
        except OSError as error:
            self._failure = error
            self._started.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        if self._thread.is_alive() and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(5)

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

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    def keep(self, sender: str, recipients: list[str], data: bytes) -> str:
        """Write one mail under a name that sorts by arrival; raises OSError when it cannot be kept."""
        name = f"{os.getpid():08d}-{next(self._names):010d}.eml"
        draft = self.folder / "tmp" / name
        head = f"Return-Path: <{sender}>\r\nDelivered-To: {', '.join(recipients)}\r\n".encode("utf-8", "replace")
        draft.write_bytes(head + data)
        draft.rename(self.folder / "new" / name)
        return name


class _Conversation:
    """One connection: the commands of RFC 5321, in order or refused."""

    def __init__(self, mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._mailbox = mailbox
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def _more(self) -> None:
        chunk = await self._reader.read(65_536)
        if not chunk:
            raise ConnectionError
        self._buffer += chunk

    async def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_COMMAND:
                raise ConnectionError
            await self._more()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    async def _message(self) -> bytes | None:
        """Return the message up to the lone dot, None when it is too large to keep."""
        kept, data = True, bytearray(b"\r\n")  # a line end in front, so that the dot is found on the first line too
        while True:
            data += self._buffer
            self._buffer.clear()
            end = data.find(b"\r\n.\r\n", max(0, len(data) - 65_536 - 5))
            if end >= 0:
                self._buffer += data[end + 5 :]
                return bytes(data[: end + 2]).replace(b"\r\n..", b"\r\n.")[2:] if kept else None
            if len(data) > _LARGEST:
                kept, data = False, data[-4:]
            await self._more()

    async def run(self) -> None:
        self._say("220 ariia mailbox ESMTP")
        while line := await self._line():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 2.0.0 Bye")
                await self._writer.drain()
                return
            await self._answer(verb.upper(), rest)
            await self._writer.drain()

    def _say(self, line: str) -> None:
        self._writer.write(f"{line}\r\n".encode())

    async def _answer(self, verb: str, rest: str) -> None:
        if verb in {"EHLO", "HELO"}:
            extensions = f"\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE {_LARGEST}" if verb == "EHLO" else ""
            self._say(f"250{'-' if extensions else ' '}ariia{extensions}")
        elif verb == "MAIL":
            self._mail(rest)
        elif verb == "RCPT":
            self._rcpt(rest)
        elif verb == "DATA":
            await self._data()
        elif verb == "RSET":
            self._reset()
            self._say("250 2.0.0 OK")
        elif verb == "NOOP":
            self._say("250 2.0.0 OK")
        else:
            self._say("500 5.5.2 Unknown command")

    def _reset(self) -> None:
        self._sender, self._recipients = None, []

    def _mail(self, rest: str) -> None:
        address = _address(rest, "FROM:")
        size = next((word[5:] for word in rest.upper().split() if word.startswith("SIZE=")), "0")
        if self._sender is not None:
            self._say("503 5.5.1 Sender already specified")
        elif address is None:
            self._say("501 5.5.4 Write MAIL FROM:<address>")
        elif not size.isdigit() or int(size) > _LARGEST:
            self._say("552 5.3.4 Message too large")
        else:
            self._sender = address
            self._say("250 2.1.0 OK")

    def _rcpt(self, rest: str) -> None:
        address = _address(rest, "TO:")
        if self._sender is None:
            self._say("503 5.5.1 MAIL first")
        elif not address:
            self._say("501 5.5.4 Write RCPT TO:<address>")
        else:
            self._recipients.append(address)
            self._say("250 2.1.5 OK")

    async def _data(self) -> None:
        if self._sender is None or not self._recipients:
            self._say("503 5.5.1 RCPT first")
            return
        self._say("354 End with a lone dot")
        await self._writer.drain()
        data = await self._message()
        if data is None:
            self._say("552 5.3.4 Message too large")
        else:
            name = self._mailbox.keep(self._sender, self._recipients, data)
            self._say(f"250 2.0.0 Kept as {name}")
        self._reset()


def _address(rest: str, keyword: str) -> str | None:
    """Return the address of `FROM:<a@b> PARAMETERS`, None where it is not written like that."""
    if not rest.upper().startswith(keyword):
        return None
    path = rest[len(keyword) :].strip()
    if not path.startswith("<") or ">" not in path:
        return None
    return path[1 : path.index(">")]
