"""The rules of English."""

from dataclasses import replace

from agents.follow_up.when import builders as b
from agents.follow_up.when import values
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.rules import named_holiday
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import Exact, NthFromNow, Slots, Today, Weekday, Zone


def _counted(number: values.Num, day: int) -> NthFromNow | None:
    count = b.whole(number)
    return NthFromNow(day, count) if count and 1 <= count <= 60 else None  # noqa: PLR2004 - a year is plenty


def _after_next(grain: Grain) -> values.Period | None:
    return values.Period(grain, 2) if grain in {Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR} else None


def _bare_minutes(number: values.Num) -> Exact | None:
    if not number.digits or number.digits > 2 or number.value.denominator != 1:  # noqa: PLR2004
        return None
    length = b.length(number, Grain.MINUTE)
    return None if length is None else Exact(length)


def _military(hour: values.Clock) -> values.Clock:
    return hour if hour.midnight else replace(hour, both=False, grain=Grain.MINUTE)


def _in_this_century(number: values.Num) -> int | None:
    rest = b.whole(number)
    return 2000 + rest if rest in range(1, 100) and rest else None


def _may_count(hour: values.Clock) -> bool:
    """Say whether "ten to three" may count minutes."""
    return hour.hour in {5, 10, 15, 20, 25}


def _counts_minutes(number: values.Num) -> bool:
    return number.value in {5, 10, 15, 20, 25}


_TWELVE = 12

_NUMBERS = (
    Rule("en.number.ones", "NUM", "ONES", b.small),
    Rule("en.number.tens", "NUM", "TENS", b.small),
    Rule("en.number.tens-ones", "NUM", "TENS ONES", b.add_numbers, ("in twenty five minutes = 2013-02-12T04:55",)),
    Rule(
        "en.number.hundred",
        "NUM",
        "NUM|ONES HUNDRED",
        lambda n, _h: b.hundreds(n, None),
        ("in one hundred days = 2013-05-23T04:00",),
    ),
    Rule(
        "en.number.hundred-and",
        "NUM",
        "NUM|ONES HUNDRED AND? NUM",
        lambda n, _h, _and, rest: b.hundreds(n, rest),
        ("in one hundred and twenty minutes = 2013-02-12T06:30",),
    ),
    Rule(
        "en.number.couple",
        "NUM",
        "NUM? COUPLE of?",
        lambda _a, n: n,
        ("in a couple of hours = 2013-02-12T06:30", "in a pair of minutes = 2013-02-12T04:32"),
    ),
    Rule(
        "en.number.few",
        "NUM",
        "NUM? FEW",
        lambda _a, n: n,
        ("in a few minutes = 2013-02-12T04:33", "in few hours = 2013-02-12T07:30"),
    ),
    Rule("en.number.dozen", "NUM", "NUM? DOZEN", lambda _a, n: n, ("in a dozen days = 2013-02-24T04:00",)),
    Rule(
        "en.number.and-half",
        "NUM",
        "NUM AND NUM? HALFW",
        lambda n, _and, _a, _half: b.and_a_half(n),
        ("in 2 and an half hours = 2013-02-12T07:00", "in one and a half hours = 2013-02-12T06:00"),
    ),
    Rule("en.number.and-fraction", "NUM", "NUM FRAC", b.and_fraction, ("in 2 1/2 hours = 2013-02-12T07:00",)),
    Rule("en.ordinal.ones", "ORD", "ORDONES", lambda n: n),
    Rule(
        "en.ordinal.tens",
        "ORD",
        "TENS ORDONES",
        lambda tens, ones: tens + ones,
        ("twenty first of march = 2013-03-21", "march twenty-second = 2013-03-22"),
    ),
    Rule("en.ordinal.digits", "ORDDIGIT", "NUM st|nd|rd|th", lambda n: b.whole(n) if n.digits in {1, 2} else None),
    Rule("en.ordinal", "ORD", "ORDDIGIT", lambda n: n),
    Rule("en.year.spoken", "YEAR", "NUM NUM", b.spoken_year, ("march third twenty fifteen = 2015-03-03",)),
    Rule(
        "en.length.more",
        "SPAN",
        "NUM more|additional|whole|full UNIT",
        b.length,
        ("in 2 more minutes = 2013-02-12T04:32",),
    ),
    Rule(
        "en.length.half",
        "SPAN",
        "HALFW NUM? UNIT",
        lambda _half, _a, grain: b.halved(grain),
        ("in half an hour = 2013-02-12T05:00", "in half a year = 2013-08-12"),
    ),
    Rule(
        "en.length.a-half",
        "SPAN",
        "NUM HALFW UNIT",
        lambda n, _half, grain: b.halved(grain) if n.article else None,
        ("in a half hour = 2013-02-12T05:00",),
    ),
    Rule(
        "en.length.and-half",
        "SPAN",
        "NUM UNIT AND NUM? HALFW",
        lambda n, grain, _and, _a, _half: b.and_half(n, grain),
        ("in an hour and a half = 2013-02-12T06:00",),
    ),
    Rule(
        "en.length.quarter",
        "SPAN",
        "NUM? QUARTERW OF? NUM UNIT",
        lambda n, _q, _of, a, grain: b.quarters(n or b.small(1), grain) if a.article and grain == Grain.HOUR else None,
        ("in three-quarters of an hour = 2013-02-12T05:15", "in a quarter of an hour = 2013-02-12T04:45"),
    ),
    Rule(
        "en.length.quarter-hour",
        "SPAN",
        "NUM? QUARTERW UNIT",
        lambda n, _q, grain: b.quarters(n or b.small(1), grain) if grain == Grain.HOUR else None,
        ("in a quarter hour = 2013-02-12T04:45",),
    ),
    Rule(
        "en.length.fortnight", "SPAN", "NUM? FORTNIGHT", lambda n, _f: b.fortnights(n), ("in a fortnight = 2013-02-26",)
    ),
    Rule(
        "en.length.fraction-of",
        "SPAN",
        "FRAC OF NUM UNIT",
        lambda n, _of, a, grain: b.length(n, grain) if a.article else None,
        ("in 1/2 of an hour = 2013-02-12T05:00",),
    ),
    Rule(
        "en.length.fraction-a",
        "SPAN",
        "FRAC NUM UNIT",
        lambda n, a, grain: b.length(n, grain) if a.article else None,
        ("in 1/2 an hour = 2013-02-12T05:00",),
    ),
)

