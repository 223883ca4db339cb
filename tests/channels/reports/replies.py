"""The replies in `replies.txt`, one by one."""

from pathlib import Path
from typing import NamedTuple


class Sample(NamedTuple):
    """One reply, the command it answers (empty where it is not known), and the reason that it stands for."""

    source: str
    phase: str
    reason: str
    text: str


def samples() -> list[Sample]:
    """Return all of them in their order."""
    found, source = [], ""
    for line in Path(__file__).with_name("replies.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            source = line.strip("[]")
        elif line and not line.startswith("#"):
            phase, reason, text = line.split(" ", 2)
            found.append(Sample(source, "" if phase == "-" else phase, reason, text))
    return found
