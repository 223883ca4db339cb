"""One SMTP session: a transaction at a time, every reply checked, nothing ever sent twice (RFC 5321, 2920).

`before_dot` is awaited before the body and the final dot are written, in one write: whatever fails earlier was
not sent, whatever gets no answer later is ambiguous.
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from channels.base import FailureKind, SendFailed
from channels.email.codes import refusal
from channels.email.greeting import Greeted, greet, part_ways
from channels.email.replies import Reply
from channels.email.settings import Relay
from channels.email.wire import Wire

BeforeDot = Callable[[], Awaitable[None]]

_ADDRESS = re.compile(r"[!-;=?-~]{1,320}")
_QUEUED_AS = re.compile(
    r"(?:queued as|queued mail|message accepted|\bid)[ =:<]+([A-Za-z0-9._@-]{4,128})", re.IGNORECASE
)
_GO_AHEAD = 354
_LEAVING = 421
_STEPS = ("mail", "rcpt", "data")


class Envelope(NamedTuple):
    """One message for one recipient; addresses from `addresses.envelope`, `data` not dot-stuffed.

    `canonical`: every line of `data` surely ends in CRLF, and no CR or LF stands alone.
    """

    mail_from: str
    rcpt_to: str
    data: bytes
    canonical: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took responsibility for the message."""

    code: int
    text: str

    @property
    def reply(self) -> str:
        """The server's whole answer."""
        return f"{self.code} {self.text}"

    @property
    def provider_id(self) -> str | None:
        """The server's queue id, where its answer names one."""
        match = _QUEUED_AS.search(self.text)
        return match.group(1) if match else None


