"""Where mail is handed over, read from one URL."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

Security = Literal["plain", "starttls", "tls"]
_SCHEMES: dict[str, tuple[Security, int]] = {
    "smtp": ("plain", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
_HELO = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_HOW = "write smtp://host:25, smtp+starttls://user:password@host:587 or smtps://user:password@host:465"


class BadRelay(ValueError):  # noqa: N818
    """An SMTP URL that cannot be used; the text says how to write it and never holds the password."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A mail relay. Timeouts in seconds (RFC 5321 §4.5.3.2); after the final dot ten minutes.

    `address` is where to connect when the host's name was looked up before; the certificate is still the host's.

    Raises BadRelay for a password that would travel unencrypted over a network.
    """

    host: str
    port: int
    security: Security = "plain"
    user: str | None = None
    password: str | None = None
    helo: str = "localhost"
    connect_timeout: float = 30
    command_timeout: float = 300
    data_timeout: float = 120
    block_timeout: float = 180
    dot_timeout: float = 600
    idle_seconds: float = 300
    messages_per_connection: int = 1_000
    verify_certificate: bool = True
    ca_file: str | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.user is not None and self.security == "plain" and not _is_loopback(self.host):
            raise BadRelay("a password must not travel unencrypted: use smtp+starttls:// or smtps://")
        if not _HELO.fullmatch(self.helo):
            raise BadRelay("the name for EHLO must be a host name")

    @property
    def name(self) -> str:
        """The relay without its secrets, for people and logs."""
        return f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Relay({self.name}, {self.security})"

    @property
    def on_this_machine(self) -> bool:
        """Whether the relay is named as this machine: a loopback address or `localhost`."""
        return _is_loopback(self.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse(url: str, *, helo: str = "localhost") -> Relay:
    """Return the relay of `smtp://`, `smtp+starttls://` or `smtps://user:password@host:port`. Raises BadRelay."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadRelay(f"this is no address of a mail relay: {_HOW}") from None
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.query or parts.path not in {"", "/"}:
        raise BadRelay(_HOW)
    security, usual = _SCHEMES[parts.scheme]
    return Relay(
        host=parts.hostname,
        port=port or usual,
        security=security,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        helo=helo,
    )
