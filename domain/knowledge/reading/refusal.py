"""How a reader says no, and what it may spend."""

from collections.abc import Callable
from dataclasses import dataclass

Tell = Callable[[int, int], None]


class Unreadable(Exception):  # noqa: N818 - named as the answer
    """A file that is not read; the text says why and what to do."""


class TooMuch(Unreadable):
    """The process that read the file ended before it had an answer: out of time, out of memory, or broken."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one file may take: `memory` and `unpacked` in bytes, `seconds` of wall clock and of processor time."""

    pages: int
    characters: int
    unpacked: int
    memory: int
    seconds: int


class Budget:
    """Counts the characters that were read; raises Unreadable beyond the bound."""

    def __init__(self, characters: int) -> None:
        self._most = self._left = characters

    def spend(self, text: str) -> None:
        self._left -= len(text)
        if self._left < 0:
            raise Unreadable(f"has more than {self._most:,} characters of text; split it")
