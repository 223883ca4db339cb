"""PDF files as blocks: lines with their size and place, from which headings and paragraphs are told."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, PyPdfError

from domain.knowledge.blocks import Block, heading, visible
from domain.knowledge.reading.refusal import Bounds, Budget, Tell, Unreadable

_LARGER = 1.15
_PARAGRAPH_GAP = 1.45
_LONGEST_HEADING = 120
_LONGEST_BOLD = 80
_FEWEST_PAGES_TO_REPEAT = 4
_REPEATS = 0.6
_EDGE = 2
_NUMBER = re.compile(r"\d+")
_HYPHENATED = re.compile(r"[^\W\d_]-$")
_BULLET = re.compile(r"^[•‣▪◦●–·]\s+")


@dataclass(slots=True)
class _Line:
    """One line of a page. `y` from the bottom, in points; `size` of most of its characters."""

    text: str = ""
    y: float = 0.0
    sizes: Counter[float] = field(default_factory=Counter)
    bold: int = 0

    @property
    def size(self) -> float:
        return self.sizes.most_common(1)[0][0] if self.sizes else 0.0

    @property
    def is_bold(self) -> bool:
        return self.bold > 0.9 * sum(self.sizes.values())


def read(data: bytes, bounds: Bounds, tell: Tell) -> list[Block]:
    """Return the blocks of a PDF. Raises Unreadable for one that is locked, broken, too long or without text."""
    if b"%PDF-" not in data[:1024]:
        raise Unreadable("is no PDF; save it again as PDF")
    try:
        return _blocks(_pages(data, bounds, tell))
    except (PyPdfError, DependencyError, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError):
        raise Unreadable("is damaged or no valid PDF; print it to a new PDF and upload that") from None


def _pages(data: bytes, bounds: Bounds, tell: Tell) -> list[list[_Line]]:
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise Unreadable("is protected by a password; save it without one")
    count = len(reader.pages)
    if count > bounds.pages:
        raise Unreadable(f"has {count:,} pages, at most {bounds.pages:,} are read; split it")
    budget = Budget(bounds.characters)
    found = []
    for number in range(count):
        page = _Page(budget)
        reader.pages[number].extract_text(visitor_text=page.take)
        found.append(page.lines())
        tell(number + 1, count)
    if not any(found):
        raise Unreadable(
            f"holds no text on its {count:,} pages (a scan?); run text recognition (OCR) over it, or paste the text"
        )
    return _without_margins(found)


class _Page:
    """Collects what pypdf reports of a page, line by line."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._lines = [_Line()]

    def take(self, text: str, cm: Any, tm: Any, font: Any, size: Any) -> None:
        self._budget.spend(text)
        parts = visible(text).split("\n")
        for number, part in enumerate(parts):
            if number:
                self._lines.append(_Line())
            if part.strip():
                self._add(part, cm, tm, font, size)
            elif part:
                self._lines[-1].text += part

    def _add(self, part: str, cm: Any, tm: Any, font: Any, size: Any) -> None:
        line = self._lines[-1]
        y = float(tm[4]) * float(cm[1]) + float(tm[5]) * float(cm[3]) + float(cm[5])
        if not line.text.strip():
            line.y = y
        scale = abs(float(tm[3]) * float(cm[3])) or 1.0
        line.text += part
        line.sizes[round(abs(float(size)) * scale * 2) / 2] += len(part.strip())
        if "bold" in str((font or {}).get("/BaseFont", "")).lower():
            line.bold += len(part.strip())

    def lines(self) -> list[_Line]:
        for line in self._lines:
            line.text = " ".join(line.text.split())
        return [line for line in self._lines if line.text]


def _without_margins(pages: list[list[_Line]]) -> list[list[_Line]]:
    """Drop headers, footers and page numbers: lines at the edge of a page that most pages repeat."""
    if len(pages) < _FEWEST_PAGES_TO_REPEAT:
        return pages
    seen = Counter(key for page in pages for key in {_masked(line) for line in (*page[:_EDGE], *page[-_EDGE:])})
    repeated = {key for key, times in seen.items() if times >= _REPEATS * len(pages)}
    return [
        [line for place, line in enumerate(page) if _EDGE <= place < len(page) - _EDGE or _masked(line) not in repeated]
        for page in pages
    ]


def _masked(line: _Line) -> str:
    return _NUMBER.sub("0", line.text)


def _blocks(pages: list[list[_Line]]) -> list[Block]:
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[line.size] += len(line.text)
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    larger = sorted({line.size for page in pages for line in page if _is_title(line, body)}, reverse=True)
    found: list[Block] = []
    for page in pages:
        for lines in _paragraphs(page, body):
            if _is_title(lines[0], body):
                found.append(heading(_joined(lines), larger.index(lines[0].size) + 1))
            elif _is_bold_title(lines, body):
                found.append(heading(_joined(lines), len(larger) + 1))
            else:
                found.append(Block("text", _joined(lines)))
    return found


def _is_title(line: _Line, body: float) -> bool:
    return line.size >= body * _LARGER and len(line.text) <= _LONGEST_HEADING


def _is_bold_title(lines: list[_Line], body: float) -> bool:
    line = lines[0]
    short = len(line.text) <= _LONGEST_BOLD and not line.text.endswith((".", ",", ";", ":"))
    return len(lines) == 1 and line.is_bold and short and line.size >= body


def _paragraphs(page: list[_Line], body: float) -> Iterator[list[_Line]]:
    """Group the lines of a page: a new paragraph begins after a gap, another size or weight, and at a bullet."""
    group: list[_Line] = []
    for line in page:
        if group and _begins(group[-1], line, body):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _begins(last: _Line, line: _Line, body: float) -> bool:
    titles = (_is_title(last, body), _is_title(line, body))
    if titles[0] != titles[1] or (all(titles) and last.size != line.size) or last.is_bold != line.is_bold:
        return True
    gap = abs(last.y - line.y)
    return bool(_BULLET.match(line.text)) or gap > _PARAGRAPH_GAP * max(last.size, line.size, 1.0)


def _joined(lines: list[_Line]) -> str:
    """Return the text of a paragraph; a word that was hyphenated at the end of a line is whole again."""
    text = ""
    for line in lines:
        words = _BULLET.sub("- ", line.text)
        if _HYPHENATED.search(text) and words[:1].islower() and not words.startswith(("und ", "oder ", "and ", "or ")):
            text = text[:-1] + words
        else:
            text = f"{text} {words}".strip()
    return text