# Holidays of more than one word: what they are, their shape, an example.
_NAMED = (
    ("new_year", "new year's|years|year day?", "New Year's Day = 2014-01-01"),
    ("new_years_eve", "new year's|years|year eve", "New Year's Eve = 2013-12-31"),
    ("christmas", "christmas|xmas day", "Christmas Day = 2013-12-25"),
    ("christmas_eve", "christmas|xmas eve", "Christmas Eve = 2013-12-24"),
    ("second_christmas", "boxing day", "Boxing Day = 2013-12-26"),
    ("valentine", "valentine's|valentines|valentine day?", "Valentine's Day = 2013-02-14"),
    ("st_patrick", "st|saint .? patrick's|patricks|patrick|paddy's day?", "St. Patrick's Day = 2013-03-17"),
    ("martin_luther_king", "mlk|king day", "MLK day = 2014-01-20"),
    ("martin_luther_king", "martin luther king 's? king's? jr? .? day", "Martin Luther King Day = 2014-01-20"),
    ("martin_luther_king", "martin luther king's day", "Martin Luther King's Day = 2014-01-20"),
    ("presidents", "presidents|president's|presidents' '? day", "Presidents Day = 2013-02-18"),
    ("memorial", "memorial|decoration day", "Memorial Day = 2013-05-27"),
    ("mothers_day", "mother's|mothers|mother '? day", "Mother's Day = 2013-05-12"),
    ("fathers_day", "father's|fathers|father '? day", "Father's Day = 2013-06-16"),
    ("womens_day", "women's|womens day", "Women's Day = 2013-03-08"),
    ("independence", "independence day", "Independence Day = 2013-07-04"),
    ("labor_september", "labor|labour day", "Labor Day = 2013-09-02"),
    ("labour_may", "may day", "May Day = 2013-05-01"),
    ("columbus", "columbus day", "Columbus Day = 2013-10-14"),
    ("halloween", "halloween day", "Halloween day = 2013-10-31"),
    ("veterans", "veterans|veteran's|veterans' '? day", "Veterans Day = 2013-11-11"),
    ("thanksgiving", "thanksgiving day", "Thanksgiving Day = 2013-11-28"),
    ("black_friday", "black friday", "Black Friday = 2013-11-29"),
    ("cyber_monday", "cyber monday", "Cyber Monday = 2013-12-02"),
    ("april_fools", "april fools|fool's|fools' '? day?", "April Fools' Day = 2013-04-01"),
    ("good_friday", "good friday", "Good Friday = 2013-03-29"),
    ("easter", "easter sunday|day", "Easter Sunday = 2013-03-31"),
    ("easter_monday", "easter monday", "Easter Monday = 2013-04-01"),
    ("ash_wednesday", "ash wednesday", "Ash Wednesday = 2013-02-13"),
    ("palm_sunday", "palm sunday", "Palm Sunday = 2013-03-24"),
    ("maundy_thursday", "maundy|holy thursday", "Maundy Thursday = 2013-03-28"),
    ("mardi_gras", "mardi gras", "Mardi Gras = 2013-02-12"),
    ("mardi_gras", "shrove|pancake tuesday", "Shrove Tuesday = 2013-02-12"),
    ("ascension", "ascension day", "Ascension Day = 2013-05-09"),
    ("whit_monday", "whit|pentecost monday", "Whit Monday = 2013-05-20"),
    ("all_saints", "all saints|saints'|saint's '? day", "All Saints Day = 2013-11-01"),
    ("guy_fawkes", "bonfire night", "bonfire night = 2013-11-05"),
    ("earth_day", "earth day", "Earth Day = 2013-04-22"),
    ("groundhog", "groundhog day", "Groundhog Day = 2014-02-02"),
    ("flag_day", "flag day", "Flag Day = 2013-06-14"),
    ("st_nicholas", "st|saint .? nicholas|nicholas' day?", "St Nicholas Day = 2013-12-06"),
    ("cinco", "cinco de mayo", "Cinco de Mayo = 2013-05-05"),
    ("ides", "ides of march", "the ides of march = 2013-03-15"),
)

