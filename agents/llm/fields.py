"""Single values of a server's reply, believed only where they are what they should be."""

from typing import Any

_MOST_TOKENS = 10_000_000  # of one attempt; more is not a bill but a fault
_LONGEST_LABEL = 120


def count(value: Any) -> int | None:
    """Return a number of tokens, None for anything that cannot be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS else None


def label(value: Any) -> str | None:
    """Return a short printable text, safe for a column and a log line; None for anything else and for an empty one."""
    if not isinstance(value, str) or not value:
        return None
    return "".join(character for character in value if character.isprintable())[:_LONGEST_LABEL] or None
