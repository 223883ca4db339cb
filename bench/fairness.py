"""A small tenant and a waiting person beside a blast: `./dev bench fairness [--blast 100000] [--rounds 3] [--quick]`.

Redis, a beat and two workers, each a process of its own, send into `smtp-sink`. Alone and beside the blast of another
tenant: how long a campaign of 1,000 takes from its start to its end, and how long a single message that somebody waits
for (a confirmation) takes until the relay has it. Needs redis-server and postfix.
"""

import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import make
from chaos import crowd
from chaos.forms import Cluster, environment
from sqlalchemy import func, select

from ariia import worker
from bench import measure, sending, smtp_client
from domain.campaigns import service as campaigns
from domain.delivery import notices, queries
from kernel import db
from kernel.ids import new_id
from models import Message

_SMALL = 1_000
_GOAL, _P99, _P99_RATIO = 1.5, 0.1, 3


def small(tenant_id: UUID) -> float:
    """Seconds from the start of a campaign of a small tenant to its end."""
    with db.tenant_session(tenant_id) as session:
        made, revision = make.drafted(session, kind="transactional")
        make.approve(session, made.id, revision)
    began = time.perf_counter()
    with db.tenant_session(tenant_id) as session:
        campaigns.start(session, made.id, actor=make.ACTOR)
    while True:
        with db.tenant_session(tenant_id) as session:
            if campaigns.get(session, made.id).status == "sent":
                return time.perf_counter() - began
        time.sleep(0.02)


def waiting(tenant_id: UUID, count: int) -> list[float]:
    """Seconds until the relay has each of some messages that people wait for."""
    ids = []
    for n in range(count):
        with db.tenant_session(tenant_id) as session:
            address = f"crowd-{n % _SMALL + 1}@example.org"
            message_id = notices.send(
                session,
                kind="confirmation",
                purpose="transactional",
                channel="email",
                address=address,
                key=str(new_id()),
                subject="Bestätigung",
                body="Hallo",
            )
            ids.append(message_id)
        time.sleep(0.1)
    while True:
        with db.tenant_session(tenant_id) as session:
            took = func.extract("epoch", Message.accepted_at - Message.created_at)
            done = select(took).where(Message.id.in_(ids), Message.accepted_at.is_not(None))
            seconds = [float(each) for each in session.execute(done).scalars()]
        if len(seconds) == count:
            return seconds
        time.sleep(0.1)


def blast(tenant_id: UUID) -> UUID:
    """Start the campaign of the large tenant, and return once it is on its way."""
    with db.tenant_session(tenant_id) as session:
        made, revision = make.drafted(session, kind="transactional")
        make.approve(session, made.id, revision)
        campaigns.start(session, made.id, actor=make.ACTOR)
    while sent(tenant_id, made.id) < _SMALL:
        time.sleep(0.05)
    return made.id


def sent(tenant_id: UUID, campaign_id: UUID) -> int:
    with db.tenant_session(tenant_id) as session:
        return queries.counts(session, campaign_id).get("sent", 0)


def main() -> None:
    chosen = measure.options(__doc__, blast=(100_000, "recipients of the other tenant"))
    size, rounds = (5_000, 1) if chosen.quick else (chosen.blast, chosen.rounds)
    alone, beside, idle, busy = [], [], [], []
    with measure.database() as server, tempfile.TemporaryDirectory() as folder, smtp_client.smtp_sink() as port:
        env = environment(server.app_url, port, Path(folder), ARIIA_SMTP_SESSIONS="16", ARIIA_LEASE_SECONDS="60")
        little, large = sending.tenant_with(_SMALL, slug="little"), sending.tenant_with(size, slug="large")
        with db.tenant_session(large) as session:
            crowd.no_quiet_hours(session)
        with Cluster(env, Path(folder)):
            bell = worker.ring_through(env["ARIIA_REDIS_URL"])
            small(little)
            for _ in range(rounds):
                alone.append(small(little))
                idle += waiting(little, 30)
                campaign_id = blast(large)
                beside.append(small(little))
                busy += waiting(little, 30)
                print(
                    f"  alone {alone[-1]:.2f} s, beside {beside[-1]:.2f} s; {sent(large, campaign_id):,} of the blast"
                )
                with db.tenant_session(large) as session:
                    if campaigns.get(session, campaign_id).status == "sending":
                        campaigns.cancel(session, campaign_id, actor=make.ACTOR)
            bell.stop()
    ratio = sorted(b / a for a, b in zip(alone, beside, strict=True))[len(alone) // 2]
    measure.keep(
        "a small tenant's 1,000 beside another's blast",
        goal=f"P12: ≤ {_GOAL} × alone",
        seen=f"{ratio:.2f} × ({sorted(alone)[len(alone) // 2]:.2f} s alone)",
        met=ratio <= _GOAL,
        quick=chosen.quick,
        seconds_alone=[round(each, 2) for each in alone],
        seconds_beside=[round(each, 2) for each in beside],
    )
    calm, rushed = measure.percentile(idle, 0.99), measure.percentile(busy, 0.99)
    measure.keep(
        "a message that somebody waits for, during a blast",
        goal=f"P11: p99 ≤ {_P99 * 1_000:.0f} ms and ≤ {_P99_RATIO} × idle",
        seen=f"p99 {rushed * 1_000:.0f} ms, p50 {measure.percentile(busy, 0.5) * 1_000:.0f} ms; idle p99 "
        f"{calm * 1_000:.0f} ms",
        met=rushed <= _P99 and rushed <= _P99_RATIO * calm,
        quick=chosen.quick,
    )


if __name__ == "__main__":
    main()
