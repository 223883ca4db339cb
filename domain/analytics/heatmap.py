"""From counts per hour of the week to what may be said of them. Pure.

Counts are messages whose first click (or open) fell into the hour. Three grades of evidence, by their number:

* `cells`: each hour of each weekday for itself. A cell is drawn towards what its weekday and its hour alone would make
  of it, the more the less it has seen (gamma-Poisson, its spread estimated from all cells by moments).
* `hours`: only hours of the day, all weekdays together.
* `none`: too few, or no hour stands out from the others. Then nothing is recommended but a stated default.

It shows when people act, and people act after they were written to: nothing here is adjusted for when that was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import sqrt
from typing import Literal

from domain.experiments import statistics
from domain.experiments.statistics import Interval

WEEKDAYS, HOURS = range(1, 8), range(24)
FEWEST, FEWEST_OF_CELLS = 100, 1_000
DEFAULT_WEEKDAY, DEFAULT_HOUR = 2, 10
Basis = Literal["cells", "hours", "none"]
Reason = Literal["enough", "too_few", "no_pattern"]
Counts = Mapping[tuple[int, int], int]
_N = len(WEEKDAYS) * len(HOURS)
_STIFF = 1e9  # cells that differ no more than by chance say nothing beyond their margins


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of the week: what was counted, the bounds of its share of all (95 %), and how it compares.

    An `index` of 1 is the average hour. It is drawn towards the margins; None where there is too little to say so.
    `quiet`: nobody is written to then.
    """

    weekday: int
    hour: int
    n: int
    share: Interval
    index: float | None
    quiet: bool


@dataclass(frozen=True, slots=True)
class Best:
    """The hour to recommend: `weekday` None means on any day. `n` is what was counted there."""

    weekday: int | None
    hour: int
    n: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class Surface:
    """What 168 counts say; `kind` is what was counted."""

    kind: str
    total: int
    basis: Basis
    reason: Reason
    cells: list[Cell]
    best: Best


def expected(counts: Counts) -> dict[tuple[int, int], float]:
    """Return what weekday and hour alone make of each cell, at least a little everywhere; the sum is the total's."""
    total = sum(counts.values())
    days = {day: sum(counts.get((day, hour), 0) for hour in HOURS) for day in WEEKDAYS}
    hours = {hour: sum(counts.get((day, hour), 0) for day in WEEKDAYS) for hour in HOURS}
    share_of_day = {day: (n + 1) / (total + len(WEEKDAYS)) for day, n in days.items()}
    share_of_hour = {hour: (n + 1) / (total + len(HOURS)) for hour, n in hours.items()}
    return {(day, hour): total * share_of_day[day] * share_of_hour[hour] for day, hour in product(WEEKDAYS, HOURS)}


def smooth(counts: Counts) -> dict[tuple[int, int], float]:
    """Return each cell drawn towards its margins: the mean of a gamma-Poisson posterior."""
    means = expected(counts)
    excess = sum((counts.get(key, 0) - mean) ** 2 - mean for key, mean in means.items())
    squares = sum(mean * mean for mean in means.values())
    stiffness = min(_STIFF, squares / excess) if excess > 0 else _STIFF
    return {key: mean * (stiffness + counts.get(key, 0)) / (stiffness + mean) for key, mean in means.items()}


def read(kind: str, counts: Counts, quiet: frozenset[int] = frozenset()) -> Surface:
    """Say what counts per (weekday 1-7, hour 0-23) show. An hour within `quiet` is never recommended."""
    total = sum(counts.values())
    weights: Mapping[tuple[int, int], float] = {}
    basis: Basis = "none"
    best: Best | None = None
    if total >= FEWEST_OF_CELLS:
        weights, basis = smooth(counts), "cells"
        best = _best(weights, counts, quiet)
    if best is None and total >= FEWEST:
        by_hour = _by_hour(counts)
        weights, basis = {(day, hour): n / len(WEEKDAYS) for day in WEEKDAYS for hour, n in by_hour.items()}, "hours"
        best = _best_hour(by_hour, quiet)
    if best is None:
        reason: Reason = "too_few" if total < FEWEST else "no_pattern"
        return Surface(kind, total, "none", reason, _cells(counts, total, {}, quiet), default(quiet))
    return Surface(kind, total, basis, "enough", _cells(counts, total, weights, quiet), best)


def _by_hour(counts: Counts) -> dict[int, int]:
    return {hour: sum(counts.get((day, hour), 0) for day in WEEKDAYS) for hour in HOURS}


