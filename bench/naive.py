"""The loop that most teams write against ours: `./dev bench naive [--messages 1000] [--rounds 3] [--quick]`.

Theirs: one Celery task per recipient on Redis; the task loads its row, renders the cached template, opens a connection
with smtplib, sends and writes the row. Ours: the whole path with consent, suppression, tracked links and durable marks.
Both have the same database, the same `smtp-sink`, mails of the same size and two processes. CPU seconds are those of
the application: enqueuing and working, without the database, the broker and the sink. Needs redis-server and postfix.
"""

import contextlib
import functools
import os
import shutil
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from celery import Celery
from jinja2 import Template
from sqlalchemy import DateTime, Integer, String, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bench import measure, sending, smtp_client
from kernel import clock, db

_GOAL = 40
_PROCESSES = 2
_GIVEN = dict(os.environ)  # noqa: TID251 - the worker is told where its servers are
_DATABASE, _BROKER, _PORT, _SIZE = (_GIVEN.get(f"NAIVE_{name}") for name in ("DATABASE", "BROKER", "PORT", "SIZE"))


class _Base(DeclarativeBase):
    pass


class Recipient(_Base):
    """The row of one recipient."""

    __tablename__ = "naive_recipient"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    email: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), default="pending")
    sent_at: Mapped[Any] = mapped_column(DateTime(timezone=True), nullable=True)


app = Celery("naive", broker=_BROKER or "memory://")
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4)


@functools.cache
def _engine() -> Any:
    return create_engine(str(_DATABASE))


@functools.cache
def _template() -> Template:
    line = "<p>Wir freuen uns auf dich, {{ name }}, und im Studio wartet ein Platz.</p>\n"
    return Template("<html><body>" + line * max(1, int(_SIZE or 0) // len(line)) + "</body></html>", autoescape=True)


@app.task(name="naive.send")
def send_one(number: int) -> None:
    with Session(_engine()) as session:
        row = session.get_one(Recipient, number)
        mail = EmailMessage()
        mail["Subject"] = f"Hallo {row.name}"
        mail["From"] = "Studio <info@studio.example>"
        mail["To"] = row.email
        mail.set_content(f"Hallo {row.name}")
        mail.add_alternative(_template().render(name=row.name), subtype="html")
        with smtplib.SMTP("127.0.0.1", int(_PORT or 0)) as connection:
            connection.send_message(mail)
        row.status, row.sent_at = "sent", clock.now()
        session.commit()


@contextlib.contextmanager
def _redis() -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("redis-server is missing: apt-get install --no-install-recommends redis-server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


def theirs(owner_url: str, broker: str, port: int, messages: int, size: int) -> tuple[float, float]:
    """Messages a second, and CPU seconds of the application per 1,000."""
    engine = create_engine(owner_url)
    _Base.metadata.drop_all(engine)
    _Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Recipient(id=n, email=f"n{n}@example.org", name=f"Jörg {n}") for n in range(messages))
        session.commit()
    given = {"NAIVE_DATABASE": owner_url, "NAIVE_BROKER": broker, "NAIVE_PORT": str(port), "NAIVE_SIZE": str(size)}
    environment = {**_GIVEN, **given, "PYTHONPATH": str(measure.ROOT)}
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "bench.naive", "worker", "-c", str(_PROCESSES), "-l", "error"],
        env=environment, cwd=measure.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _await_ready()
        used, began, mine = measure.cpu_of_tree(worker.pid), time.perf_counter(), sending.cpu()
        for number in range(messages):
            send_one.delay(number)
        mine = sending.cpu() - mine
        _await_sent(engine, messages)
        seconds, used = time.perf_counter() - began, measure.cpu_of_tree(worker.pid) - used
    finally:
        worker.terminate()
        worker.wait(30)
    engine.dispose()
    return messages / seconds, (used + mine) / messages * 1_000


def _await_ready() -> None:
    for _ in range(200):
        if app.control.ping(timeout=0.2):
            return
    sys.exit("the Celery worker did not start")


def _await_sent(engine: Any, messages: int) -> None:
    deadline = time.perf_counter() + 600
    with Session(engine) as session:
        while session.scalar(select(func.count()).where(Recipient.status == "sent")) != messages:
            session.rollback()
            if time.perf_counter() > deadline:
                sys.exit("the naive loop did not send everything")
            time.sleep(0.05)


def main() -> None:
    chosen = measure.options(__doc__, messages=(1_000, "messages of the naive loop; ours sends five times as many"))
    messages, rounds = (200, 1) if chosen.quick else (chosen.messages, chosen.rounds)
    rates: dict[str, float] = {}

    with measure.database() as server, _redis() as broker:
        app.conf.broker_url = broker
        tenant_id = sending.tenant_with(messages * 5)

        def our_side(_: int) -> float:
            campaign_id, _, _ = sending.campaign_of(tenant_id, 0)
            with smtp_client.smtp_sink() as port:
                figures = sending.ours(tenant_id, campaign_id, port, 64, messages * 5, sending.Statements())
            rates["ours"] = figures.rate
            return figures.cpu

        def their_side(_: int) -> float:
            _, _, size = sending.campaign_of(tenant_id, 0)
            with smtp_client.smtp_sink() as port:
                rates["theirs"], used = theirs(server.owner_url, broker, port, messages, size)
            return used

        series = measure.interleaved({"ours": our_side, "naive": their_side}, rounds)
        version = measure.server_version()
        db.dispose()
    measure.keep(
        "CPU against one Celery task per message",
        goal=f"P2: ≥ {_GOAL} × less",
        seen=f"naive {series.median('naive'):.2f} s, ours {series.median('ours'):.3f} s per 1,000 messages: "
        f"{series.says('naive', 'ours')} × less; {rates['theirs']:,.0f}/s against {rates['ours']:,.0f}/s",
        met=series.ratio("naive", "ours") >= _GOAL,
        quick=chosen.quick,
        postgresql=version,
        **series.details(),
    )


if __name__ == "__main__":
    main()
