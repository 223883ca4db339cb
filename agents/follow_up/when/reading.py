"""From tokens to what a text says: leaves, chart, and the best way to lay parts side by side."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cache

from agents.follow_up.when import builders, lexicon_de, lexicon_en
from agents.follow_up.when.daytimes import Slots
from agents.follow_up.when.grammar import Chart, Edge, Grammar, Leaf
from agents.follow_up.when.lexicon import Vocabulary
from agents.follow_up.when.rules import common, english, german
from agents.follow_up.when.tokens import Token, tokenize
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import Num, Span

_TOP: dict[str, Callable[..., Slots]] = {
    "WD": lambda value: Slots(wday=value),
    "DATE": lambda value: Slots(date=value),
    "CLOCK": lambda value: Slots(clock=value),
    "PART": lambda value: Slots(part=value),
    "ZONE": lambda value: Slots(zone=value),
    "EXACT": lambda value: Slots(exact=value),
    "PASTW": lambda _value: Slots(past="past"),
    "HABITW": lambda _value: Slots(past="habit"),
    "WHEN": lambda value: value,
}
# An unread token of one of these kinds or categories means that a time was not understood.
_NUMERIC = frozenset({"num", "real", "frac", "clock", "ymd", "dmy", "dm", "dot"})
_TEMPORAL = frozenset(
    {
        "WD", "WDS", "MONTH", "UNIT", "DATE", "TOMORROW", "TONIGHT", "HOLIDAY", "WEEKEND", "ORD", "ORDONES", "NUM",
        "ONES", "TENS", "MIDNIGHT", "NOON", "MERIDIEM", "FORTNIGHT", "WHEN", "EDGEW", "SPANW", "OCLOCK", "PARTN",
        "PARTA", "NEXT", "AFTERNEXT", "HALFW", "HALFADJ", "QUARTERW", "THREEQUARTERS", "PAIR", "COUPLE", "FEW",
        "DOZEN", "HUNDRED", "ZONEW", "BIG", "NTHLAST",
    }
)  # fmt: skip
_FIELDS = tuple(field.name for field in fields(Slots))
_ALWAYS = "24/7"
_MOST_MONTHS = 12
_LONGEST_ABBREVIATION = 5
_LONGEST = 120  # tokens: longer texts are read as far as that


@dataclass(frozen=True, slots=True)
class Language:
    """Everything one language brings."""

    grammar: Grammar
    lexicon: dict[str, list[Leaf]]
    words: Vocabulary


@dataclass(frozen=True, slots=True)
class Tiling:
    """Parts laid side by side: what they say together, and which tokens they leave over."""

    slots: Slots
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    tokens: list[Token]
    leaves: list[list[Leaf]]
    best: Tiling


@cache
def language(lang: str) -> Language:
    """Return a language; `ValueError` names the ones there are."""
    if lang == "de":
        return Language(Grammar((*common.RULES, *german.RULES)), lexicon_de.words(), lexicon_de.VOCABULARY)
    if lang == "en":
        return Language(Grammar((*common.RULES, *english.RULES)), lexicon_en.words(), lexicon_en.VOCABULARY)
    raise ValueError(f"the resolver reads de and en, not {lang!r}")


def tokens_of(text: str, spoken: Language) -> list[Token]:
    """Return the tokens without dots that only abbreviate and hyphens that only join."""
    raw = tokenize(text)[:_LONGEST]
    kept = []
    for at, token in enumerate(raw):
        before = raw[at - 1] if at else None
        after = raw[at + 1] if at + 1 < len(raw) else None
        if not _abbreviates(token, before, spoken) and not _joins(token, before, after, spoken):
            kept.append(token)
    return kept


def _abbreviates(token: Token, before: Token | None, spoken: Language) -> bool:
    if token.text != "." or before is None or before.kind != "word" or before.end != token.start:
        return False
    return before.text in spoken.lexicon and len(before.text) <= _LONGEST_ABBREVIATION


def _joins(token: Token, before: Token | None, after: Token | None, spoken: Language) -> bool:
    if token.text != "-" or before is None or after is None:
        return False
    if before.end != token.start or token.end != after.start:
        return False
    if after.kind != "word" and not _named(before, spoken):
        return False
    return not (_named(before, spoken) and _named(after, spoken))


def _named(token: Token, spoken: Language) -> bool:
    return any(leaf.category in {"WD", "MONTH"} for leaf in spoken.lexicon.get(token.text, ()))


def leaves_of(token: Token, spoken: Language, order: str) -> list[Leaf]:
    """Return what a token can be."""
    reader = _READERS.get(token.kind)
    if reader is None:
        return spoken.lexicon.get(token.text, [])
    return reader(token.text, order)


def _number(text: str, order: str) -> list[Leaf]:
    del order
    if len(text) > 6:  # noqa: PLR2004 - no count, hour or year has more digits
        return []
    return [Leaf("NUM", Num(Fraction(int(text)), len(text), zero=text.startswith("0") and len(text) > 1))]


def _real(text: str, order: str) -> list[Leaf]:
    del order
    return [Leaf("NUM", Num(Fraction(text.replace(",", ".")), 9))] if len(text) < 9 else []  # noqa: PLR2004


def _fraction(text: str, order: str) -> list[Leaf]:
    del order
    return [Leaf("FRAC", Num({"½": Fraction(1, 2), "¼": Fraction(1, 4), "¾": Fraction(3, 4)}[text], 9))]


def _numbers_in(text: str) -> list[int]:
    found, digits = [], ""
    for character in f"{text} ":
        if character.isdigit():
            digits += character
        elif digits:
            found.append(int(digits))
            digits = ""
    return found


def _written_clock(text: str, order: str) -> list[Leaf]:
    hour, minute, *rest = _numbers_in(text)
    twelve = order != "dmy" and "h" not in text and not text.startswith("0")
    grain = Grain.SECOND if rest else Grain.MINUTE
    found = builders.clock(hour, minute, rest[0] if rest else 0, grain=grain, both=twelve)
    leaves = [Leaf("CLOCKT", found)] if found else []
    if "h" in text:
        leaves.append(Leaf("SPANH", Span(((hour, Grain.HOUR), (minute, Grain.MINUTE)))))
    return leaves


def _written_date(text: str, order: str) -> list[Leaf]:
    first, second, year = _numbers_in(text)
    if len(text.replace(" ", "").replace(".", "/").replace("-", "/").rsplit("/", 1)[-1]) < 4:  # noqa: PLR2004
        year += 2000 if year < 70 else 1900  # noqa: PLR2004 - the usual pivot of two-digit years
    found = builders.numeric_date(first, second, year, "dmy" if "." in text else order)
    return [Leaf("DATE", found)] if found else []


def _iso_date(text: str, order: str) -> list[Leaf]:
    del order
    year, month, day = _numbers_in(text)
    found = builders.month_day(month, day, year) if 1 <= month <= 12 else None  # noqa: PLR2004
    return [Leaf("DATE", found)] if found else []


def _day_month(text: str, order: str) -> list[Leaf]:
    first, second = _numbers_in(text)
    if text == _ALWAYS:
        return []
    found = builders.numeric_date(first, second, None, "dmy" if "." in text else order)
    leaves = [Leaf("DATE", found, weak="/" in text and first < second <= _MOST_MONTHS)] if found else []
    if "/" in text and 0 < first < second and second in {2, 3, 4}:
        leaves.append(Leaf("FRAC", Num(Fraction(first, second), 9)))
    return leaves


def _dotted(text: str, order: str) -> list[Leaf]:
    first, second = _numbers_in(text)
    leaves = [Leaf("NUM", Num(Fraction(text), 9))]
    date = builders.numeric_date(first, second, None, "dmy")
    if date is not None:
        leaves.append(Leaf("DATE", date, weak=True))
    minute = text.rpartition(".")[2]
    clock = builders.clock(first, second, grain=Grain.MINUTE, both=order != "dmy")
    if clock is not None and len(minute) > 1:
        leaves.append(Leaf("CLOCKDOT", clock))
    return leaves


_READERS: dict[str, Callable[[str, str], list[Leaf]]] = {
    "num": _number,
    "real": _real,
    "frac": _fraction,
    "clock": _written_clock,
    "dmy": _written_date,
    "ymd": _iso_date,
    "dm": _day_month,
    "dot": _dotted,
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text with every part found in it; `tops` are those that can stand for a time, by first token."""

    spoken: Language
    tokens: list[Token]
    leaves: list[list[Leaf]]
    chart: Chart
    tops: list[list[Edge]]


