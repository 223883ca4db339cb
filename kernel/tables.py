"""Rows as files, in pieces of a thousand: CSV (RFC 4180) for people, JSON for programs; nothing is held as a whole.

A cell that a spreadsheet would run as a formula begins with an apostrophe (OWASP, "CSV Injection").
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any

PIECE = 1_000
_HARMLESS = re.compile(r"[+-]?[0-9][0-9 .,:/()-]*")
Row = Sequence[Any]


def as_csv(headings: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Return rows below their headings, as CSV."""
    yield _written([headings])
    yield from map(_written, _batched(rows))


def as_json(headings: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Return rows as one JSON array of objects."""
    before = "["
    for piece in _batched(rows):
        yield before + ",\n".join(_object(headings, row) for row in piece)
        before = ",\n"
    yield "[]" if before == "[" else "]"


def as_lines(headings: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Return rows as JSON, one object a line (NDJSON)."""
    for piece in _batched(rows):
        yield "".join(_object(headings, row) + "\n" for row in piece)


def cell(value: Any) -> str:
    """Return a value as a cell that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | datetime):
        return value.isoformat()
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    risky = text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and _HARMLESS.fullmatch(text) is None
    return f"'{text}" if risky else text


def _written(rows: Iterable[Row]) -> str:
    piece = io.StringIO()
    csv.writer(piece).writerows([cell(value) for value in row] for row in rows)
    return piece.getvalue()


def _object(headings: Sequence[str], row: Row) -> str:
    return json.dumps(dict(zip(headings, row, strict=True)), default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _batched(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    left = iter(rows)
    while piece := tuple(islice(left, PIECE)):
        yield piece
