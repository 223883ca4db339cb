"""Which stretches of a chat turn name a future time."""

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from agents.follow_up.when.daytimes import Slots
from agents.follow_up.when.lexicon import bag
from agents.follow_up.when.reading import Parsed, Reading, parse, read, speaks_of_time
from agents.follow_up.when.resolving import date_order, judge
from agents.follow_up.when.tokens import Token
from agents.follow_up.when.types import Candidate, Resolution
from agents.follow_up.when.values import Today

_ENDS = {".", "!", "?", ";", ",", ":", "\n", "(", ")"}
_SENTENCE_ENDS = {".", "!", "?", ";"}
_WIDEST_GAP, _WIDEST_SPLIT = 3, 6
_JOINING = bag("to or oder bis - and und")
_WHO = bag("i you he she it we they")
_DONE = re.compile(r"\w{2,}ed")
_NO_PAST = bag("need feed proceed succeed exceed speed")


def find(turn: str, *, lang: str, ref: datetime) -> list[Candidate]:
    """Return the stretches of the turn that name a time to come, in order.

    What was, what is usual, what is denied, mere bounds ("bis Freitag") and everything the resolver abstains
    from are left out. Every candidate resolves. `ref` is zone-aware, `lang` de or en.
    """
    parsed = parse(turn, lang=lang, order=date_order(lang, None))
    if any(token.text in parsed.spoken.words.relative for token in parsed.tokens):
        return []  # a time counted from another one
    found: list[_Spot] = []
    for first, last in _stretches(parsed):
        if _is_spoiled(parsed, first, last):
            continue
        spot = _spot(turn, parsed, (first, last), lang, ref)
        if spot is None:
            continue
        whole = _joined(turn, parsed, found[-1], spot, lang, ref) if found else None
        found[-1:] = [*found[-1:], spot] if whole is None else [whole]
    return [_candidate(turn, parsed, spot) for spot in found]


@dataclass(frozen=True, slots=True)
class _Spot:
    """First and last token of a stretch, and what it says."""

    first: int
    last: int
    slots: Slots


def _candidate(turn: str, parsed: Parsed, spot: _Spot) -> Candidate:
    start, end = parsed.tokens[spot.first].start, parsed.tokens[spot.last].end
    return Candidate(turn[start:end], start, end)


def _spot(turn: str, parsed: Parsed, stretch: tuple[int, int], lang: str, ref: datetime) -> _Spot | None:
    first, last = stretch
    text = turn[parsed.tokens[first].start : parsed.tokens[last].end]
    reading = read(text, lang=lang, order=date_order(lang, None))
    if not _is_sure(reading) or not isinstance(judge(reading, parsed.spoken, ref), Resolution):
        return None
    return _Spot(first, last, reading.best.slots)


def _joined(turn: str, parsed: Parsed, left: _Spot, right: _Spot, lang: str, ref: datetime) -> _Spot | None:
    """Join a day and a time of day that a few words of one sentence keep apart ("Freitag ginge es um elf")."""
    between = parsed.tokens[left.last + 1 : right.first]
    if len(between) > _WIDEST_SPLIT or any(token.text in _SENTENCE_ENDS for token in between):
        return None
    if _says_day(left.slots) == _says_day(right.slots) or left.slots.mask & right.slots.mask:
        return None
    return _spot(turn, parsed, (left.first, right.last), lang, ref)


def _says_day(slots: Slots) -> bool:
    return slots.date is not None or slots.wday is not None or slots.exact is not None


def _is_sure(reading: Reading) -> bool:
    return reading.best.slots.now is None and not all(edge.weak for edge in reading.best.edges)


def _stretches(parsed: Parsed) -> list[tuple[int, int]]:
    """Return first and last token of every run of parts with nothing but fillers between them."""
    covered = _covered(parsed)
    loose = [not covered[at] and speaks_of_time(token, parsed.leaves[at]) for at, token in enumerate(parsed.tokens)]
    runs: list[tuple[int, int]] = []
    for at in range(len(parsed.tokens)):
        if not covered[at] and not (loose[at] and _touches(parsed, at, covered)):
            continue
        if runs and _bridged(parsed, runs[-1][1], at):
            runs[-1] = (runs[-1][0], at)
        else:
            runs.append((at, at))
    return [(first, last) for first, last in runs if any(covered[first : last + 1])]


def _covered(parsed: Parsed) -> list[bool]:
    covered = [False] * len(parsed.tokens)
    for edges in parsed.tops:
        for edge in edges:
            covered[edge.start : edge.end] = [True] * (edge.end - edge.start)
    return covered


