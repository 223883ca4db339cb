"""What changed between two contents, word by word, field by field."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Literal

from domain.content import checks

Operation = Literal["equal", "insert", "delete"]
Words = list[tuple[Operation, str]]
_TOKENS = re.compile(r"\s+|\{[^{}]*\}|[\w'’-]+|[^\w\s]")


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Words]]:
    """Return the fields that differ with their words; fields of one side only are wholly new or gone."""
    old, new = _fields(before), _fields(after)
    paths = list(dict.fromkeys([*new, *old]))
    return [(path, words(old.get(path, ""), new.get(path, ""))) for path in paths if old.get(path) != new.get(path)]


def _fields(content: Mapping[str, Any]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for language, channels in (content.get("languages") or {}).items():
        variant = channels.get("email")
        if variant:
            fields |= {f"{language}.email.{place}": text for place, text in checks.texts_of(variant)}
    return fields


def words(before: str, after: str) -> Words:
    """Return the word-level difference of two texts."""
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    result: Words = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            result.append(("equal", "".join(old[i1:i2])))
            continue
        if i2 > i1:
            result.append(("delete", "".join(old[i1:i2])))
        if j2 > j1:
            result.append(("insert", "".join(new[j1:j2])))
    return result
