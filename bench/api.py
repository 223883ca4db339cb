"""Reading campaigns over HTTP: `./dev bench api [--members 100000] [--campaigns 1000] [--connections 16]`.

A real server process, kept-alive connections, one tenant full of members and campaigns with recipients and counters, a
second tenant beside it. Latency is what the client sees; the bare route (/health) is measured in the same rounds.
`--plans` prints how the application role reads.
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
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import make
from chaos import crowd
from conftest import make_tenant
from sqlalchemy import event, text

from api import deps
from api.routes import campaigns as routes
from bench import measure
from domain.campaigns import queries as campaign_queries
from domain.campaigns import service as campaigns
from domain.delivery import queries
from domain.identity import service as identity
from kernel import db, settings
from models import Campaign

_GOAL = 20
_FILL = text("""
INSERT INTO campaign (id, tenant_id, name, kind, channel, status, goal, audience, version, created_by)
SELECT new_id(), :tenant, 'Campaign ' || n, 'broadcast', 'email', (ARRAY['draft', 'sent', 'sending'])[1 + n % 3],
  'goal', '{"kind": "all_members"}', 1, 'bench' FROM generate_series(1, :n) AS n
""")
_RECIPIENTS = text("""
INSERT INTO message (id, tenant_id, campaign_id, member_id, channel, address, address_norm, language, tracked, state,
  approval_hash, attempt, step, priority)
SELECT new_id(), :tenant, c.id, m.id, 'email', m.external_id, m.external_id, 'de', false, 'sent', '', 1, 0, 5
FROM (SELECT id FROM campaign WHERE tenant_id = :tenant AND status = 'sent' ORDER BY id LIMIT 20) c
CROSS JOIN (SELECT id, external_id FROM member WHERE tenant_id = :tenant LIMIT 5000) m
""")


def filled(members: int, campaigns: int) -> tuple[UUID, str, UUID]:
    """A tenant full of rows; returns the tenant, a key of it and one campaign."""
    tenant_id = make_tenant("bench")
    for tenant, n in ((tenant_id, members), (make_tenant("beside"), 1_000)):
        with db.tenant_session(tenant) as session:
            make.sender(session)
            crowd.gather(session, n)
            session.execute(_FILL, {"tenant": tenant, "n": campaigns})
    with db.tenant_session(tenant_id) as session:
        session.execute(_RECIPIENTS, {"tenant": tenant_id})
        session.execute(text("SELECT refresh_statistics(), refresh_message_statistics()"))
        key = identity.issue_key(session, name="bench", actor="bench")
        wanted = text("SELECT id FROM campaign WHERE status = 'sent' ORDER BY id LIMIT 1")
        return tenant_id, key.secret, session.execute(wanted).scalar_one()


@contextmanager
def service(database_url: str) -> Iterator[int]:
    """The web process, without worker: nothing is due."""
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
        yield port
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


def plans(tenant_id: UUID, campaign_id: UUID) -> None:
    """Print the plan of every statement of both requests."""
    statements: list[tuple[str, Any]] = []

    def note(_c: object, _u: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT") and "set_config" not in statement:
            statements.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", note)
    with db.tenant_session(tenant_id) as session:
        routes.shown(session, campaigns.get(session, campaign_id))
        query = deps.PageQuery(limit=50, after=None)
        found, _ = deps.page_of(
            session,
            campaign_queries.matching(session, statuses=None, kind=None, channel=None, text=None),
            Campaign.id,
            query,
        )
        queries.counts_of_many(session, [row.id for row in found])
    event.remove(db.engine(), "before_cursor_execute", note)
    with db.tenant_session(tenant_id) as session:
        raw = session.connection().connection.cursor()
        for statement, parameters in statements:
            raw.execute(f"EXPLAIN {statement}", parameters)
            print("\n".join(row[0] for row in raw.fetchall()), end="\n\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--campaigns", type=int, default=1_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plans", action="store_true")
    chosen = parser.parse_args()
    members, rounds, seconds = (5_000, 1, 2.0) if chosen.quick else (chosen.members, chosen.rounds, chosen.seconds)
    with measure.database() as server:
        tenant_id, key, campaign_id = filled(members, chosen.campaigns)
        if chosen.plans:
            plans(tenant_id, campaign_id)
        url = server.owner_url.replace("+psycopg", "")
        with service(url) as port, measure.Usage() as usage:
            one = f"/api/v1/campaigns/{campaign_id}"
            paths = {"one": one, "bare": "/health", "list": "/api/v1/campaigns?limit=50", measure.AGAIN: one}
            found: dict[str, list[list[float]]] = {name: [] for name in paths}
            for n in range(rounds + 1):  # the first warms up
                for name, path in paths.items():
                    taken = asyncio.run(ask(port, path, key, chosen.connections, seconds if n else 1.0))
                    if n:
                        found[name].append(taken)
    p95 = {
        name: statistics.median(measure.percentile(taken, 0.95) for taken in runs) * 1_000
        for name, runs in found.items()
    }
    apart = abs(p95[measure.AGAIN] / p95["one"] - 1)
    for name, words in (("one", "GET /campaigns/{id}"), ("list", f"GET /campaigns, 50 of {chosen.campaigns:,}")):
        rate = statistics.median(len(taken) for taken in found[name]) / seconds
        measure.keep(
            words,
            goal=f"P18: p95 ≤ {_GOAL} ms (the owner asks for 200 ms)",
            seen=f"p95 {p95[name]:.1f} ms, {rate:,.0f}/s with {chosen.connections} connections; "
            f"the bare route {p95['bare']:.1f} ms",
            met=p95[name] <= _GOAL,
            quick=chosen.quick,
            members=members,
            campaigns=chosen.campaigns,
            rounds=rounds,
            a_a=f"{apart:.1%}",
            noisy=apart > measure.NOISY,
            cpu_seconds=round(usage.cpu, 1),
            foreign_cores=round(usage.foreign, 2),
            peak_megabytes=usage.memory // 1_000_000,
        )


if __name__ == "__main__":
    main()
