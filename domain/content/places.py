"""Places: every spot of a content that says something, by path, and what a reader's choice of them means.

A path is language (with the cohort where its copy differs), channel and field: `de.email.blocks.1.text`,
`de#de-away.email.blocks.1.text`; a personal line is `de.email.lines.<id>`.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.content import checks, cohorts, lines

_CODE_ONLY = {"{greeting}"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands. `cohort` is empty for the base copy."""

    language: str
    cohort: str
    channel: str
    field: str

    @property
    def path(self) -> str:
        return f"{cohorts.key_of(self.language, self.cohort or None)}.{self.channel}.{self.field}"


def read(path: str) -> Place:
    """Return the parts of a path."""
    key, _, rest = path.partition(".")
    channel, _, field = rest.partition(".")
    language, _, cohort = key.partition("#")
    return Place(language, cohort, channel, field)


def texts(content: Mapping[str, Any], channel: str) -> dict[str, str]:
    """Return every text of a channel that a writer may change, by path; what code alone places is left out."""
    found: dict[str, str] = {}
    for language, channels in content["languages"].items():
        for field, text in checks.texts_of(channels[channel], channel):
            if text not in _CODE_ONLY:
                found[f"{language}.{channel}.{field}"] = text
        found |= dict(cohorts.texts_of(content, language, channel))
        found |= dict(lines.texts_of(content, language, channel))
    return found


def is_line(path: str) -> bool:
    """Say whether a path is that of a personal line."""
    return _line_of(read(path).field) is not None


def _line_of(field: str) -> str | None:
    name, _, line_id = field.partition(".")
    return line_id if name == lines.KEY else None


def meant(content: Mapping[str, Any], channel: str, wanted: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the paths that a choice means: every one that fits one of `wanted`.

    Each of them may name language, channel, cohort and field; a field means everything under it. What is not named
    fits everything, but the copy of cohorts is meant only by its name or by nothing but the language, and a personal
    line only by its own (`lines.<id>`, or `lines` for all of them).
    """
    return [path for path in texts(content, channel) if any(_fits(read(path), each) for each in wanted)]


def _fits(place: Place, wanted: Mapping[str, str]) -> bool:
    field = wanted.get("field", "")
    named = place.field == field or place.field.startswith(f"{field}.") if field else _line_of(place.field) is None
    cohort = wanted.get("cohort", place.cohort if not field else "")
    return (
        named
        and wanted.get("language", place.language) == place.language
        and wanted.get("channel", place.channel) == place.channel
        and cohort == place.cohort
    )


def changed(content: Mapping[str, Any], edits: Mapping[str, str]) -> dict[str, Any]:
    """Return the content with new texts in their places; everything else is as it was.

    Raises KeyError for a place that the content does not have.
    """
    made = copy.deepcopy(dict(content))
    for path, text in edits.items():
        place = read(path)
        line_id = _line_of(place.field)
        if line_id is not None:
            _line(made, place, line_id)["text"] = text
        elif place.cohort:
            _cohort(made, place)["texts"][place.field] = text
        else:
            cohorts.put(made["languages"][place.language][place.channel], place.field, text)
    return made


def _line(content: Mapping[str, Any], place: Place, line_id: str) -> dict[str, Any]:
    for each in content.get(lines.KEY, {}).get("items", ()):
        if each["id"] == line_id and each["language"] == place.language:
            found: dict[str, Any] = each
            return found
    raise KeyError(place.path)


def _cohort(content: Mapping[str, Any], place: Place) -> dict[str, Any]:
    for each in content.get(cohorts.KEY, {}).get("items", ()):
        if each["id"] == place.cohort and place.field in each["texts"]:
            found: dict[str, Any] = each
            return found
    raise KeyError(place.path)
