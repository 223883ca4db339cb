"""The first minutes with the product: `./dev bench front_door [--tests 1] [--rounds 5] [--quick]`.

A fresh clone of the committed state, without an environment: `./dev demo` cold, then again, as often as there are
rounds; with `--tests 1` also `./dev test`, cold for its development packages and warm. Then `./dev serve` at rest: its
memory and CPU. Packages come from the package cache of this machine where there is one; the figure says so. Changes
that are not committed are not in the clone. `--quick` takes the environment that is here, so nothing is cold.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import measure

_COLD, _WARM = 120, 15
_REST = 10.0


@contextmanager
def clone(*, here: bool) -> Iterator[Path]:
    if here:
        yield measure.ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ariia"
        subprocess.run(["git", "clone", "-q", str(measure.ROOT), str(place)], check=True)
        yield place


def environment(data: Path) -> dict[str, str]:
    """What a newcomer's shell has, and a folder of our own for the data."""
    mine = ("ARIIA_", "PYTHON", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}  # noqa: TID251 - inherited
    return kept | {"ARIIA_DATA_DIR": str(data)}


def timed(place: Path, data: Path, *command: str) -> tuple[float, measure.Usage]:
    """Seconds of one command of the front door; ends this bench where it fails."""
    with measure.Usage() as usage:
        done = subprocess.run(["./dev", *command], cwd=place, env=environment(data), capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"./dev {' '.join(command)} ended with {done.returncode}:\n{done.stdout.decode()[-2_000:]}")
    print(f"  ./dev {' '.join(command)}: {usage.seconds:.1f} s", flush=True)
    return usage.seconds, usage


def cached() -> bool:
    """Whether installing finds its packages on this machine."""
    home = Path.home() / ".cache"
    return (home / "uv").exists() or (home / "pip").exists()


def at_rest(place: Path, data: Path) -> tuple[int, float]:
    """Bytes and cores that an idle service with the demo tenant holds, its database, worker and beat included."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["./dev", "serve", "--empty", "--port", str(port)]
    with subprocess.Popen(command, cwd=place, env=environment(data), stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 90
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            time.sleep(3)
            before = measure.cpu_of_tree(process.pid)
            time.sleep(_REST)
            return measure.memory_of_tree(process.pid), (measure.cpu_of_tree(process.pid) - before) / _REST
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def main() -> None:
    chosen = measure.options(__doc__, tests=(0, "1: also ./dev test"))
    rounds = 1 if chosen.quick else chosen.rounds
    with tempfile.TemporaryDirectory() as folder, clone(here=chosen.quick) as place:
        data = Path(folder) / "data"
        cold, used = timed(place, data, "demo")
        warm = [timed(place, data, "demo") for _ in range(rounds)]
        tests = [timed(place, data, "test", "-q")[0] for _ in range(2)] if chosen.tests else []
        memory, cores = at_rest(place, Path(folder) / "rest")
    seconds = statistics.median(each for each, _ in warm)
    ran = {
        "rounds": rounds,
        "cpu_seconds": {"cold": round(used.cpu, 1), "warm": round(statistics.median(each.cpu for _, each in warm), 1)},
        "foreign_cores": round(max(each.foreign for _, each in warm), 2),
        "quick": chosen.quick,
    }
    if not chosen.quick:
        cache = "warm" if cached() else "cold"
        goal = f"P19: ≤ {_COLD} s on a machine that has nothing"
        seen = f"{cold:.1f} s on a fresh clone, package cache {cache}"
        measure.keep("./dev demo, first run", goal=goal, seen=seen, met=cold <= _COLD, **ran)
    spread = f"{min(each for each, _ in warm):.1f}–{max(each for each, _ in warm):.1f}"
    seen = f"{seconds:.1f} s ({spread})"
    measure.keep("./dev demo, later runs", goal=f"P19: ≤ {_WARM} s", seen=seen, met=seconds <= _WARM, **ran)
    if tests:
        seen = f"{tests[0]:.0f} s with the development packages to install, then {tests[1]:.0f} s"
        measure.keep("./dev test", goal="", seen=seen, met=None, quick=chosen.quick)
    seen = f"{memory / 1_000_000:.0f} MB with database, worker and beat; {cores:.1%} of one core"
    measure.keep("service at rest", goal="", seen=seen, met=None, quick=chosen.quick)


if __name__ == "__main__":
    main()
