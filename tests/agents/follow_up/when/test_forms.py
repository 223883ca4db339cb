"""A date and a time of day, written in every form and order the languages have, mean that moment."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.follow_up.when import Resolution, numbers, resolve

REF = datetime(2026, 3, 11, 14, 20, tzinfo=ZoneInfo("Europe/Berlin"))
DAYS = st.dates(date(2026, 3, 13), date(2030, 12, 31))
GERMAN_DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
GERMAN_MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
    *("August", "September", "Oktober", "November", "Dezember"),
)
ENGLISH_ORDINALS = {number: word for word, number in numbers.english_ordinals().items() if word != "fourtieth"}
ENGLISH_NUMBERS = {number: word for word, number in numbers.english_small().items() if word != "fourty"}
GERMAN_ORDINALS = {number: word for word, number in numbers.german_ordinals().items() if word.endswith("er")}


def english_ordinal(number: int) -> str:
    tens, ones = divmod(number, 10)
    if number in ENGLISH_ORDINALS:
        return ENGLISH_ORDINALS[number]
    return f"{ENGLISH_NUMBERS[tens * 10]} {ENGLISH_ORDINALS[ones]}"


def suffixed(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number not in {11, 12, 13} else 0, "th")
    return f"{number}{ending}"


def german_dates(day: date) -> list[str]:
    month, name = GERMAN_MONTHS[day.month - 1], GERMAN_DAYS[day.weekday()]
    return [
        day.strftime("%d.%m.%Y"),
        f"am {day.day}.{day.month}.{day:%y}",
        f"am {day.day}. {month} {day.year}",
        f"{name}, den {day.day}. {month} {day.year}",
        f"{name[:2]}. {day.day}.{day.month}.{day.year}",
        f"{GERMAN_ORDINALS[day.day]} {month} {day.year}",
        f"{day.day}. {month[:3]}. {day.year}",
        f"{month} {day.day} {day.year}",
        day.isoformat(),
    ]


def english_dates(day: date) -> list[str]:
    month, name = day.strftime("%B"), day.strftime("%A")
    return [
        f"{month} {day.day}, {day.year}",
        f"on {month[:3]} {suffixed(day.day)} {day.year}",
        f"the {suffixed(day.day)} of {month} {day.year}",
        f"{name}, {month} {day.day}, {day.year}",
        f"{day.day} {month} {day.year}",
        f"{month} {english_ordinal(day.day)} {day.year}",
        f"the {english_ordinal(day.day)} of {month.lower()} {day.year}",
        f"{name[:3]}, {day.day} {month[:3]} {day.year}",
        day.strftime("%Y/%m/%d"),
        day.isoformat(),
    ]


def german_part(hour: int) -> str:
    return next(
        part for end, part in ((6, "nachts"), (11, "morgens"), (18, "nachmittags"), (24, "abends")) if hour < end
    )


def german_clocks(hour: int, minute: int) -> list[str]:
    twelve = hour % 12 or 12
    forms = [
        f"um {hour}:{minute:02} Uhr",
        f"{hour}.{minute:02} Uhr",
        f"um {hour} Uhr {minute:02}",
        f"{hour:02}:{minute:02}",
    ]
    if hour in {11, 12}:
        return forms
    part, following = german_part(hour), twelve % 12 + 1
    spoken = {
        0: [
            f"um {twelve} Uhr {part}",
            f"{numbers.german(twelve).removesuffix('s')} Uhr {part}" if twelve == 1 else part,
        ],
        15: [f"viertel nach {twelve} {part}", f"viertel {following} {part}"],
        30: [f"um halb {following} {part}"],
        45: [f"dreiviertel {following} {part}", f"viertel vor {following} {part}"],
        50: [f"zehn vor {following} {part}"],
        20: [f"zwanzig nach {twelve} {part}"],
        35: [f"fünf nach halb {following} {part}"],
    }.get(minute, [])
    crossing = following in {6, 11, 12} or twelve == 12
    return [*forms, *(form for form in spoken if form != part and not crossing)]


def english_clocks(hour: int, minute: int) -> list[str]:
    twelve, half = hour % 12 or 12, "am" if hour < 12 else "pm"
    forms = [
        f"at {twelve}:{minute:02}{half}",
        f"{twelve}:{minute:02} {half[0]}.m.",
        f"at {twelve}{minute:02} {half}",
        f"{hour}h{minute:02}" if hour > 12 else f"{twelve}:{minute:02}{half.upper()}",
    ]
    following = twelve % 12 + 1
    spoken = {
        0: [f"at {twelve}{half}", f"{ENGLISH_NUMBERS[twelve]} o'clock {half}"],
        15: [f"a quarter past {twelve}{half}"],
        30: [f"half past {ENGLISH_NUMBERS[twelve]} {half}", f"{ENGLISH_NUMBERS[twelve]} thirty {half}"],
        45: [f"quarter to {following}{half}"] if twelve not in {11, 12} else [],
        5: [f"{ENGLISH_NUMBERS[twelve]} oh five {half}"],
        40: [f"twenty to {following} {half}"] if twelve not in {11, 12} else [],
    }
    return [*forms, *spoken.get(minute, [])]


@settings(deadline=None, max_examples=150)
@given(
    day=DAYS, hour=st.integers(0, 23), minute=st.sampled_from([0, 5, 15, 20, 30, 35, 40, 45, 50, 59]), data=st.data()
)
def test_german_forms_mean_the_moment(day: date, hour: int, minute: int, data: st.DataObject):
    date_text = data.draw(st.sampled_from(german_dates(day)))
    clock = data.draw(st.sampled_from(german_clocks(hour, minute)))
    _means(f"{date_text}{data.draw(st.sampled_from([' ', ', ']))}{clock}", "de", day, hour, minute)
    _means(f"{clock} {date_text}", "de", day, hour, minute)


@settings(deadline=None, max_examples=150)
@given(day=DAYS, hour=st.integers(0, 23), minute=st.sampled_from([0, 5, 15, 30, 40, 45, 59]), data=st.data())
def test_english_forms_mean_the_moment(day: date, hour: int, minute: int, data: st.DataObject):
    date_text = data.draw(st.sampled_from(english_dates(day)))
    clock = data.draw(st.sampled_from(english_clocks(hour, minute)))
    _means(f"{date_text}{data.draw(st.sampled_from([' ', ', ']))}{clock}", "en", day, hour, minute)
    _means(f"{clock} {data.draw(st.sampled_from(['', 'on ']))}{date_text.removeprefix('on ')}", "en", day, hour, minute)


def _means(text: str, lang: str, day: date, hour: int, minute: int) -> None:
    answer = resolve(text, ref=REF, lang=lang)
    assert isinstance(answer, Resolution), (text, answer)
    wanted = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - a wall time
    got = answer.value.replace(tzinfo=None)
    in_gap = got - wanted <= timedelta(hours=1) and got.hour == 3 and hour == 2
    assert got == wanted or in_gap, (text, answer.rule_ids)


UNITS = {
    "de": (
        ("Sekunden", "seconds"),
        ("Minuten", "minutes"),
        ("Stunden", "hours"),
        ("Tagen", "days"),
        ("Wochen", "weeks"),
    ),
    "en": (("seconds", "seconds"), ("minutes", "minutes"), ("hours", "hours"), ("days", "days"), ("weeks", "weeks")),
}


@settings(deadline=None)
@given(count=st.integers(2, 999), unit=st.integers(0, 4), lang=st.sampled_from(["de", "en"]), words=st.booleans())
def test_offsets_are_counted_in_every_unit(count: int, unit: int, lang: str, words: bool):
    name, step = UNITS[lang][unit]
    number = _spelt(count, lang) if words else str(count)
    answer = resolve(f"in {number} {name}", ref=REF, lang=lang)
    assert isinstance(answer, Resolution), (number, name)
    if step in {"days", "weeks"}:
        assert answer.value.date() == REF.date() + timedelta(**{step: count})
    else:
        assert answer.value.timestamp() - REF.timestamp() == timedelta(**{step: count}).total_seconds()


def _spelt(number: int, lang: str) -> str:
    if lang == "de":
        return numbers.german(number)
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    small = ENGLISH_NUMBERS.get(rest) or f"{ENGLISH_NUMBERS[tens * 10]}-{ENGLISH_NUMBERS[ones]}"
    if not hundreds:
        return small
    return f"{ENGLISH_NUMBERS[hundreds]} hundred" + (f" and {small}" if rest else "")
