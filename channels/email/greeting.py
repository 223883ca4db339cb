"""From nothing to a session that takes mail: connect, greeting, EHLO, encryption, sign-in (RFC 5321, 3207, 4954)."""

import asyncio
import base64
import functools
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from channels.base import FailureKind, SendFailed
from channels.email.codes import refusal
from channels.email.replies import Reply
from channels.email.settings import Relay
from channels.email.wire import Wire

_READY = 220
_SIGNED_IN = 235
_CONTINUE = 334
_GOODBYE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Greeted:
    """A connection that takes mail, and what its server offers (keyword → parameters, upper case)."""

    wire: Wire
    extensions: dict[str, str]

    @property
    def pipelining(self) -> bool:
        return "PIPELINING" in self.extensions


async def greet(relay: Relay) -> Greeted:
    """Return a session that takes mail. Raises SendFailed; no message was touched then."""
    steps = _Steps(relay)
    try:
        return await steps.run()
    except BaseException as error:
        if steps.wire is not None:
            steps.wire.abort("the greeting failed")
        if isinstance(error, ssl.SSLError):
            why = getattr(error, "verify_message", None) or error.reason or "no common protocol"
            text = f"encryption failed: {why}"
            raise SendFailed(FailureKind.PERMANENT_CONFIG, "tls", "", text) from None
        if isinstance(error, (OSError, TimeoutError)):
            text = str(error) or "no answer in time"
            raise SendFailed(FailureKind.TRANSIENT, steps.phase, "", text) from None
        raise


class _Steps:
    def __init__(self, relay: Relay) -> None:
        self.phase = "connect"
        self.wire: Wire | None = None
        self._relay = relay

    async def run(self) -> Greeted:
        relay = self._relay
        wire = self.wire = await self._connect()
        self._require(await self._answer(wire, "greeting"), _READY)
        extensions = await self._hello(wire)
        if relay.security == "starttls":
            await self._encrypt(wire, extensions)
            extensions = await self._hello(wire)
        if relay.user is not None:
            await self._sign_in(wire, extensions)
        return Greeted(wire, extensions)

    async def _connect(self) -> Wire:
        relay = self._relay
        context = _context(relay.verify_certificate, relay.ca_file) if relay.security == "tls" else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(relay.connect_timeout):
                _, wire = await loop.create_connection(
                    Wire,
                    relay.address or relay.host,
                    relay.port,
                    ssl=context,
                    server_hostname=relay.host if context is not None else None,
                )
        except TimeoutError:
            raise TimeoutError(f"{relay.name} does not answer") from None
        return wire

    async def _answer(self, wire: Wire, phase: str, line: str | None = None) -> Reply:
        self.phase = phase
        if line is not None:
            wire.write(f"{line}\r\n".encode())
        return await wire.reply(self._relay.command_timeout)

    def _require(self, reply: Reply, *codes: int) -> None:
        if reply.code not in codes:
            raise refusal(reply, self.phase)

    def _impossible(self, why: str) -> SendFailed:
        return SendFailed(FailureKind.PERMANENT_CONFIG, self.phase, "", why)

    async def _hello(self, wire: Wire) -> dict[str, str]:
        reply = await self._answer(wire, "ehlo", f"EHLO {self._relay.helo}")
        if reply.code // 100 == 5:  # noqa: PLR2004 - a server from before 1995
            self._require(await self._answer(wire, "ehlo", f"HELO {self._relay.helo}"), 250)
            return {}
        self._require(reply, 250)
        lines = [line.upper().replace("AUTH=", "AUTH ").partition(" ") for line in reply.text.split("\n")[1:]]
        return {keyword: parameters.strip() for keyword, _, parameters in lines}

    async def _encrypt(self, wire: Wire, extensions: dict[str, str]) -> None:
        self.phase = "tls"
        if "STARTTLS" not in extensions:
            raise self._impossible("the server offers no encryption (STARTTLS)")
        self._require(await self._answer(wire, "tls", "STARTTLS"), _READY)
        wire.start_again()
        transport = await asyncio.get_running_loop().start_tls(
            cast("asyncio.Transport", wire.transport),
            wire,
            _context(self._relay.verify_certificate, self._relay.ca_file),
            server_hostname=self._relay.host,
            ssl_handshake_timeout=self._relay.connect_timeout,
        )
        wire.connection_made(cast("asyncio.Transport", transport))

    async def _sign_in(self, wire: Wire, extensions: dict[str, str]) -> None:
        self.phase = "auth"
        user, password = self._relay.user or "", self._relay.password or ""
        offered = extensions.get("AUTH", "").split()
        if "PLAIN" in offered:
            line = f"AUTH PLAIN {_base64(f'{chr(0)}{user}{chr(0)}{password}')}"
            self._require(await self._answer(wire, "auth", line), _SIGNED_IN)
        elif "LOGIN" in offered:
            self._require(await self._answer(wire, "auth", "AUTH LOGIN"), _CONTINUE)
            self._require(await self._answer(wire, "auth", _base64(user)), _CONTINUE)
            self._require(await self._answer(wire, "auth", _base64(password)), _SIGNED_IN)
        else:
            raise self._impossible("the server offers no sign-in with a password (AUTH PLAIN or LOGIN)")


async def part_ways(wire: Wire) -> None:
    """QUIT; a server that does not answer soon is left."""
    with suppress(OSError, TimeoutError):
        wire.replies.clear()
        wire.write(b"QUIT\r\n")
        await wire.reply(_GOODBYE_SECONDS)
    if wire.transport is not None:
        wire.transport.abort()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@functools.lru_cache(maxsize=8)
def _context(verify: bool, ca_file: str | None) -> ssl.SSLContext:  # noqa: FBT001 - a cache key
    """Return a client context; loading the certificate store costs tens of milliseconds."""
    context = ssl.create_default_context(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