_DAYS = (
    Rule("en.nth-last", "NTHLAST", "ORD LAST", lambda n, _last: n, ("second last friday of october = 2013-10-18",)),
    Rule("en.nth-last-but", "NTHLAST", "penultimate", lambda: 2, ("penultimate friday of october = 2013-10-18",)),
    Rule(
        "en.weekday.nth-closest",
        "DATE",
        "THE? ORD closest|nearest WD to THE? DATE",
        lambda _the, n, day, _of, date: values.Closest(day, date, n) if n in range(1, 10) else None,
        ("the second closest Mon to October fifth = 2013-09-30",),
    ),
    Rule(
        "en.weekday.closest",
        "DATE",
        "THE? closest|nearest WD to THE? DATE",
        lambda _the, day, _of, date: values.Closest(day, date),
        ("the closest monday to october 5th = 2013-10-07",),
    ),
    Rule(
        "en.weekday.next",
        "DATE",
        "NEXT WD",
        lambda _next, day: Weekday(day, "next_week"),
        ("around next tuesday = 2013-02-19", "next wednesday = 2013-02-20"),
    ),
    Rule(
        "en.weekday.after-next",
        "DATE",
        "WD after next",
        lambda day: Weekday(day, "after_next"),
        ("friday after next = 2013-02-22", "wednesday after next = 2013-02-20"),
        weight=1,
    ),
    Rule(
        "en.weekday.after-tomorrow",
        "DATE",
        "THE? day after tomorrow",
        lambda _the: Today(2),
        ("the day after tomorrow = 2013-02-14",),
        weight=1,
    ),
    Rule(
        "en.weekday.from-now",
        "DATE",
        "NUM WD|WDS from now|today",
        _counted,
        ("4 tuesdays from now = 2013-03-12",),
    ),
    Rule(
        "en.weekday.hence",
        "DATE",
        "NUM WD|WDS hence",
        _counted,
        ("four tuesdays hence = 2013-03-12",),
    ),
    Rule(
        "en.weekday.week",
        "DATE",
        "WD week",
        lambda day: b.after(values.Span(((1, Grain.WEEK),)), day),
        ("friday week = 2013-02-22",),
    ),
    Rule(
        "en.weekday.in-weeks",
        "WHEN",
        "WD IN SPAN",
        lambda day, _in, length: Slots(wday=day, exact=Exact(length)) if length.finest == Grain.WEEK else None,
        ("wednesday in two weeks = 2013-02-27",),
    ),
    Rule(
        "en.weekday.of-week",
        "WHEN",
        "WD OF THE? SCOPE",
        lambda day, _of, _the, scope: (
            Slots(wday=day, date=scope) if isinstance(scope, values.Period) and scope.grain == Grain.WEEK else None
        ),
        ("wednesday of next week = 2013-02-20",),
    ),
    Rule(
        "en.beside.from",
        "DATE",
        "SPAN FROM THE? DATE",
        lambda length, _from, _the, date: b.after(length, date),
        ("a year from Christmas = 2013-12-25", "two weeks from tomorrow = 2013-02-27"),
    ),
    Rule(
        "en.period.after-next",
        "SCOPE",
        "THE? UNIT after next",
        lambda _the, grain: _after_next(grain),
        ("the week after next = 2013-02-25", "month after next = 2013-04-01"),
        weight=1,
    ),
    Rule(
        "en.month.after-next",
        "DATE",
        "MONTH after next",
        lambda month: values.Month(month, skip=1),
        ("march after next = 2014-03-01",),
    ),
    Rule(
        "en.weekend.next",
        "DATE",
        "NEXT WEEKEND",
        lambda _next, _end: values.Weekend(1, 0),
        ("next weekend = 2013-02-23",),
    ),
    Rule(
        "en.weekend.after-next",
        "DATE",
        "THE? WEEKEND after next",
        lambda _the, _end: values.Weekend(1, 2),
        ("the weekend after next = 2013-02-23",),
        weight=1,
    ),
    Rule(
        "en.upcoming.number-first",
        "DATE",
        "NUM UPCOMING UNIT",
        lambda n, _up, grain: b.upcoming(n, grain) if grain == Grain.DAY else None,
        ("two upcoming days = 2013-02-14", "2 upcoming day = 2013-02-14"),
    ),
    Rule(
        "en.upcoming",
        "DATE",
        "UPCOMING NUM UNIT",
        lambda _up, n, grain: b.upcoming(n, grain) if grain == Grain.DAY else None,
        ("upcoming 2 days = 2013-02-14", "upcoming 2 day = 2013-02-14"),
    ),
    Rule(
        "en.upcoming.weeks",
        "DATE",
        "UPCOMING NUM UNIT",
        lambda _up, n, grain: (
            b.upcoming(n, grain) if grain in {Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR} else None
        ),
        ("upcoming 2 weeks = 2013-02-25",),
    ),
    Rule(
        "en.upcoming.weeks-number-first",
        "DATE",
        "NUM UPCOMING UNIT",
        lambda n, _up, grain: (
            b.upcoming(n, grain) if grain in {Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR} else None
        ),
        ("two upcoming weeks = 2013-02-25",),
    ),
    Rule(
        "en.offset.from-now",
        "EXACT",
        "SPAN from now|today",
        Exact,
        ("2 minutes from now = 2013-02-12T04:32", "a day from now = 2013-02-13T04:00"),
    ),
    Rule(
        "en.offset.hence",
        "EXACT",
        "SPAN hence|later",
        Exact,
        ("a week hence = 2013-02-19", "three months hence = 2013-05-12"),
    ),
    Rule(
        "en.offset.time",
        "EXACT",
        "IN ABOUT? SPAN time|'s|' time?",
        lambda _in, _about, length: Exact(length),
        ("in two weeks' time = 2013-02-26", "in two weeks time = 2013-02-26"),
        weight=1,
    ),
    Rule(
        "en.offset.bare",
        "EXACT",
        "in NUM",
        _bare_minutes,
        ("in 15 = 2013-02-12T04:45",),
        ("in 15 machines", "in 2014"),
        fragile=True,
    ),
    Rule("en.ago", "PASTW", "SPAN ago", b.gone),
    Rule("en.since", "PASTW", "since THE? DATE|WD|SPAN", b.gone),
    Rule(
        "en.edge.adjective",
        "DATE",
        "EDGEADJ SCOPE",
        b.edge,
        ("late march = 2013-03-25", "early next month = 2013-03-01"),
    ),
    Rule(
        "en.week.number",
        "WEEKNO",
        "week|wk NUM",
        lambda n: values.IsoWeek(b.whole(n) or 0) if b.whole(n) in range(1, 54) else None,
        ("week 12 = 2013-03-18",),
    ),
    *(named_holiday("en", *row) for row in _NAMED),
    Rule(
        "en.holiday.advent",
        "HOLIDAY",
        "ORD sunday? of|in advent",
        lambda n: f"advent_{n}" if n in {1, 2, 3, 4} else None,
        ("first Sunday of Advent = 2013-12-01",),
    ),
)

