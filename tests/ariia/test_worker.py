"""The doorbell inside one process: who rings, who hears it, and how it ends."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import make
import pytest
from chaos import crowd
from fakes.smtp_sink import Fault, SmtpSink
from sqlalchemy import select

from ariia import worker
from ariia.tasks import campaigns as tasks
from ariia.tasks.table import TASKS
from domain.campaigns import service as campaigns
from domain.delivery import notices, queries
from domain.plans import service as plans
from domain.plans.catalog import BROADCASTS
from kernel import db, outbox
from kernel import settings as kernel_settings
from kernel.ids import new_id
from models import Outbox


@pytest.fixture
def inside(database) -> Iterator[Callable[[str], worker.InProcess]]:
    started: list[worker.InProcess] = []
    before = kernel_settings.get_settings()

    def start(smtp_url: str) -> worker.InProcess:
        kernel_settings.use(before.model_copy(update={"smtp_url": smtp_url, "smtp_sessions": 4}))
        started.append(worker.start_in_process())
        return started[-1]

    yield start
    for running in started:
        running.stop()
    kernel_settings.use(before)


def started(tenant_id: UUID, n: int) -> UUID:
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, n)
        return make.started(session).id


def until(what: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def broadcasts(tenant_id: UUID) -> tuple[int, int]:
    with db.tenant_session(tenant_id) as session:
        return next((meter.used, meter.reserved) for meter in plans.meters(session) if meter.limit is BROADCASTS)


def status(tenant_id: UUID, campaign_id: UUID) -> str:
    with db.tenant_session(tenant_id) as session:
        return campaigns.get(session, campaign_id).status


def test_a_started_campaign_is_sent_and_completed_without_anybody_asking_again(inside, tenants):
    with SmtpSink() as sink:
        inside(sink.url)
        campaign_id = started(tenants.a, 50)
        until(lambda: status(tenants.a, campaign_id) == "sent")
        assert sink.count == 50
    with db.tenant_session(tenants.a) as session:
        assert queries.counts(session, campaign_id) == {"sent": 50}


def test_a_process_whose_worker_has_stopped_may_send_again(inside, tenants):
    """Regression: the mark of a stop stayed, and every later run of the process ended after a quarter of a second."""
    with SmtpSink([Fault("dot", only_late=True, delay=0.02)]) as sink:
        inside(sink.url).stop()
        campaign_id = started(tenants.a, 100)
        tasks.start(tenants.a, campaign_id)
        assert broadcasts(tenants.a) == (1, 1), "reserved, and nothing is handed over"
        tasks.send(tenants.a, campaign_id)
        assert sink.count == 100
        assert broadcasts(tenants.a) == (1, 0), "used up"


def test_what_was_asked_for_before_the_worker_came_is_done_too(inside, tenants):
    campaign_id = started(tenants.a, 5)
    with SmtpSink() as sink:
        inside(sink.url)
        until(lambda: status(tenants.a, campaign_id) == "sent")


def test_a_stop_in_the_middle_hands_back_and_the_next_one_finishes_exactly(inside, tenants):
    with SmtpSink([Fault("dot", only_late=True, delay=0.02)]) as sink:
        first = inside(sink.url)
        campaign_id = started(tenants.a, 300)
        until(lambda: sink.count > 20)
        first.stop()
        with db.tenant_session(tenants.a) as session:
            left = queries.counts(session, campaign_id)
        assert set(left) == {"sent", "pending"}
        assert left["sent"] == sink.count
        inside(sink.url)
        until(lambda: status(tenants.a, campaign_id) == "sent")
        assert sink.count == 300


def test_a_broker_that_is_away_does_not_fail_what_is_committed(database, tenants):
    bell = worker.ring_through("redis://127.0.0.1:1/0")
    for _ in range(3):
        with db.tenant_session(tenants.a) as session:
            outbox.enqueue(session, "campaigns.start", id=new_id())
    bell.stop()
    with db.tenant_session(tenants.a) as session:
        assert len(session.execute(select(Outbox.id)).all()) == 3


def test_a_broker_that_does_not_answer_holds_up_no_commit(database, tenants):
    answer, calls = threading.Event(), Calls()
    waited: list[bool] = []
    calls.send_task = lambda *_, **__: waited.append(answer.wait(60))  # type: ignore[method-assign]
    bell = worker.Bell(calls).hang()
    try:
        for _ in range(3):
            with db.tenant_session(tenants.a) as session:
                outbox.enqueue(session, "campaigns.start", id=new_id())
        with db.tenant_session(tenants.a) as session:
            assert len(session.execute(select(Outbox.id)).all()) == 3
        assert waited == []  # the bell still stands at the broker
    finally:
        answer.set()
        bell.stop()
    assert waited
    assert all(waited)


def test_the_same_task_about_the_same_row_runs_once_at_a_time():
    key = ("agents.run", str(new_id()))
    assert worker._begin(key)
    assert not worker._begin(key)
    worker._running.discard(key)
    assert worker._begin(key)
    worker._running.discard(key)


def test_a_task_about_something_that_is_gone_is_done_and_one_that_breaks_is_kept(tenants):
    with db.tenant_session(tenants.a) as session:
        outbox.enqueue(session, "campaigns.start", id=new_id())
        outbox.enqueue(session, "no.such_task", id=new_id())
    with db.tenant_session(tenants.a) as session:
        rows = {row.task: row for row in session.execute(select(Outbox)).scalars()}
    for name, row in rows.items():
        worker._run(name, tenants.a, UUID(row.arguments["id"]), row.id)
    with db.tenant_session(tenants.a) as session:
        [left] = session.execute(select(Outbox)).scalars().all()
    assert (left.task, left.error) == ("no.such_task", "KeyError: 'no.such_task'")


class Calls:
    """A broker that only notes what is asked of it."""

    def __init__(self) -> None:
        self.made: list[tuple[str, list[Any]]] = []

    def send_task(self, task: str, *, args: list[Any], **_: object) -> None:
        self.made.append((task, args))


def confirm(tenant_id: UUID) -> None:
    to = {"purpose": "transactional", "channel": "email", "address": "ada@example.org"}
    with db.tenant_session(tenant_id) as session:
        notices.send(session, kind="confirmation", key=str(new_id()), subject="Bestätigung", body="Angekommen.", **to)


def test_what_somebody_waits_for_is_begun_by_its_commit_and_not_by_the_sweep(tenants):
    """Regression: a confirmation waited for the sweep of each second."""
    calls = Calls()
    bell = worker.Bell(calls).hang()
    try:
        confirm(tenants.a)
        confirm(tenants.b)
        with pytest.raises(ZeroDivisionError), db.tenant_session(tenants.a) as session:
            outbox.hurry(session, "campaigns", "never.committed")
            raise ZeroDivisionError
        until(lambda: len(calls.made) >= 2)
    finally:
        bell.stop()
    expected = [("ariia.run", ["notices.send", str(mine), str(mine), None]) for mine in (tenants.a, tenants.b)]
    assert sorted(calls.made) == sorted(expected)


def test_a_message_that_somebody_waits_for_begins_beside_all_the_blasts():
    blasts = [("campaigns.send", str(new_id())) for _ in range(worker._MOST_SENDING)]
    waited_for = [("notices.send", str(new_id())) for _ in range(2)]
    try:
        assert [worker._begin(key) for key in [*blasts, *waited_for]] == [True] * len(blasts) + [True, False]
    finally:
        for key in [*blasts, *waited_for]:
            worker._running.discard(key)


def test_sending_leaves_threads_for_everything_else():
    keys = [("campaigns.send", str(new_id())) for _ in range(worker._MOST_SENDING + 1)]
    begun = [worker._begin(key) for key in keys]
    try:
        assert begun == [True] * worker._MOST_SENDING + [False]
        assert worker._MOST_SENDING + 1 < worker._THREADS
    finally:
        for key in keys:
            worker._running.discard(key)


def test_the_settings_are_those_that_lose_nothing():
    app = worker.make_app("redis://127.0.0.1:1/0")
    conf = app.conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.result_backend is None
    assert conf.worker_pool == "threads"
    assert conf.broker_transport_options["visibility_timeout"] >= 10 * 60
    assert conf.broker_transport_options["unacked_restore_throttle"] == 1
    assert conf.enable_utc
    assert {entry["task"] for entry in conf.beat_schedule.values()} <= set(app.tasks)


def test_every_task_is_named_area_verb_and_takes_ids_only():
    for name, task in TASKS.items():
        area, _, verb = name.partition(".")
        assert area
        assert verb.isidentifier()
        assert list(task.__annotations__.values())[:-1] == [UUID, UUID]


def test_nothing_of_a_worker_is_left_after_its_stop(inside, tenants):
    with SmtpSink() as sink:
        inside(sink.url).stop()
    assert not {"worker", "beat", "bell"} & {thread.name for thread in threading.enumerate()}
