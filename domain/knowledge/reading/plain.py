"""Plain text, Markdown and CSV as blocks. Linear in the length of the text."""

import csv
import io
import re

from markdown_it import MarkdownIt

from domain.knowledge.blocks import Block, heading, row, table, visible
from kernel.errors import Invalid

_ESCAPED_BAR = re.compile(r"(?<!\\)\|")
MOST_COLUMNS = 200


def read(body: str, media_type: str) -> list[Block]:
    """Return the blocks of a text of type text/markdown, text/csv or text/plain. Raises Invalid for a broken CSV."""
    text = visible(body)
    if media_type == "text/csv":
        return _csv(text)
    if media_type == "text/markdown":
        return _markdown(text)
    return [Block("text", part.strip()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _markdown(text: str) -> list[Block]:
    """Headings and tables become blocks of their own; everything else keeps its source lines."""
    lines = text.splitlines()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    found: list[Block] = []
    done = 0
    for index, token in enumerate(tokens):
        if token.map is None or token.type not in {"heading_open", "table_open"} or token.map[0] < done:
            continue
        found += _paragraphs(lines[done : token.map[0]])
        done = token.map[1]
        if token.type == "heading_open":
            found.append(heading(tokens[index + 1].content, int(token.tag[1])))
        else:
            rows = [_cells(line) for line in lines[token.map[0] : token.map[1]]]
            found += table([rows[0], *rows[2:]])
    return found + _paragraphs(lines[done:])


def _paragraphs(lines: list[str]) -> list[Block]:
    parts = re.split(r"\n\s*\n", "\n".join(lines))
    return [
        Block("text", part.strip()) for part in parts if part.strip() and not re.fullmatch(r"[-*_ ]+", part.strip())
    ]


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    cells = [cell.replace("\\|", "|").strip() for cell in _ESCAPED_BAR.split(inner)]
    return cells[:-1] if inner.endswith("|") else cells


def _csv(text: str) -> list[Block]:
    first = text.lstrip("\n").partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    try:
        rows = [cells for cells in csv.reader(io.StringIO(text), delimiter=delimiter, strict=False) if any(cells)]
    except csv.Error as error:
        raise Invalid("file", f"is no readable CSV ({error}); save it again as CSV (UTF-8)") from None
    if not rows:
        return []
    if len(rows[0]) > MOST_COLUMNS:
        raise Invalid("file", f"has {len(rows[0])} columns, at most {MOST_COLUMNS} are read")
    return [made for made in (row(rows[0], cells) for cells in rows[1:]) if made is not None]
