"""Blocks become chunks along their structure: a question with its answer, a table row, a section under its headings.

Pure: no database. A number stays with its subject because a chunk never leaves its section.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from domain.knowledge.blocks import Block

LONGEST = 900
OVERLAP = 120
_LONGEST_HEADING = 300
_LONGEST_QUESTION = 200
_QUESTION_LEVEL = 7
_ARROW = " › "
_ASKS = re.compile(r"^(?:(?:frage|question|f|q)\s*\d*\s*[:.)]\s*)?(?P<words>.+\?)$", re.IGNORECASE | re.DOTALL)
_ASKS_IN_BOLD = re.compile(r"^(\*\*|__)(?P<words>[^\n]+\?)\1$")
_ANSWERS = re.compile(r"^(?:antwort|answer|a)\s*[:.)]\s+", re.IGNORECASE)
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk to be: where it stands and what it says."""

    heading: str
    text: str

    @property
    def content_hash(self) -> str:
        return hashlib.sha256(f"{self.heading}\x1f{self.text}".encode()).hexdigest()


@dataclass(slots=True)
class _Section:
    """Where the walk through a document is: the headings above, and the texts since the last one."""

    path: list[tuple[int, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def heading(self) -> str:
        return _shortened(_ARROW.join(words for _, words in self.path))

    def enter(self, level: int, words: str) -> None:
        self.path = [(depth, text) for depth, text in self.path if depth < level] + [(level, words)]

    def leave_question(self) -> None:
        self.path = [(depth, text) for depth, text in self.path if depth < _QUESTION_LEVEL]


def pieces(blocks: Iterable[Block]) -> list[Piece]:
    """Return the chunks of a document, each of at most LONGEST characters under its path of headings."""
    section, found = _Section(), list[Piece]()
    for block in with_questions(blocks):
        if block.kind == "text":
            section.texts.append(block.text)
            continue
        found += _close(section)
        if block.kind == "heading":
            section.enter(block.level, block.text)
        else:
            section.leave_question()
            found += _row(section.heading, block.text)
    return found + _close(section)


def with_questions(blocks: Iterable[Block]) -> Iterator[Block]:
    """Make a question that stands alone in front of its answer a heading of its own, below all others."""
    waiting: str | None = None
    for block in blocks:
        if waiting is not None:
            answered = block.kind == "text" and _question(block.text) is None
            yield Block("heading", waiting, _QUESTION_LEVEL) if answered else Block("text", waiting)
            if answered:
                block = Block("text", _ANSWERS.sub("", block.text))  # noqa: PLW2901 - the same block, said shorter
            waiting = None
        if block.kind != "text":
            yield block
            continue
        question, answer = _question_in(block.text)
        if question is None:
            yield block
        elif answer:
            yield Block("heading", question, _QUESTION_LEVEL)
            yield Block("text", answer)
        else:
            waiting = question
    if waiting is not None:
        yield Block("text", waiting)


def _question_in(text: str) -> tuple[str | None, str]:
    """Return the question of a paragraph and the answer in its further lines."""
    first, _, rest = text.partition("\n")
    question = _question(first.strip())
    return question, _ANSWERS.sub("", rest.strip()) if question else ""


def _question(text: str) -> str | None:
    if "\n" in text or len(text) > _LONGEST_QUESTION:
        return None
    match = _ASKS_IN_BOLD.match(text) or _ASKS.match(text)
    words = match["words"].strip() if match else ""
    alone = words and not re.search(r"[.!?]\s", words[:-1]) and not text.startswith(("- ", "* ", "+ ", ">"))
    return words if alone else None


def _close(section: _Section) -> list[Piece]:
    made = [Piece(section.heading, text) for text in split("\n\n".join(section.texts))]
    section.texts = []
    return made


def _row(heading: str, text: str) -> list[Piece]:
    subject = _shortened(text.partition("\n")[0].partition(": ")[2] or text.partition("\n")[0], 120)
    path = _shortened(f"{heading}{_ARROW}{subject}" if heading else subject)
    return [Piece(path, part) for part in split(text)]


def split(text: str) -> list[str]:
    """Cut a section at blank lines, else at sentences, into parts of at most LONGEST characters.

    A later part begins with what fits of the end of the one before it: whole sentences of at most OVERLAP characters.
    """
    chunks: list[str] = []
    for joint, part in _parts(text):
        if chunks and len(chunks[-1]) + len(joint) + len(part) <= LONGEST:
            chunks[-1] += joint + part
            continue
        tail = _tail(chunks[-1]) if chunks else ""
        fits = tail and len(tail) + len(joint) + len(part) <= LONGEST
        chunks.append(tail + joint + part if fits else part)
    return chunks


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield paragraphs, or the sentences of one that is too long, each with what joins it to the one before."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        block = paragraph.strip()
        if len(block) <= LONGEST:
            if block:
                yield "\n\n", block
            continue
        lines = block.count("\n") > len(block) / LONGEST
        for number, sentence in enumerate(_END_OF_SENTENCE.split(block)):
            for start in range(0, len(sentence), LONGEST):
                yield "\n\n" if not number else "\n" if lines else " ", sentence[start : start + LONGEST]


def _tail(chunk: str) -> str:
    """Return the last whole sentences of a chunk that are at most OVERLAP characters together."""
    tail = ""
    for sentence in reversed(_END_OF_SENTENCE.split(chunk.rpartition("\n\n")[2])):
        longer = f"{sentence} {tail}".strip()
        if len(longer) > OVERLAP:
            break
        tail = longer
    return tail if tail != chunk else ""


def _shortened(words: str, most: int = _LONGEST_HEADING) -> str:
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
