"""Days and parts of the day in English."""

from agents.follow_up.when import builders as b
from agents.follow_up.when import daytimes, values
from agents.follow_up.when.daytimes import Exact, Slots
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.rules.days import named_holiday
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import NthFromNow, Today, Weekday


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

DAYS = (
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

PARTS = (
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
        lambda part: part if part == daytimes.ENGLISH_NIGHT else None,
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
        lambda _w: b.this_part(daytimes.EVENING),
        ("8 tonight = 2013-02-12T20:00", "tonight at 2 = 2013-02-12T14:00"),
    ),
    Rule(
        "en.part.late-tonight",
        "WHEN",
        "late|later|early TONIGHT",
        lambda _w: b.this_part(daytimes.EVENING),
        ("late tonight at 11 = 2013-02-12T23:00",),
    ),
    Rule(
        "en.part.early",
        "PART",
        "EARLYADJ PARTN",
        lambda _early, part: daytimes.EARLY if part == daytimes.MORNING else part,
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
