"""The guard of every call to an address that a tenant chose: judged by where it leads, never by its text.

A name is resolved once, every address found is judged, and the connection goes to a judged address, so nothing changes
between look and use. There are no redirects and no proxies. Against server-side request forgery (CWE-918, OWASP API7).
"""

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from kernel.settings import Settings, get_settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

PORTS = frozenset({443, 8443})
_PORTS_IN_DEVELOPMENT = PORTS | {80}
_USUAL = {"https": 443, "http": 80}
_LONGEST_URL = 2_000
_LOOK_UP_SECONDS = 5.0
_CONTROL = re.compile(r"[\x00-\x20\x7f-\xa0\\\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_LONGEST_HOST = 253

# Beside what `is_global` knows: it calls some of these global although they lead inside, to this machine, or nowhere.
_CLOSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/3",
        "168.63.129.16/32",  # metadata and agents of one cloud, at a public address
        "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96",  # IPv4 in IPv6: compatible, mapped, translated
        "64:ff9b::/96", "64:ff9b:1::/48",  # NAT64
        "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",  # Teredo, 6to4, documentation
        "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip


class Blocked(Exception):  # noqa: N818 - the answer of the guard
    """An address that nothing may be sent to; the text says why, for the tenant."""


class Unreachable(Exception):  # noqa: N818
    """A name without an address now, or no connection; may be tried again."""


def is_public(address: Address) -> bool:
    """Say whether an address belongs to the public internet and to one machine."""
    return address.is_global and not any(
        address in network for network in _CLOSED if network.version == address.version
    )


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was read: `host` in its ASCII form, `path` with the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL in its normal form."""
        return f"{self.scheme}://{self.authority}{self.path}"


def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name as the system finds them. Raises Unreachable, also after five seconds."""
    asked = _pool().submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = asked.result(_LOOK_UP_SECONDS)
    except (OSError, UnicodeError, TooLate):
        asked.cancel()
        raise Unreachable(f"no address was found for {host}") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(8, thread_name_prefix="look-up")


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be called. `networks` and `places` (host, port) are the operator's exceptions, on any port."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = PORTS
    networks: tuple[Network, ...] = ()
    places: frozenset[tuple[str, int]] = frozenset()
    resolve: Resolver = look_up

    def read(self, url: str) -> Target:
        """Return what a URL names, without asking anybody; an address written as such is judged. Raises Blocked."""
        target = self._target(url)
        literal = _literal(target.host)
        if literal is not None:
            self._judge(target, [literal])
        elif target.port not in self.ports and not self.networks and (target.host, target.port) not in self.places:
            raise Blocked(self._wrong_port())
        return target

    def _target(self, url: str) -> Target:
        if len(url) > _LONGEST_URL or _CONTROL.search(url):
            raise Blocked("write the URL without spaces, backslashes and control characters, at most 2000 characters")
        try:
            parts = urlsplit(url)
            scheme, host = parts.scheme.lower(), parts.hostname or ""
            port = parts.port if parts.port is not None else _USUAL.get(scheme, 0)
        except ValueError:
            raise Blocked("this is no URL; write https://name/path") from None
        if scheme not in self.schemes:
            raise Blocked(f"use {' or '.join(sorted(self.schemes, reverse=True))}://")
        if "@" in parts.netloc:
            raise Blocked("credentials in the URL are refused; the signature says who calls")
        if parts.fragment:
            raise Blocked("a fragment (#…) is never sent; leave it out")
        if not (parts.path + parts.query).isascii():
            raise Blocked("write path and query percent-encoded")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(scheme, _ascii_host(host), port, path)

    def addresses(self, target: Target) -> list[Address]:
        """Resolve once and return every address, all of them judged. Raises Blocked, Unreachable."""
        found = [_parsed(text) for text in self.resolve(target.host, target.port)]
        if not found:
            raise Unreachable(f"no address was found for {target.host}")
        self._judge(target, found)
        return found

    def _judge(self, target: Target, found: Sequence[Address]) -> None:
        if (target.host, target.port) in self.places:
            return
        excepted = [any(a in n for n in self.networks if n.version == a.version) for a in found]
        if all(excepted):
            return
        if not all(inside or is_public(address) for inside, address in zip(excepted, found, strict=True)):
            raise Blocked(f"{target.host} leads to an address that is not public, where nothing may be sent")
        if target.port not in self.ports:
            raise Blocked(self._wrong_port())

    def _wrong_port(self) -> str:
        return f"use one of the ports {', '.join(map(str, sorted(self.ports)))}"

    def connect(self, target: Target, seconds: float) -> socket.socket:
        """Return a connection to a judged address, for https with the certificate checked against the name.

        Raises Blocked, Unreachable, and OSError (with ssl.SSLError) from the handshake.
        """
        problem: OSError | None = None
        for address in self.addresses(target)[:4]:
            try:
                raw = socket.create_connection((str(address), target.port), timeout=seconds)
            except OSError as error:
                problem = error
                continue
            return raw if target.scheme == "http" else _secured(raw, target.host)
        raise Unreachable(f"no connection to {target.host}: {_words(problem)}")


def _secured(raw: socket.socket, host: str) -> socket.socket:
    try:
        return _tls().wrap_socket(raw, server_hostname=host)
    except BaseException:
        with suppress(OSError):
            raw.close()
        raise


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _words(error: OSError | None) -> str:
    return (error.strerror or type(error).__name__).lower() if error is not None else "no address"


def _ascii_host(host: str) -> str:
    """Return the name as DNS knows it (IDNA, RFC 3490), without a closing dot. Raises Blocked."""
    with suppress(ValueError):
        return str(ipaddress.IPv6Address(host))
    try:
        name = host.encode("idna").decode().lower().rstrip(".")
    except UnicodeError:
        raise Blocked("the host is no name that DNS knows") from None
    if not _HOST.fullmatch(name) or len(name) > _LONGEST_HOST:
        raise Blocked("the host is no name that DNS knows")
    return name


def _literal(host: str) -> Address | None:
    """Return the address that the system reads in a host without asking DNS: `127.1`, `0x7f000001`, `2130706433`."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return _parsed(str(found[0][4][0]))


def _parsed(text: str) -> Address:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise Blocked("the name leads to something that is no address") from None


def parse_exceptions(text: str) -> tuple[tuple[Network, ...], frozenset[tuple[str, int]]]:
    """Return the networks and the (host, port) places of a list with commas. Raises ValueError naming the entry."""
    networks: list[Network] = []
    places: set[tuple[str, int]] = set()
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host, _, port = entry.rpartition(":")
        if "/" in entry:
            networks.append(ipaddress.ip_network(entry))
        elif host and port.isdecimal():
            places.add((_ascii_host(host.strip("[]")), int(port)))
        else:
            raise ValueError(f"ARIIA_EGRESS_ALLOW: {entry} is neither host:port nor a network in CIDR form")
    return tuple(networks), frozenset(places)


@lru_cache(maxsize=4)
def _guard(allow: str, *, production: bool) -> Guard:
    networks, places = parse_exceptions(allow)
    schemes = frozenset({"https"} if production else {"https", "http"})
    return Guard(schemes, PORTS if production else _PORTS_IN_DEVELOPMENT, networks, places)


def get_guard(settings: Settings | None = None) -> Guard:
    """Return the guard that the settings describe: https alone in production; http too in development."""
    settings = settings or get_settings()
    return _guard(settings.egress_allow, production=settings.environment == "production")
