"""Variants of a text for a comparison: variant 0 (A) is the content's own text, the others stand beside it, whole.

They are a part of the content, so they are checked, shown and approved with it. Each has every language of the
content. A cohort's words take their place in a variant where it says what A says there: what differs on purpose stays.
"""

from collections.abc import Iterator, Mapping
from typing import Any

KEY = "experiment"
ALTERNATIVES = "alternatives"  # what was written beside A for a comparison that nobody has started yet
MOST = 26  # so many have a letter
_MARK = "~"


def letter(n: int) -> str:
    """Return the name of a variant: A, B, C and so on."""
    return chr(ord("A") + n)


def number(name: str) -> int:
    """Return the number of a variant by its name, -1 where it is none."""
    n = ord(name) - ord("A") if len(name) == 1 else -1
    return n if 0 <= n < MOST else -1


def others(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the texts of the variants after A, by language and channel."""
    return [each["languages"] for each in (content.get(KEY) or {}).get("variants", ())]


def count(content: Mapping[str, Any]) -> int:
    """Return how many variants a content has; one that is compared with nothing has one."""
    return 1 + len(others(content))


def key_of(key: str, variant: int | None) -> str:
    """Return the key of a text of a variant, from its key in A."""
    return f"{key}{_MARK}{letter(variant)}" if variant else key


def read(key: str) -> tuple[str, int]:
    """Return a key without its variant, and the variant's number."""
    plain, _, name = key.partition(_MARK)
    return plain, max(0, number(name)) if name else 0


def seen(content: Mapping[str, Any], variant: int) -> Mapping[str, Any]:
    """Return the content as members of one variant get it: its own text in the place of A's."""
    if not 0 < variant < count(content):
        return content
    return {**content, "languages": others(content)[variant - 1]}


def each_seen(content: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the number of every variant after A with the content as its members get it."""
    for n in range(1, count(content)):
        yield n, seen(content, n)
