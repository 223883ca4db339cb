"""Days, months, quarters and holidays of the civil calendar."""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

from agents.follow_up.when.types import Grain

MONTHS_OF = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}


def plus_months(day: date, months: int) -> date:
    """Return the same day that many months on, the last of the month where it has no such day."""
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    return date(year, month + 1, min(day.day, days_in(year, month + 1)))


def days_in(year: int, month: int) -> int:
    """Return how many days the month has."""
    return monthrange(year, month)[1]


def start_of(day: date, grain: Grain) -> date:
    """Return the first day of the week, month, quarter or year the day is in; finer grains leave it alone."""
    if grain == Grain.WEEK:
        return day - timedelta(days=day.weekday())
    if grain in MONTHS_OF:
        size = MONTHS_OF[grain]
        return day.replace(month=(day.month - 1) // size * size + 1, day=1)
    return day


def step(day: date, grain: Grain, count: int) -> date:
    """Return the day that many days, weeks, months, quarters or years on."""
    if grain in MONTHS_OF:
        return plus_months(day, MONTHS_OF[grain] * count)
    return day + timedelta(days=count * (7 if grain == Grain.WEEK else 1))


def on_or_after(day: date, weekday: int) -> date:
    """Return the first such weekday not before the day."""
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def nth_weekday(year: int, month: int, weekday: int, count: int) -> date:
    """Return the count-th such weekday of the month; -1 is the last."""
    if count > 0:
        return on_or_after(date(year, month, 1), weekday) + timedelta(days=7 * (count - 1))
    last = date(year, month, days_in(year, month))
    return last - timedelta(days=(last.weekday() - weekday) % 7)


def easter(year: int) -> date:
    """Return Easter Sunday (Gregorian; Meeus, Astronomical Algorithms, chapter 8)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, day = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, day + 1)


def first_advent(year: int) -> date:
    """Return the first Sunday of Advent."""
    return on_or_after(date(year, 11, 27), 6)


Finder = Callable[[int], date]


def _fixed(month: int, day: int) -> Finder:
    return lambda year: date(year, month, day)


def _from_easter(days: int) -> Finder:
    return lambda year: easter(year) + timedelta(days=days)


def _nth(month: int, weekday: int, count: int, days: int = 0) -> Finder:
    return lambda year: nth_weekday(year, month, weekday, count) + timedelta(days=days)


def _from_advent(days: int) -> Finder:
    return lambda year: first_advent(year) + timedelta(days=days)


HOLIDAYS: dict[str, Finder] = {
    "new_year": _fixed(1, 1),
    "epiphany": _fixed(1, 6),
    "martin_luther_king": _nth(1, 0, 3),
    "groundhog": _fixed(2, 2),
    "valentine": _fixed(2, 14),
    "presidents": _nth(2, 0, 3),
    "womens_day": _fixed(3, 8),
    "ides": _fixed(3, 15),
    "st_patrick": _fixed(3, 17),
    "april_fools": _fixed(4, 1),
    "earth_day": _fixed(4, 22),
    "labour_may": _fixed(5, 1),
    "walpurgis": _fixed(4, 30),
    "cinco": _fixed(5, 5),
    "mothers_day": _nth(5, 6, 2),
    "memorial": _nth(5, 0, -1),
    "childrens_day": _fixed(6, 1),
    "fathers_day": _nth(6, 6, 3),
    "fathers_day_at": _nth(6, 6, 2),
    "flag_day": _fixed(6, 14),
    "juneteenth": _fixed(6, 19),
    "independence": _fixed(7, 4),
    "bastille": _fixed(7, 14),
    "swiss": _fixed(8, 1),
    "assumption": _fixed(8, 15),
    "labor_september": _nth(9, 0, 1),
    "german_unity": _fixed(10, 3),
    "harvest": _nth(10, 6, 1),
    "columbus": _nth(10, 0, 2),
    "austrian": _fixed(10, 26),
    "reformation": _fixed(10, 31),
    "halloween": _fixed(10, 31),
    "all_saints": _fixed(11, 1),
    "all_souls": _fixed(11, 2),
    "guy_fawkes": _fixed(11, 5),
    "st_martin": _fixed(11, 11),
    "veterans": _fixed(11, 11),
    "thanksgiving": _nth(11, 3, 4),
    "black_friday": _nth(11, 3, 4, 1),
    "cyber_monday": _nth(11, 3, 4, 4),
    "small_business": _nth(11, 3, 4, 2),
    "mourning": _from_advent(-14),
    "repentance": _from_advent(-11),
    "dead_sunday": _from_advent(-7),
    "advent_1": _from_advent(0),
    "advent_2": _from_advent(7),
    "advent_3": _from_advent(14),
    "advent_4": _from_advent(21),
    "st_nicholas": _fixed(12, 6),
    "immaculate": _fixed(12, 8),
    "christmas_eve": _fixed(12, 24),
    "christmas": _fixed(12, 25),
    "second_christmas": _fixed(12, 26),
    "new_years_eve": _fixed(12, 31),
    "fat_thursday": _from_easter(-52),
    "rose_monday": _from_easter(-48),
    "mardi_gras": _from_easter(-47),
    "ash_wednesday": _from_easter(-46),
    "palm_sunday": _from_easter(-7),
    "maundy_thursday": _from_easter(-3),
    "good_friday": _from_easter(-2),
    "holy_saturday": _from_easter(-1),
    "easter": _from_easter(0),
    "easter_monday": _from_easter(1),
    "white_sunday": _from_easter(7),
    "ascension": _from_easter(39),
    "pentecost": _from_easter(49),
    "whit_monday": _from_easter(50),
    "corpus_christi": _from_easter(60),
}