def _touches(parsed: Parsed, at: int, covered: list[bool]) -> bool:
    """Say whether an unread time word or number belongs to the part beside it."""
    if (at and covered[at - 1]) or (at + 1 < len(covered) and covered[at + 1]):
        return True
    number = parsed.tokens[at].kind != "word" or _is_number(parsed, at)
    return (
        number and at > 1 and covered[at - 2] and parsed.tokens[at - 1].text in parsed.spoken.words.fillers - {",", "."}
    )


def _is_number(parsed: Parsed, at: int) -> bool:
    return any(leaf.category in {"NUM", "ONES", "TENS"} for leaf in parsed.leaves[at])


def _bridged(parsed: Parsed, last: int, at: int) -> bool:
    between = parsed.tokens[last + 1 : at]
    if len(between) > _WIDEST_GAP or any(token.text in {".", "!", "?", ";"} for token in between):
        return False
    return all(token.text in parsed.spoken.words.fillers for token in between)


def _is_spoiled(parsed: Parsed, first: int, last: int) -> bool:
    """Say whether the words around a stretch make it no time to come."""
    known = parsed.spoken.words
    before = parsed.tokens[first - 1].text if first else ""
    if before in known.bounds | known.until | known.wishes or _until_the(parsed, first):
        return True
    words = [token.text for token in _clause(parsed, first, last)]
    said = set(words)
    if _asks_for_a_fact(parsed, last, said) or (said & known.praise and last == first and _is_today(parsed, first)):
        return True
    if said & known.facts or _half_read(parsed, first, last):
        return True
    if said & (known.past | known.habit) or _tells(words) or any(wish <= said for wish in known.wished):
        return True
    if said & known.negations and not said & known.forget:
        return True
    return bool(said & known.auxiliaries) and any(known.participle.fullmatch(word) for word in words)


def _asks_for_a_fact(parsed: Parsed, last: int, said: set[str]) -> bool:
    """Say whether the sentence around a stretch is a question that proposes nothing."""
    tokens, known = parsed.tokens, parsed.spoken.words
    end = next((at for at in range(last + 1, len(tokens)) if tokens[at].text in _SENTENCE_ENDS), len(tokens))
    if end == len(tokens) or tokens[end].text != "?":
        return False
    begin = next((at + 1 for at in range(last, -1, -1) if tokens[at].text in _SENTENCE_ENDS), 0)
    opening = [token.text for token in tokens[begin : begin + 2]]
    if tuple(opening) in known.asks_so:
        return not (said - set(opening)) & known.proposes
    return bool(opening) and opening[0] in known.asks and not said & known.proposes


def _is_today(parsed: Parsed, at: int) -> bool:
    return any(edge.value == Today() for edge in parsed.tops[at])


def _half_read(parsed: Parsed, first: int, last: int) -> bool:
    """Say whether a number that was not read belongs to the stretch: "10 and 12am"."""
    tokens = parsed.tokens
    before = first > 1 and tokens[first - 1].text in _JOINING and tokens[first - 2].kind == "num"
    after = last + 2 < len(tokens) and tokens[last + 1].text in _JOINING and tokens[last + 2].kind == "num"
    return before or after


def _tells(words: list[str]) -> bool:
    """Say whether somebody did something: "you charged"."""
    return any(who in _WHO and _DONE.fullmatch(verb) and verb not in _NO_PAST for who, verb in pairwise(words))


def _until_the(parsed: Parsed, first: int) -> bool:
    """Say whether "bis zum", "until the" stand before."""
    tokens, known = parsed.tokens, parsed.spoken.words
    return first > 1 and tokens[first - 2].text in known.until and tokens[first - 1].text in known.fillers


def _clause(parsed: Parsed, first: int, last: int) -> list[Token]:
    """Return the words around a stretch, as far as its clause goes, without the stretch."""
    tokens, breaks = parsed.tokens, parsed.spoken.words.breaks

    def parts(at: int, next_at: int) -> bool:
        if tokens[at].text in _ENDS:
            return True
        return tokens[at].text in breaks and 0 <= next_at < len(tokens) and not parsed.leaves[next_at]

    begin = first
    while begin > 0 and not parts(begin - 1, begin):
        begin -= 1
    end = last + 1
    while end < len(tokens) and not parts(end, end + 1):
        end += 1
    return tokens[begin:first] + tokens[last + 1 : end]
