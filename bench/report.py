"""Writing bench/report.md from bench/figures.json: `./dev bench report`. No number is written by hand."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import measure

_HEAD = """# Figures

Made by `./dev bench report` from what the benches wrote down. Run one with `./dev bench NAME` (`--quick` for a
small round). Every comparison is a ratio within one run: rounds are interleaved, the first side runs twice, and where
those two lie more than 10 % apart the figure is marked noisy. CPU seconds count the whole process tree with the
database.

| figure | measured | goal | |
|---|---|---|---|
"""
_VERDICTS = {None: "–", True: "met", False: "**missed**"}


def _row(name: str, figure: dict[str, Any]) -> str:
    verdict = _VERDICTS[figure["met"]]
    if figure.get("noisy"):
        verdict += ", noisy"
    if figure.get("quick"):
        verdict += ", quick run"
    return f"| {name} | {figure['seen']} | {figure['goal'] or '–'} | {verdict} |"


def _details(name: str, figure: dict[str, Any]) -> str:
    machine = figure["machine"]
    rest = {
        key: value for key, value in figure.items() if key not in {"goal", "seen", "met", "machine", "noisy", "quick"}
    }
    lines = [f"## {name}", "", f"{', '.join(f'{key} {value}' for key, value in machine.items())}.", ""]
    lines += [f"- {key.replace('_', ' ')}: {_told(value)}" for key, value in sorted(rest.items())]
    return "\n".join(lines)


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    if isinstance(value, list):
        return "; ".join(map(_told, value))
    return str(value)


def main() -> None:
    figures = json.loads(measure.FIGURES.read_text()) if measure.FIGURES.exists() else {}
    text = _HEAD + "\n".join(_row(name, figure) for name, figure in sorted(figures.items()))
    text += "\n\n" + "\n\n".join(_details(name, figure) for name, figure in sorted(figures.items())) + "\n"
    target = measure.ROOT / "bench" / "report.md"
    target.write_text(text)
    print(target)


if __name__ == "__main__":
    main()
