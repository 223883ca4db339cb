"""Opens and clicks over HTTP: `./dev bench tracking [--connections 64] [--seconds 1.5] [--rounds 5] [--quick]`.

The web process as in a cluster (the worker is elsewhere) against a process with one bare Starlette route, both uvicorn
with httptools and uvloop, kept-alive connections, every request on a message of its own; interleaved rounds. With few
connections the time of one sync is measured too; `--connections 256` shows both when they are busy all the time. A
figure counts only if every answered hit is in the database afterwards, and none twice. CPU is that of the web process
and, apart, of the database.
"""

import argparse
import asyncio
import gc
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import make
from chaos import crowd
from conftest import make_tenant
from sqlalchemy import create_engine, text

from api.app import create_app
from ariia.embedded import postgres
from bench import measure
from domain.delivery import materialise
from domain.tracking import ingest
from kernel import db, log, settings
from kernel.tokens import get_signer, hint_of

_GOAL = 0.75
_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
_BARE = "/bare.gif"
_HITS = text("SELECT count(*) FROM message_event WHERE kind IN ('opened', 'clicked')")


def bare() -> Any:
    """The least that answers: `uvicorn --factory bench.tracking:bare`."""
    from starlette.applications import Starlette  # noqa: PLC0415 - only the other process needs it
    from starlette.responses import Response  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    async def answer(_request: Any) -> Response:
        return Response(b"x" * 43, media_type="image/gif")

    return Starlette(routes=[Route(_BARE, answer)])


def ours() -> Any:
    """The API with all its doors, without a worker: `uvicorn --factory bench.tracking:ours`."""

    @asynccontextmanager
    async def taking(_app: Any) -> AsyncIterator[None]:
        ingest.start()
        gc.collect()
        gc.freeze()
        yield
        ingest.stop()

    db.configure(str(settings.get_settings().database_url))
    log.configure("error")
    return create_app(lifespan=taking)


