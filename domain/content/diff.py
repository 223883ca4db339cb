"""What changed between two contents, word by word, field by field."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Literal

from domain.content import checks, cohorts, lines, versions

Operation = Literal["equal", "insert", "delete"]
Words = list[tuple[Operation, str]]
_ALIKE = 0.4
_TOKENS = re.compile(r"\s+|\{[^{}]*\}|[\w'’-]+|[^\w\s]")


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Words]]:
    """Return the fields that differ with their words; fields of one side only are wholly new or gone."""
    old, new = _fields(before), _fields(after)
    changes: list[tuple[str, Words]] = []
    for part in dict.fromkeys([*new, *old]):
        changes += _aligned(old.get(part, []), new.get(part, []))
    return changes


def _fields(content: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Return the texts of a content with their paths, grouped by language, channel and part."""
    fields: dict[str, list[tuple[str, str]]] = {}
    for n, seen in ((0, content), *versions.each_seen(content)):
        for language, channels in (seen.get("languages") or {}).items():
            key = versions.key_of(language, n)
            for channel, variant in channels.items():
                for place, text in checks.texts_of(variant, channel) if variant else ():
                    part = f"{key}.{channel}.{place.partition('.')[0]}"
                    fields.setdefault(part, []).append((f"{key}.{channel}.{place}", text))
                own = (cohorts, lines) if n == 0 else ()
                for path, text in [pair for part in own for pair in part.texts_of(content, language, channel)]:
                    fields.setdefault(path, []).append((path, text))
    return fields


def _aligned(old: list[tuple[str, str]], new: list[tuple[str, str]]) -> list[tuple[str, Words]]:
    """Pair texts that mean each other, so that a removed paragraph does not shift all that follow."""
    if len(old) == len(new) == 1:
        return [(new[0][0], words(old[0][1], new[0][1]))] if old[0][1] != new[0][1] else []
    changes: list[tuple[str, Words]] = []
    matcher = difflib.SequenceMatcher(None, [text for _, text in old], [text for _, text in new], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        gone = old[i1:i2]
        for path, text in new[j1:j2]:
            twin = next((pair for pair in gone if _alike(pair[1], text)), None)
            if twin is not None:
                changes += [(lost, words(was, "")) for lost, was in gone[: gone.index(twin)]]
                gone = gone[gone.index(twin) + 1 :]
            changes.append((path, words(twin[1] if twin else "", text)))
        changes += [(path, words(text, "")) for path, text in gone]
    return changes


def _alike(before: str, after: str) -> bool:
    return difflib.SequenceMatcher(None, _TOKENS.findall(before), _TOKENS.findall(after)).ratio() >= _ALIKE


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
