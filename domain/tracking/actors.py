"""Who makes a hit: a person, a mail provider's proxy, a machine, or nobody knows. Pure rules.

Opens and clicks of machines are kept, and are in no figure that anybody decides by. What one request shows is judged
at once (`judge`); what only several of them show is judged together, a moment later (`bursts`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.tracking import browsers

HONEYPOT = 0xFFFF  # the number of a link that no person sees
SOON = timedelta(seconds=5)
TOGETHER = timedelta(seconds=2)
BACK = timedelta(seconds=10)
_MANY = 3
_READS = frozenset({"GET", "POST"})
PREFETCH_HEADERS = frozenset({b"purpose", b"sec-purpose", b"x-moz", b"x-purpose"})


class Actor(StrEnum):
    HUMAN = "human"
    PROXY = "proxy"
    MACHINE = "machine"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who it was, and by which sign."""

    actor: Actor
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request shows of who makes it. `kind` is opened or clicked, `link_n` the link's position."""

    kind: str
    method: str
    prefetch: bool
    agent: str
    link_n: int | None = None


def judge(asked: Asked, *, since_accepted: timedelta | None) -> Verdict:
    """Judge one request; `since_accepted` is how long ago the mail was taken, None while nobody knows."""
    if asked.method not in _READS:
        return Verdict(Actor.MACHINE, "method")
    if asked.prefetch:
        return Verdict(Actor.MACHINE, "prefetch")
    if asked.link_n == HONEYPOT:
        return Verdict(Actor.MACHINE, "honeypot")
    actor, reason = browsers.look(asked.agent)
    if actor == Actor.PROXY and asked.kind != "opened":
        return Verdict(Actor.MACHINE, "mail_proxy")  # proxies load pictures; they follow no link for anybody
    if reason == "mail_privacy" and asked.kind != "opened":
        reason = "unfamiliar_agent"
    if actor in {Actor.HUMAN, Actor.UNKNOWN} and since_accepted is not None and since_accepted < SOON:
        return Verdict(Actor.MACHINE, "too_soon")
    return Verdict(Actor(actor), reason)


@dataclass(frozen=True, slots=True)
class Seen:
    """One kept hit of a message."""

    id: UUID
    at: datetime
    kind: str
    actor: str
    reason: str | None
    link_n: int | None
    network: str | None
    agent: str | None


def bursts(hits: Iterable[Seen], links: int) -> dict[UUID, str]:
    """Return the hits of one message that belong to a machine's burst and are not marked yet, with the reason.

    A burst is every link of the mail (of two or more) or three links within two seconds, a hit right after the mail
    was taken, or one on a link that nobody sees. With it go: what came in the ten seconds before, what follows with
    gaps of at most two seconds, and what the same network and agent do within ten seconds after. `links` is how many
    links the mail has. A mail provider's proxy stays what it is.
    """
    ordered = sorted(hits, key=lambda hit: hit.at)
    marked: dict[UUID, str] = {}
    for first, last, reason in _triggers(ordered, links):
        end = ordered[last].at
        callers = {(ordered[n].network, ordered[n].agent) for n in range(first, last + 1)}
        for hit in ordered:
            if hit.at < ordered[first].at - BACK:
                continue
            if hit.at > end:
                chained = hit.at - end <= TOGETHER
                same = (hit.network, hit.agent) in callers and hit.at - ordered[last].at <= BACK
                if not chained and not same:
                    continue
                end = max(end, hit.at) if chained else end
            if hit.actor in {Actor.HUMAN, Actor.UNKNOWN}:
                marked.setdefault(hit.id, reason)
    return marked


def _triggers(ordered: Sequence[Seen], links: int) -> list[tuple[int, int, str]]:
    """Return where bursts begin and end, with the reason."""
    found = [(n, n, str(hit.reason)) for n, hit in enumerate(ordered) if hit.reason in {"too_soon", "honeypot"}]
    clicks = [n for n, hit in enumerate(ordered) if hit.kind == "clicked"]
    enough = min(_MANY, links) if links > 1 else _MANY
    for place, first in enumerate(clicks):
        reached: set[int | None] = set()
        for last in clicks[place:]:
            if ordered[last].at - ordered[first].at > TOGETHER:
                break
            reached.add(ordered[last].link_n)
            if len(reached) >= enough:
                found.append((first, last, "burst"))
                break
    return found
