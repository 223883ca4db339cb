"""HTML as blocks. Scripts, styles, forms, navigation and whatever is hidden from readers say nothing."""

import re
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from domain.knowledge.blocks import Block, heading, table, visible
from domain.knowledge.reading.refusal import Bounds, Budget, Tell, Unreadable

_SILENT = frozenset(
    (
        *("script", "style", "noscript", "template", "svg", "math", "iframe", "object", "embed", "canvas", "audio"),
        *("video", "nav", "form", "button", "select", "textarea", "input", "dialog", "head"),
    )
)
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "fieldset", "figcaption"),
        *("figure", "footer", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section", "table", "tbody"),
        *("thead", "tfoot", "tr", "td", "th", "ul", "br", "caption"),
    )
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)} | {"dt": 6, "summary": 6}
_IN_A_ROW = frozenset({"td", "th"})
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|opacity\s*:\s*0(?![.\d])"
)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_MOST_SPANNED = 50
_DIGITS = 4
_DEEPEST = 200


def read(data: bytes, bounds: Bounds, _tell: Tell) -> list[Block]:
    """Return the blocks of an HTML page. Raises Unreadable where nothing is left to read."""
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False, recover=True
    )
    text = _decoded(data)
    root = etree.fromstring(text.encode("utf-8", "replace"), parser) if text.strip() else None
    if root is None:
        raise Unreadable("holds no HTML; save the page again as HTML or PDF")
    return _Page(Budget(bounds.characters)).walk(root)


def _decoded(data: bytes) -> str:
    """Return the text by its byte order mark, its meta element, as UTF-8, else as Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    named = _CHARSET.search(data[:4096])
    for encoding in (["utf-8-sig"] if data.startswith(b"\xef\xbb\xbf") else []) + [
        named[1].decode().lower() if named else "utf-8",
        "utf-8",
    ]:
        try:
            return data.decode("cp1252" if encoding in {"iso-8859-1", "latin1"} else encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("cp1252", "replace")


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    cell: list[str] | None = None
    span: int = 1


class _Page:
    """The walk through a page: what stands in a line so far, the list or table around it."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._found: list[Block] = []
        self._line: list[str] = []
        self._items: list[str] = []
        self._tables: list[_Table] = []

    def walk(self, root: Any) -> list[Block]:
        silent = 0
        depth = 0
        for event, element in etree.iterwalk(root, events=("start", "end")):
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "start":
                depth += 1
                if silent or depth > _DEEPEST or tag in _SILENT or _is_hidden(element):
                    silent += 1
                    continue
                self._enter(tag, element)
            else:
                depth -= 1
                if silent:
                    silent -= 1
                    if not silent:
                        self._say(element.tail)
                    continue
                self._leave(tag)
                self._say(element.tail)
        self._flush()
        self._end_list()
        return self._found

    def _say(self, text: str | None) -> None:
        if not text:
            return
        text = visible(text)
        self._budget.spend(text)
        if self._tables and self._tables[-1].cell is not None:
            self._tables[-1].cell.append(text)
        else:
            self._line.append(text)

    def _enter(self, tag: str, element: Any) -> None:
        if tag == "table":
            self._flush()
            self._end_list()
            self._tables.append(_Table())
        elif self._tables and tag == "tr":
            self._tables[-1].rows.append([])
        elif self._tables and tag in _IN_A_ROW:
            self._tables[-1].cell, self._tables[-1].span = [], _span(element)
        elif self._tables and self._tables[-1].cell is not None:
            if tag in _BLOCKS:
                self._tables[-1].cell.append(" ")
        elif tag in _HEADINGS:
            self._flush()
            self._end_list()
        elif tag in _BLOCKS:
            self._flush()
            if tag not in {"li", "ul", "ol", "br"}:
                self._end_list()
        self._say(element.text)

    def _leave(self, tag: str) -> None:
        if self._tables and (tag == "table" or tag in _IN_A_ROW):
            self._leave_table() if tag == "table" else self._leave_cell()
        elif self._tables and self._tables[-1].cell is not None:
            self._tables[-1].cell.append(" " if tag in _BLOCKS else "")
        elif tag in _HEADINGS or tag == "li":
            if words := self._words():
                self._end_line(tag, words)
        elif tag in _BLOCKS:
            self._flush()

    def _end_line(self, tag: str, words: str) -> None:
        if tag == "li":
            self._items.append(f"- {words}")
        else:
            self._found.append(heading(words, _HEADINGS[tag]))

    def _leave_table(self) -> None:
        rows = self._tables.pop().rows
        if self._tables and self._tables[-1].cell is not None:
            self._tables[-1].cell.append(" ".join(" ".join(cells) for cells in rows))
        else:
            self._found += table(rows)

    def _leave_cell(self) -> None:
        inner = self._tables[-1]
        if not inner.rows:
            inner.rows.append([])
        inner.rows[-1] += [" ".join("".join(inner.cell or []).split())] * inner.span
        inner.cell = None

    def _words(self) -> str:
        words = " ".join("".join(self._line).split())
        self._line = []
        return words

    def _flush(self) -> None:
        words = self._words()
        if words:
            self._end_list()
            self._found.append(Block("text", words))

    def _end_list(self) -> None:
        if self._items:
            self._found.append(Block("text", "\n".join(self._items)))
            self._items = []


def _is_hidden(element: Any) -> bool:
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    style = element.get("style")
    return bool(style and _HIDDEN.search(style.lower()))


def _span(element: Any) -> int:
    value = element.get("colspan") or "1"
    number = value.isdecimal() and value.isascii() and len(value) <= _DIGITS
    return max(1, min(int(value), _MOST_SPANNED)) if number else 1
