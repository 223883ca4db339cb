"""Killing the web process in the middle of its hits: every answered one is kept, and none twice."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.tracking.ingest import Ingest
from kernel import db, settings
from kernel.tokens import get_signer, hint_of
from tests.conftest import ROOT
from tests.domain.tracking.conftest import PHONE, Sent, prepare

SERVER = Path(__file__).parent / "tracking_server.py"
HITS = 2_000


@contextmanager
def service(database, folder: Path, port: int) -> Iterator[subprocess.Popen]:
    mine = settings.get_settings()
    arguments = [str(port), database.app_url, str(folder), mine.secret_key.get_secret_value(), database.app_role or ""]
    process = subprocess.Popen([sys.executable, str(SERVER), *arguments], cwd=ROOT)
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@dataclass
class Storm:
    """Which hits were asked, which were answered in full, and when enough were."""

    asked: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)

    async def visit(self, port: int, paths: Iterator[tuple[int, str]]) -> None:
        """Ask one path after the other on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for n, path in paths:
                self.asked.add(n)
                writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {PHONE}\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 302"))
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                self.answered.add(n)
                if len(self.answered) >= self.enough:
                    self.victim.send_signal(signal.SIGKILL)
        finally:
            writer.close()

    async def blow(self, port: int, paths: list[tuple[int, str]], victim: subprocess.Popen, *, more: int) -> None:
        """Ask from 24 sides; kill the process once `more` further hits were answered."""
        self.victim, self.enough = victim, len(self.answered) + more
        left = iter([one for one in paths if one[0] not in self.asked])
        await asyncio.gather(*(self.visit(port, left) for _ in range(24)), return_exceptions=True)


@pytest.fixture
def sent(tenants) -> Sent:
    return prepare(tenants.a, HITS, links=1)


def test_every_answered_hit_outlives_a_kill_and_none_is_kept_twice(sent, database, tmp_path):
    signer, hint = get_signer(), hint_of(sent.campaign_id, "de")
    paths = [
        (n, f"/t/o/{signer.sign('o', sent.tenant_id, one)}.gif")
        if n % 2
        else (n, f"/t/c/{signer.sign('c', sent.tenant_id, one, 0, hint)}")
        for n, one in enumerate(sent.ids)
    ]
    storm = Storm()
    port = free_port()
    for more in (500, 500):  # two processes die, one after the other, in the same folder
        with service(database, tmp_path, port) as process:
            asyncio.run(storm.blow(port, paths, process, more=more))
            assert process.wait(60) == -signal.SIGKILL
    assert len(storm.answered) >= 1_000
    Ingest(tmp_path / "tracking", limit=2**20).stop()  # a successor in another process of the same machine
    with db.tenant_session(sent.tenant_id) as session:
        rows = session.execute(
            text("SELECT message_id, count(*) FROM message_event WHERE kind IN ('opened', 'clicked') GROUP BY 1")
        ).all()
    kept = {row[0]: row[1] for row in rows}
    assert {sent.ids[n] for n in storm.answered} - set(kept) == set()
    assert set(kept) <= {sent.ids[n] for n in storm.asked}
    assert set(kept.values()) == {1}
