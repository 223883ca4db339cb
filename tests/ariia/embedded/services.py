"""Services of the embedded server in processes of their own, and what is left of them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ariia.embedded import postgres

ROOT = Path(__file__).resolve().parents[3]
SERVICE = """
import sys
from pathlib import Path
from ariia.embedded import postgres
server = postgres.start(Path(sys.argv[1]), method=sys.argv[2], durable=sys.argv[3] == "durable")
print(server.pid, server.socket_dir, server.identity.method, flush=True)
sys.stdin.readline()
if sys.argv[4] == "stop":
    server.stop()
"""
AS_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def namespaces_open() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*AS_USER, "true"], capture_output=True, check=False).returncode == 0


def methods() -> list[str]:
    """The ways in which a server can run here."""
    if os.geteuid() != 0:
        return ["user"]
    return ["unshare", "nobody"] if namespaces_open() else ["nobody"]


@dataclass(frozen=True)
class Service:
    process: subprocess.Popen[str]
    server_pid: int
    socket_dir: str
    method: str

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(host=self.socket_dir, user="postgres", dbname="ariia", autocommit=True)

    def end(self) -> int:
        self.process.communicate("\n", timeout=30)
        return self.process.returncode

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def command(folder: Path, method: str = "auto", durable: str = "durable", end: str = "stop") -> list[str]:
    return [sys.executable, "-c", SERVICE, str(folder), method, durable, end]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def gone(pid: int, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def connected(server: postgres.Server, user: str = "postgres") -> Iterator[psycopg.Connection]:
    with psycopg.connect(host=str(server.socket_dir), user=user, dbname="ariia", autocommit=True) as connection:
        yield connection
