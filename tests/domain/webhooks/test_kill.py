"""sending.md S14: events are not lost, however often the deliverer dies."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.webhook_receiver import firsts
from sqlalchemy import select, text

from domain.webhooks import events, service
from kernel import db, settings
from kernel.ids import new_id
from models import WebhookDelivery

DELIVERER = Path(__file__).with_name("deliverer.py")
RECEIVER = Path(__file__).resolve().parents[2] / "fakes" / "webhook_receiver.py"
# The whole size is 5,000 events and 20 kills (ARIIA_TEST_SIZE=full); usually fewer of both.
FULL = os.environ.get("ARIIA_TEST_SIZE") == "full"
EVENTS, KILLS, AGGREGATES = (5_000, 20, 50) if FULL else (480, 5, 12)


def lines_of(path: Path) -> list[tuple[str, str, int]]:
    whole = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
    return [(line.split()[0], line.split()[2], int(line.split()[3])) for line in whole]


@pytest.mark.chaos
def test_a_deliverer_that_is_killed_again_and_again_loses_no_event_and_keeps_the_order(database, tenants, tmp_path):
    path, dice = tmp_path / "got", random.Random(14)
    with db.tenant_session(tenants.a) as session:
        endpoint, secret = service.create(session, url="http://127.0.0.1:9/", wanted=["crm.campaign.*"], actor="t")
    receiver = subprocess.Popen(
        [sys.executable, str(RECEIVER), str(path), secret], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        port = receiver.stdout.readline().strip()
        with db.tenant_session(tenants.a) as session:
            service.change(session, endpoint.id, actor="t", changes={"url": f"http://127.0.0.1:{port}/"})
        emit_all(tenants.a)
        kills = 0
        while kills < KILLS:
            seen, deliverer = len(lines_of(path)), spawn(database, tenants.a)
            wait_for(lambda seen=seen: len(lines_of(path)) > seen + EVENTS // (KILLS * 3))
            time.sleep(dice.uniform(0, 0.05))
            os.kill(deliverer.pid, signal.SIGKILL)
            deliverer.wait()
            kills += 1
            end_leases(tenants.a)
        spawn(database, tenants.a).wait(120)
    finally:
        receiver.stdin.close()
        receiver.wait(60)
        receiver.stdout.close()
    rows = lines_of(path)
    assert len({event_id for event_id, _, _ in rows}) == EVENTS
    assert all(found == list(range(1, EVENTS // AGGREGATES + 1)) for found in firsts(rows).values())
    assert len(rows) <= EVENTS + KILLS * 8  # of each death, what was on the wire side by side
    with db.tenant_session(tenants.a) as session:
        assert set(session.execute(select(WebhookDelivery.state)).scalars()) == {"delivered"}


def emit_all(tenant_id) -> None:
    aggregates = [new_id() for _ in range(AGGREGATES)]
    for start in range(0, EVENTS, 100):
        with db.tenant_session(tenant_id) as session:
            for n in range(start, min(start + 100, EVENTS)):
                events.emit(session, "crm.campaign.updated", aggregate="campaign", id=aggregates[n % AGGREGATES])


def spawn(database, tenant_id) -> subprocess.Popen[bytes]:
    data_dir = str(settings.get_settings().data_dir)
    return subprocess.Popen(
        [sys.executable, str(DELIVERER), database.app_url, database.app_role or "", data_dir, str(tenant_id)]
    )


def wait_for(condition, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)


def end_leases(tenant_id) -> None:
    """The minute that the dead one held its deliveries is over."""
    with db.tenant_session(tenant_id) as session:
        session.execute(
            text("UPDATE webhook_delivery SET next_at = clock_timestamp() WHERE state = 'pending' AND next_at > now()")
        )
