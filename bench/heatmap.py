"""The heatmap of send times over many acts: `./dev bench heatmap [--largest 10000000] [--quick]`.

For tenants ten times larger each: the answer (p50, p95) against the same cells counted from the messages, how long the
first count of everything takes, how many changes a second are counted afterwards, and the hour of one member. A figure
counts only if the cells equal the messages afterwards, on both clocks. All tenants are asked in turn, so that what else
the machine does falls on each alike, and the growth is the median of the growths of the turns.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import make
from conftest import make_tenant
from sqlalchemy import create_engine, text

from bench import measure
from domain.analytics import send_times
from kernel import db

_BEGIN = datetime(2026, 3, 2, 7, tzinfo=UTC)
_ACTS_PER_MESSAGE = 1.5
_CHUNK = 50_000
_CHANGES = 20_000
_GOAL_SECONDS, _GOAL_RATIO, _FLAT = 0.100, 30, 2.0  # P16
_MEMBERS = text("""
INSERT INTO member (id, tenant_id, status, tags, attributes, restricted, time_zone)
SELECT stable_id(CAST(:tenant AS text), n::text), :tenant, 'active', '[]', '{}', false,
  (ARRAY[NULL, 'Europe/Berlin', 'America/New_York'])[1 + n % 3]
FROM generate_series(1, CAST(:last AS int)) AS n
""")
_MESSAGES = text("""
INSERT INTO message (tenant_id, id, campaign_id, member_id, step, channel, language, tracked, priority, state,
  approval_hash, attempt, accepted_at, first_opened_at, first_clicked_at)
SELECT :tenant, stable_id(CAST(:campaign AS text), n::text), :campaign,
  stable_id(CAST(:tenant AS text), (1 + n % :members)::text), n / :members, 'email', 'de', true, 5, 'sent', 'x', 1,
  CAST(:begin AS timestamptz), CAST(:begin AS timestamptz) + a.after,
  CASE WHEN n % 2 = 0 THEN CAST(:begin AS timestamptz) + a.after + interval '3 minutes' END
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS n
CROSS JOIN LATERAL (SELECT (random() * 90)::int * interval '1 day'
  + (10 + random() * random() * 12) * interval '1 hour' AS after) AS a
""")
_CHANGE = text("""
UPDATE message SET first_clicked_at = first_opened_at + interval '7 minutes'
WHERE tenant_id = :tenant AND id IN (SELECT id FROM message WHERE tenant_id = :tenant AND first_clicked_at IS NULL
  LIMIT :n)
""")
_RAW = text("""
SELECT m.channel, v.kind, extract(isodow FROM v.at AT TIME ZONE :zone), extract(hour FROM v.at AT TIME ZONE :zone),
  count(*)
