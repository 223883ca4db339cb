"""Documents become chunks along their structure: a question with its answer, a section under its headings.

Pure: no database. A number stays with its subject because a chunk never leaves its section.
"""

import csv
import hashlib
import io
import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

LONGEST = 900


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk to be: where it stands and what it says."""

    heading: str
    text: str

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(f"{self.heading}\x1f{self.text}".encode()).hexdigest()


def pieces(body: str, media_type: str) -> list[Piece]:
    """Return the chunks of a document of type text/markdown, text/plain or text/csv."""
    if media_type == "text/csv":
        return _table(body)
    if media_type == "text/markdown":
        return [piece for heading, text in _sections(body) for piece in _split(heading, text)]
    return _split("", body)


def title_of(body: str, media_type: str, fallback: str) -> str:
    """Return the first heading of a Markdown document, else the fallback."""
    if media_type == "text/markdown":
        match = re.search(r"^#{1,6}\s+(.+)$", body, re.MULTILINE)
        if match:
            return match.group(1).strip()[:200]
    return fallback


def _sections(body: str) -> list[tuple[str, str]]:
    """Return heading path and text per section; tables and lists keep their source lines."""
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    lines = body.splitlines()
    marks: list[tuple[int, int, int, str]] = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.map is not None:
            marks.append((token.map[0], token.map[1], int(token.tag[1]), tokens[index + 1].content))
    path: list[tuple[int, str]] = []
    found = [("", "\n".join(lines[: marks[0][0]] if marks else lines))]
    for number, (_start, end, level, words) in enumerate(marks):
        path = [(depth, text) for depth, text in path if depth < level] + [(level, words.strip())]
        until = marks[number + 1][0] if number + 1 < len(marks) else len(lines)
        found.append((" › ".join(text for _, text in path), "\n".join(lines[end:until])))
    return [(heading, text.strip()) for heading, text in found if text.strip()]


def _split(heading: str, text: str) -> list[Piece]:
    """Cut at blank lines into chunks of at most LONGEST characters; a longer paragraph is cut at sentences."""
    chunks: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        for part in _sentences(block.strip()):
            if chunks and len(chunks[-1]) + len(part) + 2 <= LONGEST:
                chunks[-1] += "\n\n" + part
            elif part:
                chunks.append(part)
    return [Piece(heading, chunk) for chunk in chunks]


def _sentences(block: str) -> list[str]:
    if len(block) <= LONGEST:
        return [block]
    parts: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n", block):
        if parts and len(parts[-1]) + len(sentence) + 1 <= LONGEST:
            parts[-1] += " " + sentence
        else:
            parts.extend(sentence[start : start + LONGEST] for start in range(0, len(sentence), LONGEST))
    return parts


def _table(body: str) -> list[Piece]:
    first = body.lstrip("\ufeff\r\n").splitlines()[0] if body.strip() else ""
    delimiter = max(";,\t", key=first.count)
    rows = list(csv.DictReader(io.StringIO(body.lstrip("\ufeff")), delimiter=delimiter))
    found = []
    for row in rows:
        lines = [f"{name}: {value}" for name, value in row.items() if name and isinstance(value, str) and value.strip()]
        if lines:
            found.append(Piece(lines[0].partition(": ")[2][:120], "\n".join(lines)[:LONGEST]))
    return found
