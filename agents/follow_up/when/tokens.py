"""Tokens with their place in the text."""

import re
import unicodedata
from dataclasses import dataclass

LONGEST_TEXT = 2000
_LETTERS = "[^\\W\\d_\u0300-\u036f][\u0300-\u036f]?"
_SCAN = re.compile(
    r"(?P<ymd>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d))(?:(?<=\d)T(?=\d\d:))?"
    r"|(?P<dmy>(?<![\d.])\d{1,2}(?:\.[ ]?\d{1,2}\.[ ]?(?:\d{4}|\d{2})(?![\d:.h])"
    r"|(?P<sep>[/-])\d{1,2}(?P=sep)(?:\d{4}|\d{2})(?!\d)))"
    r"|(?P<clock>\d{1,2}:\d{2}(?::\d{2})?(?!\d)|\d{1,2}h\d{2}(?!\d))"
    r"|(?P<dm>(?<![\d.])\d{1,2}\.[ ]?\d{1,2}\.(?!\d)|(?<![\d/])\d{1,2}/\d{1,2}(?![\d/]))"
    r"|(?P<dot>(?<![\d.])\d{1,2}\.\d{1,2}(?![\d.]))"
    r"|(?P<real>\d+,\d+(?!\d))"
    r"|(?P<num>\d+)"
    r"|(?P<frac>[½¼¾])"
    rf"|(?P<word>(?:{_LETTERS})+(?:['’](?:{_LETTERS})+)*)"
    r"|(?P<sign>[^\s])"
)
_SIGNS = {"’": "'", "‘": "'", "′": "'", "″": '"', "“": '"', "”": '"', "–": "-", "—": "-", "‐": "-", "‑": "-"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `text` is lower case and composed, `raw` as written."""

    text: str
    kind: str
    start: int
    end: int
    raw: str


def tokenize(text: str) -> list[Token]:
    """Return the tokens of the first `LONGEST_TEXT` characters."""
    found = []
    for match in _SCAN.finditer(text[:LONGEST_TEXT]):
        kind = match.lastgroup or "sign"
        raw = match.group(kind)
        plain = unicodedata.normalize("NFC", raw).lower().replace("’", "'") if kind == "word" else raw
        found.append(Token(_SIGNS.get(plain, plain), kind, match.start(kind), match.end(kind), raw))
    return found
