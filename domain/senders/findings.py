"""What the DNS says about a sender domain, thing by thing: SPF, DKIM, DMARC, where answers go, the relay's name."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from channels.email.dkim import Algorithm
from domain.senders import dmarc, spf
from domain.senders.lookup import Lookup, NoAnswer

State = Literal["good", "warning", "problem", "unknown"]


@dataclass(frozen=True, slots=True)
class Published:
    """A key of ours that ought to be in the DNS."""

    selector: str
    algorithm: Algorithm
    public_key: str
    state: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: the domain in From, who signs, through which relays mail leaves, and where it returns to.

    `return_path` is the domain in MAIL FROM where it is another one.
    """

    domain: str
    dkim: str
    keys: Sequence[Published] = ()
    relay_domain: str | None = None
    relay_selector: str | None = None
    relays: Sequence[str] = ()
    return_path: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing: which, how it is, what was found, and the way out."""

    check: str
    state: State
    words: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All findings. `aligned`: mail passes DMARC; None: the DNS did not answer, so that nobody knows.

    `published` are the selectors whose record equals our key.
    """

    findings: Sequence[Finding]
    aligned: bool | None
    organisational_domain: str | None
    policy: str | None
    lookups: int
    published: frozenset[str]

    def as_json(self) -> dict[str, Any]:
        return {
            "organisational_domain": self.organisational_domain,
            "policy": self.policy,
            "spf_lookups": self.lookups,
            "items": [
                {"check": item.check, "state": item.state, "words": item.words, "value": item.value}
                for item in self.findings
            ],
        }


def report(ask: Lookup, subject: Subject) -> Report:
    """Ask everything about a domain. Takes as long as the DNS; never raises for what it says."""
    found: list[Finding] = []
    policy = _policy(ask, subject.domain, found)
    published = _own_keys(ask, subject, found) if subject.dkim == "self" else frozenset()
    by_dkim = (
        _signed(subject, published, found)
        if subject.dkim == "self"
        else _relay_key(ask, subject, found, strict=policy.strict_dkim if policy else True)
    )
    by_spf, lookups = _spf(ask, subject, found, strict=policy.strict_spf if policy else True)
    _exchangers(ask, subject.domain, found)
    for host in subject.relays:
        _reverse(ask, host, found)
    return Report(
        findings=found,
        aligned=True if by_dkim or by_spf else None if by_dkim is None or by_spf is None else False,
        organisational_domain=policy.organisational_domain if policy else None,
        policy=policy.policy if policy else None,
        lookups=lookups,
        published=published,
    )


def _policy(ask: Lookup, domain: str, found: list[Finding]) -> dmarc.Dmarc | None:
    try:
        policy = dmarc.check(ask, domain)
    except NoAnswer as error:
        found.append(Finding("dmarc", "unknown", str(error)))
        return None
    if policy.policy is None:
        words = "There is no DMARC record; large mail providers ask for one. Publish v=DMARC1; p=none to begin with."
        found.append(Finding("dmarc", "warning", words, f"_dmarc.{domain}"))
        return policy
    modes = f"DKIM {'strict' if policy.strict_dkim else 'relaxed'}, SPF {'strict' if policy.strict_spf else 'relaxed'}"
    words = f"The policy is {policy.policy}, from {policy.found_at}; alignment: {modes}."
    found.append(Finding("dmarc", "good", words, policy.record))
    return policy


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {key.strip(): "".join(value.split()) for key, equals, value in pairs if equals}


def _records(ask: Lookup, name: str) -> list[dict[str, str]]:
    """Return the DKIM records at a name (RFC 6376 §3.6.1): with a key, and of version DKIM1 where they tell."""
    found = [_tags(text) for text in ask.texts(name)]
    return [tags for tags in found if "p" in tags and tags.get("v", "DKIM1") == "DKIM1"]


def _own_keys(ask: Lookup, subject: Subject, found: list[Finding]) -> frozenset[str]:
    good = set()
    for key in subject.keys:
        name = f"{key.selector}._domainkey.{subject.domain}"
        try:
            problem = _key_problem(_records(ask, name), key)
        except NoAnswer as error:
            found.append(Finding("dkim", "unknown", str(error), name))
            continue
        if problem is None:
            good.add(key.selector)
            found.append(Finding("dkim", "good", f"The {key.algorithm} key is published.", name))
        else:
            waits = key.state == "next" or key.algorithm == "ed25519"
            found.append(Finding("dkim", "warning" if waits else "problem", problem, name))
    return frozenset(good)


def _key_problem(records: list[dict[str, str]], key: Published) -> str | None:
    if not records:
        return f"The record of the {key.algorithm} key is missing. Publish it as shown."
    if len(records) > 1:
        return "There are several keys at this name. Leave only ours."
    tags = records[0]
    if tags["p"] != key.public_key or tags.get("k", "rsa") != key.algorithm:
        return f"The record holds another key than our {key.algorithm} key. Publish ours as shown."
    return None


