"""DMARC: the policy for a domain, and whose domain it is, found by walking up the tree.

No list of public suffixes is needed: the organisational domain is the highest name with a DMARC record on the way up,
unless a record says itself with `psd=` where the organisation begins (draft-ietf-dmarc-dmarcbis, §4.10).
"""

from dataclasses import dataclass

from domain.senders.lookup import Lookup

_MOST_LABELS = 8  # a longer name is cut to seven before the second question: eight questions at most
_POLICIES = frozenset({"none", "quarantine", "reject"})


@dataclass(frozen=True, slots=True)
class Dmarc:
    """What applies to mail from a domain. `policy` None: no record; `strict_*`: alignment must be exact."""

    organisational_domain: str
    policy: str | None = None
    record: str | None = None
    found_at: str | None = None
    strict_dkim: bool = False
    strict_spf: bool = False


def check(ask: Lookup, domain: str) -> Dmarc:
    """Return the policy for mail from `domain`. Raises lookup.NoAnswer."""
    found = _walk(ask, domain)
    organisation = _organisation(domain, found)
    for place in (domain, organisation, *reversed(found)):
        if place in found:
            return _dmarc(domain, organisation, place, *found[place])
    return Dmarc(organisation)


def _dmarc(domain: str, organisation: str, place: str, record: str, tags: dict[str, str]) -> Dmarc:
    policy = tags.get("p", "none")
    if place != domain:
        policy = tags.get("sp", policy)
    return Dmarc(
        organisational_domain=organisation,
        policy=policy if policy in _POLICIES else "none",
        record=record,
        found_at=place,
        strict_dkim=tags.get("adkim") == "s",
        strict_spf=tags.get("aspf") == "s",
    )


def organisational_domain(ask: Lookup, domain: str) -> str:
    """Return the domain of the organisation behind a name. Raises lookup.NoAnswer."""
    return _organisation(domain, _walk(ask, domain))


def aligned(ask: Lookup, from_domain: str, other: str, *, strict: bool) -> bool:
    """Say whether a signing or return-path domain counts for mail from `from_domain`. Raises lookup.NoAnswer."""
    if other == from_domain:
        return True
    if strict:
        return False
    return organisational_domain(ask, from_domain) == organisational_domain(ask, other)


def _walk(ask: Lookup, domain: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the records on the way up, lowest name first; stops where a record says that the organisation begins."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for place in _path(domain):
        records = [(text, parse(text)) for text in ask.texts(f"_dmarc.{place}")]
        valid = [(text, tags) for text, tags in records if tags]
        if len(valid) != 1:  # several count as none
            continue
        found[place] = valid[0]
        if valid[0][1].get("psd") in {"y", "n"}:
            break
    return found


def _path(domain: str) -> list[str]:
    labels = domain.split(".")
    path = [domain]
    rest = labels[1:] if len(labels) <= _MOST_LABELS else labels[1 - _MOST_LABELS :]
    while rest:
        path.append(".".join(rest))
        rest = rest[1:]
    return path


def _organisation(domain: str, found: dict[str, tuple[str, dict[str, str]]]) -> str:
    for place, (_, tags) in found.items():
        if tags.get("psd") == "n":
            return place
        if tags.get("psd") == "y" and place != domain:
            return ".".join(domain.split(".")[-place.count(".") - 2 :])
    return min(found, key=lambda place: place.count("."), default=domain)


def parse(text: str) -> dict[str, str]:
    """Return the tags of a DMARC record, empty for any other text."""
    parts = [part.strip() for part in text.split(";")]
    if not parts or parts[0].replace(" ", "") != "v=DMARC1":
        return {}
    tags = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if equals:
            tags[key.strip().lower()] = value.strip().lower()
    return tags
