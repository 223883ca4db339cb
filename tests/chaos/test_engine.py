"""Killing the sender in the middle: nothing lost, nothing twice, every doubt listed."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

import make
import pytest
from sqlalchemy import insert, select, text

from channels.email import settings as relays
from domain.campaigns import service as campaigns
from domain.delivery import engine, materialise, outlets, queries, recovery
from domain.delivery.claim import Work
from kernel import db, settings
from kernel.ids import new_id
from models import Consent, ContactPoint, Member, Message
from tests.fakes.smtp_sink import Fault, SmtpSink, sink_process

SENDER = Path(__file__).parent / "sender.py"
SESSIONS = 4


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '00:00'"))
        make.sender(session)
    return tenants.a


def people(tenant_id: UUID, count: int) -> None:
    """Many members with consent, by three statements."""
    ids = [new_id() for _ in range(count)]
    with db.tenant_session(tenant_id) as session:
        session.execute(insert(Member), [{"id": i, "tenant_id": tenant_id, "first_name": "Jo"} for i in ids])
        points = [
            {"tenant_id": tenant_id, "member_id": i, "channel": "email", "address": f"p{n}@example.org",
             "address_norm": f"p{n}@example.org"}
            for n, i in enumerate(ids)
        ]  # fmt: skip
        session.execute(insert(ContactPoint), points)
        grants = [
            {"tenant_id": tenant_id, "member_id": i, "channel": "email", "purpose": "marketing", "state": "granted",
             "legal_basis": "consent", "source": "test"}
            for i in ids
        ]  # fmt: skip
        session.execute(insert(Consent), grants)


def started(tenant_id: UUID) -> UUID:
    with db.tenant_session(tenant_id) as session:
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    return campaign_id


def counts(tenant_id: UUID, campaign_id: UUID) -> dict[str, int]:
    with db.tenant_session(tenant_id) as session:
        return queries.counts(session, campaign_id)


def message_ids(dump: Path) -> Counter[str]:
    return Counter(line.split()[0].strip("<>").partition("@")[0] for line in dump.read_text().splitlines() if line)


def spawn(database, tenant_id: UUID, campaign_id: UUID, port: int) -> subprocess.Popen[bytes]:
    arguments = [
        database.app_url, database.app_role or "", str(settings.get_settings().data_dir), str(tenant_id),
        str(campaign_id), str(port), str(SESSIONS), "5",
    ]  # fmt: skip
    return subprocess.Popen([sys.executable, str(SENDER), *arguments])


@pytest.mark.chaos
def test_listmonk_3022_crash_skips_nobody(studio, database, tmp_path):
    people(studio, 2_000)
    campaign_id = started(studio)
    dice, kills = random.Random(3), 0
    with sink_process(tmp_path) as (port, dump):
        while kills < 10 and counts(studio, campaign_id).get("pending", 0) > 0:
            already = len(message_ids(dump)) if dump.exists() else 0
            sender = spawn(database, studio, campaign_id, port)
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline and (len(message_ids(dump)) if dump.exists() else 0) <= already:
                time.sleep(0.005)
            time.sleep(dice.uniform(0.0, 0.05))
            os.kill(sender.pid, signal.SIGKILL)
            sender.wait()
            kills += 1
            assert sum(counts(studio, campaign_id).values()) == 2_000
        last = spawn(database, studio, campaign_id, port)
        last.wait(60)
        accepted = message_ids(dump)
    end = counts(studio, campaign_id)
    assert kills >= 3
    assert set(accepted.values()) == {1}
    assert set(end) <= {"sent", "unknown"}
    assert sum(end.values()) == 2_000
    assert end.get("unknown", 0) <= kills * SESSIONS
    with db.tenant_session(studio) as session:
        rows = session.execute(select(Message.id, Message.state).where(Message.campaign_id == campaign_id)).all()
        assert {str(row.id) for row in rows if row.state == "sent"} <= set(accepted)
        assert campaigns.get(session, campaign_id).status == "sent"


def run(studio: UUID, campaign_id: UUID, url: str, sessions: int = SESSIONS) -> engine.Outcome:
    outlet = outlets.through(relays.parse(url), sessions)
    return engine.send(studio, Work(campaign_id, "email"), outlet, lease_seconds=20)


def test_mautic_3669_parallel_starters(studio):
    people(studio, 600)
    campaign_id = started(studio)
    with SmtpSink() as sink:
        threads = [threading.Thread(target=run, args=(studio, campaign_id, sink.url)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sink.count == 600
    assert counts(studio, campaign_id) == {"sent": 600}


def test_listmonk_2313_resume_is_exact(studio):
    people(studio, 1_000)
    campaign_id = started(studio)
    with SmtpSink() as sink:
        for _ in range(5):
            thread = threading.Thread(target=run, args=(studio, campaign_id, sink.url))
            thread.start()
            time.sleep(0.12)
            with db.tenant_session(studio) as session:
                if campaigns.get(session, campaign_id).status == "sending":
                    campaigns.pause(session, campaign_id, actor="t")
            thread.join()
            settled = sink.count
            time.sleep(0.1)
            assert sink.count == settled
            with db.tenant_session(studio) as session:
                campaigns.resume(session, campaign_id, actor="t")
        while counts(studio, campaign_id).get("sent", 0) < 1_000:
            run(studio, campaign_id, sink.url)
        assert sink.count == 1_000
    assert counts(studio, campaign_id) == {"sent": 1_000}


def test_postal_3016_final_dot_timeout_parks(studio):
    people(studio, 20)
    campaign_id = started(studio)
    with SmtpSink([Fault("dot", stored=True)]) as sink:
        run(studio, campaign_id, sink.url)
        run(studio, campaign_id, sink.url)
        assert sink.count == 20
    assert counts(studio, campaign_id) == {"unknown": 20}


def test_a_wrong_password_holds_the_campaign_and_uses_up_nobody(studio):
    people(studio, 50)
    campaign_id = started(studio)
    with SmtpSink([Fault("mail", reply="535 5.7.8 Authentication credentials invalid")]) as sink:
        run(studio, campaign_id, sink.url)
        assert sink.count == 0
    left = counts(studio, campaign_id)
    assert set(left) <= {"pending", "deferred"}
    assert sum(left.values()) == 50
    with db.tenant_session(studio) as session:
        held = campaigns.get(session, campaign_id)
        assert held.status == "held"
        assert "535" in (held.hold_reason or "")


def test_listmonk_1802_throttle_defers(studio):
    people(studio, 30)
    campaign_id = started(studio)
    with SmtpSink([Fault("rcpt", reply="450 4.7.1 try again later")]) as sink:
        run(studio, campaign_id, sink.url)
        assert sink.count == 0
    left = counts(studio, campaign_id)
    assert set(left) <= {"deferred", "pending"}
    assert left["deferred"] > 0
    assert sum(left.values()) == 30
    with db.tenant_session(studio) as session:
        recovery.sweep(session)
        assert campaigns.get(session, campaign_id).status == "sending"
