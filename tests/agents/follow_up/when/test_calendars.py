from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.follow_up.when import calendars, numbers
from agents.follow_up.when.types import Grain


@pytest.mark.parametrize(
    "day",
    ["2000-04-23", "2008-03-23", "2011-04-24", "2019-04-21", "2024-03-31", "2025-04-20", "2026-04-05", "2038-04-25"],
)
def test_easter_falls_where_the_almanac_says(day: str):
    wanted = date.fromisoformat(day)
    assert calendars.easter(wanted.year) == wanted


@settings(deadline=None)
@given(st.integers(1900, 2200))
def test_easter_is_a_sunday_of_spring(year: int):
    found = calendars.easter(year)
    assert found.weekday() == 6
    assert date(year, 3, 22) <= found <= date(year, 4, 25)


@settings(deadline=None)
@given(st.integers(1900, 2200))
def test_every_holiday_falls_into_its_year(year: int):
    assert {find(year).year for find in calendars.HOLIDAYS.values()} == {year}


@settings(deadline=None)
@given(st.integers(1900, 2200))
def test_the_fourth_sunday_of_advent_is_the_last_before_christmas(year: int):
    fourth = calendars.HOLIDAYS["advent_4"](year)
    assert fourth.weekday() == 6
    assert timedelta(0) < date(year, 12, 25) - fourth <= timedelta(days=7)


@settings(deadline=None)
@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(-600, 600))
def test_months_are_added_without_leaving_the_month(day: date, months: int):
    found = calendars.plus_months(day, months)
    assert (found.year - day.year) * 12 + found.month - day.month == months
    assert found.day == min(day.day, calendars.days_in(found.year, found.month))


@settings(deadline=None)
@given(
    st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.sampled_from([Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR])
)
def test_a_period_holds_the_day_it_is_made_from(day: date, grain: Grain):
    start = calendars.start_of(day, grain)
    assert start <= day < calendars.step(start, grain, 1)


@settings(deadline=None)
@given(st.integers(1990, 2090), st.integers(1, 12), st.integers(0, 6))
def test_the_last_weekday_of_a_month_is_its_fourth_or_fifth(year: int, month: int, weekday: int):
    last = calendars.nth_weekday(year, month, weekday, -1)
    assert last in {calendars.nth_weekday(year, month, weekday, n) for n in (4, 5)}
    assert (last + timedelta(days=7)).month != month


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (1, "eins"),
        (7, "sieben"),
        (12, "zwölf"),
        (21, "einundzwanzig"),
        (30, "dreißig"),
        (101, "hunderteins"),
        (999, "neunhundertneunundneunzig"),
    ],
)
def test_german_numbers_are_spelt_right(number: int, word: str):
    assert numbers.german(number) == word


def test_no_two_numbers_share_a_word():
    words = [numbers.german(number) for number in range(1, 1000)]
    assert len(set(words)) == 999
    spelt = numbers.german_numbers()
    assert all(spelt[word] == number for number, word in enumerate(words, 1))


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("erster", 1),
        ("dritten", 3),
        ("siebte", 7),
        ("siebenten", 7),
        ("achte", 8),
        ("zwölfter", 12),
        ("neunzehnte", 19),
        ("zwanzigster", 20),
        ("einunddreißigsten", 31),
        ("hundertste", 100),
        ("hunderterste", 101),
    ],
)
def test_german_ordinals_are_read(word: str, number: int):
    assert numbers.german_ordinals()[word] == number


@pytest.mark.parametrize(
    ("word", "number"), [("first", 1), ("fifth", 5), ("twelfth", 12), ("twentieth", 20), ("ninth", 9)]
)
def test_english_ordinals_are_read(word: str, number: int):
    assert numbers.english_ordinals()[word] == number
