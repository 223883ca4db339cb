"""Cohorts: groups of members that get some places of a text in words of their own, chosen by code when it is sent.

The definitions stand in the content, so they are approved with it: which members a cohort means, and what it replaces
in the base copy of its language. Whoever fits no cohort gets the base copy.
"""

import copy
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from domain.content import lines, versions
from domain.content.member_values import MemberFacts, usable_interest

MOST = 60
SMALLEST = 25
STAGES = ("new", "active", "quiet", "away")
MOST_TOLD = 20  # of MOST, those that rest on chats
_TELLING = ("objection", "preferred_time")  # the first of these that a member has is their main insight
KEY = "cohorts"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the life-cycle stages begin and end, in days."""

    new: int = 30
    active: int = 14
    quiet: int = 60

    def stage(self, member: MemberFacts, now: datetime) -> str:
        """Return new, active, quiet or away; empty where nothing is known, since a guess would be told to a person."""
        if member.joined_on is not None and member.joined_on > (now - timedelta(days=self.new)).date():
            return "new"
        if member.last_visit_at is None:
            return ""
        if member.last_visit_at > now - timedelta(days=self.active):
            return "active"
        return "quiet" if member.last_visit_at > now - timedelta(days=self.quiet) else "away"


@dataclass(frozen=True, slots=True)
class Cohort:
    """One group: language × life-cycle stage × main interest, or what chats told in its place (`key:value`).

    Without either it is everybody of the stage.
    """

    id: str
    language: str
    stage: str
    interest: str | None
    size: int
    insight: str | None = None

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        return found if self.insight else {name: value for name, value in found.items() if name != "insight"}


@dataclass(frozen=True, slots=True)
class Group:
    """How many members of an audience are alike."""

    language: str
    stage: str
    interest: str | None
    size: int
    insight: str | None = None


def main_insight(insights: Iterable[str]) -> str | None:
    """Return the one insight by which a member is counted to a cohort, None where chats told nothing of the kind."""
    known = sorted(insights)
    return next((word for key in _TELLING for word in known if word.startswith(f"{key}:")), None)


def choose(
    groups: Sequence[Group], *, most: int = MOST, smallest: int = SMALLEST, told: Sequence[Group] = ()
) -> list[Cohort]:
    """Return the cohorts of an audience, at most `most` of at least `smallest` members each.

    `told` are the members of whom chats told something, by stage, interest and main insight; they come first.

    `groups` without an interest are the totals of a stage. Interests that are too few join the rest of their stage;
    a stage that is too few gets the base copy. One cohort that is a whole language says nothing that the base copy
    could not say, so it is left out.
    """
    totals = {(g.language, g.stage): g.size for g in groups if g.interest is None and g.stage in STAGES}
    said = _told(told, smallest)
    taken = Counter[tuple[str, str, str | None]]()
    chosen = {(g.language, g.stage, g.insight) for g in said}
    for group in told:
        if (group.language, group.stage, group.insight) in chosen:
            taken[group.language, group.stage, group.interest] += group.size
    left = [replace(g, size=g.size - taken[g.language, g.stage, g.interest]) for g in groups if g.interest is not None]
    fine = sorted(
        (g for g in left if g.stage in STAGES and g.size >= smallest),
        key=lambda g: (-g.size, g.language, g.stage, g.interest or ""),
    )[: most - len(said)]
    rest = _rest(totals, [*said, *fine], smallest)
    while len(said) + len(fine) + len(rest) > most and fine:
        fine.pop()
        rest = _rest(totals, [*said, *fine], smallest)
    found = sorted(
        [*said, *fine, *rest], key=lambda g: (g.language, STAGES.index(g.stage), g.insight or "", g.interest or "")
    )
    whole = {g.language: 0 for g in groups}
    for group in groups:
        whole[group.language] += group.size if group.interest is None else 0
    kept = [g for g in found if g.size < whole[g.language]][:most]
    return [Cohort(_id(g), g.language, g.stage, g.interest, g.size, g.insight) for g in kept]


def _told(told: Sequence[Group], smallest: int) -> list[Group]:
    """Return the largest groups that are alike in stage and main insight."""
    sizes = Counter[tuple[str, str, str]]()
    for group in told:
        if group.insight is not None and group.stage in STAGES:
            sizes[group.language, group.stage, group.insight] += group.size
    found = [Group(language, stage, None, n, word) for (language, stage, word), n in sizes.items() if n >= smallest]
    return sorted(found, key=lambda g: (-g.size, g.language, g.stage, g.insight or ""))[:MOST_TOLD]


def _id(group: Group) -> str:
    """Return a name that the same group has in every revision."""
    special = group.insight or group.interest
    tail = "" if special is None else f"-{hashlib.sha256(special.encode()).hexdigest()[:6]}"
    return f"{group.language}-{group.stage}{tail}"


def _rest(totals: Mapping[tuple[str, str], int], fine: Sequence[Group], smallest: int) -> list[Group]:
    left = dict(totals)
    for group in fine:
        left[group.language, group.stage] -= group.size
    return [Group(language, stage, None, size) for (language, stage), size in left.items() if size >= smallest]


@dataclass(frozen=True, slots=True)
class Matcher:
    """Finds a member's cohort by the pinned definitions."""

    bounds: Bounds
    ids: Mapping[tuple[str, str, str | None], str]
    told: Mapping[tuple[str, str, str], str] = field(default_factory=dict)

    def of(self, member: MemberFacts, language: str, now: datetime) -> str | None:
        """Return the id of the cohort whose copy the member gets in this language; None is the base copy."""
        if not self.ids and not self.told:
            return None
        stage = self.bounds.stage(member, now)
        main = main_insight(member.insights) if self.told and member.insights else None
        if main is not None and (known := self.told.get((language, stage, main))) is not None:
            return known
        interest = usable_interest(member.favourite_course) or None
        return self.ids.get((language, stage, interest)) or self.ids.get((language, stage, None))