@contextmanager
def process(factory: str, **extra: str) -> Iterator[tuple[int, int]]:
    """Run an application; yields port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ARIIA_")}  # noqa: TID251 - what a process inherits
    command = [sys.executable, "-m", "uvicorn", "--factory", factory, "--port", str(port), "--no-access-log",
               "--log-level", "error", "--http", "httptools", "--loop", "uvloop"]  # fmt: skip
    env = inherited | extra | {"PYTHONPATH": str(measure.ROOT)}
    running = subprocess.Popen(command, env=env, cwd=measure.ROOT)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert running.poll() is None
                time.sleep(0.1)
        yield port, running.pid
    finally:
        running.terminate()
        running.wait(60)


class Caller(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(
        self, requests: Iterator[bytes], until: float, seconds: list[float], over: asyncio.Future[None]
    ) -> None:
        self._requests, self._until, self._seconds, self._over = requests, until, seconds, over
        self._head = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None) if time.perf_counter() < self._until else None
        if request is None:
            self._transport.close()
            if not self._over.done():
                self._over.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._head += data
        head, _, body = self._head.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0) if body or data else 0
        if b"\r\n\r\n" not in self._head or len(body) < length:
            return
        assert self._head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 302")), self._head[:200]
        self._head = b""
        self._seconds.append(time.perf_counter() - self._began)
        self._next()


async def ask(port: int, requests: Iterator[bytes], connections: int, duration: float) -> list[float]:
    loop = asyncio.get_running_loop()
    seconds: list[float] = []
    until = time.perf_counter() + duration
    overs = [loop.create_future() for _ in range(connections)]
    for over in overs:
        await loop.create_connection(lambda over=over: Caller(requests, until, seconds, over), "127.0.0.1", port)
    await asyncio.gather(*overs)
    return seconds


@dataclass
class Side:
    """One route: how to ask it, and what was seen."""

    port: int
    pid: int
    requests: Iterator[bytes]
    latencies: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, connections: int, duration: float) -> float:
        """Return answers per second of one round."""
        before, began = measure.cpu_of_tree(self.pid), time.perf_counter()
        seconds = asyncio.run(ask(self.port, self.requests, connections, duration))
        rate = len(seconds) / (time.perf_counter() - began)
        self.cpu.append((measure.cpu_of_tree(self.pid) - before) / len(seconds) * 1_000)
        self.latencies += seconds
        return rate

    def says(self) -> str:
        p99 = measure.percentile(self.latencies, 0.99) * 1_000
        return f"p99 {p99:.1f} ms, {statistics.median(self.cpu):.3f} CPU-s per 1,000"


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {_AGENT}\r\nAccept: */*\r\n\r\n".encode()


def sent(n: int) -> tuple[UUID, list[UUID], bytes]:
    """A campaign that `n` people got, with tracking; returns tenant, messages and the hint of its links."""
    tenant_id = make_tenant("bench", tier="enterprise")
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, n, tracking=True)
        campaign = make.started(session)
        materialise.materialise(session, campaign.id)
        session.execute(text("UPDATE message SET state = 'sent', accepted_at = clock_timestamp() - interval '1 hour'"))
        session.execute(text("DELETE FROM outbox"))  # the worker of the service has nothing to send
        session.execute(text("DELETE FROM tenant_due"))
        session.execute(text("UPDATE campaign SET status = 'sent'"))
        session.execute(text("SELECT refresh_statistics(), refresh_message_statistics()"))
        ids = list(session.execute(text("SELECT id FROM message")).scalars())
        return tenant_id, ids, hint_of(campaign.id, "de")


def vacuumed(owner_url: str) -> None:
    """Leave the rows as they are a while after the sending."""
    engine = create_engine(db.driver_url(owner_url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM message, message_event, consent"))
    engine.dispose()


def written(tenant_id: UUID) -> int:
    with db.tenant_session(tenant_id) as session:
        return int(session.execute(_HITS).scalar_one())


def drained(tenant_id: UUID, answered: int) -> float:
    """Wait until every answered hit is a row; returns seconds. Ends this bench where one is missing or twice there."""
    began = time.monotonic()
    while written(tenant_id) < answered and time.monotonic() < began + 60:
        time.sleep(0.1)
    time.sleep(0.5)
    if (found := written(tenant_id)) != answered:
        sys.exit(f"{answered} hits were answered, {found} are in the database")
    return time.monotonic() - began - 0.5


def compare(chosen: argparse.Namespace, server: postgres.Server) -> None:
    people = 4_000 if chosen.quick else chosen.messages
    tenant_id, ids, hint = sent(people)
    vacuumed(server.owner_url)
    signer = get_signer()
    opens = (request(f"/t/o/{signer.sign('o', tenant_id, i)}.gif") for i in ids)
    clicks = (request(f"/t/c/{signer.sign('c', tenant_id, i, 0, hint)}") for i in ids)
    own = {
        "ARIIA_DATABASE_URL": server.app_url,
        "ARIIA_SMTP_URL": "smtp://127.0.0.1:9",
        "ARIIA_LOG_LEVEL": "error",
        "ARIIA_DATA_DIR": str(settings.get_settings().data_dir),
    }
    with process("bench.tracking:bare") as plain, process("bench.tracking:ours", **own) as ours:
        sides = {
            "bare": Side(*plain, iter(lambda: request(_BARE), None)),
            "open": Side(*ours, iter(list(opens))),
            "click": Side(*ours, iter(list(clicks))),
        }
        duration = 0.5 if chosen.quick else chosen.seconds

        def runner(side: Side) -> Any:
            def run(_: int) -> float:
                rate = side.run(chosen.connections, duration)
                drained(tenant_id, len(sides["open"].latencies) + len(sides["click"].latencies))
                return rate

            return run

        before = measure.cpu_of_tree(server.pid)
        series = measure.interleaved(
            {name: runner(side) for name, side in sides.items()}, 1 if chosen.quick else chosen.rounds
        )
        hits = len(sides["open"].latencies) + len(sides["click"].latencies)
        database = (measure.cpu_of_tree(server.pid) - before) / hits * 1_000
    for name in ("open", "click"):
        ratio = series.ratio(name, "bare")
        rate = series.median(name)
        seen = f"{rate:,.0f}/s, {series.says(name, 'bare')} of bare Starlette; {sides[name].says()}"
        seen += f"; database {database:.3f}; bare: {sides['bare'].says()}"
        measure.keep(
            f"tracking, {name}s per second, durable", goal=f"P9: ≥ {_GOAL} of bare Starlette", seen=seen,
            met=ratio >= _GOAL, quick=chosen.quick, **series.details(),
        )  # fmt: skip


def main() -> None:
    chosen = measure.options(
        __doc__,
        connections=(64, "kept-alive connections"),
        seconds=(1.5, "length of a round"),
        messages=(150_000, "messages, each hit once"),
    )
    with measure.database() as server:
        compare(chosen, server)


if __name__ == "__main__":
    main()
