"""Every quality metric of the agents with its number, written to docs/agent-quality.md: `./dev bench agent`.

Nothing here needs a model: the other side is a server that speaks the API and plays its part over real HTTP.
"""

import importlib
import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import measure
from bench.agent_metrics import Metric

FOLDER = Path(__file__).resolve().parent / "agent_metrics"
TARGET = measure.ROOT / "docs" / "agent-quality.md"
_HEAD = """# How good the agents are

Written by `./dev bench agent` ({size}; {machine}; {seconds} s). No number is typed by hand. Copy quality with a real
model is not measured here; every figure is about what code guarantees whatever a model answers.

| # | metric | target | measured | |
|---|---|---|---|---|
"""
_VERDICTS = {None: "–", True: "met", False: "**missed**"}


def modules() -> list[str]:
    """Return the names of the groups of metrics."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


def collected(names: Sequence[str], *, quick: bool) -> list[Metric]:
    """Measure groups, in the order of the metrics' numbers."""
    found: list[Metric] = []
    for name in names:
        began = time.monotonic()
        found += importlib.import_module(f"bench.agent_metrics.{name}").rows(quick=quick)
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    return sorted(found, key=lambda metric: [int(part) for part in re.findall(r"\d+", metric.number)])


def page(found: list[Metric], head: str) -> str:
    """Return the document."""
    rows = [f"| {m.number} | {m.name} | {m.target} | {m.seen} | {_VERDICTS[m.met]} |" for m in found]
    told = [f"- **{m.number} {m.name}**: {m.how}" for m in found]
    return head + "\n".join(rows) + "\n\n## How each is measured\n\n" + "\n".join(told) + "\n"


def main() -> int:
    chosen = measure.options(__doc__, only=("", "measure this group alone and print it; the document stays as it is"))
    if chosen.only and chosen.only not in modules():
        sys.stderr.write(f"There is no group '{chosen.only}'. There are: {', '.join(modules())}.\n")
        return 2
    began = time.monotonic()
    with measure.database(durable=False):
        found = collected([chosen.only] if chosen.only else modules(), quick=chosen.quick)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    size = "quick run" if chosen.quick else "full run"
    head = _HEAD.format(size=size, machine=machine, seconds=round(time.monotonic() - began))
    if chosen.only:
        sys.stdout.write(page(found, head))
    else:
        TARGET.write_text(page(found, head), encoding="utf-8")
        sys.stdout.write(f"{TARGET}\n")
    return 1 if any(metric.met is False for metric in found) else 0


if __name__ == "__main__":
    sys.exit(main())