class SmtpSession:
    """One connection to a relay, opened when first needed, and again after an error, a thousand messages or idling."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._greeted: Greeted | None = None
        self._clean = False
        self._busy = False
        self._messages = 0
        self._last_used = 0.0

    async def send(self, envelope: Envelope, before_dot: BeforeDot | None = None) -> Accepted:
        """Hand over one message. Raises SendFailed with kind, phase, code and words; no body is ever written twice.

        What `before_dot` raises passes through, and the message was not sent.
        """
        if self._busy:
            raise RuntimeError("a session carries one message at a time")
        _check(envelope)
        stuffed = dot_stuffed(envelope.data, canonical=envelope.canonical)
        self._busy = True
        try:
            greeted = await self._begin(envelope)
            if before_dot is not None:
                await before_dot()
            return await self._hand_over(greeted.wire, stuffed)
        finally:
            self._busy = False
            self._last_used = time.monotonic()
            if not self._clean:
                self.drop()

    async def _ready(self) -> Greeted:
        greeted = self._greeted
        if greeted is not None:
            idle = time.monotonic() - self._last_used
            used_up = self._messages >= self._relay.messages_per_connection or idle >= self._relay.idle_seconds
            if greeted.wire.quiet and not used_up:
                return greeted
            await self.close()
        self._greeted = await greet(self._relay)
        self._messages = 0
        return self._greeted

    async def _begin(self, envelope: Envelope) -> Greeted:
        """Announce the message. A server may end a session that carried others: then a new one is opened, once."""
        greeted = await self._ready()
        self._clean = False
        self._messages += 1
        try:
            await self._announce(greeted, envelope)
        except SendFailed as failure:
            if self._messages == 1 or not _ended_the_session(greeted.wire, failure):
                raise
            self.drop()
            greeted = await self._ready()
            self._messages = 1
            await self._announce(greeted, envelope)
        return greeted

    async def _announce(self, greeted: Greeted, envelope: Envelope) -> None:
        """MAIL, RCPT and DATA: in one write where the server announced PIPELINING, else step by step."""
        wire = greeted.wire
        lines = (
            f"MAIL FROM:<{envelope.mail_from}>\r\n".encode("ascii"),
            f"RCPT TO:<{envelope.rcpt_to}>\r\n".encode("ascii"),
            b"DATA\r\n",
        )
        if greeted.pipelining:
            await self._exchange(wire, 0, b"".join(lines), len(_STEPS))
            return
        for step, line in enumerate(lines):
            await self._exchange(wire, step, line, 1)

    async def _exchange(self, wire: Wire, first: int, data: bytes, count: int) -> None:
        """Write commands and check the reply to each of them; the first refusal is the message's."""
        ended: Exception | None = None
        seconds = self._relay.data_timeout if first == len(_STEPS) - 1 else self._relay.command_timeout
        try:
            wire.write(data)
            await wire.wait(count, seconds)
        except (OSError, TimeoutError) as error:
            ended = error
        replies = [wire.replies.popleft() for _ in range(min(count, len(wire.replies)))]
        for step, reply in enumerate(replies, first):
            if reply.code == _GO_AHEAD if step == len(_STEPS) - 1 else reply.good:
                continue
            if ended is None:
                await self._clear(
                    wire, reply, waits_for_body=first + count == len(_STEPS) and replies[-1].code == _GO_AHEAD
                )
            raise refusal(reply, _STEPS[step])
        if ended is not None:
            raise SendFailed(FailureKind.TRANSIENT, _STEPS[first + len(replies)], "", words(ended))

    async def _clear(self, wire: Wire, reply: Reply, *, waits_for_body: bool = False) -> None:
        """Leave the transaction, so that the next message finds a clean session; where that fails, a new connection.

        A server that refused the recipient and yet waits for a body gets a lone dot; nothing counts as sent.
        """
        if reply.code == _LEAVING:
            return
        try:
            if waits_for_body:
                wire.write(b".\r\n")
                await wire.reply(self._relay.command_timeout)
            wire.write(b"RSET\r\n")
            cleared = await wire.reply(self._relay.command_timeout)
        except (OSError, TimeoutError):
            return
        self._clean = cleared.good and wire.quiet

    async def _hand_over(self, wire: Wire, stuffed: bytes) -> Accepted:
        if not wire.quiet:
            said = wire.replies[0] if wire.replies else None
            text = said.text if said else wire.lost or "the server spoke out of turn"
            raise SendFailed(FailureKind.TRANSIENT, "data", said.label if said else "", text)
        wire.write(stuffed)
        try:
            await wire.drained(self._relay.block_timeout)
            reply = await wire.reply(self._relay.dot_timeout)
        except (OSError, TimeoutError) as error:
            raise SendFailed(FailureKind.AMBIGUOUS, "dot", "", words(error)) from None
        if not reply.good:
            await self._clear(wire, reply)
            raise refusal(reply, "dot")
        self._clean = True
        return Accepted(reply.code, reply.text)

    def drop(self) -> None:
        """End the connection without a word."""
        if self._greeted is not None:
            self._greeted.wire.abort("the connection was ended by us")
        self._greeted = None

    async def close(self) -> None:
        """Say goodbye; a server that does not answer is left."""
        greeted, self._greeted = self._greeted, None
        if greeted is not None:
            await part_ways(greeted.wire)


def _ended_the_session(wire: Wire, failure: SendFailed) -> bool:
    """421 or the end of the connection in answer to MAIL: nothing was taken (RFC 5321 §3.8, §4.2.2)."""
    left = failure.code.startswith(str(_LEAVING)) or (not failure.code and wire.lost is not None)
    return failure.phase == _STEPS[0] and left


def _check(envelope: Envelope) -> None:
    """Refuse addresses that could carry a second command; an empty sender is the null return path."""
    if envelope.mail_from and not _ADDRESS.fullmatch(envelope.mail_from):
        raise SendFailed(FailureKind.PERMANENT_CONFIG, "mail", "", "the return path is no plain ASCII address")
    if not _ADDRESS.fullmatch(envelope.rcpt_to):
        raise SendFailed(FailureKind.PERMANENT_RECIPIENT, "rcpt", "", "the address is no plain ASCII address")


_LINE_END = re.compile(rb"\r\n|\r|\n")


def dot_stuffed(data: bytes, *, canonical: bool = False) -> bytes:
    """Return the message with CRLF line ends, leading dots doubled and the final dot (RFC 5321 §4.5.2).

    Bare CR and LF become CRLF: a server that reads them as line ends finds no second message (SMTP smuggling).
    """
    if not (canonical or data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r")):
        data = _LINE_END.sub(b"\r\n", data)
    if data.startswith(b"."):
        data = b"." + data
    if b"\r\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
    return data + (b".\r\n" if data.endswith(b"\r\n") or not data else b"\r\n.\r\n")


def words(error: BaseException) -> str:
    """Return what a failed connection is called."""
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
