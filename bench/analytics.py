"""Roll-ups and reports over many events: `./dev bench analytics [--largest 10000000] [--rounds 5] [--quick]`.

For ledgers ten times larger each: how many events a second the roll-ups take in, batch by batch and in the order in
which they came (sendings, then opens, then clicks), against one plain `INSERT … SELECT … GROUP BY` of everything; then
the campaign report and the overview against the same figures counted from the events. A figure counts only if the
roll-ups equal the raw events afterwards. Of ledgers above a million only the clicks are counted as they come, on top of
everything else counted at once. The answers of all ledgers are asked for in turn, so that what else the machine does
falls on each alike, and the growth is the median of the growths of the turns.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import make
from conftest import make_tenant
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from bench import measure
from domain.analytics import reports, rollup
from domain.analytics.reports import Asked, Report
from kernel import db

_PER_MESSAGE = 5
_CAMPAIGNS = 4
_CHUNK = 10_000  # messages of one transaction
_IN_TURNS = 1_000_000  # events of the largest ledger that is counted as it comes
_BEGIN = datetime(2026, 3, 2, 7, tzinfo=UTC)
_FASTER, _P95 = 30, 0.010  # P16
_MESSAGES = text("""
INSERT INTO message (tenant_id, id, campaign_id, step, channel, language, variant, tracked, priority, state,
  approval_hash, attempt, parts)
SELECT :tenant, stable_id(CAST(:campaign AS text), n::text), :campaign, 0, 'email',
  CASE WHEN n % 3 = 0 THEN 'en' ELSE 'de' END, n % 2, true, 5, 'sent', 'x', 1, 1 + n % 7
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
""")
# Three segments that overlap: every message is in one to three of them.
_PARTS = text("""
INSERT INTO campaign_part (tenant_id, campaign_id, n, segment_id, name, messages)
SELECT :tenant, :campaign, n, stable_id(CAST(:campaign AS text), 'segment' || n), 'Segment ' || n,
  (SELECT count(*) FROM generate_series(1, CAST(:last AS int)) AS m WHERE (1 + m % 7) >> n & 1 = 1)
FROM generate_series(0, 2) AS n
""")
# Two opens of three messages, every fifth of them a machine's; one click of four; the longer ago, the fewer.
_WAVES = {
    "sent": (1, "n % 1 = 0", "0", "NULL::smallint"),
    "delivered": (1, "n % 1 = 0", "60", "NULL::smallint"),
    "opened": (4, "n % 3 > 0", "power(random(), 3) * 1209600", "NULL::smallint"),
    "clicked": (2, "n % 6 = 0", "power(random(), 3) * 1209600", "(n / 6 % 5)::smallint"),
}
_EVENTS = """
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, at, actor, link_n)
SELECT :tenant, :campaign, stable_id(CAST(:campaign AS text), n::text), '{kind}',
  CAST(:begin AS timestamptz) + n * interval '20 milliseconds' + {after} * interval '1 second',
  CASE WHEN '{kind}' IN ('opened', 'clicked') THEN (ARRAY['human', 'human', 'proxy', 'human', 'machine'])[1 + n % 5]
    ELSE 'system' END, {link}
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n, generate_series(1, {times}) WHERE {some}
"""
_WAITING = text("""
SELECT count(*) FROM message_event
WHERE tenant_id = :t AND xid >= coalesce((SELECT xid FROM rollup_position WHERE tenant_id = :t), 0)
""")
# What somebody would write once: counts and distinct messages per campaign, hour, kind, actor and link.
_PLAIN = text("""
CREATE TEMP TABLE plain ON COMMIT DROP AS
SELECT e.campaign_id, date_trunc('hour', e.at) AS at, m.channel, m.language, m.variant, e.kind, e.actor, e.link_n,
  count(*) AS n, count(DISTINCT e.message_id) AS people
