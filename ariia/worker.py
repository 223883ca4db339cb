"""The doorbell: Celery in two forms, inside the web process or on Redis with separate worker and beat.

    celery -A ariia.worker worker
    celery -A ariia.worker beat

A task holds no truth: its body does what is due for a row and ends.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from celery import Celery
from celery.signals import worker_init, worker_ready, worker_shutting_down

from ariia import process, relay
from ariia.tasks import campaigns
from ariia.tasks.table import TASKS
from domain.delivery import notices
from domain.knowledge import vectors
from kernel import log, outbox
from kernel.errors import NotFound
from kernel.outbox import Errand
from kernel.settings import get_settings

_RELAY_SECONDS = 2.0
_SWEEP_SECONDS = 1.0
_THREADS = 6
_MOST_SENDING = 4  # runs at once per process, so that threads are left for everything else
_WAITED_FOR = notices.TASK  # one of them may run beside the others: a blast makes nobody wait
_SENDING = frozenset({"campaigns.send", _WAITED_FOR})
_DOORBELL_SECONDS = 60  # a ring that nobody heard in time is worth nothing: the sweep rings again


def make_app(redis_url: str | None) -> Celery:
    """Return the Celery application on Redis, or on the memory of this process."""
    app = Celery("ariia", set_as_current=False)
    app.set_default()
    app.conf.update(
        broker_url=redis_url or "memory://localhost",
        broker_transport_options={"polling_interval": 0.002} if redis_url is None else {
            "visibility_timeout": 3_600, "unacked_restore_throttle": 1, "socket_connect_timeout": 3,
            "max_retries": 2, "interval_start": 0.1, "interval_max": 0.5,
        },
        broker_connection_retry_on_startup=True,
        task_default_queue="ariia",
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_pool="threads",
        worker_concurrency=_THREADS,
        worker_soft_shutdown_timeout=30,
        worker_enable_soft_shutdown_on_idle=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        enable_utc=True,
        timezone="UTC",
        beat_scheduler="celery.beat:Scheduler",
        beat_schedule={
            "relay": {"task": "ariia.relay", "schedule": _RELAY_SECONDS, "options": {"expires": 30}},
            "sweep": {"task": "ariia.sweep", "schedule": _SWEEP_SECONDS, "options": {"expires": 30}},
        },
    )  # fmt: skip
    _register(app)
    return app


_running: set[tuple[str, str]] = set()
_running_lock = threading.Lock()


def _begin(key: tuple[str, str]) -> bool:
    """Note that a task runs; False where it already does, or where enough runs are sending."""
    with _running_lock:
        sending = sum(task in _SENDING for task, _ in _running)
        if key in _running or (key[0] in _SENDING and sending >= _MOST_SENDING + (key[0] == _WAITED_FOR)):
            return False
        _running.add(key)
        return True


def _register(app: Celery) -> None:
    def ring(task: str, tenant_id: UUID, subject: UUID, outbox_id: UUID | None) -> None:
        arguments = [task, str(tenant_id), str(subject), str(outbox_id) if outbox_id else None]
        app.send_task("ariia.run", args=arguments, expires=_DOORBELL_SECONDS)

    def run(task: str, tenant_id: str, subject: str, outbox_id: str | None) -> None:
        """Run one task of the table; the same task about the same row runs once per process at a time."""
        key = (task, subject)
        if not _begin(key):
            return
        try:
            _run(task, UUID(tenant_id), UUID(subject), UUID(outbox_id) if outbox_id else None)
        finally:
            with _running_lock:
                _running.discard(key)
        relay.go_on(ring, UUID(tenant_id), sent=task in _SENDING)

    def deliver() -> None:
        relay.deliver(ring)

    def sweep() -> None:
        relay.sweep(ring)

    app.task(run, name="ariia.run", shared=False)
    app.task(deliver, name="ariia.relay", shared=False)
    app.task(sweep, name="ariia.sweep", shared=False)


def _run(task: str, tenant_id: UUID, subject: UUID, outbox_id: UUID | None) -> None:
    logger = log.get("worker")
    try:
        TASKS[task](tenant_id, subject)
    except NotFound:
        logger.warning("task.without_subject", task=task, id=str(subject))
    except Exception as error:
        logger.exception("task.failed", task=task, id=str(subject))
        if outbox_id is not None:
            relay.settle(tenant_id, outbox_id, f"{type(error).__name__}: {error}")
        return
    if outbox_id is not None:
        relay.settle(tenant_id, outbox_id, None)


@dataclass
class InProcess:
    """Worker and beat as threads of this process."""

    app: Celery
    worker: Any
    beat: Any
    threads: list[threading.Thread]
    bell: "Bell"

    def stop(self) -> None:
        """Let running tasks end, and end both; runs that send hand back what they did not begin.

        Once all have ended, this process may send again: it may start another worker, or run a task itself.
        """
        self.bell.stop()
        campaigns.stopping.set()
        self.beat.stop(wait=True)
        with suppress(SystemExit):
            self.worker.stop()
        for thread in self.threads:
            thread.join(35)
        if not any(thread.is_alive() for thread in self.threads):
            campaigns.stopping.clear()


def start_in_process() -> InProcess:
    """Start worker and beat as threads; for one process with its own memory broker."""
    from celery.apps.worker import Worker  # noqa: F401, PLC0415 - registers the fixups that WorkController expects
    from celery.beat import Service  # noqa: PLC0415
    from celery.worker import WorkController  # noqa: PLC0415

    campaigns.stopping.clear()
    app = make_app(None)
    worker = WorkController(app=app, pool_cls="threads", concurrency=_THREADS, without_mingle=True,
                            without_gossip=True, without_heartbeat=True)  # fmt: skip
    beat = Service(app, max_interval=1, scheduler_cls="celery.beat:Scheduler")
    threads = [
        threading.Thread(target=worker.start, name="worker", daemon=True),
        threading.Thread(target=beat.start, kwargs={"embedded_process": False}, name="beat", daemon=True),
    ]
    for thread in threads:
        thread.start()
    _look_around(app)
    return InProcess(app, worker, beat, threads, Bell(app).hang())


def ring_through(redis_url: str) -> "Bell":
    """Let this process wake workers on Redis after its commits; `stop` the bell at the end."""
    return Bell(make_app(redis_url)).hang()


class Bell:
    """Rings from a thread of its own, so that no request waits for a broker; like rings in a burst become one."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._pulled = threading.Event()
        self._errands: set[Errand] = set()
        self._over = False
        self._thread = threading.Thread(target=self._ring, name="bell", daemon=True)

    def hang(self) -> Self:
        """Ring from now on after every commit of this process that asked for work."""
        self._thread.start()
        outbox.set_bell(self._pull)
        return self

    def _pull(self, errand: Errand) -> None:
        self._errands.add(errand)
        self._pulled.set()

    def _ring(self) -> None:
        while self._pulled.wait() and not self._over:
            self._pulled.clear()
            while self._errands:
                task, tenant_id = self._errands.pop()
                if tenant_id is None:
                    _wake(self._app)
                else:
                    _wake(self._app, "ariia.run", [task, str(tenant_id), str(tenant_id), None])

    def stop(self) -> None:
        """Take the bell down; a second call does nothing."""
        outbox.set_bell(None)
        self._over = True
        self._pulled.set()
        self._thread.join(10)


