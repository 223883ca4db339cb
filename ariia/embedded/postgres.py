"""The embedded PostgreSQL: one server per data folder, a child of this process, reachable by Unix socket only.

It is for evaluation, tests and single-machine installs. The kernel ends the server when the **thread** that started it
ends, so a thread of our own starts it, watches it, and starts it again whenever it ends without being asked to.
"""

import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg
from psycopg import sql

from ariia.embedded import folder, leftovers
from ariia.embedded.folder import SUPERUSER, AlreadyOpen
from ariia.embedded.identity import HERE, Identity, Method, choose
from ariia.embedded.programs import CannotRun
from kernel import log

__all__ = ["AlreadyOpen", "CannotRun", "Server", "start"]

OWNER, APP, FINDER, DATABASE = "ariia_owner", "ariia_app", "finder", "ariia"
_PORT = 5432  # names the socket's file; nothing listens on the network
_START_SECONDS = 600.0  # a server that replays its log after a crash is left to it
_PASSING_SECONDS = 15.0
_POLL, _PAUSE, _LONGEST_PAUSE = 0.005, 0.1, 10.0
_LARGEST_LOG = 4 * 1024 * 1024
# Words of a server that ends because one before it has not quite ended.
_PASSING = ("pre-existing shared memory block", "lock file", "could not bind Unix")
_SETTINGS = {
    "port": str(_PORT),
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "96MB",
    "max_connections": "80",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "log",  # errors reach the client; their words may hold addresses
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "timezone": "UTC",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Server:
    """A running server. `stop` ends it; leaving the context does so too."""

    data_dir: Path
    identity: Identity
    pgdata: Path
    socket_dir: Path
    durable: bool
    _lock: IO[str]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _answering: threading.Event = field(default_factory=threading.Event)
    _settled: threading.Event = field(default_factory=threading.Event)
    _gate: threading.Lock = field(default_factory=threading.Lock)
    _failure: Exception | None = None
    _process: subprocess.Popen[bytes] | None = None
    _keeper: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        if self._process is None:
            raise CannotRun("the server is not running")
        return self._process.pid

    def _url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql+psycopg://{role}@/{database}?host={self.socket_dir}&port={_PORT}"

    @property
    def owner_url(self) -> str:
        """For migrations: owns the database, no superuser."""
        return self._url(OWNER)

    @property
    def app_url(self) -> str:
        """For the service: bound by row-level security, owns nothing."""
        return self._url(APP)

    @property
    def superuser_url(self) -> str:
        """For set-up and tests, never for the service."""
        return self._url(SUPERUSER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def ensure_running(self, seconds: float = 30.0) -> None:
        """Wait until the server answers, after it was killed for instance; raises CannotRun when it does not."""
        if self._stopping.is_set() or not self._answering.wait(seconds):
            raise CannotRun(f"the embedded server does not answer; its last words:\n{self._words(-1_000)}")

    def stop(self) -> None:
        """End the server cleanly; a second call does nothing."""
        with self._gate:
            self._stopping.set()
            process = self._process
        if process is not None:
            _end(process)
        if self._keeper is not None:
            self._keeper.join()
        if not self._lock.closed:
            with suppress(OSError):
                self.socket_dir.rmdir()
            self._lock.close()

    def _open(self) -> None:
        self._keeper = threading.Thread(target=self._keep, name="postgres-keeper", daemon=True)
        self._keeper.start()
        self._settled.wait()
        if self._failure is not None:
            self.stop()
            raise self._failure

    def _keep(self) -> None:
        """Run the server for as long as this process wants it: the one thread that starts it."""
        try:
            self._launch()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the start
            self._failure = error
            self._settled.set()
            return
        self._settled.set()
        while not self._stopping.is_set():
            code = self._process.wait() if self._process is not None else None
            self._answering.clear()
            if not self._stopping.is_set():
                log.get("embedded").warning("database.ended", code=code)
                self._relaunch()

    def _relaunch(self) -> None:
        pause = _PAUSE
        while not self._stopping.is_set():
            try:
                self._launch()
            except (CannotRun, OSError, psycopg.Error) as error:
                log.get("embedded").error("database.down", error=type(error).__name__, retry_seconds=pause)
                self._stopping.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                log.get("embedded").warning("database.restarted")
                return

    def _launch(self) -> None:
        """Start the server and make it ready, with patience for one before it that has not quite ended."""
        deadline = time.monotonic() + _PASSING_SECONDS
        while True:
            leftovers.clear(self.pgdata, self.socket_dir)
            said = self._said()
            if self._spawn_and_wait():
                break
            words = self._words(said)
            if self._stopping.is_set() or time.monotonic() > deadline or not any(cause in words for cause in _PASSING):
                raise CannotRun(f"the embedded server does not start; its last words:\n{words[-1_000:]}")
            self._stopping.wait(_PAUSE)
        try:
            _prepare(self.socket_dir)
        except BaseException:
            if self._process is not None:
                _end(self._process)
            raise
        self._answering.set()

    def _spawn_and_wait(self) -> bool:
        """Start the server and wait until it takes connections; False when it ended instead."""
        with self._gate:
            if self._stopping.is_set():
                return False
            process = self._process = self._spawn()
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None:
            if _is_ready(self.pgdata / "postmaster.pid", process.pid):
                return True
            if time.monotonic() > deadline:
                _end(process)
            time.sleep(_POLL)
        return False

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {**_SETTINGS, "unix_socket_directories": str(self.socket_dir), **({} if self.durable else _FAST)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with self._log_path().open("ab") as words:
            return subprocess.Popen(
                self.identity.command("postgres", "-D", HERE, *options),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,  # the terminal's Ctrl-C is for us, not for the server
                cwd=self.pgdata,
            )

    def _log_path(self) -> Path:
        return self.data_dir / "postgres.log"

    def _said(self) -> int:
        """Return the length of the server's log, emptied when it has grown large."""
        path = self._log_path()
        size = path.stat().st_size if path.exists() else 0
        if size <= _LARGEST_LOG:
            return size
        path.write_bytes(b"")
        return 0

    def _words(self, start: int) -> str:
        """Return the server's log from a position on; a negative one counts from the end."""
        try:
            return self._log_path().read_bytes()[start:].decode(errors="replace")
        except OSError:
            return "(no log)"


def start(data_dir: Path, *, method: Method = "auto", durable: bool = True) -> Server:
    """Start the server of a data folder, made on first use.

    `durable=False` trades crash safety for speed, for tests; `method` forces as whom it runs. Raises AlreadyOpen when
    another service holds the folder, CannotRun when the server cannot run here.
    """
    data_dir = data_dir.resolve()
    folder.refuse_foreign(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = folder.hold(data_dir)
    try:
        identity = choose(data_dir, method)
        socket_dir = folder.socket_folder(identity)
        leftovers.clear(data_dir / "pgdata", socket_dir)  # before files may change hands
        pgdata = folder.ensure_cluster(identity, durable=durable)
        server = Server(data_dir, identity, pgdata, socket_dir, durable, lock)
        server._open()  # noqa: SLF001 - the one way in
    except BaseException:
        lock.close()
        raise
    return server


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask for a fast shutdown, then for an immediate one, then kill."""
    for how, seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def _is_ready(pid_file: Path, pid: int) -> bool:
    """Read the state the server keeps in its pid file, whose first line is its own id and whose last its state."""
    try:
        lines = pid_file.read_text(errors="replace").split("\n")
    except OSError:
        return False
    return lines[0] == str(pid) and any(line.rstrip() == "ready" for line in lines[7:])


def _prepare(socket_dir: Path) -> None:
    """Make the roles and the database where they are missing: the application is neither owner nor superuser."""
    with psycopg.connect(
        host=str(socket_dir), port=_PORT, user=SUPERUSER, dbname="postgres", autocommit=True
    ) as connection:
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role, rights in ((OWNER, "LOGIN"), (APP, "LOGIN"), (FINDER, "NOLOGIN BYPASSRLS")):
            if role not in known:
                connection.execute(
                    sql.SQL("CREATE ROLE {} {} NOSUPERUSER").format(sql.Identifier(role), sql.SQL(rights))
                )
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
