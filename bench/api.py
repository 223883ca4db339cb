"""Reading over HTTP: `./dev bench api [--members 100000] [--campaigns 1000] [--connections 16] [--only members]`.

A real server process, kept-alive connections, one tenant full of members, campaigns with recipients and events,
segments, one member with a long history; a second tenant beside it. Lists are asked with filters that find few or
nobody, and for pages far down. Latency is what the client sees; the bare route (/health) is asked in the same rounds.
Apart from that one connection asks alone: what a call costs the processor in the web process and in the database, which
the machine's other work hardly touches. `--plans` prints how the application role reads.
"""

import argparse
import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import make
from conftest import make_tenant
from sqlalchemy import event, text
from starlette.testclient import TestClient

from api import deps, places
from api.app import create_app
from bench import measure
from domain.analytics import rollup, send_times
from domain.identity import service as identity
from domain.timeline.queries import Place
from kernel import clock, db, settings

_GOAL = 20
_FLOOR = "200 ms, of a timeline 3 s"
_HISTORY = 50_000  # what happened with one member
_FILL = text("""
INSERT INTO campaign (id, tenant_id, name, kind, channel, status, goal, audience, version, created_by)
SELECT new_id(), :tenant, 'Campaign ' || n, 'broadcast', 'email', (ARRAY['draft', 'sent', 'sending'])[1 + n % 3],
  'goal', '{"kind": "all_members"}', 1, 'bench' FROM generate_series(1, :n) AS n
""")
# Every fifth does yoga; three are called Zweistein, have the tag "founder", and left.
_MEMBERS = text("""
INSERT INTO member (id, tenant_id, external_id, first_name, last_name, language, status, tags, attributes, restricted)
SELECT new_id(), :tenant, 'crowd-' || n, (ARRAY['Jörg', 'Anna', 'Mia', 'Paul', 'Łukasz'])[1 + n % 5] || ' ' || n,
  CASE WHEN n <= 3 THEN 'Zweistein' ELSE (ARRAY['Müller', 'Schmidt', 'Yılmaz', 'Weber'])[1 + n % 4] END, 'de',
  CASE WHEN n <= 3 THEN 'left' ELSE 'active' END,
  CASE WHEN n <= 3 THEN '["founder"]' WHEN n % 5 = 0 THEN '["yoga"]' ELSE '[]' END::jsonb, '{}', false
FROM generate_series(1, CAST(:n AS int)) AS n
""")
_REST = """
INSERT INTO contact_point (id, tenant_id, member_id, channel, address, address_norm, is_primary)
SELECT new_id(), :tenant, id, 'email', external_id || '@example.org', external_id || '@example.org', true
FROM member WHERE tenant_id = :tenant;
INSERT INTO message (id, tenant_id, campaign_id, member_id, channel, address, address_norm, language, tracked, state,
  approval_hash, attempt, step, priority, accepted_at)
SELECT new_id(), :tenant, c.id, m.id, 'email', m.external_id, m.external_id, 'de', false,
  CASE WHEN m.external_id LIKE '%777' THEN 'bounced' ELSE 'sent' END, '', 1, 0, 5, now() - c.age * interval '1 day'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS age FROM campaign
  WHERE tenant_id = :tenant AND status = 'sent' ORDER BY id LIMIT 20) c
CROSS JOIN (SELECT id, external_id FROM member WHERE tenant_id = :tenant ORDER BY id LIMIT 5000) m;
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, at, actor)
SELECT :tenant, campaign_id, id, kind, accepted_at + interval '1 hour', CASE kind WHEN 'sent' THEN 'system' ELSE 'human'
  END FROM message, unnest(ARRAY['sent', 'opened']) AS kind WHERE tenant_id = :tenant;
INSERT INTO activity (id, tenant_id, member_id, kind, at, subject)
SELECT new_id(), :tenant, :member, 'visit', now() - n * interval '37 minutes', 'Kurs ' || n
FROM generate_series(1, :history * 3 / 5) AS n;
INSERT INTO purchase (id, tenant_id, member_id, product, amount_minor, currency, at)
SELECT new_id(), :tenant, :member, 'Kurs', n, 'EUR', now() - n * interval '111 minutes'
FROM generate_series(1, :history / 5) AS n;
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, at, actor)
SELECT :tenant, m.campaign_id, m.id, 'opened', now() - (k * 20 + m.n) * interval '7 minutes', 'human'
FROM (SELECT campaign_id, id, row_number() OVER () AS n FROM message
  WHERE tenant_id = :tenant AND member_id = :member) m, generate_series(1, :history / 5 / 20) AS k;
INSERT INTO segment (id, tenant_id, name, kind, status, rules, member_count, created_by)
SELECT new_id(), :tenant, 'Segment ' || n, 'static', 'active', NULL, 0, 'bench' FROM generate_series(1, 60) AS n;
INSERT INTO segment_member (id, tenant_id, segment_id, member_id, by_hand, hand_by, hand_at, joined_at)
SELECT new_id(), :tenant, s.id, m.id, 'added', 'bench', now(), now()
FROM (SELECT id FROM segment WHERE tenant_id = :tenant ORDER BY id LIMIT 1) s,
  (SELECT id FROM member WHERE tenant_id = :tenant ORDER BY id LIMIT 100000) m;
"""