_PARTS = (
    Rule(
        "en.part.in-the",
        "PART",
        "IN THE? EARLYADJ? PARTN",
        lambda _in, _the, _early, part: part,
        (
            "3 o'clock in the afternoon = 2013-02-12T15:00",
            "3:20 in afternoon = 2013-02-12T15:20",
            "in the evening at eight = 2013-02-12T20:00",
        ),
    ),
    Rule(
        "en.part.on-the",
        "PART",
        "ON THE PARTN",
        lambda _on, _the, part: part,
        ("monday on the afternoon = 2013-02-18T12:00",),
    ),
    Rule(
        "en.part.at-night",
        "PART",
        "at PARTN",
        lambda part: part if part == values.ENGLISH_NIGHT else None,
        ("at 11 at night = 2013-02-12T23:00",),
    ),
    Rule(
        "en.part.this",
        "WHEN",
        "THIS PARTN",
        lambda _this, part: b.this_part(part),
        (
            "this morning at 3 = 2013-02-13T03:00",
            "this morning at 10am = 2013-02-12T10:00",
            "this evening at 11 = 2013-02-12T23:00",
        ),
    ),
    Rule(
        "en.part.tonight",
        "WHEN",
        "TONIGHT",
        lambda _w: b.this_part(values.EVENING),
        ("8 tonight = 2013-02-12T20:00", "tonight at 2 = 2013-02-12T14:00"),
    ),
    Rule(
        "en.part.late-tonight",
        "WHEN",
        "late|later|early TONIGHT",
        lambda _w: b.this_part(values.EVENING),
        ("late tonight at 11 = 2013-02-12T23:00",),
    ),
    Rule(
        "en.part.early",
        "PART",
        "EARLYADJ PARTN",
        lambda _early, part: values.EARLY if part == values.MORNING else part,
        ("early morning @ 3 = 2013-02-13T03:00",),
    ),
    Rule("en.part.early-adjective", "EARLYADJ", "early|late|mid", lambda: "early"),
    Rule(
        "en.part.of-day",
        "WHEN",
        "DATE EARLYADJ? PARTN",
        lambda date, _early, part: Slots(date=date, part=part),
        (
            "tomorrow afternoon at 5 = 2013-02-13T17:00",
            "tomorrow morning = 2013-02-13T06:00",
            "tomorrow night = 2013-02-13T18:00",
        ),
    ),
    Rule(
        "en.part.of-weekday",
        "WHEN",
        "WD EARLYADJ? PARTN",
        lambda day, _early, part: Slots(wday=day, part=part),
        ("Friday night at 9 = 2013-02-15T21:00", "monday morning = 2013-02-18T06:00"),
    ),
)