NONE = Matcher(Bounds(), {})


def matcher(content: Mapping[str, Any]) -> Matcher:
    """Return the matcher of a content; one without cohorts finds nothing."""
    given = content.get(KEY) or {}
    items = given.get("items", ())
    ids = {(e["language"], e["stage"], e["interest"]): e["id"] for e in items if not e.get("insight")}
    told = {(e["language"], e["stage"], e["insight"]): e["id"] for e in items if e.get("insight")}
    return Matcher(Bounds(**given["bounds"]) if given else Bounds(), ids, told)


def rest_on_chats(content: Mapping[str, Any]) -> bool:
    """Say whether any text of a content is chosen by what chats told."""
    return bool(content.get(lines.KEY)) or any(
        each.get("insight") for each in (content.get(KEY) or {}).get("items", ())
    )


def key_of(language: str, cohort_id: str | None) -> str:
    """Return the key of a variant: the language, or the language and the cohort."""
    return language if cohort_id is None else f"{language}#{cohort_id}"


def variants(content: Mapping[str, Any], channel: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield key, language and text of everything that may be sent on a channel: base copies, then cohorts.

    First those of variant A, then of the others of a comparison (`versions`).
    """
    languages = content["languages"]
    for language, channels in languages.items():
        yield language, language, channels[channel]
    for language, channels in languages.items():
        for each in of_language(content, language):
            yield key_of(language, each["id"]), language, merged(channels[channel], each)
    for n, other in versions.each_seen(content):
        for language, channels in other["languages"].items():
            yield versions.key_of(language, n), language, channels[channel]
            for each in of_language(content, language):
                made = merged(channels[channel], _where_alike(each, languages[language][channel], channels[channel]))
                yield versions.key_of(key_of(language, each["id"]), n), language, made


def _where_alike(cohort: Mapping[str, Any], first: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the cohort with the places at which a variant says what A says: what is compared stays different."""
    texts = {path: words for path, words in cohort["texts"].items() if _text_at(first, path) == _text_at(other, path)}
    return {**cohort, "texts": texts, "claims": cohort.get("claims") if texts else None}


def of_language(content: Mapping[str, Any], language: str) -> list[Mapping[str, Any]]:
    """Return the cohorts of one language as they stand in a content."""
    return [each for each in (content.get(KEY) or {}).get("items", ()) if each["language"] == language]


def texts_of(content: Mapping[str, Any], language: str, channel: str) -> list[tuple[str, str]]:
    """Return path and source text of everything that cohorts of a language say instead of the base copy."""
    return [
        (f"{key_of(language, each['id'])}.{channel}.{place}", text)
        for each in of_language(content, language)
        for place, text in each["texts"].items()
    ]


def merged(variant: Mapping[str, Any], cohort: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base variant with the cohort's words in their places, and the claims that they make.

    Raises KeyError for a place that the variant does not have.
    """
    made = copy.deepcopy(dict(variant))
    for path, text in cohort["texts"].items():
        put(made, path, text)
    if cohort.get("claims"):
        made["claims"] = [*(made.get("claims") or []), *cohort["claims"]]
    return made


def put(variant: dict[str, Any], path: str, text: str) -> None:
    """Replace the text at a path of a variant; raises KeyError where no text stands there."""
    *way, last = path.split(".")
    holder: Any = variant
    try:
        for step in way:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        if isinstance(holder, list):
            holder[int(last)] = _same_kind(holder[int(last)], text)
        else:
            holder[last] = _same_kind(holder[last], text)
    except (IndexError, KeyError, TypeError, ValueError):
        raise KeyError(path) from None


def _same_kind(before: Any, text: str) -> str:
    if not isinstance(before, str):
        raise TypeError("no text stands there")
    return text


def carried(before: Mapping[str, Any], after: Mapping[str, Any], channel: str) -> dict[str, Any] | None:
    """Return the cohorts that still fit a content that was changed by hand, None where none does.

    Those of a language stay while every place that they replace still says what it said: else a person's new words
    would be hidden from the members of the cohort.
    """
    given = before.get(KEY) or {}
    items = [each for each in given.get("items", ()) if _untouched(before, after, channel, each)]
    return {**given, "items": items} if items else None


def _untouched(before: Mapping[str, Any], after: Mapping[str, Any], channel: str, cohort: Mapping[str, Any]) -> bool:
    old = before["languages"].get(cohort["language"], {}).get(channel)
    new = after["languages"].get(cohort["language"], {}).get(channel)
    if not isinstance(old, Mapping) or not isinstance(new, Mapping) or before.get("form") != after.get("form"):
        return False
    return all(_text_at(old, path) == _text_at(new, path) is not None for path in cohort["texts"])


def _text_at(variant: Mapping[str, Any], path: str) -> str | None:
    holder: Any = variant
    for step in path.split("."):
        try:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        except (IndexError, KeyError, TypeError, ValueError):
            return None
    return holder if isinstance(holder, str) else None
