"""A comparison whose workers die at every moment of it: each gets one variant, the right one, and one decision is made.

`ARIIA_CHAOS_COMPARED` (members), `ARIIA_CHAOS_KILLS` (in each phase of sending) and `ARIIA_CHAOS_SEED` make it larger;
then the database itself is restarted, where else only its connections are cut.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import comparing as own
import make
import pytest
from chaos.private_postgres import PrivatePostgres, programs
from chaos.workers import Workers
from conftest import make_tenant
from fakes.smtp_sink import Fault, SmtpSink
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from ariia import migrate
from domain.campaigns import service as campaigns
from domain.delivery import queries as delivery
from domain.experiments import queries, rules
from kernel import db, settings
from kernel.ids import new_id
from models import AuditEntry, DomainEvent, Experiment, ExperimentDecision, Message

PEOPLE = int(os.environ.get("ARIIA_CHAOS_COMPARED", "160"))
KILLS = int(os.environ.get("ARIIA_CHAOS_KILLS", "1"))
LARGE = "ARIIA_CHAOS_COMPARED" in os.environ
SESSIONS = 4
PATIENCE = 120 + PEOPLE / 20
SETTINGS = {"test_percent": 60, "holdout_percent": 10}

pytestmark = pytest.mark.chaos

_LAPSE = text("UPDATE message SET lease_until = clock_timestamp() WHERE state IN ('claimed', 'sending')")
_WAKE = text("UPDATE tenant_due SET next_due_at = clock_timestamp()")
_AGE = text("""
UPDATE experiment SET next_look_at = clock_timestamp(), test_sent_at = clock_timestamp() - interval '25 hours'
WHERE tenant_id = :tenant
""")
_LOOK = text("INSERT INTO tenant_due (tenant_id, kind, next_due_at) VALUES (:tenant, 'experiments', clock_timestamp()) "
             "ON CONFLICT (tenant_id, kind) DO UPDATE SET next_due_at = excluded.next_due_at")  # fmt: skip
_AS_LOGIN = text("SET LOCAL ROLE NONE")  # only who logs in as they did may see and end the workers' connections
_CUT = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()")  # fmt: skip
_BLOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND wait_event_type = 'Lock' AND query LIKE 'WITH freed%'")  # fmt: skip


class Trial:
    """A studio, its relay, and workers that come and go."""

    def __init__(self, tenant_id: UUID, sink: SmtpSink, workers: Workers) -> None:
        self.tenant_id, self.sink, self.workers = tenant_id, sink, workers
        with db.tenant_session(tenant_id) as session:
            make.sender(session)
            own.people(session, PEOPLE)

    def begin(self) -> UUID:
        with db.tenant_session(self.tenant_id) as session:
            self.campaign_id = own.compared(session, own.B, **SETTINGS).id
        return self.campaign_id

    def count(self) -> dict[tuple[object, ...], int]:
        with db.tenant_session(self.tenant_id) as session:
            return own.cells(session, self.campaign_id)

    def open(self, *, tested: bool) -> int:
        """How many messages a worker still has to do with."""
        states = ("pending", "claimed", "sending")
        return sum(n for (state, _, _, part), n in self.count().items() if state in states and part is tested)

    def status(self) -> str:
        with db.tenant_session(self.tenant_id) as session:
            return queries.get(session, self.campaign_id).status

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait for something that the workers do, also while the database is away."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if reached():
                    return
            except DBAPIError:
                pass
            self.workers.work()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def lapse(self) -> None:
        """Let the leases of the dead be over."""
        assert not self.workers.alive
        with db.tenant_session(self.tenant_id) as session:
            session.execute(_LAPSE)
            session.execute(_WAKE)

    def send(self, goal: int, chance: random.Random, *, tested: bool) -> None:
        """Send until nothing is open, while workers are killed in the middle of it."""
        first = self.sink.count
        for n in range(KILLS):
            pids = [self.workers.start(), self.workers.start()]
            self.until(lambda n=n: self.sink.count >= first + goal * (n + 1) // (KILLS + 2))  # type: ignore[misc]
            self.workers.kill(chance.choice(pids))
            self.workers.kill_all()
            self.lapse()
        self.workers.start()
        self.until(lambda: self.open(tested=tested) == 0)
        self.workers.kill_all()

    def answer(self) -> None:
        """B is clicked by half of its recipients, A by nobody, and the time of the test is up."""
        with db.tenant_session(self.tenant_id) as session:
            own.click(session, self.campaign_id, [0, PEOPLE // 7])
            session.execute(_AGE, {"tenant": self.tenant_id})
            session.execute(_LOOK, {"tenant": self.tenant_id})

    def log(self) -> list[tuple[str, str, int | None, int]]:
        with db.tenant_session(self.tenant_id) as session:
            rows = session.execute(select(ExperimentDecision).order_by(ExperimentDecision.id)).scalars()
            return [(row.verdict, row.outcome, row.winner, row.released) for row in rows]

    def nothing_decided(self) -> bool:
        with db.tenant_session(self.tenant_id) as session:
            found = queries.get(session, self.campaign_id, lock=True)
            freed = session.execute(
                select(Message.id).where(Message.variant.is_not(None), Message.tested.is_(False)).limit(1)
            ).first()
            return (found.status, found.looks, self.log(), freed) == ("testing", 0, [], None)


@pytest.fixture(scope="module")
def server(database, tmp_path_factory) -> Iterator[tuple[str, str | None, Callable[[], None]]]:
    """Where the database is, and how it goes away for a moment."""
    if not LARGE:
        yield database.app_url, database.app_role, cut
        return
    if programs() is None:
        pytest.skip("no PostgreSQL of the distribution on this machine: install the package postgresql")
    with PrivatePostgres() as running:
        role = migrate.ensure_app_role(running.url)
        migrate.upgrade(running.url, role)
        before = settings.get_settings()
        settings.use(settings.Settings(data_dir=tmp_path_factory.mktemp("ours"), database_url=running.url))
        db.configure(running.url, app_role=role)
        yield running.url, role, running.restart_at_once
        settings.use(before)
        db.configure(database.app_url, app_role=database.app_role)


def cut() -> None:
    with db.all_tenants_session("cut every connection") as session:
        session.execute(_AS_LOGIN)
        session.execute(_CUT)


@pytest.fixture(scope="module")
def workers(server, tmp_path_factory) -> Iterator[Workers]:
    with Workers(server[0], server[1], tmp_path_factory.mktemp("theirs")) as running:
        yield running


@pytest.fixture
def trial(workers) -> Iterator[Trial]:
    unique = new_id().hex[-10:]
    make_tenant(f"other-{unique}")
    tenant_id = make_tenant(f"studio-{unique}")
    with SmtpSink([Fault("dot", only_late=True, delay=0.004)]) as sink:
        workers.smtp_port = sink.port
        yield Trial(tenant_id, sink, workers)
        sys.stderr.write(f"compared {PEOPLE}, killed {workers.killed}\n")
        workers.clear()


def decide_and_die(trial: Trial) -> int:
    """Kill a worker at each moment of the decision, until one has committed it; returns how many died before."""
    moment = 0
    while not trial.log():
        assert trial.nothing_decided()
        moment += 1
        trial.workers.gone(trial.workers.start("kill", moment))
    return moment


@contextmanager
def one_waiting_message_locked(trial: Trial) -> Iterator[None]:
    """Somebody else holds one of the messages that wait, so that their release stands still in its middle."""
    with db.tenant_session(trial.tenant_id) as session:
        waits = select(Message.id).where(Message.reason == rules.WAITS).order_by(Message.id.desc()).limit(1)
        session.execute(waits.with_for_update()).one()
        yield


def blocked() -> bool:
    with db.all_tenants_session("who waits for a lock") as session:
        session.execute(_AS_LOGIN)
        return bool(session.execute(_BLOCKED).scalar_one() > 0)


def test_workers_die_in_the_test_in_the_decision_in_the_release_and_in_the_rest(trial):
    chance = random.Random(int(os.environ.get("ARIIA_CHAOS_SEED", "11")))
    trial.begin()
    held, *arms, waiting = rules.allocate(PEOPLE, rules.Settings(weights=(1, 1), **SETTINGS).cells)
    trial.send(sum(arms), chance, tested=True)
    with db.tenant_session(trial.tenant_id) as session:
        assert queries.get(session, trial.campaign_id).allocated == arms
    trial.answer()
    with one_waiting_message_locked(trial):
        pid = trial.workers.start()
        trial.until(blocked)
        trial.workers.kill(pid)
    assert trial.nothing_decided()
    assert decide_and_die(trial) > 10
    assert trial.log() == [("winner", "send", 1, waiting)]
    trial.send(waiting, chance, tested=False)
    trial.workers.start()
    trial.until(lambda: campaign_status(trial) == "sent")
    judge(trial, held, arms, waiting)


def campaign_status(trial: Trial) -> str:
    with db.tenant_session(trial.tenant_id) as session:
        return campaigns.get(session, trial.campaign_id).status


def judge(trial: Trial, held: int, arms: list[int], waiting: int) -> None:
    """Nobody twice, nobody lost, everybody the variant that they have in the ledger, and one decision."""
    with db.tenant_session(trial.tenant_id) as session:
        rows = session.execute(select(Message)).scalars().all()
        told = session.execute(select(DomainEvent.type).where(DomainEvent.aggregate_id == trial.campaign_id)).scalars()
        assert list(told).count("crm.campaign.ab_test.decided") == 1
        entries = session.execute(select(AuditEntry.action).where(AuditEntry.subject == str(trial.campaign_id)))
        assert list(entries.scalars()).count("experiment.decide") == 1
        assert sum(delivery.counts(session, trial.campaign_id).values()) == PEOPLE
    assert len(trial.log()) == 1
    assert [sum(bool(row.tested) and row.variant == n for row in rows) for n in range(2)] == arms
    assert sum(row.tested is False and row.variant == 1 for row in rows) == waiting
    assert sum(row.reason == rules.HOLDOUT for row in rows) == held
    assert sum(arms) + waiting + held == len(rows)
    sent = {str(row.id): row.variant for row in rows if row.state == "sent"}
    unknown = {str(row.id): row.variant for row in rows if row.state == "unknown"}
    assert len(unknown) <= trial.workers.killed * SESSIONS
    assert len(sent) + len(unknown) == sum(arms) + waiting
    arrived = Counter(kept.message_id.partition("@")[0] for kept in trial.sink.messages)
    assert set(arrived.values()) == {1}
    assert set(sent) <= set(arrived) <= {*sent, *unknown}
    mine = sent | unknown
    for kept in trial.sink.messages:
        assert (b"Komm wieder vorbei" in kept.data) == (mine[kept.message_id.partition("@")[0]] == 1)


def test_a_database_that_goes_away_between_look_and_decision_is_asked_again_once(trial, server):
    trial.begin()
    with db.tenant_session(trial.tenant_id) as session:
        own.hand_over(session, trial.campaign_id)
    trial.answer()
    pids = [trial.workers.start("stop", 6) for _ in range(3)]  # the others wait for the one that has it
    trial.until(lambda: any(map(trial.workers.stopped, pids)))
    server[2]()
    trial.until(lambda: db_is_there(trial))
    assert trial.nothing_decided()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    trial.until(lambda: bool(go_on(pids) and trial.log()))
    trial.until(lambda: campaign_status(trial) == "sent")
    trial.workers.kill_all()
    waiting = rules.allocate(PEOPLE, rules.Settings(weights=(1, 1), **SETTINGS).cells)[-1]
    assert trial.log() == [("winner", "send", 1, waiting)]
    assert len(trial.sink.messages) == waiting
    assert all(b"Komm wieder vorbei" in kept.data for kept in trial.sink.messages)


def go_on(pids: list[int]) -> bool:
    """Whoever came to its moment meanwhile goes on too."""
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    return True


def db_is_there(trial: Trial) -> bool:
    with db.tenant_session(trial.tenant_id) as session:
        return session.execute(select(Experiment.id)).first() is not None


def test_nothing_is_decided_in_a_pause_and_an_end_in_the_test_sends_nothing_more(trial):
    trial.begin()
    with db.tenant_session(trial.tenant_id) as session:
        campaigns.pause(session, trial.campaign_id, actor="t")
    trial.answer()
    trial.workers.start()
    trial.workers.start()
    trial.until(lambda: looked_at(trial))
    assert (trial.log(), trial.sink.count) == ([], 0)
    with db.tenant_session(trial.tenant_id) as session:
        session.execute(text("UPDATE experiment SET test_sent_at = NULL WHERE tenant_id = :t"), {"t": trial.tenant_id})
        campaigns.resume(session, trial.campaign_id, actor="t")
    trial.until(lambda: trial.sink.count > 0)
    with db.tenant_session(trial.tenant_id) as session:
        campaigns.cancel(session, trial.campaign_id, actor="t")
        session.execute(_AGE, {"tenant": trial.tenant_id})
        session.execute(_LOOK, {"tenant": trial.tenant_id})
    trial.until(lambda: trial.status() == "stopped")
    trial.until(lambda: {key[0] for key in trial.count()} <= {"sent", "cancelled", "skipped"})
    trial.workers.kill_all()
    assert trial.log() == [("stopped", "stop", None, 0)]
    cells = trial.count()
    assert sum(n for (state, *_), n in cells.items() if state == "sent") == len(trial.sink.messages)
    assert len({kept.message_id for kept in trial.sink.messages}) == len(trial.sink.messages)
    assert {key[0] for key in cells if key[3] is False} == {"cancelled", "skipped"}


def looked_at(trial: Trial) -> bool:
    """Whether somebody looked, found it paused, and put it off."""
    with db.tenant_session(trial.tenant_id) as session:
        row = session.execute(
            text("SELECT next_look_at > clock_timestamp() FROM experiment WHERE tenant_id = :tenant"),
            {"tenant": trial.tenant_id},
        )
        return bool(row.scalar_one())
