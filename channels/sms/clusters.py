"""What people see as one character, so that no segment ends in the middle of it (Unicode Standard Annex 29).

The provider's own calculator keeps such clusters whole. The rules are those of the annex over the standard library's
character data; carriage return and line feed count as two.
"""

import unicodedata
from collections.abc import Iterator

_JOINER, _NON_JOINER = "\u200d", "\u200c"
_PARTS = frozenset({"Mn", "Me", "Mc"})
_CONTROLS = frozenset({"Cc", "Cf", "Zl", "Zp"})
_SYLLABLES, _FINALS = 0xAC00, 28  # Hangul: every 28th syllable has no final consonant


def split(text: str) -> Iterator[str]:
    """Yield the clusters of a text; joined they are the text again."""
    start = flags = 0
    for here in range(1, len(text)):
        before, after = text[here - 1], text[here]
        flags = flags + 1 if _is_flag(before) else 0
        if _belongs(before, after, pair_open=flags % 2 == 1):
            continue
        yield text[start:here]
        start, flags = here, 0
    if text:
        yield text[start:]


def _belongs(before: str, after: str, *, pair_open: bool) -> bool:
    if _is_control(before) or _is_control(after):
        return False
    if after in {_JOINER, _NON_JOINER} or unicodedata.category(after) in _PARTS or _extends(after):
        return True
    if before == _JOINER:
        return _is_picture(after)
    if _is_flag(before) and _is_flag(after):
        return pair_open
    return _hangul(before, after)


def _is_control(character: str) -> bool:
    return (
        character not in {_JOINER, _NON_JOINER}
        and unicodedata.category(character) in _CONTROLS
        and not _extends(character)
    )


def _extends(character: str) -> bool:
    """Skin tones and the tags of flags."""
    return "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_picture(character: str) -> bool:
    return unicodedata.category(character) == "So" or "\U0001f000" <= character <= "\U0001faff"


def _hangul(before: str, after: str) -> bool:
    kinds = {("L", "L"), ("L", "V"), ("L", "LV"), ("L", "LVT"), ("V", "V"), ("V", "T"), ("LV", "V"), ("LV", "T")}
    return (_jamo(before), _jamo(after)) in kinds | {("T", "T"), ("LVT", "T")}


def _jamo(character: str) -> str | None:
    if "\u1100" <= character <= "\u115f" or "\ua960" <= character <= "\ua97c":
        return "L"
    if "\u1160" <= character <= "\u11a7" or "\ud7b0" <= character <= "\ud7c6":
        return "V"
    if "\u11a8" <= character <= "\u11ff" or "\ud7cb" <= character <= "\ud7fb":
        return "T"
    if "\uac00" <= character <= "\ud7a3":
        return "LV" if (ord(character) - _SYLLABLES) % _FINALS == 0 else "LVT"
    return None
