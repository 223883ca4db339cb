"""What a turn asks for, by rules alone: to be written to, later, not at all, or nothing of the kind. Pure.

The time stays words here; what they mean is decided by `when`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from agents.follow_up import phrases, when
from agents.follow_up.when import Candidate
from domain.follow_ups.rules import Topic

LONGEST = 2_000
_SHORT = 8  # words: whoever answers a question is brief
_NUMBER = re.compile(
    r"(?:die |der |das |option |nr\.? ?|nummer |number |the )?(?P<n>[12])(?:[.)!]|\.? (?:bitte|please))?"
)
_SENTENCE = re.compile(r"(?<=[!?;\n])\s*|(?<=[^\d\s]\.)\s+|\s+(?=[-–—] )")
_BUT = re.compile(r"\b(?:sondern|erst|stattdessen|but|instead|rather|until)\b")
_INSTEAD = re.compile(r"\b(?:sondern|stattdessen|but)\b")
_FULL_DATE = re.compile(r"\b\d{1,2}\.\s?\d{1,2}\.\s?\d{4}\b|\b\d{1,2}/\d{1,2}/\d{4}\b|\b\d{4}-\d{2}-\d{2}\b")
_OVER = re.compile(r"\b(?:gestern|vorgestern|yesterday|letzte[nrs]? \w+|last \w+|vor \w+ \w+|\w+ \w+ ago)\b")


class Decision(StrEnum):
    """What a turn asks for. `accept` and `decline` answer a question of ours."""

    SCHEDULE = "schedule"
    MOVE = "move"
    CANCEL = "cancel"
    ACCEPT = "accept"
    DECLINE = "decline"
    NONE = "none"
    UNCLEAR = "unclear"


class Intent(StrEnum):
    """Whether the member asks, is only away, or the studio promises."""

    EXPLICIT = "explicit"
    ABSENCE = "absence"
    PROMISE = "agent_promise"


@dataclass(frozen=True, slots=True)
class Reading:
    """A turn as a form. `time_text` stands in the turn as it is; `option` is the one of ours that was chosen."""

    decision: Decision
    intent: Intent | None = None
    time_text: str | None = None
    option: int | None = None
    topic: Topic = Topic.GENERAL
    topic_named: bool = False
    channel: str | None = None
    language: str = "de"
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signs:
    """What the gate saw: stretches that name a future time, and whether words ask, move, cancel, answer or tell."""

    times: tuple[Candidate, ...]
    asks: bool
    cancels: bool
    moves: bool
    absent: bool

    @property
    def any(self) -> bool:
        return bool(self.times) or self.asks or self.cancels or self.moves or self.absent


def plain(turn: str) -> str:
    """Return the turn in lower case, each character where it was."""
    lowered = "".join(low if len(low := char.lower()) == 1 else char for char in turn)
    return lowered.replace("’", "'").replace("‘", "'")


def signs(turn: str, *, language: str, ref: datetime) -> Signs:
    """Look for anything that could be about a follow-up; without any, nobody needs to look closer."""
    words = plain(turn)
    told = when.absence(turn, ref=ref, lang=language)
    asks = phrases.ASK[language].search(words) is not None
    times = when.find(turn, lang=language, ref=ref)
    if asks and not times:
        times = _in_sentences(turn, words, language, ref)
    return Signs(
        times=tuple(times),
        asks=asks,
        cancels=phrases.CANCEL[language].search(words) is not None,
        moves=phrases.MOVE[language].search(words) is not None,
        absent=isinstance(told, when.Resolution),
    )


def _in_sentences(turn: str, words: str, language: str, ref: datetime) -> list[Candidate]:
    """Look for times in each sentence alone, where the rest of the turn hides them."""
    return [
        Candidate(one.text, start + one.start, start + one.end)
        for start, end in _sentences(words)
        for one in when.find(turn[start:end], lang=language, ref=ref)
    ]


def topic_of(turn: str) -> Topic | None:
    """Return what a turn is about, as far as a few words tell; None for most turns."""
    words = plain(turn)
    return next((topic for topic, pattern in phrases.TOPICS if pattern.search(words)), None)


def channel_of(turn: str) -> str | None:
    """Return the channel that a turn names."""
    words = plain(turn)
    return next((name for name, pattern in phrases.CHANNEL_NAMES if pattern.search(words)), None)


def read(turn: str, found: Signs, *, language: str, pending: bool = False, proposed: bool = False) -> Reading:
    """Return what a member's turn asks for. `pending`, `proposed`: a follow-up, or a question of ours, is open."""
    words = plain(turn)
    reading = (
        (_answer(words, found) if proposed else None)
        or _cancel(words, found, language, is_open=pending or proposed)
        or _ask(turn, words, found, language, pending=pending)
        or (_move(words, found, language) if pending else None)
        or (_absence(turn, words, language) if found.absent else None)
        or Reading(Decision.NONE)
    )
    return _about(reading, turn, language)


