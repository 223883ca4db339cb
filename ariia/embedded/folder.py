"""The data folder of the embedded server: who holds it, and the cluster in it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from ariia.embedded import identity as identities
from ariia.embedded.identity import HERE, Identity
from ariia.embedded.programs import CannotRun

SUPERUSER = "postgres"
_VERSION = "18"
_LONGEST = 107  # bytes of a socket's path
_SOCKET = ".s.PGSQL.5432"
_DRAFT = "pgdata-new-"
_DISCARD_SECONDS = 10.0


class AlreadyOpen(CannotRun):
    """Another service holds this data folder."""


def hold(data_dir: Path) -> IO[str]:
    """Return the open lock of the folder, held until it is closed; raises AlreadyOpen naming the holder."""
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
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def refuse_foreign(data_dir: Path) -> None:
    """Raise CannotRun when the cluster in the folder is another user's or another version's."""
    pgdata = data_dir / "pgdata"
    if not pgdata.exists():
        return
    uid = pgdata.stat().st_uid
    if not identities.may_be_ours(uid):
        raise CannotRun(f"{pgdata} belongs to user {uid}: start as that user, or choose another ARIIA_DATA_DIR")
    try:
        version = (pgdata / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise CannotRun(f"{pgdata} holds no database: remove it, or choose another ARIIA_DATA_DIR") from None
    if version != _VERSION:
        raise CannotRun(f"{pgdata} was made by PostgreSQL {version}, this is {_VERSION}: export it there, import here")


def ensure_cluster(identity: Identity, *, durable: bool) -> Path:
    """Return the data folder, made by initdb where it is missing and given to whom the server runs as.

    It is made beside its final place, so a start that was cut off leaves nothing half made.
    """
    pgdata = identity.home / "pgdata"
    for cut_off in identity.home.glob(f"{_DRAFT}*"):
        _discard(cut_off)
    if pgdata.exists():
        if pgdata.stat().st_uid != identity.owner:
            for path in [*pgdata.rglob("*"), pgdata]:  # the folder last: it says whether all was done
                identity.give(path)
        return pgdata
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=identity.home))
    identity.own(draft)
    _initdb(identity, draft, durable=durable)
    draft.rename(pgdata)
    return pgdata


def _discard(draft: Path) -> None:
    """Remove a draft; a process of the killed initdb may write into it for a moment longer."""
    deadline = time.monotonic() + _DISCARD_SECONDS
    while draft.exists() and time.monotonic() < deadline:
        shutil.rmtree(draft, ignore_errors=True)
        time.sleep(0.02)


def _initdb(identity: Identity, draft: Path, *, durable: bool) -> None:
    arguments = [
        *("-D", HERE, "-U", SUPERUSER, "-A", "trust", "--encoding=UTF8"),
        *("--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"),
        *(() if durable else ("--no-sync",)),
    ]
    done = subprocess.run(
        identity.command("initdb", *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd=draft,
    )
    if done.returncode != 0:
        raise CannotRun(f"the embedded database cannot be made: {done.stderr.strip()[-500:]}")


def socket_folder(identity: Identity) -> Path:
    """Return a private folder with a short path for the socket, the same one each time for one data folder."""
    digest = hashlib.sha256(str(identity.home).encode()).hexdigest()[:12]
    for place in (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path(tempfile.gettempdir())):  # noqa: S108
        folder = place / f"ariia-{os.geteuid()}-{digest}"
        if len(os.fsencode(folder / _SOCKET)) <= _LONGEST and os.access(place, os.W_OK | os.X_OK):
            identity.own(folder)
            return folder
    raise CannotRun("no temporary folder takes a socket: make /tmp writable, or set ARIIA_DATABASE_URL")
