"""The embedded PostgreSQL: one server per data folder, a child of this process, reachable by Unix socket only.

It is for evaluation, tests and single-machine installs.
"""

import fcntl
import hashlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg
from psycopg import sql

from ariia.embedded.identity import CannotRun, Identity, Method, choose
from kernel import log

_SUPERUSER, OWNER, APP, FINDER, DATABASE = "postgres", "ariia_owner", "ariia_app", "finder", "ariia"
_START_TRIES = 40
_READY_SECONDS = 30.0
_PAUSE = 0.25
_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "96MB",
    "max_connections": "80",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # a failing statement may hold addresses
    "timezone": "UTC",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class AlreadyOpen(CannotRun):
    """Another service holds this data folder."""


@dataclass
class Server:
    """A running server. `stop` ends it; leaving the context does so too."""

    data_dir: Path
    identity: Identity
    socket_dir: Path
    durable: bool
    _lock: IO[str]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _ready: threading.Event = field(default_factory=threading.Event)
    _failure: Exception | None = None
    _process: subprocess.Popen[bytes] | None = None
    _keeper: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        if self._process is None:
            raise CannotRun("the server is not running")
        return self._process.pid

    @property
    def pgdata(self) -> Path:
        return self.identity.home / "pgdata"

    def _url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql+psycopg://{role}@/{database}?host={self.socket_dir}"

    @property
    def owner_url(self) -> str:
        return self._url(OWNER)

    @property
    def app_url(self) -> str:
        return self._url(APP)

    @property
    def superuser_url(self) -> str:
        return self._url(_SUPERUSER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _open(self) -> None:
        """Start the keeper: a thread that outlives no server, since the server dies with the thread that started it."""
        self._keeper = threading.Thread(target=self._keep, name="postgres-keeper", daemon=True)
        self._keeper.start()
        self._ready.wait()
        if self._failure is not None:
            self._lock.close()
            raise self._failure

    def _keep(self) -> None:
        """Run the server, and run it again whenever it ends without being asked to."""
        while not self._stopping.is_set():
            try:
                self._run_once()
                _prepare(self.socket_dir)
            except Exception as error:  # noqa: BLE001 - handed to whoever waits for the start
                self._failure = error
                self._ready.set()
                return
            self._ready.set()
            assert self._process is not None  # noqa: S101 - _run_once made it
            self._process.wait()
            if not self._stopping.is_set():
                log.get("embedded").warning("database.restarting", code=self._process.returncode)

    def _run_once(self) -> None:
        """Start the server, with patience for what a killed one left behind."""
        _clear_stale(self.pgdata)
        for _ in range(_START_TRIES):
            self._process = self._spawn()
            if _answers(self._process, self.socket_dir):
                return
            time.sleep(_PAUSE)
            _clear_stale(self.pgdata)
        raise CannotRun(f"the embedded server does not start; its last words:\n{_tail(self._log_path())}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {**_SETTINGS, "unix_socket_directories": str(self.socket_dir), **({} if self.durable else _FAST)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with self._log_path().open("ab") as words:
            return subprocess.Popen(
                self.identity.command("postgres", "-D", str(self.pgdata), *options),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,
                cwd="/",
            )

    def _log_path(self) -> Path:
        return self.data_dir / "postgres.log"

    def stop(self) -> None:
        """End the server cleanly; a second call does nothing."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(10)
        if self._keeper is not None:
            self._keeper.join(10)
        self._lock.close()


def start(data_dir: Path, *, method: Method = "auto", durable: bool = True) -> Server:
    """Start the server of a data folder, made on first use.

    `durable=False` trades crash safety for speed, for tests. Raises AlreadyOpen when another service holds the
    folder, CannotRun when the server cannot run here.
    """
    data_dir = data_dir.absolute()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _lock(data_dir)
    try:
        identity = choose(data_dir, method)
        _create(identity)
        server = Server(data_dir, identity, _socket_dir(identity), durable, lock)
    except BaseException:
        lock.close()
        raise
    server._open()  # noqa: SLF001 - the one way in
    return server


def _lock(data_dir: Path) -> IO[str]:
    lock = (data_dir / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise AlreadyOpen(
            f"{data_dir} is open in another service (process {holder}): stop that one, or choose another ARIIA_DATA_DIR"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _socket_dir(identity: Identity) -> Path:
    """A short folder for the socket, whose path may have 107 bytes."""
    digest = hashlib.sha256(str(identity.home).encode()).hexdigest()[:12]
    folder = Path("/tmp") / f"ariia-{os.geteuid()}-{digest}"  # noqa: S108 - made 0700 and checked for its owner
    identity.own(folder)
    return folder


def _create(identity: Identity) -> None:
    """Run initdb beside the final place, so that a cut start leaves nothing half made."""
    pgdata = identity.home / "pgdata"
    if (pgdata / "PG_VERSION").exists():
        return
    with tempfile.TemporaryDirectory(prefix="initdb-", dir=identity.home) as scratch:
        identity.own(Path(scratch))
        draft = Path(scratch) / "pgdata"
        done = subprocess.run(
            identity.command(
                "initdb",
                *("-D", str(draft), "-U", _SUPERUSER, "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8"),
                *("--locale-provider=builtin", "--no-instructions", "--no-sync"),
            ),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        if done.returncode != 0:
            raise CannotRun(f"the embedded database cannot be made: {done.stderr.strip()[-500:]}")
        draft.rename(pgdata)


def _postmaster_of(pgdata: Path) -> int | None:
    """Return the id of a live postmaster of this folder, if its pid file names one."""
    try:
        pid = int((pgdata / "postmaster.pid").read_text().split()[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError, IndexError):
        return None
    return pid if str(pgdata) in words and any(word.endswith("postgres") for word in words[:12]) else None


def _clear_stale(pgdata: Path) -> None:
    """Wait for a server that a killed service left behind, end it if it stays, and remove a dead pid file."""
    deadline = time.monotonic() + 10
    while (orphan := _postmaster_of(pgdata)) is not None and time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGINT)
        time.sleep(_PAUSE)
    orphan = _postmaster_of(pgdata)
    if orphan is not None:
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGQUIT)
        time.sleep(_PAUSE)
    if _postmaster_of(pgdata) is None:
        (pgdata / "postmaster.pid").unlink(missing_ok=True)


def _answers(process: subprocess.Popen[bytes], socket_dir: Path) -> bool:
    """Wait until the server takes connections; False when it ended instead."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        with suppress(psycopg.OperationalError):
            psycopg.connect(host=str(socket_dir), user=_SUPERUSER, dbname="postgres", connect_timeout=2).close()
            return True
        time.sleep(0.02)
    process.kill()
    process.wait()
    return False


def _prepare(socket_dir: Path) -> None:
    """Make the roles and the database, where they are missing: the application is neither owner nor superuser."""
    with psycopg.connect(host=str(socket_dir), user=_SUPERUSER, dbname="postgres", autocommit=True) as connection:
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


def _tail(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[-1_000:]
    except OSError:
        return "(no log)"
