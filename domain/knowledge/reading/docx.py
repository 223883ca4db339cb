"""Word documents (OOXML) as blocks. The archive is looked at before anything of it is unpacked."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from docx import Document
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree

from domain.knowledge.blocks import Block, heading, table, visible
from domain.knowledge.reading.refusal import Bounds, Budget, Tell, Unreadable

_MOST_PARTS = 5_000
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADING = re.compile(r"^heading (\d)$", re.IGNORECASE)
_OTHER_KINDS = re.compile(rb"macroEnabled|\.template\.main\+xml", re.IGNORECASE)
_ENCRYPTED = 0x1
_EVERY = 200


def read(data: bytes, bounds: Bounds, tell: Tell) -> list[Block]:
    """Return the blocks of a DOCX file. Raises Unreadable for what is none, is locked, or unpacks to too much."""
    if data.startswith(_OLE):
        raise Unreadable("is protected by a password or in the old .doc format; save it as .docx without a password")
    _look_inside(data, bounds)
    try:
        return _blocks(data, Budget(bounds.characters), tell)
    except (ValueError, LookupError, TypeError, AttributeError, etree.LxmlError):
        raise Unreadable("is damaged or no Word document; save it again as .docx") from None


def _blocks(data: bytes, budget: Budget, tell: Tell) -> list[Block]:
    found: list[Block] = []
    everything = list(Document(io.BytesIO(data)).iter_inner_content())
    for number, item in enumerate(everything, start=1):
        found += _paragraph(item, budget) if isinstance(item, Paragraph) else _table(item, budget)
        if not number % _EVERY:
            tell(number, len(everything))
    return _joined_lists(found)


def _look_inside(data: bytes, bounds: Bounds) -> None:
    """Refuse archives that are too large unpacked, that are locked, or whose XML declares entities."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS:
                raise Unreadable(f"has {len(parts):,} parts inside, at most {_MOST_PARTS:,} are read")
            if sum(part.file_size for part in parts) > bounds.unpacked:
                limit = bounds.unpacked // 1024 // 1024
                raise Unreadable(f"unpacks to more than {limit} MiB; take large pictures out or split it")
            if any(part.flag_bits & _ENCRYPTED for part in parts):
                raise Unreadable("is protected by a password; save it without one")
            names = {part.filename for part in parts}
            if "[Content_Types].xml" not in names:
                raise Unreadable("is an archive but no Word document; save it as .docx")
            if _OTHER_KINDS.search(archive.read("[Content_Types].xml")):
                raise Unreadable("is a template or holds macros; save it as plain .docx")
            for part in parts:
                if part.filename.endswith((".xml", ".rels")) and _declares_entities(archive.read(part)):
                    raise Unreadable("declares XML entities, which no word processor writes; save it again as .docx")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise Unreadable("is damaged or no Word document; save it again as .docx") from None


def _declares_entities(part: bytes) -> bool:
    plain = part.replace(b"\x00", b"").upper()
    return b"<!DOCTYPE" in plain or b"<!ENTITY" in plain


def _paragraph(paragraph: Paragraph, budget: Budget) -> list[Block]:
    words = _words(paragraph, budget)
    if not words:
        return []
    level = _level(paragraph)
    if level:
        return [heading(words, level)]
    if _is_item(paragraph):
        return [Block("text", f"- {' '.join(words.split())}")]
    return [Block("text", words)]


def _words(paragraph: Paragraph, budget: Budget) -> str:
    """Return what the paragraph shows: insertions count, deletions and hidden runs do not."""
    text = visible("".join(_runs(paragraph._p)))  # noqa: SLF001 - python-docx leaves out tracked insertions
    budget.spend(text)
    return "\n".join(line for line in (" ".join(line.split()) for line in text.split("\n")) if line)


def _runs(element: Any) -> Iterator[str]:
    for run in element.iter(qn("w:r")):
        properties = run.find(qn("w:rPr"))
        if properties is not None and properties.find(qn("w:vanish")) is not None:
            continue
        for child in run:
            if child.tag == qn("w:t"):
                yield child.text or ""
            elif child.tag in {qn("w:br"), qn("w:cr")}:
                yield "\n"
            elif child.tag == qn("w:tab"):
                yield " "
            elif child.tag == qn("w:noBreakHyphen"):
                yield "-"


def _level(paragraph: Paragraph) -> int:
    """Return the level of a heading by its style or its outline level, 0 for running text."""
    name = (paragraph.style.name or "") if paragraph.style is not None else ""
    match = _HEADING.match(name)
    if match:
        return int(match[1])
    if name == "Title":
        return 1
    style = paragraph.style.element if paragraph.style is not None else None
    for holder in (paragraph._p, style):  # noqa: SLF001 - outline levels have no public name
        outline = holder.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}") if holder is not None else None
        value = outline.get(qn("w:val")) if outline is not None else None
        if value in {"0", "1", "2", "3", "4", "5"}:
            return int(value) + 1
    return 0


def _is_item(paragraph: Paragraph) -> bool:
    name = (paragraph.style.name or "") if paragraph.style is not None else ""
    numbered = paragraph._p.find(f"{qn('w:pPr')}/{qn('w:numPr')}")  # noqa: SLF001
    return name.startswith("List") or numbered is not None


def _table(found: Table, budget: Budget) -> list[Block]:
    rows = []
    for line in found._tbl.tr_lst:  # noqa: SLF001 - the public cells of a row repeat merged ones without end
        cells: list[str] = []
        for cell in line.tc_lst:
            words = " ".join(" ".join("".join(_runs(part)).split()) for part in cell.iter(qn("w:p")))
            budget.spend(words)
            cells += [visible(words).strip()] * max(1, min(cell.grid_span, 50))
        rows.append(cells)
    return table(rows)


def _joined_lists(blocks: list[Block]) -> list[Block]:
    """Put the items of a list into one block, so that they stay together."""
    found: list[Block] = []
    for block in blocks:
        last = found[-1] if found else None
        if last and block.kind == last.kind == "text" and block.text.startswith("- ") and last.text.startswith("- "):
            found[-1] = Block("text", f"{last.text}\n{block.text}")
        else:
            found.append(block)
    return found
