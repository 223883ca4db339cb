"""Whole workers of the service that a test starts in no time and kills at a chosen moment.

One process loads the code once and forks a worker whenever it is told to, by a line on its standard input: the relay's
port, and nothing, `kill N` or `stop N`. Such a worker gets that signal from itself at its N-th moment of deciding a
comparison: before each statement from the one that locks the comparison on, and before each commit. Run by path.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import UUID

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from ariia import relay
from ariia.tasks.table import TASKS
from kernel import db, settings

_BEGINS = "FROM experiment"
_LOCKED = "FOR UPDATE"
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Workers:
    """The process that forks, and who is alive of its workers. All that is left is killed at the end."""

    def __init__(self, database_url: str, app_role: str | None, data_dir: Path) -> None:
        words = [database_url, app_role or "", str(data_dir)]
        self._mother = subprocess.Popen(
            [sys.executable, __file__, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.smtp_port = 0
        self.alive: list[int] = []
        self.killed = 0

    def start(self, what: str = "", moment: int = 0) -> int:
        """Fork a worker, and return its process id."""
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write(f"{self.smtp_port} {moment} {what}\n")
        self._mother.stdin.flush()
        pid = int(self._mother.stdout.readline())
        self.alive.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        """End a worker without a word."""
        os.kill(pid, signal.SIGKILL)
        self.gone(pid)

    def kill_all(self) -> None:
        self.work()
        for pid in list(self.alive):
            self.kill(pid)

    def gone(self, pid: int) -> None:
        """Wait until a worker is dead."""
        _until(lambda: not Path(f"/proc/{pid}").exists())
        self.alive.remove(pid)
        self.killed += 1

    def work(self) -> None:
        """Assert that nobody ended who was not killed."""
        assert all(Path(f"/proc/{pid}").exists() for pid in self.alive), "a worker failed; its words are above"

    @staticmethod
    def stopped(pid: int) -> bool:
        """Whether a worker stands still at its moment."""
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def __enter__(self) -> Self:
        return self

    def clear(self) -> None:
        """Kill who is left, dead or alive."""
        for pid in self.alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.alive, self.killed = [], 0

    def __exit__(self, *_: object) -> None:
        self.clear()
        with self._mother as mother:
            mother.kill()


def _until(reached) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class _Moment:
    """Counts what a worker does with the comparison, and sends itself a signal at the chosen one."""

    def __init__(self, number: signal.Signals, at: int) -> None:
        self._number = number
        self._at = at
        self._n = 0
        event.listen(db.engine(), "before_cursor_execute", self._statement)
        event.listen(db.engine(), "commit", self._commit)

    def _statement(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if self._n or (_BEGINS in statement.replace("\n", " ") and _LOCKED in statement):
            self._count()

    def _commit(self, _connection: object) -> None:
        if self._n:
            self._count()

    def _count(self) -> None:
        self._n += 1
        if self._n == self._at:
            os.kill(os.getpid(), self._number)


def _ring(task: str, tenant_id: UUID, subject: UUID, outbox_id: UUID | None) -> None:
    TASKS[task](tenant_id, subject)
    if outbox_id is not None:
        relay.settle(tenant_id, outbox_id, None)


def _work(begun: settings.Settings, app_role: str, smtp_port: str, moment: int, what: str) -> None:
    settings.use(begun.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{smtp_port}"}))
    db.configure(begun.database_url or "", app_role=app_role or None)
    if what:
        _Moment(_SIGNALS[what], moment)
    while True:
        try:
            relay.deliver(_ring)
            relay.sweep(_ring)
        except DBAPIError:  # the database is away, or took the connection
            time.sleep(0.05)
        time.sleep(0.01)


def main() -> None:
    database_url, app_role, data_dir = sys.argv[1:]
    begun = settings.Settings(
        data_dir=Path(data_dir),
        database_url=database_url,
        environment="development",
        smtp_sessions=4,
        lease_seconds=600,  # a test says when it is over
    )
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        smtp_port, moment, what = line.rstrip("\n").split(" ")
        pid = os.fork()
        if pid == 0:
            os.dup2(2, 1)  # what it logs is no answer
            _work(begun, app_role, smtp_port, int(moment), what)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
