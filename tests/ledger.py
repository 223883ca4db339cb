"""Messages and what happens to them, written straight into the ledger, and the figures counted again in Python."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import make
from sqlalchemy import select, text

from domain.analytics import rollup
from kernel import db
from kernel.ids import new_id
from models import RollupDay, RollupQuarter

ORIGIN = datetime(2026, 3, 1, tzinfo=UTC)
_MESSAGE = text("""
INSERT INTO message (tenant_id, id, campaign_id, step, channel, language, variant, priority, state, approval_hash,
  attempt, tracked, parts)
VALUES (:tenant, :id, :campaign, 0, :channel, :language, :variant, 5, 'sent', 'x', 0, true, :parts)
""")
_EVENT = text("""
INSERT INTO message_event (id, tenant_id, campaign_id, message_id, kind, at, actor, reason, link_n)
VALUES (:id, :tenant, :campaign, :message, :kind, :at, :actor, :reason, :link_n)
""")
_SALE = text("""
INSERT INTO conversion (id, tenant_id, external_id, goal, value_minor, currency, at, source, attribution, campaign_id,
  message_id, link_n)
VALUES (:id, :tenant, CAST(:id AS text), 'purchase', :value, :currency, :at, 'api', 'message', :campaign, :message,
  :link_n)
""")
_MARK = text("SELECT mark_hits(CAST(:ids AS uuid[]), CAST(:reasons AS text[]))")


@dataclass(frozen=True)
class Sent:
    """A message, and what its figures are kept under."""

    id: UUID
    campaign: UUID
    channel: str
    language: str
    variant: int | None
    parts: int | None = None


@dataclass(frozen=True)
class Happened:
    """One event or, with a value, one conversion."""

    message: Sent
    kind: str
    at: datetime
    actor: str = "system"
    reason: str | None = None
    link_n: int | None = None
    value: int | None = None
    currency: str = "EUR"


def messages(tenant: UUID, shapes: Sequence[tuple[Any, ...]], campaigns: int = 2) -> list[Sent]:
    """Write messages: which campaign, channel, language, variant and, where segments chose them, their bits."""
    with db.tenant_session(tenant) as session:
        ids = [make.campaign(session).id for _ in range(campaigns)]
        made = [Sent(new_id(), ids[n], *rest) for n, *rest in shapes]
        for one in made:
            session.execute(
                _MESSAGE,
                {
                    "tenant": tenant, "id": one.id, "campaign": one.campaign, "channel": one.channel,
                    "language": one.language, "variant": one.variant, "parts": one.parts,
                },
            )  # fmt: skip
    return made


def write(tenant: UUID, happened: Iterable[Happened]) -> list[UUID]:
    """Write events in one transaction; returns their ids."""
    with db.tenant_session(tenant) as session:
        return [put(session, tenant, each) for each in happened]


def put(session: Any, tenant: UUID, each: Happened) -> UUID:
    """Write one event, and the conversion that it tells of."""
    row = {
        "id": new_id(), "tenant": tenant, "campaign": each.message.campaign, "message": each.message.id,
        "kind": each.kind, "at": each.at, "actor": each.actor, "reason": each.reason, "link_n": each.link_n,
    }  # fmt: skip
    session.execute(_EVENT, row)
    if each.value is not None:
        session.execute(_SALE, row | {"value": each.value, "currency": each.currency})
    return UUID(str(row["id"]))


def mark(tenant: UUID, ids: Sequence[UUID]) -> None:
    """Find out that hits were a machine's."""
    with db.tenant_session(tenant) as session:
        session.execute(_MARK, {"ids": list(ids), "reasons": ["burst"] * len(ids)}).all()


def count(tenant: UUID, most: int = rollup.BATCH) -> None:
    """Count everything that is settled, whatever else still runs on the same server."""
    done = False
    while not done:
        with db.tenant_session(tenant) as session:
            turn = rollup.advance(session, most=most)
        done = turn is not None and turn.done


def settle(tenant: UUID) -> None:
    """Count until nothing waits: transactions of other tests may run for a moment."""
    while True:
        count(tenant)
        with db.tenant_session(tenant) as session:
            if rollup.state(session).behind == 0:
                return


Cells = Counter[tuple[Any, ...]]


def kept(tenant: UUID, table: type[RollupDay | RollupQuarter] = RollupQuarter) -> Cells:
    """Return every figure that is kept and not zero, by its key."""
    when = "at" if table is RollupQuarter else "day"
    cells: Cells = Counter()
    with db.tenant_session(tenant) as session:
        for row in session.execute(select(table)).scalars():
            place = row.link_n if row.link_n != rollup.SEGMENT else _segment(row.part)
            key = (row.campaign_id, getattr(row, when), row.channel, row.language, row.variant, place, row.detail)
            for metric in rollup.METRICS:
                if getattr(row, metric):
                    cells[(*key, metric)] += getattr(row, metric)
    return cells


