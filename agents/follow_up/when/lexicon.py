"""Words and what they can be. Categories are those the rules speak of."""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from agents.follow_up.when.daytimes import Zone
from agents.follow_up.when.grammar import Leaf
from agents.follow_up.when.values import Num

Words = dict[str, list[Leaf]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words of a language that are no parts of a time but tell how to take one."""

    fillers: frozenset[str]  # bind words together without saying anything of time
    followers: frozenset[str]  # may follow a lone number that is an hour
    counted: frozenset[str]  # what a number or ordinal before it counts: it is no time
    blocked: Mapping[str, frozenset[str]]  # before one of these the word is no word of time
    bounds: frozenset[str]  # directly before a time, one of these makes it a bound
    until: frozenset[str]
    breaks: frozenset[str]  # begin a new clause
    past: frozenset[str]  # a clause with one of these tells of what was
    habit: frozenset[str]  # a clause with one of these tells of what is usual
    negations: frozenset[str]
    forget: frozenset[str]  # with these a negation asks ("don't forget")
    auxiliaries: frozenset[str]  # with a participle they tell of what was
    participle: re.Pattern[str]
    wishes: frozenset[str]  # directly before a time, one of these wishes somebody well
    wished: tuple[frozenset[str], ...]  # words that together wish somebody well
    facts: frozenset[str]  # a clause with one of these states or asks when something is
    asks: frozenset[str]  # a question that begins with one of these asks for a fact
    asks_so: frozenset[tuple[str, str]]  # … or with these two words
    proposes: frozenset[str]  # unless one of these makes it a proposal
    praise: frozenset[str]
    relative: frozenset[str]  # so long before or after something else
    away: frozenset[str]
    away_so: frozenset[tuple[str, str]]  # two words that together say to be away
    back: frozenset[str]
    requests: frozenset[str]  # with one of these a word of `back` asks to be called back


def bag(words: str) -> frozenset[str]:
    """Return the words, which blanks separate."""
    return frozenset(words.split())


# Minutes east of UTC, or the IANA name where the word says a place and not a fixed offset.
_ZONES: dict[str, Zone] = {
    **dict.fromkeys(("utc", "gmt", "zulu", "wet"), Zone(0)),
    **dict.fromkeys(("cet", "mez", "west"), Zone(60)),
    **dict.fromkeys(("cest", "mesz", "eet", "sast"), Zone(120)),
    **dict.fromkeys(("eest", "msk"), Zone(180)),
    "bst": Zone(60),
    "est": Zone(-300),
    "edt": Zone(-240),
    "cst": Zone(-360),
    "cdt": Zone(-300),
    "mst": Zone(-420),
    "mdt": Zone(-360),
    "pst": Zone(-480),
    "pdt": Zone(-420),
    "akst": Zone(-540),
    "hst": Zone(-600),
    "ist": Zone(330),
    "jst": Zone(540),
    "sgt": Zone(480),
    "aest": Zone(600),
    "aedt": Zone(660),
    "pacific": Zone(name="America/Los_Angeles"),
    "eastern": Zone(name="America/New_York"),
    "pt": Zone(name="America/Los_Angeles"),
    "et": Zone(name="America/New_York"),
}


def number(value: int, *, article: bool = False) -> Num:
    """Return a number that stands as a word."""
    return Num(Fraction(value), article=article)


def add(words: Words, category: str, value: Hashable, spellings: str, *, weak: bool = False) -> None:
    """Enter the spellings, separated by blanks."""
    for spelling in spellings.split():
        words.setdefault(spelling, []).append(Leaf(category, value, weak))


def glue(words: Words, table: dict[str, str]) -> None:
    """Enter words that only bind: category to spellings."""
    for category, spellings in table.items():
        add(words, category, category, spellings)


def dash(words: Words) -> None:
    """Enter the dash of "9-11"."""
    words.setdefault("-", []).append(Leaf("TO", "-"))


def zones(words: Words, *, but: Iterable[str] = ()) -> None:
    """Enter the zone names a language can use without meaning something else."""
    for name, zone in _ZONES.items():
        if name not in but:
            words.setdefault(name, []).append(Leaf("ZONEW", zone, weak=True))
