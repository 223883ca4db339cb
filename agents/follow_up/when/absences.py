"""When somebody who says to be away is back."""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from agents.follow_up.when.anchoring import anchor, aware, date_of
from agents.follow_up.when.combined import after_all
from agents.follow_up.when.daytimes import Exact, Slots
from agents.follow_up.when.grammar import Edge
from agents.follow_up.when.lexicon import bag
from agents.follow_up.when.reading import Parsed, parse, says
from agents.follow_up.when.resolving import date_order
from agents.follow_up.when.types import Abstention, Grain, Resolution
from agents.follow_up.when.values import Dated, Hit, Month, Span, Weekday, midnight

_INCLUSIVE = bag("einschließlich einschliesslich inklusive inkl including incl")
_ENDS = frozenset(".!?;,:()")


@dataclass(frozen=True, slots=True)
class _Found:
    """The first day back, how it was said, and what it rests on."""

    day: datetime
    grain: Grain
    rules: tuple[str, ...]
    edges: tuple[Edge, ...]
    others: tuple[datetime, ...] = ()


def absence(turn: str, *, ref: datetime, lang: str) -> Resolution | Abstention:
    """Return the first day after the absence the turn tells of.

    `nothing` when it tells of none, `past` when that one is over, `ambiguous` when it does not say when it
    ends. `ref` is zone-aware, `lang` de or en. The value is the start of a day, or of a coarser period where
    the turn names one ("ab Januar wieder").
    """
    parsed = parse(turn, lang=lang, order=date_order(lang, None))
    reasons = ["nothing"]
    for clause in _clauses(parsed):
        try:
            found = _in_clause(parsed, clause, ref)
        except (OverflowError, ValueError):
            found = Abstention("overflow")
        if isinstance(found, _Found):
            return _told(found, parsed, ref)
        reasons.append(found.reason)
    return Abstention(next((reason for reason in reversed(reasons) if reason != "nothing"), "nothing"))


def _clauses(parsed: Parsed) -> list[range]:
    """Return the clauses; what stands within a part, or begins with "until", starts none."""
    known, tokens = parsed.spoken.words, parsed.tokens
    within = {at for edges in parsed.tops for edge in edges for at in range(edge.start + 1, edge.end)}
    starts = [0]
    for at in range(1, len(tokens)):
        if at in within or tokens[at].text in known.until:
            continue
        breaks = tokens[at - 1].text in known.breaks and not parsed.leaves[at]
        if (tokens[at - 1].text in _ENDS and at - 1 not in within) or breaks:
            starts.append(at)
    return [range(begin, end) for begin, end in pairwise([*starts, len(tokens)])]


def _in_clause(parsed: Parsed, clause: range, ref: datetime) -> _Found | Abstention:
    known = parsed.spoken.words
    texts = [parsed.tokens[at].text for at in clause]
    words = set(texts)
    away = bool(words & known.away) or any(pair in known.away_so for pair in pairwise(texts))
    back = bool(words & known.back) and not words & known.requests
    if not away and not back:
        return Abstention("nothing")
    if words & known.past:
        return Abstention("past")
    found = _read(parsed, clause, ref, known.back if back else frozenset(), away=away)
    if found is not None:
        return found
    return Abstention("ambiguous" if any(parsed.tops[at] for at in clause) else "nothing")


def _told(found: _Found, parsed: Parsed, ref: datetime) -> Resolution | Abstention:
    zone = ref.tzinfo
    if zone is None:
        raise ValueError("ref has no time zone: give it one, for instance the tenant's")
    if found.day <= midnight(ref.date()):
        return Abstention("past")
    others = tuple(aware(other, zone) for other in found.others if other > midnight(ref.date()) and other != found.day)
    spans = tuple((parsed.tokens[x.start].start, parsed.tokens[x.end - 1].end) for x in found.edges)
    return Resolution(aware(found.day, zone), found.grain, others, found.rules, spans)


