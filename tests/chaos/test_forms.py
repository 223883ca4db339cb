"""Kill -9 of whole services at random moments, in both forms.

Nobody is lost, nobody gets it twice, and what nobody can know is counted.

`ARIIA_CHAOS_RECIPIENTS`, `ARIIA_CHAOS_KILLS`, `ARIIA_CHAOS_WORKERS` and `ARIIA_CHAOS_DELAY` (seconds at the dot) make
it larger.
"""

import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import make
import pytest
from chaos import crowd, forms
from fakes.smtp_sink import sink_process
from sqlalchemy import create_engine, select, text

from kernel import db
from models import Message

RECIPIENTS = int(os.environ.get("ARIIA_CHAOS_RECIPIENTS", "2000"))
KILLS = int(os.environ.get("ARIIA_CHAOS_KILLS", "10"))
DELAY = os.environ.get("ARIIA_CHAOS_DELAY", "0.01")
PATIENCE = 180 + RECIPIENTS / 40

pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def _roles_go(cluster) -> Iterator[None]:
    """Processes make an application role per database; it goes when the database is gone."""
    yield
    engine = create_engine(cluster.owner_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        orphans = connection.execute(
            text("SELECT rolname FROM pg_roles WHERE rolname LIKE 'ariia\\_test\\_%\\_app' "
                 "AND NOT EXISTS (SELECT FROM pg_database WHERE datname || '_app' = rolname)")
        )  # fmt: skip
        for name in orphans.scalars().all():
            connection.execute(text(f'DROP ROLE IF EXISTS "{name}"'))
    engine.dispose()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    with sink_process(tmp_path, "--delay-at-dot", DELAY) as running:
        yield running


@pytest.fixture
def campaign(_roles_go, database, tenants) -> tuple[UUID, UUID]:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, RECIPIENTS)
        made = make.started(session)
    return tenants.a, made.id


SEEN = text("""
SELECT c.status,
  (SELECT coalesce(jsonb_object_agg(state, n), '{}') FROM (SELECT state, sum(n) AS n FROM campaign_count
    WHERE campaign_id = c.id GROUP BY state HAVING sum(n) <> 0) AS counted),
  (SELECT coalesce(jsonb_object_agg(state, n), '{}') FROM (SELECT state, count(*) AS n FROM message
    WHERE campaign_id = c.id GROUP BY state) AS recounted)
FROM campaign c WHERE c.id = :campaign
""")


def states(tenant_id: UUID, campaign_id: UUID) -> tuple[str, dict[str, int], dict[str, int]]:
    """Status, maintained counters and a recount, of one instant."""
    with db.tenant_session(tenant_id) as session:
        status, counted, recount = session.execute(SEEN, {"campaign": campaign_id}).one()
        return status, counted, recount


def until_somewhere_in_the_middle(tenant_id: UUID, campaign_id: UUID, chance: random.Random) -> None:
    """Wait for progress, check the invariant meanwhile, and go on for a random moment."""
    _, before, _ = states(tenant_id, campaign_id)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status, counted, recount = states(tenant_id, campaign_id)
        assert counted == recount
        assert sum(recount.values()) in {0, RECIPIENTS}
        if counted.get("sent", 0) > before.get("sent", 0) or status == "sent":
            break
        time.sleep(0.05)
    time.sleep(chance.uniform(0, 0.4))


def kill_and_finish(form: forms.Form, tenant_id: UUID, campaign_id: UUID) -> int:
    """Kill the given number of times, let it finish; returns how many kills hit a running campaign."""
    chance = random.Random(os.environ.get("ARIIA_CHAOS_SEED", "7"))
    hits = 0
    for _ in range(KILLS):
        until_somewhere_in_the_middle(tenant_id, campaign_id, chance)
        hits += states(tenant_id, campaign_id)[0] == "sending"
        form.kill(chance)
    deadline = time.monotonic() + PATIENCE
    while states(tenant_id, campaign_id)[0] != "sent":
        assert time.monotonic() < deadline, f"not finished: {states(tenant_id, campaign_id)}\n{form.words()}"
        time.sleep(0.2)
    return hits


def judge(tenant_id: UUID, campaign_id: UUID, dump: Path, hits: int) -> None:
    arrived = Counter(UUID(line.split("@")[0]) for line in dump.read_text().split())
    with db.tenant_session(tenant_id) as session:
        rows = {row.id: row.state for row in session.execute(select(Message.id, Message.state))}
    sent = {message_id for message_id, state in rows.items() if state == "sent"}
    unknown = {message_id for message_id, state in rows.items() if state == "unknown"}
    figures = {"recipients": len(rows), "sent": len(sent), "unknown": len(unknown), "kills": KILLS, "in_flight": hits,
               "twice": sum(n > 1 for n in arrived.values()), "lost": len(rows) - len(sent) - len(unknown),
               "unknown_that_arrived": len(unknown & set(arrived))}  # fmt: skip
    sys.stderr.write(f"{figures}\n")
    assert len(rows) == RECIPIENTS
    assert figures["lost"] == 0
    assert figures["twice"] == 0
    assert sent <= set(arrived)
    assert set(arrived) <= sent | unknown
    assert len(unknown) <= hits * forms.SESSIONS
    assert hits >= KILLS // 2


def test_a_service_with_everything_inside_survives_ten_kills(campaign, database, sink, tmp_path):
    port, dump = sink
    env = forms.environment(database.owner_url, port, tmp_path)
    with forms.Inside(env, tmp_path) as form:
        hits = kill_and_finish(form, *campaign)
    judge(*campaign, dump, hits)


@pytest.mark.redis
def test_a_cluster_on_redis_survives_the_same_kills(campaign, database, sink, tmp_path):
    if shutil.which("redis-server") is None:
        assert not os.environ.get("ARIIA_CI"), "the continuous run has a redis-server"
        pytest.skip("no redis-server on this machine: install the package redis-server")
    port, dump = sink
    env = forms.environment(database.owner_url, port, tmp_path)
    with forms.Cluster(env, tmp_path) as form:
        hits = kill_and_finish(form, *campaign)
    judge(*campaign, dump, hits)
