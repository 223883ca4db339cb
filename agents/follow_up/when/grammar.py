"""Rules as data, and the chart that finds every typed part of a token list.

A shape is a row of elements: a category in capitals ("MONTH"), or words that may stand there ("of|in"). A
trailing "?" makes an element optional, "NEXT|THIS" takes either category. A builder gets one value per
category element, None for an absent one, and returns the value of the new part or None when the parts do
not fit.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

MOST_EDGES = 60  # at one position: more is not language


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to make a typed part.

    `yes` are "text = time" lines (seen from Tuesday 2013-02-12 04:30), `no` texts in which the rule must not
    speak; rules of both languages say "de: " or "en: " before each. A fragile part counts only where no
    unknown word follows it ("um 3 Kilo"), a weak one only alone or in company.
    """

    id: str
    makes: str
    shape: str
    build: Callable[..., Hashable | None]
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    weight: int = 0
    fragile: bool = False
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a word can be. A weak one is an everyday word too and counts only in company."""

    category: str
    value: Hashable
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A typed part over the tokens start … end - 1."""

    start: int
    end: int
    category: str
    value: Hashable
    rules: tuple[str, ...]
    weak: bool = False
    weight: int = 0
    fragile: bool = False


@dataclass(frozen=True, slots=True)
class _Variant:
    rule: Rule
    rest: tuple[tuple[str, bool], ...]  # (category, is its value passed)
    takes_first: bool
    absent: tuple[int, ...]  # positions of None among the values


class Chart:
    """Every part found, by start and category."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.at: list[dict[str, list[Edge]]] = [{} for _ in range(size + 1)]

    def edges(self, start: int, category: str) -> Iterable[Edge]:
        """Return the parts of that category which start there."""
        return self.at[start].get(category, ())


class Grammar:
    """The rules of one language, ready to run."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._by_first: dict[str, list[_Variant]] = {}
        self.words: dict[str, list[str]] = {}
        for rule in self.rules:
            for variant, first in _variants(rule):
                self._by_first.setdefault(first, []).append(variant)
            for element in rule.shape.split():
                self._learn(element.removesuffix("?") if len(element) > 1 else element)

    def _learn(self, element: str) -> None:
        if element.isupper():
            return
        for word in element.split("|"):
            classes = self.words.setdefault(word, [])
            if element not in classes:
                classes.append(element)

    def parse(self, leaves: list[list[Leaf]], texts: list[str]) -> Chart:
        """Return the chart over tokens with these leaves and texts."""
        chart = Chart(len(texts))
        for start in range(len(texts) - 1, -1, -1):
            agenda = [Edge(start, start + 1, x.category, x.value, (), weak=x.weak) for x in leaves[start]]
            agenda += [Edge(start, start + 1, x, None, ()) for x in self.words.get(texts[start], ())]
            self._grow(chart, agenda)
        return chart

    def _grow(self, chart: Chart, agenda: list[Edge]) -> None:
        seen: set[tuple[int, str, Hashable]] = set()
        while agenda and len(seen) < MOST_EDGES:
            edge = agenda.pop()
            key = (edge.end, edge.category, edge.value)
            if key in seen:
                continue
            seen.add(key)
            chart.at[edge.start].setdefault(edge.category, []).append(edge)
            for variant in self._by_first.get(edge.category, ()):
                agenda.extend(_apply(variant, edge, chart))


def _variants(rule: Rule) -> Iterator[tuple[_Variant, str]]:
    """Yield every way to fill the shape: with and without optional elements, with each alternative category."""
    choices = []
    for element in rule.shape.split():
        name = element.removesuffix("?") if len(element) > 1 else element
        names: list[str | None] = list(name.split("|")) if name.isupper() else [name]
        choices.append([*names, None] if name != element else names)
    passed = [any(x is not None and x.isupper() for x in choice) for choice in choices]
    for row in product(*choices):
        absent = tuple(at for at, x in enumerate(x for x, known in zip(row, passed, strict=True) if known) if x is None)
        kept = [(x, known) for x, known in zip(row, passed, strict=True) if x is not None]
        if kept:
            yield _Variant(rule, tuple(kept[1:]), kept[0][1], absent), kept[0][0]


def _apply(variant: _Variant, first: Edge, chart: Chart) -> Iterator[Edge]:
    rule = variant.rule
    for last, values, rules, weights in _rows(variant.rest, first.end, chart):
        given = [first.value, *values] if variant.takes_first else list(values)
        for position in variant.absent:
            given.insert(position, None)
        value = rule.build(*given)
        if value is not None:
            lone = rule.weak or (not variant.rest and first.weak)
            weight = rule.weight + first.weight + weights
            told = (*first.rules, *rules, rule.id)
            fragile = rule.fragile or (last == first.end and first.fragile)
            yield Edge(first.start, last, rule.makes, value, told, lone, weight, fragile)


def _rows(
    rest: tuple[tuple[str, bool], ...], at: int, chart: Chart
) -> Iterator[tuple[int, tuple[Hashable, ...], tuple[str, ...], int]]:
    if not rest:
        yield at, (), (), 0
        return
    if at >= chart.size:
        return
    (category, passed), *others = rest
    for edge in chart.edges(at, category):
        for end, values, rules, weight in _rows(tuple(others), edge.end, chart):
            given = (edge.value, *values) if passed else values
            yield end, given, (*edge.rules, *rules), weight + edge.weight


def index(entries: Mapping[str, Iterable[Leaf]]) -> dict[str, list[Leaf]]:
    """Return a lexicon that also knows its umlauts written out."""
    table = {ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ß"): "ss"}
    found: dict[str, list[Leaf]] = {}
    for word, leaves in entries.items():
        for spelling in dict.fromkeys((word, word.translate(table), word.replace("ß", "ss"))):
            found.setdefault(spelling, []).extend(leaves)
    return found