def _read(parsed: Parsed, clause: range, ref: datetime, back: frozenset[str], *, away: bool) -> _Found | None:
    now = ref.replace(tzinfo=None)
    spans = _longest([edge for at in clause for edge in parsed.chart.edges(at, "SPAN")])
    dates = _longest([edge for at in clause for edge in parsed.tops[at] if _is_date(says(edge))])
    dates = [edge for edge in dates if not any(_inside(edge, x) for x in spans)]
    ends = [edge for edge in dates if _after_word(parsed, edge, parsed.spoken.words.until)]
    if ends:
        return _until(ends[-1], now)
    if back and (found := _back(parsed, clause, dates, back, ref)):
        return found
    if not away:
        return None
    if spans and not any(edge for edge in dates if _inside(spans[-1], edge)):
        return _for_so_long(spans[-1], dates, now)
    return _over(dates[-1], now) if dates else None


def _longest(edges: list[Edge]) -> list[Edge]:
    """Return the widest parts in order of their place, none within another."""
    kept: list[Edge] = []
    for edge in sorted(edges, key=lambda x: (x.start - x.end, x.start, -x.weight)):
        if not any(edge.start < other.end and other.start < edge.end for other in kept):
            kept.append(edge)
    return sorted(kept, key=lambda x: x.start)


def _inside(inner: Edge, outer: Edge) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _is_date(said: Slots) -> bool:
    return (
        said.past is None
        and said.now is None
        and (said.date is not None or said.wday is not None or said.exact is not None)
    )


def _after_word(parsed: Parsed, edge: Edge, words: frozenset[str]) -> bool:
    tokens = parsed.tokens
    at = edge.start - 1
    while at >= 0 and tokens[at].text in (parsed.spoken.words.fillers | _INCLUSIVE) - words:
        at -= 1
    return at >= 0 and tokens[at].text in words


def _until(edge: Edge, now: datetime) -> _Found | None:
    """Away until a day: back on the next one, or perhaps on that very day."""
    said = says(edge)
    if said.exact is not None and said.date is None:
        return None
    date = _date(said)
    if date is None:
        return None
    hit = _first(date, now)
    if hit is None:
        return None
    last, rules = after_all(date, now), ("absence.until", *edge.rules)
    if last is not None and isinstance(date, Month):
        return _Found(hit.start, Grain.DAY, rules, (edge,), (last,))
    loose = isinstance(date, Weekday)
    return None if last is None else _Found(last, Grain.DAY, rules, (edge,), (hit.start,) if loose else ())


def _back(parsed: Parsed, clause: range, dates: list[Edge], back: frozenset[str], ref: datetime) -> _Found | None:
    """Back on a day: the nearest one to the word."""
    places = [at for at in clause if parsed.tokens[at].text in back]
    near = sorted(dates, key=lambda edge: min(min(abs(edge.start - at), abs(at - edge.end + 1)) for at in places))
    for edge in near[:1]:
        answer = anchor(says(edge), ref)
        if isinstance(answer, Abstention):
            return None
        grain = Grain.DAY if answer.grain in {Grain.SECOND, Grain.MINUTE, Grain.HOUR, Grain.PART} else answer.grain
        day = midnight(answer.value.date())
        return _Found(
            day, grain, ("absence.back", *edge.rules), (edge,), tuple(midnight(x.date()) for x in answer.others)
        )
    return None


def _for_so_long(edge: Edge, dates: list[Edge], now: datetime) -> _Found | None:
    """Away for so long, from today or from a day the turn names."""
    length = edge.value
    if not isinstance(length, Span) or not length.in_days:
        return None
    starts = [x for x in dates if not _inside(edge, x)]
    begin = now
    if starts:
        date = _date(says(starts[0]))
        hit = None if date is None else _first(date, now)
        if hit is None:
            return None
        begin = hit.start
    day = midnight(length.days_after(begin.date()))
    return _Found(day, Grain.DAY, ("absence.for", *edge.rules), (*starts[:1], edge))


def _over(edge: Edge, now: datetime) -> _Found | None:
    """Away over a day, a period or the holidays."""
    said = says(edge)
    date = _date(said)
    if date is None or said.exact is not None:
        return None
    end = after_all(date, now)
    return None if end is None else _Found(end, Grain.DAY, ("absence.over", *edge.rules), (edge,))


def _date(said: Slots) -> Dated | None:
    date = date_of(said)
    return None if isinstance(date, Abstention | Exact) else date


def _first(date: Dated, now: datetime) -> Hit | None:
    return next(date.hits(now), None)
