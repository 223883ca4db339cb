"""Questions to the DNS: what is there, what is not, and what nobody answered."""

import ipaddress
from typing import Any, Protocol

import dns.exception
import dns.nameserver
import dns.resolver
import dns.reversename

from kernel.settings import get_settings

_SECONDS = 5.0


class NoAnswer(Exception):  # noqa: N818 - what the DNS gave
    """The DNS did not answer, so that nothing is known about the name."""


class Lookup(Protocol):
    """What a check asks. Each method returns an empty list for what does not exist, and raises NoAnswer."""

    def texts(self, name: str) -> list[str]:
        """Return the TXT records, each with its strings joined."""
        ...

    def addresses(self, name: str) -> list[str]:
        """Return the IPv4 and IPv6 addresses."""
        ...

    def exchangers(self, name: str) -> list[str]:
        """Return the hosts of the MX records, best first; "." is the null MX (RFC 7505)."""
        ...

    def names(self, address: str) -> list[str]:
        """Return the names of an address (PTR)."""
        ...


class Resolver:
    """Asks the system's name servers, or the one at `server` (`address:port`)."""

    def __init__(self, server: str | None = None) -> None:
        self._resolver = dns.resolver.Resolver(configure=server is None)
        self._resolver.lifetime = _SECONDS
        if server is not None:
            address, _, port = server.rpartition(":")
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(address.strip("[]"), int(port))]

    def texts(self, name: str) -> list[str]:
        return [b"".join(record.strings).decode("utf-8", "replace") for record in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[str]:
        return [str(record.address) for kind in ("A", "AAAA") for record in self._ask(name, kind)]

    def exchangers(self, name: str) -> list[str]:
        records = sorted(self._ask(name, "MX"), key=lambda record: record.preference)
        return [record.exchange.to_text().rstrip(".").lower() or "." for record in records]

    def names(self, address: str) -> list[str]:
        reverse = dns.reversename.from_address(str(ipaddress.ip_address(address))).to_text()
        return [record.target.to_text().rstrip(".").lower() for record in self._ask(reverse, "PTR")]

    def _ask(self, name: str, kind: str) -> list[Any]:
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise NoAnswer(f"the DNS does not answer for {name} ({kind}): {type(error).__name__}") from error


def of_settings() -> Resolver:
    """Return the resolver that ARIIA_DNS_SERVER names, or the system's."""
    return Resolver(get_settings().dns_server)