def promise(turn: str, found: Signs, *, language: str) -> Reading:
    """Return what the studio's own turn promises: "Ich melde mich am Montag."."""
    words = plain(turn)
    for start, end in _sentences(words):
        times = _within(found.times, start, end)
        if times and phrases.PROMISE[language].search(words[start:end]) and "?" not in words[start:end]:
            reading = Reading(Decision.SCHEDULE, Intent.PROMISE, times[0].text, rules=("promise",))
            return _about(reading, turn, language)
    return _about(Reading(Decision.NONE), turn, language)


def _about(reading: Reading, turn: str, language: str) -> Reading:
    topic = topic_of(turn)
    return Reading(
        reading.decision,
        reading.intent,
        reading.time_text,
        reading.option,
        topic or Topic.GENERAL,
        topic is not None,
        channel_of(turn),
        language,
        reading.rules,
    )


def _answer(words: str, found: Signs) -> Reading | None:
    """An answer to our question with two dates: a number, a yes or no, or another time."""
    bare = words.strip()
    number = _NUMBER.fullmatch(bare.rstrip("! "))
    if number is not None:
        return Reading(Decision.ACCEPT, option=int(number["n"]) - 1, rules=("answer.number",))
    brief = len(bare.split()) <= _SHORT
    says_no, says_yes = phrases.NO.search(bare), phrases.YES.search(bare)
    if found.times and (brief or says_no or says_yes) and not found.asks:
        return Reading(Decision.ACCEPT, time_text=found.times[0].text, rules=("answer.time",))
    if not brief:
        return None
    if phrases.SECOND.search(bare) or phrases.FIRST.search(bare):
        return Reading(Decision.ACCEPT, option=1 if phrases.SECOND.search(bare) else 0, rules=("answer.option",))
    if says_no:
        return Reading(Decision.DECLINE, rules=("answer.no",))
    return Reading(Decision.ACCEPT, option=0, rules=("answer.yes",)) if says_yes and "?" not in bare else None


def _cancel(words: str, found: Signs, language: str, *, is_open: bool) -> Reading | None:
    if not found.cancels:
        return None
    if found.times and _BUT.search(words):  # not on Monday, but on Friday
        return Reading(Decision.MOVE, Intent.EXPLICIT, found.times[-1].text, rules=("move.but",)) if is_open else None
    if _BUT.search(words):  # not then, but when?
        return Reading(Decision.UNCLEAR, rules=(f"cancel.{language}",))
    return Reading(Decision.CANCEL if is_open else Decision.NONE, rules=(f"cancel.{language}",))


def _ask(turn: str, words: str, found: Signs, language: str, *, pending: bool) -> Reading | None:
    if not found.asks:
        return None
    for start, end in _sentences(words):
        sentence = words[start:end]
        match = phrases.ASK[language].search(sentence)
        if match is None or phrases.NOT_ASK[language].search(sentence):
            continue
        time_text = _time_for(turn, words, found, start, end, start + match.start())
        if time_text is None:
            return Reading(Decision.UNCLEAR, Intent.EXPLICIT, rules=(f"ask.{language}",))
        moves = pending and phrases.MOVE[language].search(words) is not None
        decision = Decision.MOVE if moves else Decision.SCHEDULE
        return Reading(decision, Intent.EXPLICIT, time_text, rules=(f"ask.{language}",))
    return None


def _time_for(turn: str, words: str, found: Signs, start: int, end: int, at: int) -> str | None:
    """The time in the sentence that asks, the nearest to the asking words; else the one told before or after."""
    inside = _within(found.times, start, end)
    if inside:
        return min(inside, key=lambda one: min(abs(one.start - at), abs(one.end - at))).text
    if found.absent:
        return turn.strip()
    for pattern in (_FULL_DATE, _OVER):
        if (over := pattern.search(words, start, end)) is not None:
            return turn[over.start() : over.end()]
    return min(found.times, key=lambda one: abs(one.start - at)).text if found.times else None


def _move(words: str, found: Signs, language: str) -> Reading | None:
    if not (found.moves and found.times) or phrases.BOOKING.search(words):
        return None
    if phrases.NOT_ASK[language].search(words) and not _INSTEAD.search(words):
        return None
    if "?" in words and phrases.QUESTION_WORDS.search(words):
        return None
    return Reading(Decision.MOVE, Intent.EXPLICIT, found.times[-1].text, rules=(f"move.{language}",))


def _absence(turn: str, words: str, language: str) -> Reading | None:
    """Whoever tells of being away asks nothing, and does not say to write again by themselves."""
    if "?" in words or phrases.NOT_ASK[language].search(words):
        return None
    return Reading(Decision.SCHEDULE, Intent.ABSENCE, turn.strip(), rules=("absence",))


def _sentences(words: str) -> list[tuple[int, int]]:
    """Return where sentences begin and end; the dots of dates and ordinals end none."""
    cuts = [0, *(match.end() for match in _SENTENCE.finditer(words)), len(words)]
    return [(a, b) for a, b in pairwise(cuts) if b > a]


def _within(times: tuple[Candidate, ...], start: int, end: int) -> list[Candidate]:
    return [one for one in times if start <= one.start < end]
