"""As whom the embedded server runs: PostgreSQL refuses to start as root."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ariia.embedded import programs
from ariia.embedded.programs import CannotRun

Method = Literal["auto", "user", "unshare", "nobody"]

HERE = "/proc/self/cwd"

_NOBODY: Literal["nobody"] = "nobody"
_PRIVATE = 0o700
# Runs between fork and exec, after a user namespace was entered: takes on another user if asked, then arranges to be
# interrupted when its parent dies (a change of user clears that, an exec keeps it), then becomes the server.
_LAUNCH = """
import ctypes, os, sys
parent, uid, gid, program = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if uid >= 0:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
if ctypes.CDLL(None).prctl(1, 2) != 0 or os.getppid() != parent:
    sys.exit(75)
os.execv(program, sys.argv[4:])
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """How programs of the server are started, and the folder their files live in.

    They are started **inside** their data folder and know it as `HERE`, so nothing above it need be open to the user
    they run as.
    """

    method: Method
    programs: Path
    home: Path
    prefix: tuple[str, ...] = ()
    uid: int = -1
    gid: int = -1

    @property
    def owner(self) -> int:
        """The user whom the server's files belong to, as this process sees it."""
        return self.uid if self.uid >= 0 else os.geteuid()

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs a program of the server and ends with the thread that started it."""
        path = str(self.programs / "bin" / program)
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), str(self.uid), str(self.gid), path]
        return [*self.prefix, *launcher, *arguments]

    def own(self, folder: Path) -> None:
        """Make a folder for the server alone, or refuse one that is somebody else's."""
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        seen = folder.lstat()
        if not stat.S_ISDIR(seen.st_mode):
            raise CannotRun(f"{folder} is not a folder of ours: remove it")
        if not may_be_ours(seen.st_uid):
            raise CannotRun(f"{folder} belongs to user {seen.st_uid}: remove it, or start as its owner")
        self.give(folder)
        if stat.S_IMODE(seen.st_mode) != _PRIVATE:
            folder.chmod(_PRIVATE)

    def give(self, path: Path) -> None:
        """Hand a file or folder to whom the server runs as, where it is another's."""
        if path.lstat().st_uid != self.owner:
            os.chown(path, self.owner, self.gid if self.gid >= 0 else os.getegid(), follow_symlinks=False)

    def works(self) -> bool:
        """Say whether the server's program runs like this."""
        try:
            done = subprocess.run(self.command("postgres", "--version"), capture_output=True, check=False, cwd="/")
        except OSError:
            return False
        return done.returncode == 0


def choose(data_dir: Path, method: Method = "auto") -> Identity:
    """Return the identity for a data folder, without touching the folder.

    An ordinary user runs the server itself; root enters a user namespace, or, where those are closed, becomes
    `nobody`, with a copy of the programs where it cannot reach the installed ones. Raises CannotRun where none works.
    """
    if method == "user" or (method == "auto" and os.geteuid() != 0):
        if os.geteuid() == 0:
            raise CannotRun("PostgreSQL refuses to run as root: choose another method")
        return Identity("user", programs.installed(), data_dir)
    if method in {"auto", "unshare"}:
        inside = _unshare(data_dir)
        if inside is not None and inside.works():
            return inside
        if method == "unshare":
            raise CannotRun("user namespaces are closed here")
    return _nobody(data_dir)


def may_be_ours(uid: int) -> bool:
    """Say whether files of this user may come from a service that ran as we do: root has two ways to run a server."""
    if os.geteuid() == 0:
        with suppress(KeyError):
            return uid in {0, pwd.getpwnam(_NOBODY).pw_uid}
    return uid == os.geteuid()


def _unshare(data_dir: Path) -> Identity | None:
    program = shutil.which("unshare")
    if program is None:
        return None
    prefix = (program, "--user", "--map-user=1000", "--map-group=1000")
    return Identity("unshare", programs.installed(), data_dir, prefix=prefix)


def _nobody(data_dir: Path) -> Identity:
    if os.geteuid() != 0:
        raise CannotRun("only root can become 'nobody'")
    try:
        user = pwd.getpwnam(_NOBODY)
    except KeyError:
        raise CannotRun("user namespaces are closed and there is no user 'nobody': set ARIIA_DATABASE_URL") from None
    here = Identity(_NOBODY, programs.installed(), data_dir, uid=user.pw_uid, gid=user.pw_gid)
    if here.works():
        return here
    for copy in programs.copies():
        elsewhere = Identity(_NOBODY, copy, data_dir, uid=user.pw_uid, gid=user.pw_gid)
        if elsewhere.works():
            return elsewhere
    raise CannotRun("user 'nobody' can run programs in no temporary folder: set ARIIA_DATABASE_URL")