FROM message_event e JOIN message m ON m.tenant_id = :tenant AND m.id = e.message_id
WHERE e.tenant_id = :tenant GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
""")
_RAW = """
SELECT e.kind, e.actor{by}, count(*) AS n, count(DISTINCT e.message_id) AS people
FROM message_event e JOIN message m ON m.tenant_id = :tenant AND m.id = e.message_id
WHERE e.tenant_id = :tenant{only} GROUP BY e.kind, e.actor{by}
"""
_BYS = (
    "",
    ", (e.at AT TIME ZONE 'Europe/Berlin')::date",
    ", m.channel",
    ", m.language",
    ", m.variant",
    ", e.link_n",
    ", m.parts",
)


@dataclass(frozen=True)
class Ledger:
    """A tenant with the events of a few campaigns."""

    tenant: UUID
    campaigns: list[UUID]
    events: int
    waiting: int  # events that nobody has counted


def ledger(server: str, events: int) -> Ledger:
    """Write a ledger of about so many events, in the order of time, and let the planner know."""
    tenant = make_tenant(f"bench-{events}")
    each = events // _PER_MESSAGE // _CAMPAIGNS
    with db.tenant_session(tenant) as session:
        campaigns = [make.campaign(session).id for _ in range(_CAMPAIGNS)]
        for campaign in campaigns:
            session.execute(_PARTS, {"tenant": tenant, "campaign": campaign, "last": each})
    for wave in ("message", *_WAVES):
        if wave == "clicked" and events > _IN_TURNS:
            _count_at_once(tenant)
        for campaign in campaigns:
            for first in range(1, each + 1, _CHUNK):
                _write(tenant, campaign, wave, first, min(first + _CHUNK - 1, each))
    owner = create_engine(db.driver_url(server), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("ANALYZE message, message_event"))
    owner.dispose()
    with db.tenant_session(tenant) as session:
        n = session.execute(text("SELECT count(*) FROM message_event WHERE tenant_id = :t"), {"t": tenant}).scalar_one()
        waiting = session.execute(_WAITING, {"t": tenant}).scalar_one()
    return Ledger(tenant, campaigns, n, waiting)


def _count_at_once(tenant: UUID) -> None:
    with db.tenant_session(tenant) as session:
        rollup.rebuild(session)


def _write(tenant: UUID, campaign: UUID, wave: str, first: int, last: int) -> None:
    asked = {"tenant": tenant, "campaign": campaign, "first": first, "last": last, "begin": _BEGIN}
    if wave == "message":
        asked.pop("begin")
        statement = _MESSAGES
    else:
        times, some, after, link = _WAVES[wave]
        statement = text(_EVENTS.format(kind=wave, times=times, some=some, after=after, link=link))
    with db.tenant_session(tenant) as session:
        session.execute(statement, asked)


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def count_all(tenant: UUID) -> None:
    """Count what waits, as the worker does."""
    turn = rollup.run(tenant, seconds=3_600)
    assert turn is not None
    assert turn.done


def count_plainly(tenant: UUID) -> None:
    with db.tenant_session(tenant) as session:
        session.execute(text("SET LOCAL work_mem = '64MB'"))
        session.execute(_PLAIN, {"tenant": tenant})


def report(one: Ledger) -> Report:
    with db.tenant_session(one.tenant) as session:
        return reports.performance(session, one.campaigns[0], Asked())


def overview(one: Ledger) -> Report:
    with db.tenant_session(one.tenant) as session:
        return reports.overview(session, Asked(_BEGIN.date(), datetime(2026, 3, 31, tzinfo=UTC).date()))


def counted_raw(one: Ledger, campaign: UUID | None) -> dict[str, int]:
    """Count what the report shows from the events: totals and every breakdown.

    Returns opens and clicks of people, and the opens of each segment.
    """
    only = " AND e.campaign_id = :campaign" if campaign else ""
    found: dict[str, int] = {}
    with db.tenant_session(one.tenant) as session:
        for by in _BYS:
            asked = {"tenant": one.tenant} | ({"campaign": campaign} if campaign else {})
            rows = session.execute(text(_RAW.format(by=by, only=only)), asked).all()
            if not by:
                found |= _people(rows)
            if by == _BYS[-1]:
                found |= {f"opens_{n}": _people(row for row in rows if row.parts >> n & 1)["opens"] for n in range(3)}
    return found


def shown_by(one: Ledger) -> dict[str, int]:
    """Return the same as `counted_raw`, as the report of the first campaign says it."""
    told = report(one)
    assert told.segments is not None
    by_segment = {f"opens_{n}": each.figures.counts["opens"] for n, each in enumerate(told.segments.found)}
    return {name: told.totals.counts[name] for name in ("opens", "clicks")} | by_segment


def _people(rows: object) -> dict[str, int]:
    found = {"opens": 0, "clicks": 0}
    for row in rows:  # type: ignore[attr-defined] # rows of a statement
        if row.kind == "opened" and row.actor in {"human", "proxy"}:
            found["opens"] += row.n
        if row.kind == "clicked" and row.actor == "human":
            found["clicks"] += row.n
    return found


def is_equal(session: Session) -> bool:
    return not rollup.verify(session)


def main() -> None:
    chosen = measure.options(__doc__, largest=(10_000_000, "events"))
    largest = 100_000 if chosen.quick else chosen.largest
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size < largest] + [largest]
    calls = 20 if chosen.quick else 100
    seen: dict[int, dict[str, float]] = {}
    with measure.database(durable=False) as server:
        ledgers = {size: ledger(server.owner_url, size) for size in sizes}
        for size, one in ledgers.items():
            seen[size] = counted(one)
        answers = asked(ledgers, calls)
    for size, each in answers.items():
        found = seen[size]
        found.update(each)
        found["faster"] = found["raw"] / found["report"]
        found["faster_all"] = found["raw_all"] / found["overview"]
        print(f"{size:,} events:", {name: round(value, 4) for name, value in found.items()}, flush=True)
    _keep(chosen, sizes, seen)


def asked(ledgers: dict[int, Ledger], calls: int) -> dict[int, dict[str, float]]:
    """Ask for the answers of all ledgers in turn; `growth` is against the smallest one, as the median of the turns."""
    took: dict[str, dict[int, list[float]]] = {"report": {}, "overview": {}}
    for _ in range(calls):
        for name, ask in (("report", report), ("overview", overview)):
            for size, one in ledgers.items():
                took[name].setdefault(size, []).append(timed(lambda one=one, ask=ask: ask(one)))  # type: ignore[misc]
    found: dict[int, dict[str, float]] = {size: {} for size in ledgers}
    for name, by_size in took.items():
        first = by_size[min(by_size)]
        for size, each in by_size.items():
            turns = [one / other for one, other in zip(each, first, strict=True)]
            found[size][name] = measure.percentile(each, 0.5)
            found[size][f"{name}_p95"] = measure.percentile(each, 0.95)
            found[size][f"{name}_growth"] = measure.percentile(turns, 0.5)
    return found


def counted(one: Ledger) -> dict[str, float]:
    """Return what counting a ledger took; ends the run where a figure is not what the events say."""
    plain = timed(lambda: count_plainly(one.tenant))
    counting = timed(lambda: count_all(one.tenant))
    with db.tenant_session(one.tenant) as session:
        again = timed(lambda: rollup.rebuild(session))
    with db.tenant_session(one.tenant) as session:
        assert is_equal(session)
    raw = timed(lambda: counted_raw(one, one.campaigns[0]))
    assert shown_by(one) == counted_raw(one, one.campaigns[0])
    raw_all = timed(lambda: counted_raw(one, None))
    found = {
        "events": float(one.events),
        "rate": one.waiting / counting,
        "ratio": one.waiting / counting * plain / one.events,
        "rebuilt": one.events / again,
        "raw": raw,
        "raw_all": raw_all,
    }
    print(f"{one.events:,} events:", {name: round(value, 4) for name, value in found.items()}, flush=True)
    return found


def _keep(chosen: object, sizes: list[int], seen: dict[int, dict[str, float]]) -> None:
    last = seen[sizes[-1]]
    quick = bool(getattr(chosen, "quick", False))
    measure.keep(
        f"campaign report over {sizes[-1]:,} events",
        goal=f"P16: ≥ {_FASTER} × the same from the events, p95 ≤ {_P95 * 1_000:.0f} ms, equal to a recount",
        seen=f"{last['faster']:,.0f} ×, p95 {last['report_p95'] * 1_000:.1f} ms, equal; "
        f"{last['report_growth']:.2f} × the time that it takes over {sizes[0]:,}",
        met=last["faster"] >= _FASTER and last["report_p95"] <= _P95,
        quick=quick,
        report_ms={f"{size:,}": f"{one['report'] * 1_000:.1f}" for size, one in seen.items()},
        overview_ms={f"{size:,}": f"{one['overview'] * 1_000:.1f}" for size, one in seen.items()},
        report_growth={f"{size:,}": f"{one['report_growth']:.2f}" for size, one in seen.items()},
        overview_growth={f"{size:,}": f"{one['overview_growth']:.2f}" for size, one in seen.items()},
        overview_faster=f"{last['faster_all']:,.0f} ×",
        overview_p95_ms=f"{last['overview_p95'] * 1_000:.1f}",
    )
    measure.keep(
        f"roll-ups of {sizes[-1]:,} events",
        goal="",
        seen=f"{last['rate']:,.0f} events/s in turns as they come, {last['ratio']:.2f} × the speed of one plain "
        "GROUP BY of everything; equal to the raw events",
        met=None,
        quick=quick,
        events_per_second={f"{size:,}": f"{one['rate']:,.0f}" for size, one in seen.items()},
        rebuilt_per_second={f"{size:,}": f"{one['rebuilt']:,.0f}" for size, one in seen.items()},
        against_plain={f"{size:,}": f"{one['ratio']:.2f}" for size, one in seen.items()},
    )


if __name__ == "__main__":
    main()
