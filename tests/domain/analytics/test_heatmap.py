"""What counts per hour may say: nothing from little, nothing from chance, the truth from enough."""

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analytics import heatmap
from domain.analytics.heatmap import DEFAULT_HOUR, HOURS, WEEKDAYS
from domain.campaigns import best_times

QUIET = best_times.quiet_hours("20:00", "08:00")
KEYS = list(product(WEEKDAYS, HOURS))
COUNTS = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 60), max_size=168)


def drawn(n: int, weight, seed: int) -> dict[tuple[int, int], int]:
    """`n` acts at random, by a weight per hour of the week."""
    rng = random.Random(seed)
    counts: dict[tuple[int, int], int] = {}
    for key in rng.choices(KEYS, [weight(*key) for key in KEYS], k=n):
        counts[key] = counts.get(key, 0) + 1
    return counts


@given(counts=COUNTS)
def test_cells_are_whole_honest_and_drawn_between_what_was_seen_and_the_margins(counts):
    total = sum(counts.values())
    surface = heatmap.read("clicked", counts, QUIET)
    assert [(cell.weekday, cell.hour) for cell in surface.cells] == KEYS
    assert sum(cell.n for cell in surface.cells) == surface.total == total
    assert surface.best.hour not in QUIET
    assert (surface.basis == "none") == surface.best.is_default == all(cell.index is None for cell in surface.cells)
    if total < heatmap.FEWEST:
        assert surface.reason == "too_few"
    smooth, margins = heatmap.smooth(counts), heatmap.expected(counts)
    for key, value in smooth.items():
        low, high = sorted((counts.get(key, 0), margins[key]))
        assert low - 1e-6 <= value <= high + 1e-6
    assert sum(margins.values()) == pytest.approx(total)


def test_chance_alone_is_hardly_ever_called_a_pattern():
    awake = [heatmap.read("clicked", drawn(2_000, lambda day, hour: 1, seed), QUIET) for seed in range(60)]
    assert sum(surface.basis != "none" for surface in awake) <= 8
    assert {surface.reason for surface in awake if surface.basis == "none"} == {"no_pattern"}
    assert {surface.best.hour for surface in awake if surface.basis == "none"} == {DEFAULT_HOUR}


@pytest.mark.parametrize(("n", "basis", "weekday"), [(99, "none", 2), (400, "hours", None), (20_000, "cells", 4)])
def test_a_planted_pattern_is_found_as_far_as_the_numbers_carry(n, basis, weekday):
    def weight(day: int, hour: int) -> float:
        return (1 + 6 * (hour == 18)) * (1 + (day == 4 and hour == 18))

    surface = heatmap.read("clicked", drawn(n, weight, 1), QUIET)
    assert (surface.basis, surface.best.weekday) == (basis, weekday)
    assert surface.best.hour == (DEFAULT_HOUR if basis == "none" else 18)
    for language in ("de", "en"):
        said = heatmap.words(surface, language)
        assert str(n) in said
        assert ("18:00" in said) == (basis != "none")


def test_the_best_hour_is_one_that_people_are_written_to_in():
    surface = heatmap.read("clicked", drawn(30_000, lambda day, hour: 1 + 9 * (hour == 22) + 3 * (hour == 9), 2), QUIET)
    assert (surface.basis, surface.best.hour) == ("cells", 9)
    assert heatmap.read("clicked", {}, best_times.quiet_hours("09:00", "12:00")).best.hour == 12


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [("20:00", "08:00", {*range(20, 24), *range(8)}), ("12:30", "14:00", {12, 13}), ("08:00", "08:00", set()),
     ("22:15", "06:45", {22, 23, *range(7)})],
)  # fmt: skip
def test_hours_that_are_quiet_in_part_are_quiet(begin, end, hours):
    assert best_times.quiet_hours(begin, end) == hours


def test_opens_speak_where_clicks_are_too_few():
    few = heatmap.read("clicked", {(1, 9): 5}, QUIET)
    many = heatmap.read("opened", drawn(500, lambda day, hour: 1 + 20 * (hour == 9), 3), QUIET)
    assert heatmap.better(few, many) is many
    assert heatmap.better(few, heatmap.read("opened", {}, QUIET)) is few
