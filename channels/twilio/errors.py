"""What a code of Twilio means: the table `errors.csv` beside this file, each row with the provider's page about it.

The provider warns that codes change, so they are data and no branches. Unknown codes of a refused request are
transient.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

from channels.base import FailureKind, Scope

_TABLE = Path(__file__).with_name("errors.csv")
_TOO_MANY, _SERVER = 429, 500
_NOT_OURS = frozenset({401, 403, 404})
ATTEMPTS = 5  # of a text; the provider itself keeps trying for hours behind each of them
_ATTEMPTS_UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means for a message and its sender.

    `again_after`: seconds before the next attempt; with `longest` they double each time, up to it. `attempts`: how
    often a message is tried in all. `pauses_at`: so many times within five minutes pause the account, for `pause`
    seconds.
    """

    kind: FailureKind
    scope: Scope | None = None
    again_after: float | None = None
    attempts: int = ATTEMPTS
    longest: float | None = None
    pauses_at: int | None = None
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: a code, what it means, the provider's words in short, and their page.

    `read_on` is when the page was last compared; None: the row stands on the provider's list of codes alone.
    """

    code: int
    meaning: Meaning
    words: str
    page: str
    read_on: date | None


def _row(cells: Mapping[str, str]) -> Row:
    scope = Scope(cells["scope"]) if cells["scope"] else None
    again, longest = (float(cells[name]) if cells[name] else None for name in ("again_after", "longest"))
    meaning = Meaning(
        FailureKind(cells["kind"]),
        scope,
        again,
        int(cells["attempts"] or ATTEMPTS),
        longest,
        int(cells["pauses_at"]) if cells["pauses_at"] else None,
        float(cells["pause"] or 0),
    )
    read_on = date.fromisoformat(cells["read_on"]) if cells["read_on"] else None
    return Row(int(cells["code"]), meaning, cells["words"], cells["page"], read_on)


def table() -> list[Row]:
    """Return the table as it is written."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        return [_row(cells) for cells in csv.DictReader(lines)]


CODES: Mapping[int, Meaning] = MappingProxyType({row.code: row.meaning for row in table()})
_CONFIG = Meaning(FailureKind.PERMANENT_CONFIG)
_AGAIN = Meaning(FailureKind.TRANSIENT, attempts=_ATTEMPTS_UNKNOWN)


def named(code: str | None) -> Meaning | None:
    """Return what a code of a report or a refusal means; None for one that the table does not have."""
    return CODES.get(int(code)) if code and code.isdecimal() else None


def meaning_of(code: int | None, status: int) -> Meaning:
    """Return what an answer of the send call means. A 5xx was perhaps sent, a 429 surely not; a 3xx is no success."""
    if code is not None and code in CODES:
        return CODES[code]
    if status == _TOO_MANY:
        return CODES[20429]
    if status >= _SERVER:
        return Meaning(FailureKind.AMBIGUOUS)
    if status in _NOT_OURS or status < 400:  # noqa: PLR2004 - a redirect
        return _CONFIG
    return _AGAIN