_CLOCKS = (
    Rule(
        "en.clock.oclock",
        "CLOCK",
        "HOUR OCLOCK",
        lambda hour, _o: hour,
        ("3 oclock pm = 2013-02-12T15:00", "five o'clock = 2013-02-12T05:00"),
    ),
    Rule("en.clock.oclock-split", "CLOCK", "HOUR o ' clock", lambda hour: hour, ("5 o ' clock = 2013-02-12T05:00",)),
    Rule(
        "en.clock.h",
        "CLOCK",
        "HOUR h",
        _military,
        ("15h = 2013-02-12T15:00", "Thursday 8h GMT = 2013-02-14T06:00"),
    ),
    Rule(
        "en.clock.compact-hours",
        "CLOCK",
        "HHMM hours|hrs|h",
        lambda clock: replace(clock, both=False),
        ("1530 hours = 2013-02-12T15:30",),
    ),
    Rule(
        "en.meridiem.a-m",
        "MERIDIEM",
        "a .? m .?",
        lambda: "am",
        ("nine fifty nine a m = 2013-02-12T09:59", "at 3 a.m. = 2013-02-13T03:00"),
    ),
    Rule(
        "en.meridiem.p-m",
        "MERIDIEM",
        "p .? m .?",
        lambda: "pm",
        ("3:30 p m = 2013-02-12T15:30", "3 p.m. = 2013-02-12T15:00"),
    ),
    Rule(
        "en.clock.meridiem",
        "CLOCK",
        "HOUR MERIDIEM",
        b.halfday,
        ("3 AM = 2013-02-13T03:00", "three am = 2013-02-13T03:00", "12pm = 2013-02-12T12:00"),
    ),
    Rule(
        "en.clock.meridiem-after",
        "CLOCK",
        "CLOCK MERIDIEM",
        b.halfday,
        ("3ish pm = 2013-02-12T15:00", "3:15pm = 2013-02-12T15:15"),
        weight=1,
    ),
    Rule("en.clock.compact-meridiem", "CLOCK", "HHMM MERIDIEM", b.halfday, ("730pm = 2013-02-12T19:30",)),
    Rule(
        "en.clock.ap",
        "CLOCK",
        "HOUR AP",
        b.halfday,
        ("7a = 2013-02-12T07:00", "at 3p = 2013-02-12T15:00"),
    ),
    Rule(
        "en.clock.written-ap",
        "CLOCK",
        "CLOCKT AP",
        b.halfday,
        ("3:18a = 2013-02-13T03:18", "3:15p = 2013-02-12T15:15"),
    ),
    Rule("en.clock.ish", "CLOCK", "HOUR ish", lambda hour: hour, ("3ish = 2013-02-12T15:00",)),
    Rule("en.clock.compact-ish", "CLOCK", "HHMM ish", lambda hour: hour, ("tomorrow at 150ish = 2013-02-13T01:50",)),
    Rule("en.clock.dotted", "CLOCK", "CLOCKDOT MERIDIEM", b.halfday, ("3.30pm = 2013-02-12T15:30",)),
    Rule("en.clock.at-dotted", "CLOCK", "AT CLOCKDOT", lambda _at, clock: clock, ("at 3.30 = 2013-02-12T15:30",)),
    Rule(
        "en.clock.at-two",
        "CLOCK",
        "AT NUM NUM",
        lambda _at, hour, minute: b.hour_minute(hour, minute),
        ("at 12 15 = 2013-02-12T12:15", "at three twenty = 2013-02-12T15:20"),
        fragile=True,
    ),
    Rule(
        "en.clock.two-meridiem",
        "CLOCK",
        "NUM NUM MERIDIEM",
        lambda hour, minute, half: (found := b.hour_minute(hour, minute)) and b.halfday(found, half),
        ("3 twenty pm = 2013-02-12T15:20",),
        weight=2,
    ),
    Rule(
        "en.clock.oh",
        "CLOCK",
        "NUM OH NUM",
        lambda hour, _oh, minute: b.oh_minute(hour, minute),
        (
            "twelve oh three = 2013-02-12T12:03",
            "twelve-oh-three = 2013-02-12T12:03",
            "twelve zero three = 2013-02-12T12:03",
        ),
    ),
    Rule(
        "en.clock.at-oh",
        "CLOCK",
        "AT NUM OH NUM",
        lambda _at, hour, _oh, minute: b.oh_minute(hour, minute),
        ("at seven oh five = 2013-02-12T07:05",),
    ),
    Rule(
        "en.clock.two-words",
        "CLOCK",
        "NUM NUM",
        b.spoken_hour_minute,
        ("six thirty tomorrow = 2013-02-13T06:30", "ten thirty = 2013-02-12T10:30"),
        weak=True,
    ),
    Rule(
        "en.clock.twelve-noon",
        "CLOCK",
        "HOUR OCLOCK? NOON",
        lambda hour, _o, _n: replace(hour, both=False, sure=True) if hour.hour == _TWELVE else None,
        ("12 noon = 2013-02-12T12:00",),
    ),
    Rule(
        "en.clock.twelve-midnight",
        "CLOCK",
        "HOUR OCLOCK? MIDNIGHT",
        lambda hour, _o, _m: b.clock(24, grain=Grain.HOUR, both=False) if hour.hour == _TWELVE else None,
        ("12 midnight = 2013-02-13T00:00",),
    ),
    Rule("en.clock.sharp", "CLOCK", "HOUR sharp", lambda hour: hour, ("8 sharp = 2013-02-12T08:00",)),
    Rule(
        "en.year.thousand",
        "YEAR",
        "two thousand AND? NUM?",
        lambda _and, n: 2000 if n is None else _in_this_century(n),
        ("march 3rd two thousand fourteen = 2014-03-03",),
    ),
    Rule("en.clock.in-the-am", "CLOCK", "HOUR in the MERIDIEM", b.halfday, ("3 in the AM = 2013-02-13T03:00",)),
    Rule("en.now", "WHEN", "right NOW", lambda _n: Slots(now="now"), ("right now = 2013-02-12T04:30",)),
    Rule(
        "en.clock.noon",
        "CLOCK",
        "THE? NOON",
        lambda _the, _noon: b.clock(12, grain=Grain.HOUR, both=False),
        ("midday = 2013-02-12T12:00", "tomorrow at noon = 2013-02-13T12:00"),
    ),
    Rule(
        "en.clock.half",
        "CLOCK",
        "HALFW HOUR",
        lambda _half, hour: b.shifted(30, hour),
        ("half three = 2013-02-12T15:30",),
        ("half an hour",),
        fragile=True,
    ),
    Rule(
        "en.clock.half-past",
        "CLOCK",
        "HALFW AFTER HOUR|CLOCK",
        lambda _half, _past, hour: b.shifted(30, hour),
        ("half past 3 pm = 2013-02-12T15:30", "half past noon = 2013-02-12T12:30"),
        fragile=True,
    ),
    Rule(
        "en.clock.quarter-past",
        "CLOCK",
        "NUM? QUARTERW AFTER|FROM HOUR|CLOCK",
        lambda a, _q, _past, hour: b.shifted(15, hour) if a is None or a.article else None,
        ("a quarter past noon = 2013-02-12T12:15", "quarter past 2pm = 2013-02-12T14:15"),
        fragile=True,
    ),
    Rule(
        "en.clock.quarter-to",
        "CLOCK",
        "NUM? QUARTERW TOWARDS HOUR|CLOCK",
        lambda a, _q, _to, hour: b.shifted(-15, hour) if a is None or a.article else None,
        ("a quarter to noon = 2013-02-12T11:45", "quarter to 3pm = 2013-02-12T14:45"),
        fragile=True,
    ),
    Rule(
        "en.clock.past",
        "CLOCK",
        "NUM AFTER HOUR|CLOCK",
        lambda n, _past, hour: b.past(n, hour),
        ("twenty after 3pm = 2013-02-12T15:20", "ten past nine = 2013-02-12T09:10"),
        weight=-2,
        fragile=True,
    ),
    Rule(
        "en.clock.to",
        "CLOCK",
        "NUM TOWARDS HOUR|CLOCK",
        lambda n, _to, hour: b.to(n, hour) if _counts_minutes(n) else None,
        ("15 to noon = 2013-02-12T11:45", "ten to nine = 2013-02-12T08:50"),
        ("9 to 5",),
        fragile=True,
    ),
    Rule(
        "en.clock.minutes-past",
        "CLOCK",
        "NUM UNIT AFTER|FROM HOUR|CLOCK",
        lambda n, grain, _past, hour: b.past(n, hour) if grain == Grain.MINUTE else None,
        (
            "15 minutes past 3pm = 2013-02-12T15:15",
            "15 minutes from 1pm = 2013-02-12T13:15",
            "15 minutes past 15h = 2013-02-12T15:15",
        ),
        fragile=True,
    ),
    Rule(
        "en.clock.minutes-to",
        "CLOCK",
        "NUM UNIT TOWARDS HOUR|CLOCK",
        lambda n, grain, _to, hour: b.to(n, hour) if grain == Grain.MINUTE else None,
        ("15 minutes to noon = 2013-02-12T11:45",),
        fragile=True,
    ),
    Rule("en.clock.for", "CLOCK", "for CLOCK", lambda clock: clock, ("on Saturday for 9am = 2013-02-16T09:00",)),
    Rule("en.clock.after", "CLOCK", "AFTER CLOCK", lambda _after, clock: clock, ("after 5pm = 2013-02-12T17:00",)),
    Rule(
        "en.clock.hours",
        "CLOCK",
        "HOUR TO CLOCK",
        lambda first, to, last: None if last.both or (to != "-" and _may_count(first)) else b.first_clock(first, last),
        ("3-5pm = 2013-02-12T15:00", "9 - 11am = 2013-02-12T09:00"),
        weight=1,
    ),
    Rule(
        "en.clock.before-day",
        "WHEN",
        "HOUR|HHMM DATE",
        lambda hour, date: b.day_and_clock(date, hour) if isinstance(date, Today) else None,
        ("9 tomorrow = 2013-02-13T09:00",),
        weight=-1,
    ),
    Rule(
        "en.clock.before-part",
        "WHEN",
        "HOUR|HHMM WHEN",
        lambda hour, when: replace(when, clock=hour) if when.part and not when.clock else None,
        (
            "eight tonight = 2013-02-12T20:00",
            "9 tomorrow evening = 2013-02-13T21:00",
            "8 this evening = 2013-02-12T20:00",
        ),
        weight=-1,
    ),
    Rule(
        "en.clock.after-tonight",
        "WHEN",
        "TONIGHT HOUR|HHMM",
        lambda _t, hour: replace(b.this_part(values.EVENING), clock=hour),
        ("tonight 815 = 2013-02-12T20:15",),
        weight=-1,
        fragile=True,
    ),
    Rule(
        "en.clock.in-part",
        "WHEN",
        "HOUR|HHMM IN THE? PARTN",
        lambda hour, _in, _the, part: Slots(clock=hour, part=part),
        ("730 in the evening = 2013-02-12T19:30", "5 in the afternoon = 2013-02-12T17:00"),
        weight=-1,
    ),
    Rule(
        "en.clock.at-night",
        "WHEN",
        "HOUR at PARTN",
        lambda hour, part: Slots(clock=hour, part=part) if part == values.ENGLISH_NIGHT else None,
        ("11 at night = 2013-02-12T23:00",),
        weight=-1,
    ),
    Rule("en.towards", "TOWARDS", "to|till|til|before|of", lambda: "to"),
    Rule(
        "en.zone.pacific",
        "ZONEW",
        "pacific|us-pacific standard|daylight? time",
        lambda: Zone(name="America/Los_Angeles"),
        ("tomorrow 9am pacific time = 2013-02-13T15:00",),
    ),
    Rule(
        "en.zone.eastern",
        "ZONEW",
        "eastern standard|daylight? time",
        lambda: Zone(name="America/New_York"),
        ("tomorrow 9am eastern time = 2013-02-13T12:00",),
    ),
    Rule(
        "en.zone.central",
        "ZONEW",
        "central standard|daylight? time",
        lambda: Zone(name="America/Chicago"),
        ("tomorrow 9am central time = 2013-02-13T13:00",),
    ),
    Rule(
        "en.zone.mountain",
        "ZONEW",
        "mountain standard|daylight? time",
        lambda: Zone(name="America/Denver"),
        ("tomorrow 9am mountain time = 2013-02-13T14:00",),
    ),
)

RULES = (*_NUMBERS, *_DAYS, *_PARTS, *_CLOCKS)