def parse(text: str, *, lang: str, order: str) -> Parsed:
    """Return everything found in a text; `order` is the order of numeric dates (dmy, mdy or either)."""
    spoken = language(lang)
    tokens = tokens_of(text, spoken)
    leaves = [leaves_of(token, spoken, order) for token in tokens]
    for at, token in enumerate(tokens[:-1]):
        if tokens[at + 1].text in spoken.words.blocked.get(token.text, ()) or _compounds(text, at, tokens, leaves):
            leaves[at] = []
    chart = spoken.grammar.parse(leaves, [token.text for token in tokens])
    tops = [
        [edge for category in _TOP for edge in chart.edges(start, category) if _stands(edge, tokens, leaves, spoken)]
        for start in range(len(tokens))
    ]
    return Parsed(spoken, tokens, leaves, chart, _without_weak(tops, tokens, spoken))


def _compounds(text: str, at: int, tokens: list[Token], leaves: list[list[Leaf]]) -> bool:
    """Say whether a hyphen makes one unknown word of a word and the next ("Mai-Straße")."""
    token, after = tokens[at], tokens[at + 1]
    if token.kind != "word" or after.kind != "word" or after.start - token.end != 1:
        return False
    return text[token.end] == "-" and not leaves[at + 1]


def read(text: str, *, lang: str, order: str) -> Reading:
    """Return the best reading of a text; `order` is the order of numeric dates (dmy, mdy or either)."""
    parsed = parse(text, lang=lang, order=order)
    return Reading(parsed.tokens, parsed.leaves, _tile(parsed))


