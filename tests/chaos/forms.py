"""The two forms in which the service sends, as processes that a test may kill."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
SESSIONS = 4
WORKERS = int(os.environ.get("ARIIA_CHAOS_WORKERS", "2"))


def environment(database_url: str, smtp_port: int, folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARIIA_")}
    return kept | {
        "ARIIA_DATABASE_URL": database_url,
        "ARIIA_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
        "ARIIA_SMTP_SESSIONS": str(SESSIONS),
        "ARIIA_LEASE_SECONDS": "5",
        "ARIIA_DATA_DIR": str(folder / "data"),
        "ARIIA_LOG_LEVEL": "warning",
        "PYTHONPATH": str(ROOT),
        **more,
    }


class Form:
    """Processes of one form; `kill` ends one that works and starts it again."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self._env = env
        self._folder = folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self._others: list[subprocess.Popen[bytes]] = []

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "words.log").open("ab") as words:
            return subprocess.Popen(command, env=self._env, cwd=ROOT, stdout=words, stderr=words)

    def _worker(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def words(self) -> str:
        return (self._folder / "words.log").read_text(errors="replace")[-4_000:]

    def kill(self, chance: random.Random) -> None:
        victim = chance.randrange(len(self.workers))
        self.workers[victim].kill()
        self.workers[victim].wait()
        self.workers[victim] = self._worker()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self.workers, *self._others]:
            process.send_signal(signal.SIGTERM)
        for process in [*self.workers, *self._others]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
            process.wait()


class Inside(Form):
    """One process that has everything inside, with the broker in its memory."""

    def __enter__(self) -> Self:
        self.workers = [self._worker()]
        return self

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._run(sys.executable, str(ROOT / "tests/chaos/inside.py"))


class Cluster(Form):
    """Redis, a beat and some workers, each a process of its own."""

    def __enter__(self) -> Self:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self._env["ARIIA_REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        server = shutil.which("redis-server")
        assert server is not None
        self._others.append(
            self._run(server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                      "--maxmemory-policy", "noeviction", "--dir", str(self._folder))
        )  # fmt: skip
        _await_port(port, self._others[0])
        self._others.append(self._celery("beat"))
        self.workers = [self._worker() for _ in range(WORKERS)]
        return self

    def _celery(self, *words: str) -> subprocess.Popen[bytes]:
        return self._run(sys.executable, "-m", "celery", "-A", "ariia.worker", *words)

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._celery("worker", "--without-mingle", "--without-gossip", "-n", f"w{random.random()}@test")


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "redis-server did not start"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("redis-server does not answer")
