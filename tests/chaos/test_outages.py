"""What goes away and comes back while a campaign is sent: the database, the doorbell's memory, the people's minds.

`ARIIA_CHAOS_RECIPIENTS`, `ARIIA_CHAOS_RESTARTS`, `ARIIA_CHAOS_FLUSHES` and `ARIIA_CHAOS_PAUSES` make it larger.
"""

import concurrent.futures
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
import redis
from chaos import crowd, forms
from chaos.private_postgres import PrivatePostgres, programs
from conftest import make_tenant
from fakes.smtp_sink import sink_process
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from ariia import migrate
from domain.campaigns import service as campaigns
from domain.delivery import queries
from kernel import db, settings
from kernel.errors import AriiaError
from models import Message

RECIPIENTS = int(os.environ.get("ARIIA_CHAOS_RECIPIENTS", "2000"))
RESTARTS = int(os.environ.get("ARIIA_CHAOS_RESTARTS", "3"))
FLUSHES = int(os.environ.get("ARIIA_CHAOS_FLUSHES", "3"))
PAUSES = int(os.environ.get("ARIIA_CHAOS_PAUSES", "15"))
DELAY = os.environ.get("ARIIA_CHAOS_DELAY", "0.006")
PATIENCE = 240 + RECIPIENTS / 40

pytestmark = pytest.mark.chaos


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivatePostgres]:
    if programs() is None:
        assert not os.environ.get("ARIIA_CI"), "the continuous run has a PostgreSQL of the distribution"
        pytest.skip("no PostgreSQL of the distribution on this machine: install the package postgresql")
    with PrivatePostgres() as running:
        role = migrate.ensure_app_role(running.url)
        migrate.upgrade(running.url, role)
        settings.use(settings.Settings(data_dir=tmp_path / "ours", database_url=running.url))
        db.configure(running.url, app_role=role)
        yield running
        db.dispose()


@pytest.fixture
def campaign(server) -> tuple[UUID, UUID]:
    make_tenant("other")
    tenant_id = make_tenant("studio")
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, RECIPIENTS)
        return tenant_id, make.started(session, kind="transactional").id


def look(tenant_id: UUID, campaign_id: UUID) -> tuple[str, dict[str, int]]:
    """Status and counters, however often the database has to be asked."""
    deadline = time.monotonic() + 90
    while True:
        try:
            with db.tenant_session(tenant_id) as session:
                return campaigns.get(session, campaign_id).status, queries.counts(session, campaign_id)
        except DBAPIError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def until(tenant_id: UUID, campaign_id: UUID, sent: int) -> dict[str, int]:
    deadline = time.monotonic() + PATIENCE
    while True:
        status, counts = look(tenant_id, campaign_id)
        if status == "sent" or counts.get("sent", 0) >= sent:
            return counts
        assert time.monotonic() < deadline, (status, counts)
        time.sleep(0.05)


def finished(tenant_id: UUID, campaign_id: UUID, form: forms.Form) -> None:
    deadline = time.monotonic() + PATIENCE
    while (seen := look(tenant_id, campaign_id))[0] != "sent":
        assert time.monotonic() < deadline, f"{seen}\n{form.words()}"
        time.sleep(0.2)


def judge(tenant_id: UUID, dump: Path, *, unknown_at_most: int, **figures: int) -> None:
    arrived = Counter(UUID(line.split("@")[0]) for line in dump.read_text().split())
    with db.tenant_session(tenant_id) as session:
        rows = {row.id: row.state for row in session.execute(select(Message.id, Message.state))}
    sent = {message_id for message_id, state in rows.items() if state == "sent"}
    unknown = {message_id for message_id, state in rows.items() if state == "unknown"}
    twice = sum(n > 1 for n in arrived.values())
    figures |= {"recipients": len(rows), "sent": len(sent), "unknown": len(unknown), "twice": twice}
    figures["lost"] = len(rows) - len(sent) - len(unknown)
    sys.stderr.write(f"{figures}\n")
    assert len(rows) == RECIPIENTS
    assert (figures["lost"], figures["twice"]) == (0, 0)
    assert sent <= set(arrived) <= sent | unknown
    assert len(unknown) <= unknown_at_most


