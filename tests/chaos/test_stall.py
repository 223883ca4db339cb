"""A worker stands still for longer than its lease and wakes up: another took over, and nothing is sent twice.

This is what a paused virtual machine, a full swap or a debugger does to a process.
"""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import make
import pytest
from chaos import crowd
from fakes.smtp_sink import sink_process
from sqlalchemy import text

from domain.campaigns import service as campaigns
from domain.delivery import materialise
from kernel import db
from tests.chaos.test_engine import SESSIONS, spawn

RECIPIENTS = 900
PATIENCE = 120
pytestmark = pytest.mark.chaos

HELD = text("SELECT DISTINCT owner FROM message WHERE campaign_id = :campaign AND state IN ('claimed', 'sending')")


@pytest.fixture
def campaign(tenants) -> tuple[UUID, UUID]:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, RECIPIENTS)
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    return tenants.a, campaign_id


@contextmanager
def stood_still(process: subprocess.Popen[bytes]) -> Iterator[None]:
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def until(reached: Callable[[], bool], *, fine: float = 0.02) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(fine)


def arrived(dump: Path) -> Counter[UUID]:
    return Counter(UUID(line.partition("@")[0]) for line in dump.read_text().split())


def owners(tenant_id: UUID, campaign_id: UUID) -> set[UUID]:
    with db.tenant_session(tenant_id) as session:
        return set(session.execute(HELD, {"campaign": campaign_id}).scalars())


def states(tenant_id: UUID) -> dict[UUID, str]:
    with db.tenant_session(tenant_id) as session:
        return {row.id: row.state for row in session.execute(text("SELECT id, state FROM message"))}


def is_sent(tenant_id: UUID, campaign_id: UUID) -> bool:
    with db.tenant_session(tenant_id) as session:
        return str(campaigns.get(session, campaign_id).status) == "sent"


@pytest.mark.parametrize("wakes", ["while the other is sending", "when everything is done"])
def test_a_worker_that_stood_still_past_its_lease_sends_nothing_again(campaign, database, tmp_path, wakes):
    with sink_process(tmp_path, "--delay-at-dot", "0.01") as (port, dump):
        first = spawn(database, *campaign, port)
        until(lambda: dump.exists() and len(arrived(dump)) > 20, fine=0.005)
        with stood_still(first):
            (stalled,) = owners(*campaign)
            held = [message_id for message_id, state in states(campaign[0]).items() if state in {"claimed", "sending"}]
            settled = len(arrived(dump))
            second = spawn(database, *campaign, port)
            until(lambda: stalled not in owners(*campaign))
            if wakes == "while the other is sending":
                until(lambda: len(arrived(dump)) > settled)
            else:
                assert second.wait(PATIENCE) == 0
                assert is_sent(*campaign)
        assert (first.wait(PATIENCE), second.wait(PATIENCE)) == (0, 0)
        came = arrived(dump)
    assert len(held) > SESSIONS
    judge(states(campaign[0]), came)
    assert is_sent(*campaign)


def judge(last: dict[UUID, str], came: Counter[UUID]) -> None:
    """One that stood still between the mark and the dot knows when it wakes that nothing left: parked, then failed."""
    sent, unknown, failed = ({key for key, state in last.items() if state == name} for name in
                             ("sent", "unknown", "failed"))  # fmt: skip
    assert len(last) == RECIPIENTS
    assert sent | unknown | failed == set(last), Counter(last.values())
    assert set(came.values()) == {1}
    assert sent <= set(came) <= sent | unknown
    assert len(unknown | failed) <= SESSIONS