FROM message m CROSS JOIN LATERAL (VALUES ('opened', m.first_opened_at), ('clicked', m.first_clicked_at)) AS v(kind, at)
WHERE m.tenant_id = :tenant AND v.at IS NOT NULL GROUP BY 1, 2, 3, 4
""")
_DIFFERENT = text("""
WITH raw AS (
  SELECT c.clock, m.channel, v.kind, extract(isodow FROM c.wall)::int AS weekday,
    extract(hour FROM c.wall)::int AS hour, count(*) AS n
  FROM message m LEFT JOIN member b ON b.tenant_id = :tenant AND b.id = m.member_id
  CROSS JOIN LATERAL (VALUES ('opened', m.first_opened_at), ('clicked', m.first_clicked_at)) AS v(kind, at)
  CROSS JOIN LATERAL (VALUES ('tenant', v.at AT TIME ZONE :zone),
    ('member', v.at AT TIME ZONE coalesce(b.time_zone, :zone))) AS c(clock, wall)
  WHERE m.tenant_id = :tenant AND v.at IS NOT NULL GROUP BY 1, 2, 3, 4, 5
)
SELECT count(*) FROM raw FULL JOIN act_hour h USING (clock, channel, kind, weekday, hour)
WHERE coalesce(h.tenant_id, :tenant) = :tenant AND coalesce(raw.n, 0) <> coalesce(h.n, 0)
""")


def tenant_with(server: str, acts: int) -> UUID:
    """Write messages with about so many first opens and clicks, and let the planner know."""
    tenant = make_tenant(f"heat-{acts}")
    messages = int(acts / _ACTS_PER_MESSAGE)
    members = max(100, messages // 20)
    with db.tenant_session(tenant) as session:
        campaign = make.campaign(session).id
        session.execute(_MEMBERS, {"tenant": tenant, "last": members})
    for first in range(1, messages + 1, _CHUNK):
        asked = {"tenant": tenant, "campaign": campaign, "members": members, "begin": _BEGIN}
        with db.tenant_session(tenant) as session:
            session.execute(_MESSAGES, {**asked, "first": first, "last": min(first + _CHUNK - 1, messages)})
    owner = create_engine(db.driver_url(server), isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("ANALYZE message, member"))
    owner.dispose()
    return tenant


def timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def show(tenant: UUID) -> None:
    with db.tenant_session(tenant) as session:
        assert len(send_times.show(session, clock_="member").surface.cells) == len(range(168))


def count_raw(tenant: UUID) -> None:
    with db.tenant_session(tenant) as session:
        session.execute(_RAW, {"tenant": tenant, "zone": "Europe/Berlin"}).all()


def hour_of_member(tenant: UUID) -> None:
    with db.tenant_session(tenant) as session:
        member = session.execute(
            text("SELECT id FROM member WHERE tenant_id = :t ORDER BY id LIMIT 1"), {"t": tenant}
        ).scalar_one()
        send_times.of_member(session, member)


def counted(server: str, acts: int) -> tuple[UUID, dict[str, float]]:
    """Return a tenant and what counting it took; ends the run where a cell is not what the messages say."""
    tenant = tenant_with(server, acts)
    first = timed(lambda: send_times.run(tenant))
    with db.tenant_session(tenant) as session:
        changed = session.execute(_CHANGE, {"tenant": tenant, "n": min(_CHANGES, acts // 10)}).rowcount
    later = timed(lambda: send_times.run(tenant))
    with db.tenant_session(tenant) as session:
        assert session.execute(_DIFFERENT, {"tenant": tenant, "zone": "Europe/Berlin"}).scalar_one() == 0
    raw = sorted(timed(lambda: count_raw(tenant)) for _ in range(3))[1]
    return tenant, {"first_count_seconds": first, "changes_per_second": changed / later, "raw_seconds": raw}


def asked(tenants: dict[int, UUID], calls: int) -> dict[int, dict[str, float]]:
    """Ask for the answers of all tenants in turn; `growth` is against the smallest one, as the median of the turns."""
    took: dict[int, list[float]] = {acts: [] for acts in tenants}
    members: dict[int, list[float]] = {acts: [] for acts in tenants}
    for _ in range(calls):
        for acts, tenant in tenants.items():
            took[acts].append(timed(lambda tenant=tenant: show(tenant)))  # type: ignore[misc]
            members[acts].append(timed(lambda tenant=tenant: hour_of_member(tenant)))  # type: ignore[misc]
    first = took[min(took)]
    return {
        acts: {
            "p50": measure.percentile(each, 0.5),
            "p95": measure.percentile(each, 0.95),
            "growth": measure.percentile([one / other for one, other in zip(each, first, strict=True)], 0.5),
            "member_p95": measure.percentile(members[acts], 0.95),
        }
        for acts, each in took.items()
    }


def main() -> None:
    chosen = measure.options(__doc__, largest=(10_000_000, "first opens and clicks"))
    largest = 100_000 if chosen.quick else chosen.largest
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size < largest] + [largest]
    with measure.database(durable=False) as server:
        made = {size: counted(server.owner_url, size) for size in sizes}
        answers = asked({size: tenant for size, (tenant, _) in made.items()}, 20 if chosen.quick else 100)
    seen = {size: found | answers[size] for size, (_, found) in made.items()}
    for size, found in seen.items():
        print(f"{size:,} acts:", {name: round(value, 4) for name, value in found.items()}, flush=True)
    large = seen[sizes[-1]]
    ratio, growth = large["raw_seconds"] / large["p50"], large["growth"]
    measure.keep(
        "heatmap of send times",
        goal=f"p95 ≤ {1_000 * _GOAL_SECONDS:.0f} ms, flat, ≥ {_GOAL_RATIO}x a count of the messages",
        seen=f"{largest:,} acts: p95 {1_000 * large['p95']:.1f} ms, {ratio:,.0f}x; p50 grew {growth:.2f}x over "
        f"{largest // sizes[0]:,}x the acts; {large['changes_per_second']:,.0f} changes/s",
        met=None if chosen.quick else large["p95"] <= _GOAL_SECONDS and ratio >= _GOAL_RATIO and growth <= _FLAT,
        quick=chosen.quick,
        sizes={f"{size:,}": {name: round(value, 5) for name, value in found.items()} for size, found in seen.items()},
    )


if __name__ == "__main__":
    main()
