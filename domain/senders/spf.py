"""SPF (RFC 7208): which addresses may send for a domain, with the whole chain of includes and its limits."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from domain.senders.lookup import Lookup

MOST_LOOKUPS = 10  # RFC 7208 §4.6.4
MOST_VOID = 2
_MOST_HOSTS = 10
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_TERM = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^/\s]+))?((?:/\d{1,3})?(?://\d{1,3})?)", re.IGNORECASE
)
_IP_TERM = re.compile(r"([+?~-]?)ip[46]:([0-9a-f:.]+(?:/\d{1,3})?)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(\S*)", re.IGNORECASE)
_MACRO = re.compile(r"%\{([a-z])\}", re.IGNORECASE)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Broken(Exception):  # noqa: N818 - "permerror" in the RFC
    """A record that receivers treat as an error; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism: what it answers, what it is, its domain or network, and prefix lengths."""

    result: str
    name: str
    value: str
    four: int = 32
    six: int = 128


@dataclass(frozen=True, slots=True)
class Spf:
    """What receivers make of the record. `result` is about `address`: RFC 7208 §2.6, or "unknown" without one."""

    result: str
    record: str | None
    lookups: int
    words: str | None = None


@dataclass(slots=True)
class _Walk:
    """One evaluation: the address in question, and what it has cost."""

    ask: Lookup
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
    sender: str
    lookups: int = 0
    void: int = 0
    seen: list[str] = field(default_factory=list)

    def spend(self) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise Broken(f"the record needs more than {MOST_LOOKUPS} look-ups in the DNS")

    def found(self, records: list[str]) -> list[str]:
        if not records:
            self.void += 1
            if self.void > MOST_VOID:
                raise Broken(f"more than {MOST_VOID} of its names do not exist")
        return records


def check(ask: Lookup, domain: str, address: str | None) -> Spf:
    """Return the result for an address, and for none whether the record and its chain are sound.

    Walks the whole chain, so that the count of look-ups is that of the worst case. Raises lookup.NoAnswer.
    """
    try:
        record = record_of(ask, domain)
        if record is None:
            return Spf("none", None, 0, f"{domain} has no SPF record")
        walk = _Walk(ask, ipaddress.ip_address(address) if address else None, domain)
        result = _evaluate(walk, domain, record)
    except Broken as error:
        return Spf("permerror", None, 0, str(error))
    return Spf(result if address else "unknown", record, walk.lookups)


def record_of(ask: Lookup, domain: str) -> str | None:
    """Return the one SPF record of a domain. Raises Broken where there are several."""
    found = [text for text in ask.texts(domain) if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
    if len(found) > 1:
        raise Broken(f"{domain} has {len(found)} SPF records; one is allowed")
    return found[0] if found else None


def parse(record: str) -> tuple[list[Term], str | None]:
    """Return the mechanisms and the domain of `redirect`. Raises Broken for what the RFC does not know."""
    terms: list[Term] = []
    redirect = None
    for word in record.split()[1:]:
        if network := _IP_TERM.fullmatch(word):
            terms.append(Term(_RESULTS[network[1] or "+"], "ip", _network(network[2], word)))
        elif match := _TERM.fullmatch(word):
            terms.append(_term(match, word))
        elif modifier := _MODIFIER.fullmatch(word):
            redirect = modifier[2] if modifier[1].lower() == "redirect" else redirect
        else:
            raise Broken(f"“{word}” in the record is not known")
    if any(term.name == "all" for term in terms):
        redirect = None
    return terms, redirect


def _network(text: str, word: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise Broken(f"“{word}” in the record is no network") from None


def _term(match: re.Match[str], word: str) -> Term:
    name, value = match[2].lower(), match[3] or ""
    needs = name in {"include", "exists"}
    if name in {"ip4", "ip6"} or (needs and not value) or (name == "all" and value):
        raise Broken(f"“{word}” in the record is incomplete")
    four, _, six = match[4].partition("//")
    lengths = int(four.strip("/") or 32), int(six or 128)
    if lengths[0] > 32 or lengths[1] > 128:  # noqa: PLR2004 - bits of an address
        raise Broken(f"“{word}” in the record is no network")
    return Term(_RESULTS[match[1] or "+"], name, value, *lengths)


def _evaluate(walk: _Walk, domain: str, record: str) -> str:
    """Return the first result that fits; the rest of the chain is walked too, for the count."""
    if domain in walk.seen:
        raise Broken(f"the record of {domain} includes itself")
    walk.seen.append(domain)
    terms, redirect = parse(record)
    result: str | None = None
    for term in terms:
        if _fits(walk, domain, term) and result is None:
            result = term.result
        if term.name == "all":
            break
    if redirect is not None:
        walk.spend()
        target = _expanded(walk, redirect, domain)
        further = record_of(walk.ask, target)
        if further is None:
            raise Broken(f"{target}, which the record leads to, has no SPF record")
        onward = _evaluate(walk, target, further)
        result = result or onward
    walk.seen.pop()
    return result or "neutral"


def _fits(walk: _Walk, domain: str, term: Term) -> bool:
    if term.name == "all":
        return True
    if term.name == "ip":
        return _within(walk, [term.value])
    walk.spend()
    name = _expanded(walk, term.value, domain) if term.value else domain
    if term.name == "include":
        record = record_of(walk.ask, name)
        if record is None:
            raise Broken(f"{name}, which the record includes, has no SPF record")
        return _evaluate(walk, name, record) == "pass"
    if term.name == "exists":
        return bool(walk.found(walk.ask.addresses(name)))
    if term.name == "ptr":
        return False  # deprecated (RFC 7208 §5.5); receivers may ignore it
    return _within(walk, _networks(walk, term, name))


def _networks(walk: _Walk, term: Term, name: str) -> Iterator[str]:
    hosts = [name] if term.name == "a" else walk.found(walk.ask.exchangers(name))
    if len(hosts) > _MOST_HOSTS:
        raise Broken(f"{name} has more than {_MOST_HOSTS} mail servers")
    for host in hosts:
        found = walk.ask.addresses(host)
        for address in walk.found(found) if term.name == "a" else found:
            yield f"{address}/{term.six if ':' in address else term.four}"


def _within(walk: _Walk, networks: Iterator[str] | list[str]) -> bool:
    found = [ipaddress.ip_network(network, strict=False) for network in networks]
    address = walk.address
    return address is not None and any(address in network for network in found if network.version == address.version)


def _expanded(walk: _Walk, text: str, domain: str) -> str:
    """Fill in the macros that a check without a message can know (RFC 7208 §7)."""

    def value(match: re.Match[str]) -> str:
        known = {"d": domain, "o": walk.sender, "s": f"postmaster@{walk.sender}", "l": "postmaster", "h": walk.sender}
        if match[1].lower() == "i" and walk.address is not None:
            return str(walk.address) if walk.address.version == 4 else ".".join(walk.address.exploded.replace(":", ""))  # noqa: PLR2004
        return known.get(match[1].lower(), "unknown")

    return _MACRO.sub(value, text).rstrip(".").lower()
