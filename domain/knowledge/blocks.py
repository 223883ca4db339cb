"""What every kind of document is read into: headings, paragraphs and table rows, in their order."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["heading", "text", "row"]

# Zero-width characters, bidirectional marks, soft hyphens and control characters: nobody sees them in a document.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
_LIGATURES = str.maketrans(
    {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st"}
)


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a document. `level` orders headings, 1 is the highest; `text` of a row is labelled lines."""

    kind: Kind
    text: str
    level: int = 0

    def as_json(self) -> list[Any]:
        return [self.kind, self.text, self.level]


def heading(text: str, level: int) -> Block:
    return Block("heading", " ".join(text.split()), max(1, min(level, 6)))


def row(header: Iterable[str], cells: Iterable[str]) -> Block | None:
    """Return a table row as labelled lines, None where it is empty: a number stays with its subject."""
    lines = [
        f"{name}: {value}" if name else value
        for name, value in ((" ".join(name.split()), " ".join(cell.split())) for name, cell in zip(header, cells))  # noqa: B905 - rows of documents differ in length
        if value
    ]
    return Block("row", "\n".join(lines)) if lines else None


def table(rows: list[list[str]]) -> list[Block]:
    """Return the rows of a table whose first row names the columns; a table of one row is a row without names."""
    rows = [cells for cells in rows if any(cell.strip() for cell in cells)]
    if not rows:
        return []
    header, body = (rows[0], rows[1:]) if len(rows) > 1 else ([""] * len(rows[0]), rows)
    return [made for made in (row(header, cells) for cells in body) if made is not None]


def visible(text: str) -> str:
    """Return the text without characters that nobody sees, with ligatures and line ends spelt out."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u00a0", " ")
    return _INVISIBLE.sub("", plain).translate(_LIGATURES)


def as_text(blocks: Iterable[Block]) -> str:
    """Return the blocks as text for people: headings marked, blocks apart by an empty line."""
    return "\n\n".join(
        f"{'#' * block.level} {block.text}" if block.kind == "heading" else block.text for block in blocks
    )
