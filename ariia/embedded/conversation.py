"""One SMTP or LMTP connection of a server of ours: the built-in mailbox and the inbound door.

RFC 5321, LMTP of RFC 2033, PIPELINING of RFC 2920, SIZE of RFC 1870, STARTTLS of RFC 3207. What is accepted and kept is
the host's business.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

_LONGEST_COMMAND = 4_096
_MOST_RECIPIENTS = 1_000
_PATIENCE = 300.0  # seconds without a byte, RFC 5321 §4.5.3.2
_HANDSHAKE = 30.0
_END = b"\r\n.\r\n"
_PARAMETERS = ("SIZE=", "BODY=7BIT", "BODY=8BITMIME")


class Host(Protocol):
    """Who is behind the conversation."""

    name: str
    largest: int

    async def refusal(self, recipient: str) -> str:
        """Return the reply that refuses a recipient; empty for one that is accepted."""
        ...

    async def keep(self, sender: str, recipients: list[str], data: bytes) -> str:
        """Keep a mail for good and return under which name; raises OSError when that cannot be now."""
        ...


class Conversation:
    """Reads commands in order, or refuses them; answers leave together when nothing more is there to read."""

    def __init__(
        self,
        host: Host,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        lmtp: bool = False,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._host = host
        self._lmtp = lmtp
        self._tls = tls
        self._reader = reader
        self._writer = writer
        self._largest = host.largest
        self._buffer = bytearray()
        self._answers: list[str] = []
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def run(self) -> None:
        """Talk until QUIT.

        Raises ConnectionError when the other side leaves or speaks into its own STARTTLS, TimeoutError when it falls
        silent, ssl.SSLError when it cannot agree on TLS.
        """
        self._say(f"220 {self._host.name} {'LMTP' if self._lmtp else 'ESMTP'}")
        while True:
            line = await self._line()
            verb, _, rest = ("", "", "") if line is None else line.strip().partition(" ")
            if line is None:
                self._say("500 5.5.6 Line too long")
            elif verb.upper() == "QUIT":
                self._say("221 2.0.0 Bye")
                await self._flush()
                return
            elif verb.upper() == "STARTTLS" and self._tls is not None:
                await self._start_tls(self._tls(), rest.strip())
            else:
                await self._answer(verb.upper(), rest.strip())

    def _say(self, line: str) -> None:
        self._answers.append(line)

    async def _flush(self) -> None:
        if self._answers:
            self._writer.write(("\r\n".join(self._answers) + "\r\n").encode())
            self._answers.clear()
            await self._writer.drain()

    async def _start_tls(self, context: ssl.SSLContext, rest: str) -> None:
        """Go on under TLS, as if the connection had just begun (RFC 3207 §4.2)."""
        if rest:
            self._say("501 5.5.4 STARTTLS takes no parameter")
            return
        transport = self._writer.transport
        if isinstance(transport, asyncio.ReadTransport):
            transport.pause_reading()
        if self._buffer or await self._has_more():
            # What somebody put behind the command in plain text would be read as if it were under TLS.
            raise ConnectionError
        self._say("220 2.0.0 Ready to start TLS")
        await self._flush()
        await self._writer.start_tls(context, ssl_handshake_timeout=_HANDSHAKE)
        self._tls = None
        self._reset()

    async def _has_more(self) -> bool:
        """Return whether something was read from the socket that nobody took yet."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                return bool(await self._reader.read(1))
        return False

    async def _more(self) -> None:
        await self._flush()
        async with asyncio.timeout(_PATIENCE):
            chunk = await self._reader.read(65_536)
        if not chunk:
            raise ConnectionError
        self._buffer += chunk

    async def _line(self) -> str | None:
        """Return the next command, None for one that is too long."""
        too_long = False
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_COMMAND:
                too_long = True
                self._buffer.clear()
            await self._more()
        line = self._buffer[: end + 1].decode("utf-8", "replace")
        del self._buffer[: end + 1]
        return None if too_long or len(line) > _LONGEST_COMMAND else line

    async def _message(self) -> bytes | None:
        """Return the message before the lone dot, its doubled dots undone; None when it is too large to keep."""
        data = bytearray(b"\r\n")  # so that the dot is found on the first line too
        seen, fits = 0, True
        while True:
            data += self._buffer
            self._buffer.clear()
            end = data.find(_END, max(0, seen - len(_END)))
            if end >= 0:
                self._buffer += data[end + len(_END) :]
                fits = fits and end <= self._largest
                return bytes(data[: end + 2]).replace(b"\r\n.", b"\r\n")[2:] if fits else None
            if len(data) > self._largest + len(_END):
                fits = False
                del data[: -len(_END)]
            seen = len(data)
            await self._more()

    async def _answer(self, verb: str, rest: str) -> None:
        if verb == ("LHLO" if self._lmtp else "EHLO"):
            self._reset()
            self._answers += ["250-ariia", "250-PIPELINING", "250-8BITMIME", "250-ENHANCEDSTATUSCODES"]
            self._answers += ["250-STARTTLS"] * (self._tls is not None)
            self._say(f"250 SIZE {self._largest}")
        elif verb == "HELO" and not self._lmtp:
            self._reset()
            self._say("250 ariia")
        elif verb == "MAIL":
            self._mail(rest)
        elif verb == "RCPT":
            await self._rcpt(rest)
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
        address, parameters = _path(rest, "FROM:")
        size = next((word[5:] for word in parameters if word.startswith("SIZE=")), "0")
        if self._sender is not None:
            self._say("503 5.5.1 Sender already specified")
        elif address is None:
            self._say("501 5.5.4 Write MAIL FROM:<address>")
        elif not all(word.startswith(_PARAMETERS) for word in parameters) or not _is_number(size):
            self._say("555 5.5.4 Unknown parameter")
        elif int(size) > self._largest:
            self._say("552 5.3.4 Message too large")
        else:
            self._sender = address
            self._say("250 2.1.0 OK")

    async def _rcpt(self, rest: str) -> None:
        address, parameters = _path(rest, "TO:")
        if self._sender is None:
            self._say("503 5.5.1 MAIL first")
        elif not address:
            self._say("501 5.5.4 Write RCPT TO:<address>")
        elif parameters:
            self._say("555 5.5.4 Unknown parameter")
        elif len(self._recipients) >= _MOST_RECIPIENTS:
            self._say("452 4.5.3 Too many recipients")
        elif refusal := await self._host.refusal(address):
            self._say(refusal)
        else:
            self._recipients.append(address)
            self._say("250 2.1.5 OK")

    async def _data(self) -> None:
        if self._sender is None or not self._recipients:
            self._say("503 5.5.1 RCPT first")
            return
        self._say("354 End with a lone dot")
        data = await self._message()
        answer = await self._kept(self._sender, data)
        # LMTP answers once for every recipient (RFC 2033 §4.2).
        for _ in self._recipients if self._lmtp else (None,):
            self._say(answer)
        self._reset()

    async def _kept(self, sender: str, data: bytes | None) -> str:
        if data is None:
            return "552 5.3.4 Message too large"
        try:
            return f"250 2.0.0 Kept as {await self._host.keep(sender, self._recipients, data)}"
        except OSError:
            return "452 4.3.1 Cannot be kept now"


def _path(rest: str, keyword: str) -> tuple[str | None, list[str]]:
    """Return the address and the parameters of `FROM:<a@b> SIZE=1`; the address is None where it is not plain."""
    path = rest[len(keyword) :].strip()
    if not rest.upper().startswith(keyword) or not path.startswith("<") or ">" not in path:
        return None, []
    address, _, parameters = path[1:].partition(">")
    plain = address.isascii() and address.isprintable() and not set(address) & set(" <")
    return (address if plain else None), parameters.upper().split()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20  # noqa: PLR2004 - RFC 1870 §3
