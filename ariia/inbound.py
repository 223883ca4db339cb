"""The inbound door: an SMTP and LMTP server that takes mail at signed return paths, and nothing else.

Off unless ARIIA_INBOUND_LISTEN or ARIIA_INBOUND_LMTP is set. It knows no user, and offers STARTTLS where it has a
certificate. 250 is answered after the mail is committed; whoever sends to an address that we did not sign gets
550 5.1.1 before any of the message, and nothing is written.
"""

import asyncio
import ssl
from pathlib import Path
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from ariia.certificate import Certificate
from ariia.embedded.conversation import Conversation
from ariia.embedded.listening import Listener
from domain.delivery import return_path
from domain.returns import mail
from kernel import db, log
from kernel.settings import Settings
from kernel.tokens import BadToken, Signed

_MOST_CONNECTIONS = 200
_MOST_KNOWN = 10_000
_UNKNOWN = "550 5.1.1 No such return path"


class Door(Listener):
    """A running door; `ports` are those it listens on. `stop` ends it."""

    def __init__(
        self, domain: str, listen: str | None, lmtp: str | None, certificate: Certificate | None = None
    ) -> None:
        super().__init__("inbound")
        self.ports: dict[str, int] = {}
        self._host = _Host(domain)
        self._listen, self._lmtp = listen, lmtp
        self._certificate = certificate
        self._open = 0

    async def _serve(self) -> None:
        servers: list[asyncio.Server] = []
        try:
            if self._listen:
                servers.append(await self._bind("smtp", self._listen, lmtp=False))
            if self._lmtp:
                servers.append(await self._bind("lmtp", self._lmtp, lmtp=True))
            await self._until_stopped()
        finally:
            for server in servers:
                server.close()
            if self._lmtp and self._lmtp.startswith("/"):
                Path(self._lmtp).unlink(missing_ok=True)  # noqa: ASYNC240 - at the very end

    async def _bind(self, name: str, where: str, *, lmtp: bool) -> asyncio.Server:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._talk(reader, writer, lmtp=lmtp, secure=not where.startswith("/"))

        if where.startswith("/"):
            return await asyncio.start_unix_server(talk, where)
        host, _, port = where.rpartition(":")
        server = await asyncio.start_server(talk, host.strip("[]"), int(port))
        self.ports[name] = server.sockets[0].getsockname()[1]
        return server

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, lmtp: bool, secure: bool
    ) -> None:
        if self._open >= _MOST_CONNECTIONS:
            writer.write(b"421 4.3.2 Too many connections\r\n")
            writer.close()
            return
        self._open += 1
        try:
            tls = self._certificate.context if self._certificate and secure else None
            await Conversation(self._host, reader, writer, lmtp=lmtp, tls=tls).run()
        except (ConnectionError, TimeoutError, asyncio.CancelledError, ssl.SSLError):
            writer.transport.abort()
        finally:
            self._open -= 1
            writer.close()


class _Host:
    """Accepts what we signed and keeps it in the database of its tenant."""

    largest = mail.LARGEST

    def __init__(self, domain: str) -> None:
        self.name = domain
        self._domain = domain
        self._known: dict[bytes, list[UUID]] = {}

    async def refusal(self, recipient: str) -> str:
        try:
            await asyncio.to_thread(self._path, recipient)
        except BadToken:
            return _UNKNOWN
        except (SQLAlchemyError, db.NotConfigured):
            return "451 4.3.0 Cannot be looked up now"
        return ""

    async def keep(self, sender: str, recipients: list[str], data: bytes) -> str:
        try:
            kept = [await asyncio.to_thread(self._keep, self._path(each), sender, data) for each in recipients]
        except (SQLAlchemyError, db.NotConfigured, BadToken) as error:
            log.get("returns").warning("return.not_kept", error=type(error).__name__)
            raise OSError from error
        return str(kept[0])

    def _keep(self, path: Signed, sender: str, data: bytes) -> UUID:
        with db.tenant_session(path.tenant_id) as session:
            return mail.keep(session, path, envelope_from=sender, raw=data)

    def _path(self, recipient: str) -> Signed:
        path = return_path.read(recipient, self._domain, self._tenants)
        if not mail.is_here(path.tenant_id):
            raise BadToken
        return path

    def _tenants(self, code: bytes) -> list[UUID]:
        """Tenants do not change their ids: what was found stays known."""
        found = self._known.get(code)
        if found is None:
            found = mail.tenants_with(code)
            if found and len(self._known) < _MOST_KNOWN:
                self._known[code] = found
        return found


def open_door(settings: Settings) -> Door | None:
    """Start the door that the settings ask for; None where they ask for none. Raises OSError."""
    if not (settings.inbound_listen or settings.inbound_lmtp) or settings.bounce_domain is None:
        return None
    certificate = None
    if settings.inbound_certificate and settings.inbound_key:
        certificate = Certificate(settings.inbound_certificate, settings.inbound_key)
    return Door(settings.bounce_domain, settings.inbound_listen, settings.inbound_lmtp, certificate).start()
