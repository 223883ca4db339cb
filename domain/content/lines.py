"""Personal lines: one sentence for members of whom a chat told something, chosen by code when a message is made.

A line stands in the content with the insights that it rests on, so it is approved with it. Whoever has no such insight
at that moment (never had it, it is over, or the consent is withdrawn) gets none; nothing is stored about a member.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.content.slots import LONGEST_LINE

KEY = "lines"
SLOT = "personal_line"
CLAUSE = "{?personal_line: {personal_line}}"
LONGEST = LONGEST_LINE
MOST = 250


@dataclass(frozen=True, slots=True)
class Target:
    """Members of a language who are alike in what chats told of them; `insights` are sorted `key:value` words."""

    language: str
    insights: tuple[str, ...]
    size: int

    @property
    def id(self) -> str:
        """Return a name that the same words have in every revision."""
        return f"{self.language}-{hashlib.sha256(' '.join(self.insights).encode()).hexdigest()[:8]}"

    def as_json(self) -> dict[str, Any]:
        return {"language": self.language, "insights": list(self.insights), "size": self.size}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Target":
        return cls(str(values["language"]), tuple(values["insights"]), int(values["size"]))


def item(target: Target, text: str, used: Sequence[str]) -> dict[str, Any]:
    """Return a line as it stands in a content; `used` are the insights that it rests on."""
    return {"id": target.id, "language": target.language, "insights": sorted(used), "size": target.size, "text": text}


def of_language(content: Mapping[str, Any], language: str) -> list[Mapping[str, Any]]:
    """Return the lines of one language as they stand in a content."""
    return [each for each in (content.get(KEY) or {}).get("items", ()) if each["language"] == language]


def path_of(language: str, channel: str, line_id: str) -> str:
    """Return where a line stands, as findings and differences name it."""
    return f"{language}.{channel}.lines.{line_id}"


def texts_of(content: Mapping[str, Any], language: str, channel: str) -> list[tuple[str, str]]:
    """Return path and text of the lines of one language."""
    return [(path_of(language, channel, each["id"]), str(each["text"])) for each in of_language(content, language)]


@dataclass(frozen=True, slots=True)
class Lines:
    """Finds the line of a member. The one that rests on most of what is known wins, then the first."""

    by_language: Mapping[str, tuple[tuple[frozenset[str], str], ...]]
    _known: dict[tuple[str, frozenset[str]], str] = field(default_factory=dict, compare=False)

    def of(self, insights: frozenset[str], language: str) -> str:
        """Return the line for these insights, empty where none rests on them alone."""
        if not insights or language not in self.by_language:
            return ""
        key = (language, insights)
        if key not in self._known:
            fits = (text for used, text in self.by_language[language] if used <= insights)
            self._known[key] = next(fits, "")
        return self._known[key]

    def __bool__(self) -> bool:
        return bool(self.by_language)


NONE = Lines({})


def reader(content: Mapping[str, Any]) -> Lines:
    """Return the lines of a content, ready to be looked up; a line without its source is never said."""
    found: dict[str, list[tuple[frozenset[str], str]]] = {}
    for each in (content.get(KEY) or {}).get("items", ()):
        if each["insights"]:
            found.setdefault(each["language"], []).append((frozenset(each["insights"]), str(each["text"])))
    return Lines(
        {name: tuple(sorted(rows, key=lambda row: (-len(row[0]), sorted(row[0])))) for name, rows in found.items()}
    )


def carried(before: Mapping[str, Any], after: Mapping[str, Any], channel: str) -> dict[str, Any] | None:
    """Return the lines that still have their place in a content that was changed by hand, None where none has."""
    if before.get("form") != after.get("form"):
        return None
    items = [
        each
        for each in (before.get(KEY) or {}).get("items", ())
        if SLOT in str(after["languages"].get(each["language"], {}).get(channel, ""))
    ]
    return {"items": items} if items else None