def _look_around(app: Celery) -> None:
    """Look at once for what a predecessor left, and whether vectors are of another model than they were."""
    vectors.expect_everywhere()
    _wake(app, "ariia.relay")
    _wake(app, "ariia.sweep")


def _wake(app: Celery, task: str = "ariia.relay", arguments: Sequence[str | None] = ()) -> None:
    """Ring once; a broker that is away costs a log line, for the beat finds the row seconds later."""
    try:
        app.send_task(task, args=list(arguments), expires=_DOORBELL_SECONDS, retry=False)
    except Exception as error:  # noqa: BLE001 - the transaction is committed: its caller must not fail now
        log.get("worker").warning("doorbell.silent", error=type(error).__name__)


def _prepare_worker(**_: object) -> None:
    """Open database and logs before the first task; a worker that cannot does not start."""
    settings = get_settings()
    if settings.smtp_url is None or settings.database_url is None:
        raise SystemExit("a separate worker needs ARIIA_DATABASE_URL and ARIIA_SMTP_URL")
    process.prepare()
    ring_through(settings.redis_url or "")


def _arrived(sender: Any = None, **_: object) -> None:
    _look_around(sender.app)


def _leave(**_: object) -> None:
    campaigns.stopping.set()


def __getattr__(name: str) -> Celery:
    """`celery -A ariia.worker` looks for `app`; it is made when asked for, from the settings."""
    if name in {"app", "celery"}:
        redis_url = get_settings().redis_url
        if redis_url is None:
            raise SystemExit("a separate worker needs ARIIA_REDIS_URL; without it the web process works itself")
        made = make_app(redis_url)
        worker_init.connect(_prepare_worker, weak=False)
        worker_ready.connect(_arrived, weak=False)
        worker_shutting_down.connect(_leave, weak=False)
        globals()["app"] = made
        return made
    raise AttributeError(name)