def says(edge: Edge) -> Slots:
    """Return what a part that stands for a time says."""
    return _TOP[edge.category](edge.value)


def _without_weak(tops: list[list[Edge]], tokens: list[Token], spoken: Language) -> list[list[Edge]]:
    """Drop weak parts that stand neither alone nor beside a sure part."""
    sure = [edge for edges in tops for edge in edges if not edge.weak]
    content = [at for at, token in enumerate(tokens) if token.text not in spoken.words.fillers]
    return [[x for x in edges if not x.weak or _has_company(x, sure, tokens, content)] for edges in tops]


def _has_company(weak: Edge, sure: list[Edge], tokens: list[Token], content: list[int]) -> bool:
    if not sure and all(weak.start <= at < weak.end for at in content):
        return True
    after = weak.end
    while after < len(tokens) and tokens[after].text in {",", ".", "at", "um", "@"}:
        after += 1
    adverb = tokens[weak.start].text == "so"  # "so um 15 Uhr", but "So 17.2."
    if any(edge.start == after and (edge.category in {"DATE", "WHEN"} or not adverb) for edge in sure):
        return True
    return not adverb and any(_closes(edge, weak.start, tokens) for edge in sure)


def _closes(edge: Edge, start: int, tokens: list[Token]) -> bool:
    return edge.end <= start and all(token.text in {",", "on", "am"} for token in tokens[edge.end : start])


def _stands(edge: Edge, tokens: list[Token], leaves: list[list[Leaf]], spoken: Language) -> bool:
    """Say whether what follows a fragile part lets it stand."""
    if not edge.fragile or edge.end >= len(tokens):
        return True
    follower = tokens[edge.end]
    if follower.kind == "sign":
        return follower.text not in {"%", "€", "$", "£", "°", "+", "*", "/"}
    if follower.kind != "word":
        return True
    if follower.text in spoken.words.counted:
        return False
    return bool(leaves[edge.end]) or follower.text in spoken.words.followers or follower.text in spoken.words.fillers


def _worth(token: Token, leaves: list[Leaf]) -> int:
    if token.kind == "sign":
        return 0
    return 2 if speaks_of_time(token, leaves) else 1


_State = tuple[int, int, int, tuple[Edge, ...]]  # tokens covered, minus the parts, weight, the parts


def _tile(parsed: Parsed) -> Tiling:
    """Lay parts side by side so that they cover most words, those of time first, with the fewest parts."""
    tops = parsed.tops
    worth = [_worth(token, leaves) for token, leaves in zip(parsed.tokens, parsed.leaves, strict=True)]
    rows: list[dict[int, _State]] = [{} for _ in range(len(tops) + 1)]
    rows[0][0] = (0, 0, 0, ())
    for at, edges in enumerate(tops):
        for mask, state in rows[at].items():
            _keep(rows[at + 1], mask, state)
            for edge in edges:
                said = says(edge).mask
                if not said & mask:
                    covered, parts, weight, laid = state
                    grown = (covered + sum(worth[at : edge.end]), parts - 1, weight + edge.weight, (*laid, edge))
                    _keep(rows[edge.end], mask | said, grown)
    best = max(rows[-1].values(), key=lambda state: state[:3])
    return Tiling(_together(best[3]), best[3])


def _keep(row: dict[int, _State], mask: int, state: _State) -> None:
    if mask not in row or row[mask][:3] < state[:3]:
        row[mask] = state


def _together(edges: tuple[Edge, ...]) -> Slots:
    said = Slots()
    for edge in edges:
        part = says(edge)
        said = replace(said, **{n: v for n in _FIELDS if (v := getattr(part, n)) is not None})
    return said


def leftovers(reading: Reading) -> list[int]:
    """Return the positions of tokens that speak of time or number and are in no part."""
    covered = {at for edge in reading.best.edges for at in range(edge.start, edge.end)}
    beside = {at - 1 for at in covered} | {at + 1 for at in covered}
    return [at for at in range(len(reading.tokens)) if at not in covered and _is_left(reading, at, near=at in beside)]


def _is_left(reading: Reading, at: int, *, near: bool) -> bool:
    leaves = reading.leaves[at]
    return speaks_of_time(reading.tokens[at], leaves) or (near and _may_count(leaves))


def _may_count(leaves: list[Leaf]) -> bool:
    """Say whether a word of everyday use may count the part beside it ("the second friday")."""
    return any(leaf.weak and leaf.category in {"ORD", "ORDONES", "UNIT"} for leaf in leaves)


def speaks_of_time(token: Token, leaves: list[Leaf]) -> bool:
    """Say whether an unread token means that a time was not understood."""
    return token.kind in _NUMERIC or _is_temporal(leaves)


def _is_temporal(leaves: list[Leaf]) -> bool:
    return any(x.category in _TEMPORAL and not x.weak and not _is_article(x) for x in leaves)


def _is_article(leaf: Leaf) -> bool:
    return isinstance(leaf.value, Num) and leaf.value.article