def _signed(subject: Subject, published: frozenset[str], found: list[Finding]) -> bool | None:
    """Whether our signature passes: an RSA key that signs is published (few receivers know Ed25519)."""
    active = [key for key in subject.keys if key.state == "active" and key.algorithm == "rsa"]
    if any(key.selector in published for key in active):
        return True
    return None if any(item.check == "dkim" and item.state == "unknown" for item in found) else False


def _relay_key(ask: Lookup, subject: Subject, found: list[Finding], *, strict: bool) -> bool | None:
    """Whether the relay's signature, as it was described to us, passes and counts for this domain."""
    signer = subject.relay_domain or subject.domain
    if subject.relay_selector is None:
        words = "The relay signs, but nobody said with which selector, so its key cannot be looked up. Name it."
        found.append(Finding("dkim", "warning", words))
        return False
    name = f"{subject.relay_selector}._domainkey.{signer}"
    try:
        present = any(tags["p"] for tags in _records(ask, name))
        counts = dmarc.aligned(ask, subject.domain, signer, strict=strict)
    except NoAnswer as error:
        found.append(Finding("dkim", "unknown", str(error), name))
        return None
    if not present:
        found.append(Finding("dkim", "problem", "The relay's key is not published at this name.", name))
    elif not counts:
        words = f"The relay signs for {signer}, which does not count for {subject.domain}. Let it sign for the domain."
        found.append(Finding("dkim", "problem", words, name))
    else:
        found.append(Finding("dkim", "good", f"The relay signs for {signer}, and its key is published.", name))
    return present and counts


def _spf(ask: Lookup, subject: Subject, found: list[Finding], *, strict: bool) -> tuple[bool | None, int]:
    """Whether SPF passes for every address of every relay, and counts; and the most look-ups that it takes.

    It is asked of the return path's domain, which counts where it belongs to the organisation (RFC 7489 §3.1.2).
    """
    domain = subject.return_path or subject.domain
    results: list[str] = []
    lookups = 0
    try:
        addresses: list[str | None] = [address for host in subject.relays for address in _addresses(ask, host)]
        for address in addresses or [None]:
            answer = spf.check(ask, domain, address)
            lookups = max(lookups, answer.lookups)
            results.append(answer.result)
            found.append(_spf_finding(answer, domain, address))
        counts = dmarc.aligned(ask, subject.domain, domain, strict=strict)
    except NoAnswer as error:
        found.append(Finding("spf", "unknown", str(error)))
        return None, lookups
    if not counts:
        words = f"Mail returns to {domain}, so SPF says nothing about {subject.domain}; the signature alone counts."
        found.append(Finding("spf", "warning", words, domain))
    return counts and bool(addresses) and all(result == "pass" for result in results), lookups


def _spf_finding(answer: spf.Spf, domain: str, address: str | None) -> Finding:
    if answer.words is not None:
        state: State = "problem" if answer.result == "permerror" else "warning"
        return Finding("spf", state, f"{answer.words[:1].upper()}{answer.words[1:]}.", answer.record)
    cost = f"{answer.lookups} of {spf.MOST_LOOKUPS} look-ups"
    if answer.result == "pass":
        return Finding("spf", "good", f"{address} may send for {domain} ({cost}).", answer.record)
    if address is None:
        return Finding(
            "spf", "good", f"The record is sound ({cost}); no relay is known to test it with.", answer.record
        )
    words = f"{address} gets {answer.result} ({cost}). If the relay sends from there, add it to the record."
    return Finding("spf", "warning", words, answer.record)


def _addresses(ask: Lookup, host: str) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        return ask.addresses(host)


def _exchangers(ask: Lookup, domain: str, found: list[Finding]) -> None:
    try:
        hosts = ask.exchangers(domain)
        reachable = hosts != ["."] and bool(hosts or ask.addresses(domain))
    except NoAnswer as error:
        found.append(Finding("mx", "unknown", str(error)))
        return
    if reachable:
        found.append(Finding("mx", "good", "The domain takes mail.", ", ".join(hosts) or None))
    else:
        words = "The domain takes no mail, so answers and bounces get lost. Publish MX records."
        found.append(Finding("mx", "problem", words, ", ".join(hosts) or None))


def _reverse(ask: Lookup, host: str, found: list[Finding]) -> None:
    """A relay named by its address must have a name that leads back to it."""
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        return
    try:
        confirmed = next(_confirmed(ask, address), None)
    except NoAnswer as error:
        found.append(Finding("ptr", "unknown", str(error), address))
        return
    if confirmed is not None:
        found.append(Finding("ptr", "good", f"{address} is called {confirmed}, which leads back to it.", address))
    else:
        words = f"{address} has no name that leads back to it. Whoever runs the network can publish one (PTR)."
        found.append(Finding("ptr", "problem", words, address))


def _confirmed(ask: Lookup, address: str) -> Iterator[str]:
    wanted = ipaddress.ip_address(address)
    for name in ask.names(address):
        if wanted in {ipaddress.ip_address(found) for found in ask.addresses(name)}:
            yield name