def expected(happened: Sequence[Happened], zone: str | None = None) -> Cells:
    """Count it again, message by message, in the plainest way; by day of a zone, else by quarter of an hour."""
    cells: Cells = Counter()
    for message in {each.message for each in happened}:
        for at, link_n, detail, metric, n in _of([each for each in happened if each.message == message]):
            when = at.astimezone(ZoneInfo(zone)).date() if zone else _quarter(at)
            variant = -1 if message.variant is None else message.variant
            key = (message.campaign, when, message.channel, message.language, variant, link_n, detail, metric)
            cells[key] += n
            for part in _parts(message) if link_n == rollup.WHOLE else ():
                cells[(message.campaign, when, message.channel, "", -1, _segment(part), detail, metric)] += n
    return Counter({key: n for key, n in cells.items() if n})


def _parts(message: Sent) -> list[int]:
    """Return the numbers of the segments that a message went to."""
    return [part for part, bit in enumerate(reversed(f"{message.parts or 0:b}")) if bit == "1"]


def _segment(part: int) -> int:
    """Return the number that stands in the place of a link for the rows of a segment."""
    return rollup.SEGMENT - part


def _quarter(at: datetime) -> datetime:
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)


Part = tuple[datetime, int, str, str, int]
_PEOPLE = {"opened": ("human", "proxy"), "clicked": ("human",)}
_MACHINES = {"opened": ("machine",), "clicked": ("machine", "proxy")}


def _first(events: Iterable[Happened], *kinds: str) -> datetime | None:
    return min((each.at for each in events if each.kind in kinds), default=None)


def _who(each: Happened) -> str:
    if each.actor in _PEOPLE[each.kind]:
        return ""
    return "_machine" if each.actor in _MACHINES[each.kind] else "_unknown"


def _hits(events: Sequence[Happened], kind: str, who: str, link: int | None = None) -> list[Happened]:
    return [each for each in events if each.kind == kind and _who(each) == who and link in {None, each.link_n}]


def _of(events: list[Happened]) -> Iterable[Part]:
    sent, reached, once = _firsts(events)
    yield from ((at, -1, "", metric, 1) for metric, at in once.items() if at)
    yield from _endings(events, sent)
    yield from _times(events)
    yield from _links(events, reached)


def _lost(events: Sequence[Happened]) -> datetime | None:
    """When sending failed for good: after the last acceptance, and nothing says that it arrived."""
    accepted = [each.at for each in events if each.kind in {"sent", "delivered", "read"}]
    lost = max((each.at for each in events if each.kind == "failed"), default=None)
    if _first(events, "delivered", "read") or (lost and accepted and lost <= max(accepted)):
        return None
    return lost


def _firsts(events: Sequence[Happened]) -> tuple[datetime | None, datetime | None, dict[str, datetime | None]]:
    sent, delivered = _first(events, "sent", "delivered", "read"), _first(events, "delivered", "read")
    soft = _first((each for each in events if each.reason == "undelivered"), "bounced")
    hard = _first((each for each in events if each.reason != "undelivered"), "bounced")
    reached = sent if not (hard or soft or _lost(events)) else None
    attempted = min((at for at in (sent, hard, soft) if at), default=None)
    found = {name: _first(events, name) for name in ("complained", "unsubscribed", "replied")}
    for kind in ("opened", "clicked"):
        found[kind] = _first(_hits(events, kind, ""), kind)
        found[f"{kind}_machine"] = _first(_hits(events, kind, "_machine"), kind)
    found["converted"] = _first(events, "converted")
    of_sent = {
        f"of_{name}": reached if found[name] else None
        for name in ("complained", "unsubscribed", "replied", "opened", "clicked", "converted")
    }
    others = {
        "sent": sent, "delivered": delivered, "bounced_hard": hard, "bounced_soft": None if hard else soft,
        "attempted": attempted, "of_bounced": attempted if hard or soft else None,
        "of_delivered": sent if delivered else None, "reached": reached,
    }  # fmt: skip
    return sent, reached, found | of_sent | others


def _endings(events: Sequence[Happened], sent: datetime | None) -> Iterable[Part]:
    failures = [each for each in events if each.kind == "failed"]
    skips = [each for each in events if each.kind in {"skipped", "suppressed", "cancelled", "expired"}]
    lost = _lost(events)
    if lost:
        yield lost, -1, min(each.reason or each.kind for each in failures), "failed", 1
    if skips and not sent:
        yield min(each.at for each in skips), -1, min(each.reason or each.kind for each in skips), "skipped", 1


def _times(events: Iterable[Happened]) -> Iterable[Part]:
    for each in events:
        places = {-1, -1 if each.link_n is None else each.link_n}
        if each.kind == "replied":
            yield each.at, -1, "", "replies", 1
        elif each.kind == "opened":
            yield each.at, -1, "", f"opens{_who(each)}", 1
        elif each.kind == "clicked":
            yield from ((each.at, link, "", f"clicks{_who(each)}", 1) for link in places)
        elif each.value is not None:
            for metric, n in (("conversions", 1), ("value_minor", each.value)):
                yield from ((each.at, link, each.currency, metric, n) for link in places)


def _links(events: Sequence[Happened], reached: datetime | None) -> Iterable[Part]:
    for link in {each.link_n for each in events if each.kind == "clicked"} - {None, -1}:
        person = _first(_hits(events, "clicked", "", link), "clicked")
        machine = _first(_hits(events, "clicked", "_machine", link), "clicked")
        dated = {"clicked": person, "clicked_machine": machine, "of_clicked": reached if person else None}
        yield from ((at, link or 0, "", metric, 1) for metric, at in dated.items() if at)
