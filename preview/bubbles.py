"""A text message inside its bubble: the very text that is sent, cut into runs of plain, strong and linked words."""

import re
from dataclasses import dataclass
from typing import Literal

_URL = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]]")
_STRONG = re.compile(r"(?<!\w)\*(\S(?:[^*\n]*\S)?)\*(?!\w)")


@dataclass(frozen=True, slots=True)
class Run:
    """Words that look alike."""

    text: str
    kind: Literal["plain", "strong", "link"] = "plain"


def runs(text: str, channel: str) -> tuple[Run, ...]:
    """Return the runs of a message as the program on the phone draws them; joined they are what it shows."""
    found: list[Run] = []
    end = 0
    for match in _URL.finditer(text):
        found += _words(text[end : match.start()], channel)
        found.append(Run(match.group(0), "link"))
        end = match.end()
    return (*found, *_words(text[end:], channel))


def _words(text: str, channel: str) -> list[Run]:
    if not text:
        return []
    if channel != "whatsapp":
        return [Run(text)]
    found = []
    end = 0
    for match in _STRONG.finditer(text):
        found += [Run(text[end : match.start()])] if match.start() > end else []
        found.append(Run(match.group(1), "strong"))
        end = match.end()
    return [*found, Run(text[end:])] if end < len(text) else found