def _cells(counts: Counts, total: int, weights: Mapping[tuple[int, int], float], quiet: frozenset[int]) -> list[Cell]:
    return [
        Cell(
            day,
            hour,
            n := counts.get((day, hour), 0),
            statistics.wilson(n, total),
            round(weights[day, hour] * _N / total, 4) if weights else None,
            hour in quiet,
        )
        for day, hour in product(WEEKDAYS, HOURS)
    ]


def _best(weights: Mapping[tuple[int, int], float], counts: Counts, quiet: frozenset[int]) -> Best | None:
    """Return the greatest cell that people may be written to in, if it stands out from the others there are."""
    open_ = [key for key in weights if key[1] not in quiet]
    seen = sum(counts.get(key, 0) for key in open_)
    key = max(open_, key=lambda key: (weights[key], -key[0], -key[1]), default=None)
    if key is None or not stands_out(counts.get(key, 0), seen / len(open_), len(open_)):
        return None
    return Best(key[0], key[1], counts.get(key, 0), is_default=False)


def _best_hour(by_hour: Mapping[int, int], quiet: frozenset[int]) -> Best | None:
    open_ = [hour for hour in HOURS if hour not in quiet]
    seen = sum(by_hour[hour] for hour in open_)
    hour = max(open_, key=lambda hour: (by_hour[hour], -hour), default=None)
    if hour is None or not stands_out(by_hour[hour], seen / len(open_), len(open_)):
        return None
    return Best(None, hour, by_hour[hour], is_default=False)


def stands_out(count: int, expected: float, among: int, alpha: float = 0.05) -> bool:
    """Say whether a count is more than chance makes the greatest of `among` counts with this expectation.

    One-sided, by the variance stabilising root of a Poisson count (Anscombe 1948), with Bonferroni's correction.
    """
    z = 2 * (sqrt(count + 0.375) - sqrt(expected + 0.375))
    return expected > 0 and z > statistics.NORMAL.inv_cdf(1 - alpha / among)


def default(quiet: frozenset[int] = frozenset()) -> Best:
    """Return a working day's morning: a convention, no finding; the first hour after it where that one is quiet."""
    hour = next((hour for hour in (*range(DEFAULT_HOUR, 24), *range(DEFAULT_HOUR)) if hour not in quiet), DEFAULT_HOUR)
    return Best(DEFAULT_WEEKDAY, hour, 0, is_default=True)


def better(clicked: Surface, opened: Surface) -> Surface:
    """Return the clicks where they say something, else the opens where those do, else the clicks."""
    return opened if clicked.basis == "none" and opened.basis != "none" else clicked


def words(surface: Surface, language: str) -> str:
    """Say in a sentence or two what is recommended and on what it rests; German and English."""
    of = _OF[language][surface.kind].format(n=surface.total)
    best = surface.best
    when = f"{best.hour:02d}:00"
    if best.weekday is not None:
        when = f"{DAY_NAMES[language][best.weekday - 1]}, {when}"
    return _WORDS[language][surface.basis if surface.reason == "enough" else surface.reason].format(of=of, when=when)


DAY_NAMES = {
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_OF = {
    "de": {"clicked": "{n} Nachrichten mit Klick", "opened": "{n} geöffneten Nachrichten"},
    "en": {"clicked": "{n} messages with a click", "opened": "{n} messages that were opened"},
}
_WORDS = {
    "de": {
        "cells": "Die meisten handeln um {when}; das beruht auf {of}. "
        "Wann geschrieben wurde, ist nicht herausgerechnet.",
        "hours": "Die meisten handeln um {when}, gleich an welchem Tag; das beruht auf {of}. Für Wochentage reicht es "
        "noch nicht. Wann geschrieben wurde, ist nicht herausgerechnet.",
        "too_few": "Zu wenig Daten für eine Aussage: {of}, nötig sind 100. {when} ist nur ein üblicher Zeitpunkt, den "
        "keine Daten belegen.",
        "no_pattern": "Keine Stunde hebt sich vom Zufall ab: {of}. {when} ist nur ein üblicher Zeitpunkt, den keine "
        "Daten belegen.",
    },
    "en": {
        "cells": "Most people act at {when}; that rests on {of}. It is not adjusted for when they were written to.",
        "hours": "Most people act at {when}, whatever the day; that rests on {of}. It is not enough for weekdays yet, "
        "and not adjusted for when they were written to.",
        "too_few": "Too little to say: {of}, and 100 are needed. {when} is only a customary time that no data backs.",
        "no_pattern": "No hour stands out from chance: {of}. {when} is only a customary time that no data backs.",
    },
}