@dataclass(frozen=True)
class Full:
    """A tenant full of rows, a key of it, and rows to ask for; `far` is a member behind almost all others."""

    tenant: UUID
    key: str
    campaign: UUID
    member: UUID
    segment: UUID
    far: UUID
    far_in_segment: UUID
    far_message: UUID


def filled(members: int, campaigns: int) -> Full:
    """Fill two tenants with rows; the second is there to be in the way."""
    first = make_tenant("bench")
    for tenant, n in ((first, members), (make_tenant("beside"), max(1_000, members // 10))):
        with db.tenant_session(tenant) as session:
            session.execute(text("UPDATE tenant SET tier = 'enterprise'"))
            make.sender(session)
            session.execute(_MEMBERS, {"tenant": tenant, "n": n})
            session.execute(_FILL, {"tenant": tenant, "n": campaigns})
            member = session.execute(text("SELECT id FROM member ORDER BY id LIMIT 1")).scalar_one()
            for statement in _REST.split(";\n"):
                if statement.strip():
                    asked = {"tenant": tenant, "member": member, "history": _HISTORY}
                    used = {name: value for name, value in asked.items() if f":{name}" in statement}
                    session.execute(text(statement), used)
        with db.tenant_session(tenant) as session:
            rollup.rebuild(session)
        while send_times.run(tenant):
            pass
    measure.analyse("member", "contact_point", "message", "message_event", "activity", "purchase", "segment_member",
                    "campaign", "segment")  # fmt: skip
    with db.tenant_session(first) as session:
        key = identity.issue_key(session, name="bench", actor="bench")

        def one(statement: str) -> UUID:
            found: UUID = session.execute(text(statement)).scalar_one()
            return found

        campaign = one("SELECT id FROM campaign WHERE status = 'sent' ORDER BY id LIMIT 1")
        segment = one("SELECT id FROM segment ORDER BY id LIMIT 1")
        return Full(
            tenant=first,
            key=key.secret,
            campaign=campaign,
            member=one("SELECT id FROM member ORDER BY id LIMIT 1"),
            segment=segment,
            far=one("SELECT id FROM member ORDER BY id OFFSET 300 LIMIT 1"),
            far_in_segment=one(
                f"SELECT member_id FROM segment_member WHERE segment_id = '{segment}' ORDER BY member_id "
                "OFFSET 300 LIMIT 1"
            ),
            far_message=one(f"SELECT id FROM message WHERE campaign_id = '{campaign}' ORDER BY id OFFSET 300 LIMIT 1"),
        )


def paths(full: Full, campaigns: int) -> dict[str, tuple[str, str]]:
    """What is asked: a short name, what the figure is called, and the path."""
    far, message, placed = (deps.cursor_of(each) for each in (full.far, full.far_message, full.far_in_segment))
    late = places.write(Place(clock.now() - timedelta(minutes=37 * _HISTORY * 3 // 5 - 10_000)))
    campaign, member, segment = f"/campaigns/{full.campaign}", f"/members/{full.member}", f"/segments/{full.segment}"
    return {
        "campaign": ("GET /campaigns/{id}", campaign),
        "campaigns": (f"GET /campaigns, 50 of {campaigns:,}", "/campaigns?limit=50"),
        "campaigns named": ("GET /campaigns?q=", "/campaigns?q=campaign+99"),
        "recipients": ("GET /campaigns/{id}/recipients", f"{campaign}/recipients"),
        "recipients bounced": ("GET /campaigns/{id}/recipients?state=", f"{campaign}/recipients?state=bounced"),
        "recipients far": ("GET /campaigns/{id}/recipients, far down", f"{campaign}/recipients?cursor={message}"),
        "performance": ("GET /campaigns/{id}/performance", f"{campaign}/performance"),
        "overview": ("GET /analytics/overview", "/analytics/overview"),
        "heatmap": ("GET /analytics/heatmap", "/analytics/heatmap"),
        "plan": ("GET /plan", "/plan"),
        "members": ("GET /members", "/members"),
        "members far": ("GET /members, far down", f"/members?cursor={far}"),
        "members status": ("GET /members?status=, few", "/members?status=left"),
        "members tag": ("GET /members?tag=, many", "/members?tag=yoga"),
        "members rare tag": ("GET /members?tag=, few", "/members?tag=founder"),
        "members name": ("GET /members?q=, few", "/members?q=zweist"),
        "members nobody": ("GET /members?q=, nobody", "/members?q=nobodyatall"),
        "members email": ("GET /members?email=", "/members?email=crowd-17@example.org"),
        "members external": ("GET /members?external_id=", "/members?external_id=crowd-17"),
        "member": ("GET /members/{id}", member),
        "timeline": (f"GET /members/{{id}}/timeline, {_HISTORY:,} entries", f"{member}/timeline"),
        "timeline far": ("GET /members/{id}/timeline, far down", f"{member}/timeline?cursor={late}"),
        "timeline opens": ("GET /members/{id}/timeline?kind=engagement", f"{member}/timeline?kind=engagement"),
        "segments": ("GET /segments", "/segments"),
        "segment members": ("GET /segments/{id}/members, of 100,000", f"{segment}/members"),
        "segment far": ("GET /segments/{id}/members, far down", f"{segment}/members?cursor={placed}"),
    }  # fmt: skip


@contextmanager
def service(database_url: str) -> Iterator[tuple[int, int]]:
    """The web process, without worker: nothing is due. Yields its port and its process id."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith("ARIIA_")} | {  # noqa: TID251 - what a process inherits
        "ARIIA_DATABASE_URL": database_url,
        "ARIIA_SMTP_URL": "smtp://127.0.0.1:9",
        "ARIIA_LOG_LEVEL": "error",
        "ARIIA_DATABASE_POOL": "16",
        "ARIIA_DATA_DIR": str(settings.get_settings().data_dir),
        "PYTHONPATH": str(measure.ROOT),
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "ariia.web:create", "--port", str(port), "--no-access-log",
               "--log-level", "error"]  # fmt: skip
    process = subprocess.Popen(command, env=env, cwd=measure.ROOT)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


async def connection(port: int, path: str, key: str, until: float, seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    while time.monotonic() < until:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(re.search(rb"content-length: (\d+)", head.lower())[1])
        await reader.readexactly(length)
        seconds.append(time.perf_counter() - began)
    writer.close()


async def ask(port: int, path: str, key: str, connections: int, duration: float) -> list[float]:
    seconds: list[float] = []
    until = time.monotonic() + duration
    await asyncio.gather(*(connection(port, path, key, until, seconds) for _ in range(connections)))
    return seconds


def cost(port: int, server: int, database: int, path: str, key: str, seconds: float) -> tuple[float, float]:
    """Milliseconds of processor that a call costs, in the web process and in the database."""
    began = measure.cpu_of_tree(server), measure.cpu_of_tree(database)
    n = len(asyncio.run(ask(port, path, key, 1, seconds)))
    web, base = measure.cpu_of_tree(server) - began[0], measure.cpu_of_tree(database) - began[1]
    return web / n * 1_000, base / n * 1_000


def plans(key: str, wanted: dict[str, tuple[str, str]]) -> None:
    """Print the plan of every statement of every request."""
    statements: list[tuple[str, Any]] = []

    def note(_c: object, _u: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.lstrip("(").startswith(("SELECT", "WITH")) and "admit(" not in statement:
            statements.append((statement, parameters))

    with TestClient(create_app(), headers={"Authorization": f"Bearer {key}"}) as client:
        for words, path in wanted.values():
            client.get(f"/api/v1{path}").raise_for_status()
            event.listen(db.engine(), "before_cursor_execute", note)
            client.get(f"/api/v1{path}").raise_for_status()
            event.remove(db.engine(), "before_cursor_execute", note)
            with db.tenant_session(identity.authenticate(key).tenant_id) as session:
                raw: Any = session.connection().connection.cursor()
                for statement, parameters in statements:
                    raw.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {statement}", parameters)
                    print(f"{words}\n{statement}\n" + "\n".join(row[0] for row in raw.fetchall()), end="\n\n")
            statements.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--campaigns", type=int, default=1_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="only the reads whose short name begins so")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plans", action="store_true")
    chosen = parser.parse_args()
    members, rounds, seconds = (5_000, 1, 0.5) if chosen.quick else (chosen.members, chosen.rounds, chosen.seconds)
    with measure.database() as server:
        full = filled(members, chosen.campaigns)
        wanted = paths(full, chosen.campaigns)
        wanted = {name: each for name, each in wanted.items() if name.startswith(chosen.only)}
        if chosen.plans:
            plans(full.key, wanted)
        url = server.owner_url.replace("+psycopg", "")
        with service(url) as (port, pid), measure.Usage() as usage:
            asked = {name: f"/api/v1{path}" for name, (_, path) in wanted.items()}
            asked |= {"bare": "/health", measure.AGAIN: next(iter(asked.values()))}
            found: dict[str, list[list[float]]] = {name: [] for name in asked}
            costs: dict[str, tuple[float, float]] = {}
            for n in range(rounds + 1):  # the first warms up, and says what a call costs
                for name, path in asked.items():
                    taken = asyncio.run(ask(port, path, full.key, chosen.connections, seconds if n else 0.5))
                    if n:
                        found[name].append(taken)
                    else:
                        costs[name] = cost(port, pid, server.pid, path, full.key, seconds)
    p95 = {
        name: statistics.median(measure.percentile(taken, 0.95) for taken in runs) * 1_000
        for name, runs in found.items()
    }
    apart = abs(p95[measure.AGAIN] / p95[next(iter(wanted))] - 1)
    for name, (words, _) in wanted.items():
        rate = statistics.median(len(taken) for taken in found[name]) / seconds
        measure.keep(
            words,
            goal=f"P18: p95 ≤ {_GOAL} ms (the owner asks for {_FLOOR})",
            seen=f"p95 {p95[name]:.1f} ms, {rate:,.0f}/s with {chosen.connections} connections; a call costs "
            f"{costs[name][0]:.1f} ms of processor and {costs[name][1]:.1f} ms in the database; "
            f"the bare route {p95['bare']:.1f} ms",
            met=p95[name] <= _GOAL,
            quick=chosen.quick,
            members=members,
            campaigns=chosen.campaigns,
            rounds=rounds,
            a_a=f"{apart:.1%}",
            noisy=apart > measure.NOISY,
            foreign_cores=round(usage.foreign, 2),
            peak_megabytes=usage.memory // 1_000_000,
        )


if __name__ == "__main__":
    main()
