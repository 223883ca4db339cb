"""What a killed service or server leaves behind, and how it is cleared without harm to the data.

Whoever calls holds the lock of the data folder, so no other service uses what is cleared here.
"""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ariia.embedded.programs import CannotRun

_PAUSE = 0.02
# Seconds after which a process that stays is asked in the next way: (postmaster, backend without a postmaster).
_STAGES = (
    (0.0, signal.SIGINT, signal.SIGTERM),
    (10.0, signal.SIGQUIT, signal.SIGQUIT),
    (15.0, signal.SIGKILL, signal.SIGKILL),
)
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    is_postmaster: bool


def clear(pgdata: Path, sockets: Path) -> None:
    """End processes that still work in the data folder, then let the next server pass.

    The server's own pid file is kept whenever it can be read: it names the shared memory by which the next server
    knows that a process of the last one is still writing. Raises CannotRun when a process cannot be ended.
    """
    _end_processes(pgdata, sockets)
    _free_pid_file(pgdata / "postmaster.pid")
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (sockets / name).unlink(missing_ok=True)


def _end_processes(pgdata: Path, sockets: Path) -> None:
    began = time.monotonic()
    asked: dict[int, signal.Signals] = {}
    while found := _running(pgdata, sockets):
        waited = time.monotonic() - began
        if waited > _PATIENCE:
            raise CannotRun(f"process {found[0].pid} of an earlier server still works in {pgdata}: end it")
        with_postmaster = any(process.is_postmaster for process in found)
        _, for_postmaster, for_backend = next(stage for stage in reversed(_STAGES) if waited >= stage[0])
        for process in found:
            how = for_postmaster if process.is_postmaster else for_backend
            if asked.get(process.pid) == how or (with_postmaster and not process.is_postmaster):
                continue
            with suppress(ProcessLookupError):
                os.kill(process.pid, how)
            asked[process.pid] = how
        time.sleep(_PAUSE)


def _running(pgdata: Path, sockets: Path) -> list[_Process]:
    """Return the server processes of a data folder: they work in it, and only a postmaster keeps its command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            postmaster = f"unix_socket_directories={sockets}" in words
            backend = words[0].startswith("postgres:") and _working_folder(entry) == str(pgdata)
            if (postmaster and words[0].endswith("/postgres")) or backend:
                found.append(_Process(int(entry.name), postmaster))
    return found


def _working_folder(entry: Path) -> str | None:
    try:
        return str((entry / "cwd").readlink())
    except OSError:  # not ours to see: the server's own interlock remains
        return None


def _free_pid_file(path: Path) -> None:
    """Keep a pid that was given to a stranger meanwhile from barring the next server.

    A server takes its own parent's id for stale, and still looks at the shared memory named in the file. A file cut
    off while it was written names none and goes.
    """
    try:
        content = path.read_text(errors="replace")
    except FileNotFoundError:
        return
    first, _, rest = content.partition("\n")
    if not first.lstrip("-").isdigit():
        path.unlink()
    elif Path(f"/proc/{first.lstrip('-')}").exists():
        path.write_text(f"{os.getpid()}\n{rest}")