def test_a_database_that_restarts_at_once_loses_and_doubles_nothing(campaign, server, tmp_path):
    with sink_process(tmp_path, "--delay-at-dot", DELAY) as (port, dump):
        env = forms.environment(server.url, port, tmp_path)
        with forms.Inside(env, tmp_path) as form:
            for n in range(RESTARTS):
                until(*campaign, (n + 1) * RECIPIENTS // (RESTARTS + 2))
                server.restart_at_once()
            finished(*campaign, form)
        judge(campaign[0], dump, unknown_at_most=0, restarts=RESTARTS)


def test_listmonk_2070_pausing_and_resuming_at_any_moment_is_exact(campaign, server, tmp_path):
    chance = random.Random(5)
    most = 0
    with sink_process(tmp_path, "--delay-at-dot", DELAY) as (port, dump):
        env = forms.environment(server.url, port, tmp_path)
        with forms.Inside(env, tmp_path) as form:
            until(*campaign, 1)
            done = 0
            while done < PAUSES and look(*campaign)[0] != "sent":
                most = max(most, pause_and_resume(*campaign, chance, dump))
                done += 1
            finished(*campaign, form)
        judge(campaign[0], dump, unknown_at_most=0, pauses=done, after_a_pause=most)
    assert most <= forms.SESSIONS


def pause_and_resume(tenant_id: UUID, campaign_id: UUID, chance: random.Random, dump: Path) -> int:
    """Returns how many mails still arrived after the pause was answered: those that were on the way."""
    try:
        with db.tenant_session(tenant_id) as session:
            campaigns.pause(session, campaign_id, actor="user:t")
    except AriiaError:  # it was complete
        return 0
    before = len(dump.read_text().split())
    time.sleep(chance.uniform(0.1, 0.4))
    after = len(dump.read_text().split())
    with db.tenant_session(tenant_id) as session:
        campaigns.resume(session, campaign_id, actor="user:t")
    time.sleep(chance.uniform(0, 0.3))
    return after - before


def test_of_fifty_parallel_starts_one_launches(server):
    tenant_id = make_tenant("starter")
    with db.tenant_session(tenant_id) as session:
        make.sender(session)
        crowd.gather(session, 5)
        made, revision = make.drafted(session)
        make.approve(session, made.id, revision)

    def start(_: int) -> bool:
        try:
            with db.tenant_session(tenant_id) as session:
                campaigns.start(session, made.id, actor="user:t")
        except AriiaError:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(50))) == 1


@pytest.mark.redis
def test_a_doorbell_that_forgets_everything_costs_seconds_and_no_message(campaign, server, tmp_path):
    if shutil.which("redis-server") is None:
        assert not os.environ.get("ARIIA_CI"), "the continuous run has a redis-server"
        pytest.skip("no redis-server on this machine: install the package redis-server")
    longest = 0.0
    with sink_process(tmp_path, "--delay-at-dot", DELAY) as (port, dump):
        env = forms.environment(server.url, port, tmp_path)
        with forms.Cluster(env, tmp_path) as form, redis.Redis.from_url(env["ARIIA_REDIS_URL"]) as doorbell:
            for n in range(FLUSHES):
                before = until(*campaign, (n + 1) * RECIPIENTS // (FLUSHES + 2)).get("sent", 0)
                doorbell.flushall()
                began = time.monotonic()
                until(*campaign, before + 1)
                longest = max(longest, time.monotonic() - began)
            finished(*campaign, form)
        judge(campaign[0], dump, unknown_at_most=0, flushes=FLUSHES, longest_stall_ms=round(longest * 1_000))
    assert longest <= 60  # and not until Redis would hand it out again, ten minutes
