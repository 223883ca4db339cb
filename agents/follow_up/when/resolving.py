"""From a text to the time it means."""

from datetime import datetime

from agents.follow_up.when.anchoring import Answer, anchor
from agents.follow_up.when.reading import Language, Reading, language, leftovers, read
from agents.follow_up.when.types import Abstention, Resolution

_MONTH_FIRST = {"US", "PH", "CA"}


def resolve(text: str, *, ref: datetime, lang: str, locale: str | None = None) -> Resolution | Abstention:
    """Return the time the text means, seen from `ref`, or why there is no answer.

    `ref` must be zone-aware; the answer is in its zone. `lang` is de or en. `locale` (en-GB) decides the order
    of numeric dates; without one, German reads the day first, English the month first and keeps the other
    reading as an alternative. `ValueError` for a naive `ref` or another language, never for a text.
    """
    if ref.tzinfo is None:
        raise ValueError("ref has no time zone: give it one, for instance the tenant's")
    reading = read(text, lang=lang, order=date_order(lang, locale))
    return judge(reading, language(lang), ref)


def date_order(lang: str, locale: str | None) -> str:
    """Return how numeric dates are read: dmy, mdy or either."""
    region = (locale or "").replace("_", "-").partition("-")[2].upper()
    if region:
        return "mdy" if region in _MONTH_FIRST else "dmy"
    return "dmy" if lang == "de" else "either"


def judge(reading: Reading, spoken: Language, ref: datetime) -> Resolution | Abstention:
    """Return what a reading means at `ref`; it abstains unless the reading accounts for all it says of time."""
    edges = reading.best.edges
    objection = _objection(reading, spoken)
    if objection is not None:
        return Abstention(objection)
    try:
        answer = anchor(reading.best.slots, ref)
    except (OverflowError, ValueError):  # a date the calendar has not
        return Abstention("overflow")
    if isinstance(answer, Abstention):
        return answer
    return _told(answer, reading, tuple(dict.fromkeys(rule for edge in edges for rule in edge.rules)))


def _objection(reading: Reading, spoken: Language) -> str | None:
    """Return why the words around and between the parts forbid an answer."""
    slots, edges, words = reading.best.slots, reading.best.edges, spoken.words
    if slots.past is not None:
        return slots.past
    if not edges:
        return "leftover" if leftovers(reading) else "nothing"
    covered = {at for edge in edges for at in range(edge.start, edge.end)}
    rest = {token.text for at, token in enumerate(reading.tokens) if at not in covered}
    before = {reading.tokens[edge.start - 1].text for edge in edges if edge.start}
    objections = (
        ("past", bool(rest & words.past)),
        ("habit", bool(rest & words.habit)),
        ("leftover", bool(leftovers(reading))),
        ("ambiguous", bool(before & (words.bounds | words.wishes))),
        ("weak", len(edges) == 1 and edges[0].weak and bool(rest - words.fillers)),
    )
    return next((reason for reason, holds in objections if holds), None)


def _told(answer: Answer, reading: Reading, rules: tuple[str, ...]) -> Resolution:
    spans = tuple((reading.tokens[edge.start].start, reading.tokens[edge.end - 1].end) for edge in reading.best.edges)
    others = tuple(dict.fromkeys(other for other in answer.others if other != answer.value))
    return Resolution(answer.value, answer.grain, others, rules, spans)
