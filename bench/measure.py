"""What every benchmark shares: interleaved rounds with an A/A pair, what the process tree used, where figures are kept.

A figure is a ratio taken per round, because the machine is never quiet: the sides of a round run right after each
other, in turning order, and the first side runs twice. Where those two differ by more than a tenth in the median, the
row says "noisy" and is no proof of anything.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import create_engine, text

from ariia import migrate
from ariia.embedded import postgres
from kernel import clock, db, settings

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "bench" / "figures.json"
AGAIN = "again"
NOISY = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_owner: list[str] = []


@contextmanager
def database(*, durable: bool = True) -> Iterator[postgres.Server]:
    """An embedded server, migrated; this process is configured for it as the application."""
    with tempfile.TemporaryDirectory() as folder, postgres.start(Path(folder) / "pg", durable=durable) as server:
        migrate.upgrade(server.owner_url, "ariia_app")
        settings.use(settings.Settings(data_dir=Path(folder), database_url=server.app_url, log_level="error"))
        db.configure(server.app_url)
        _owner.append(server.owner_url)
        yield server
        _owner.pop()
        db.dispose()


def analyse(*tables: str) -> None:
    """Clean and count tables of the running server, as autovacuum would after so many rows."""
    engine = create_engine(_owner[-1], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table in tables:
            connection.execute(text(f"VACUUM ANALYZE {table}"))
    engine.dispose()


def options(about: str | None, **extra: tuple[Any, str]) -> argparse.Namespace:
    """Read `--rounds`, `--quick` and further numbers: `rows=(20_000, "rows of the file")`."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small round, on any machine")
    for name, (default, words) in extra.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=words)
    return parser.parse_args()


def _tree(pid: int) -> list[tuple[int, float]]:
    """Return every process from `pid` down with its CPU seconds and those of its children that ended."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        child = int(stat.parent.name)
        children.setdefault(int(fields[1]), []).append(child)
        used[child] = sum(map(int, fields[11:15])) / _TICKS
    found, open_ = [], [pid]
    while open_:
        one = open_.pop()
        if one in used:
            found.append((one, used[one]))
        open_ += children.get(one, [])
    return found


def cpu_of_tree(pid: int | None = None) -> float:
    """CPU seconds of a process and all that descend from it, also those that ended and were waited for."""
    return sum(seconds for _, seconds in _tree(pid or os.getpid()))


def memory_of_tree(pid: int | None = None) -> int:
    """Bytes that the processes of a tree hold: shared pages are divided by how many share them."""
    total = 0
    for one, _ in _tree(pid or os.getpid()):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) * 1_024 for line in lines if line.startswith("Pss:")), 0)
    return total


def _busy() -> float:
    """CPU seconds that the whole machine worked since it started."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / _TICKS


@dataclass
class Usage:
    """What a stretch of a run used; `foreign` is how many cores others kept busy meanwhile."""

    seconds: float = 0.0
    cpu: float = 0.0
    foreign: float = 0.0
    memory: int = 0
    watching: float = 0.0  # CPU seconds that this cost itself
    _began: tuple[float, float, float] = (0.0, 0.0, 0.0)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._began = (time.perf_counter(), cpu_of_tree(), _busy())
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        _running.append(self)
        return self

    def _look(self) -> None:
        while True:
            self.memory = max(self.memory, memory_of_tree())
            self.watching = time.thread_time()
            if self._over.wait(0.5):
                return

    def __exit__(self, *_: object) -> None:
        began, cpu, busy = self._began
        self.seconds = time.perf_counter() - began
        self.cpu = cpu_of_tree() - cpu
        self.foreign = max(0.0, _busy() - busy - self.cpu) / self.seconds
        self._over.set()
        self._watch.join()
        _running.remove(self)


_running: list[Usage] = []


def own_cpu() -> float:
    """CPU seconds of this process without those of the watching of it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime - sum(usage.watching for usage in _running)


@dataclass(frozen=True)
class Series:
    """The values of each side, round by round, and the CPU seconds each took."""

    values: Mapping[str, list[float]]
    cpu: Mapping[str, list[float]]
    usage: Usage

    def median(self, side: str) -> float:
        return statistics.median(self.values[side])

    def ratios(self, one: str, other: str) -> list[float]:
        return [a / b for a, b in zip(self.values[one], self.values[other], strict=True)]

    def ratio(self, one: str, other: str) -> float:
        return statistics.median(self.ratios(one, other))

    def agreement(self) -> float:
        """How far the two runs of the first side lie apart: 0.1 is a tenth."""
        first = next(iter(self.values))
        return abs(self.ratio(AGAIN, first) - 1)

    @property
    def noisy(self) -> bool:
        return self.agreement() > NOISY

    def says(self, one: str, other: str) -> str:
        """The ratio with what it ranged over; and whether the run was quiet enough to tell."""
        ratios = self.ratios(one, other)
        spread = f"{min(ratios):.2f}–{max(ratios):.2f}" if len(ratios) > 1 else "one round"
        return f"{statistics.median(ratios):.2f} ({spread})"

    def details(self) -> dict[str, Any]:
        """What the report shows beside the figure."""
        return {
            "a_a": f"{self.agreement():.1%}",
            "noisy": self.noisy,
            "rounds": len(next(iter(self.values.values()))),
            "medians": {side: round(statistics.median(values), 2) for side, values in self.values.items()},
            "cpu_seconds": {side: round(statistics.median(values), 2) for side, values in self.cpu.items()},
            "foreign_cores": round(self.usage.foreign, 2),
            "peak_megabytes": self.usage.memory // 1_000_000,
        }


def interleaved(sides: Mapping[str, Callable[[int], float]], rounds: int) -> Series:
    """Run every side once per round, the first one twice, in turning order; each gets a number of its own."""
    first = next(iter(sides))
    order = [*sides.items(), (AGAIN, sides[first])]
    values: dict[str, list[float]] = {name: [] for name, _ in order}
    cpu: dict[str, list[float]] = {name: [] for name, _ in order}
    serial = 0
    with Usage() as usage:
        for n in range(rounds):
            for name, run in order if n % 2 == 0 else reversed(order):
                before = cpu_of_tree()
                values[name].append(run(serial))
                cpu[name].append(cpu_of_tree() - before)
                serial += 1
            print(f"  round {n + 1}:", {name: f"{each[-1]:,.2f}" for name, each in values.items()}, flush=True)
    return Series(values, cpu, usage)


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def keep(name: str, *, goal: str, seen: str, met: bool | None, quick: bool = False, **details: Any) -> None:
    """Write a figure down; `./dev bench report` makes the report of all of them. `met` None: there is no goal."""
    verdict = {None: "", True: " — met", False: " — MISSED"}[met]
    print(f"{name}: {seen} | goal: {goal or 'none'}{verdict}{' (noisy)' if details.get('noisy') else ''}")
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    known[name] = {"goal": goal, "seen": seen, "met": met, "quick": quick, "machine": machine(), **details}
    FIGURES.write_text(json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def machine() -> dict[str, str]:
    """Where and when, for the reader of a number."""
    commit = _output("git", "rev-parse", "--short", "HEAD")
    changed = _output("git", "status", "--porcelain", "--untracked-files=no", "--", ":!bench")
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * _PAGE / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": f"{commit}{' with changes' if changed else ''}",
        "day": clock.now().date().isoformat(),
    }


def server_version() -> str:
    """The version of the database that this process is configured for."""
    with db.all_tenants_session("version") as session:
        return str(session.execute(text("SHOW server_version")).scalar_one())


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
