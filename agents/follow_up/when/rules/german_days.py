"""Days and parts of the day in German."""

from agents.follow_up.when import builders as b
from agents.follow_up.when import daytimes, values
from agents.follow_up.when.daytimes import Exact, Part, Slots
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.rules.days import is_week, named_holiday
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import Today, Weekday


def _week(number: int | None) -> values.IsoWeek | None:
    return values.IsoWeek(number) if number and 1 <= number <= 53 else None  # noqa: PLR2004 - ISO 8601


def _near_noon(count: values.Num | str, side: str) -> daytimes.Clock | None:
    minutes = b.whole(count) if isinstance(count, values.Num) else 15
    return None if minutes is None else b.shifted(minutes if side == "AFTER" else -minutes, daytimes.Clock(12))


_ENDINGS = "te|ten|ter|tes|tem|ste|sten|ster"

NUMBERS = (
    Rule("de.ordinal.dot", "ORDDIGIT", "NUM .", lambda n: b.whole(n) if n.digits in {1, 2} else None),
    Rule("de.ordinal.ending", "ORDDIGIT", f"NUM {_ENDINGS}", lambda n: b.whole(n) if n.digits in {1, 2} else None),
    Rule("de.ordinal", "ORD", "ORDDIGIT", lambda n: n),
    Rule(
        "de.length.half",
        "SPAN",
        "NUM? HALFADJ UNIT",
        lambda _a, _half, grain: b.halved(grain),
        ("in einer halben stunde = 2013-02-12T05:00", "in einem halben Jahr = 2013-08-12"),
    ),
    Rule(
        "de.length.and-half",
        "SPAN",
        "NUM UNIT AND NUM? HALFADJ UNIT?",
        lambda n, grain, _and, _a, _half, same: b.and_half(n, grain) if same in {None, grain} else None,
        ("in zwei Stunden und einer halben = 2013-02-12T07:00",),
    ),
    Rule(
        "de.length.quarter",
        "SPAN",
        "NUM? QUARTERW UNIT",
        lambda _a, _q, grain: b.quarters(b.small(1), grain) if grain == Grain.HOUR else None,
        ("in einer viertel Stunde = 2013-02-12T04:45",),
    ),
    Rule(
        "de.length.three-quarters",
        "SPAN",
        "NUM? THREEQUARTERS UNIT",
        lambda _a, _q, grain: b.quarters(b.small(3), grain),
        ("in einer dreiviertel Stunde = 2013-02-12T05:15",),
    ),
    Rule(
        "de.length.article",
        "SPAN",
        "NUM SPANW",
        lambda n, length: length if n.article else None,
        ("in einer Viertelstunde = 2013-02-12T04:45",),
    ),
    Rule("de.length.word", "SPAN", "SPANW", lambda length: length, ("in dreiviertelstunde = 2013-02-12T05:15",)),
    Rule(
        "de.length.pair",
        "SPAN",
        "NUM? PAIR UNIT",
        lambda _a, n, grain: b.length(n, grain),
        ("in ein paar Stunden = 2013-02-12T06:30",),
    ),
    Rule(
        "de.length.more",
        "SPAN",
        "NUM weitere|weiteren|weiterer|weiterem|ganze|ganzen|guten|gute UNIT",
        b.length,
        ("in zwei weiteren Stunden = 2013-02-12T06:30",),
    ),
)

# Holidays of more than one word: what they are, their shape, an example.
_NAMED = (
    ("labour_may", "tag der arbeit", "Tag der Arbeit = 2013-05-01"),
    ("german_unity", "tag der deutschen? einheit", "Tag der Deutschen Einheit = 2013-10-03"),
    ("repentance", "buß|buss -? und -? bettag|bettages", "Buß- und Bettag = 2013-11-20"),
    ("ascension", "christi himmelfahrt", "Christi Himmelfahrt = 2013-05-09"),
    ("assumption", "mariä|maria|mariae himmelfahrt", "Mariä Himmelfahrt = 2013-08-15"),
    ("immaculate", "mariä|maria|mariae empfängnis", "Mariä Empfängnis = 2013-12-08"),
    ("epiphany", "heilige|heiligen|heilig drei könige|könig|königen", "Heilige Drei Könige = 2014-01-06"),
    ("christmas_eve", "heiliger|heiligen|heilig abend", "Heiliger Abend = 2013-12-24"),
    ("st_martin", "sankt|st .? martin", "Sankt Martin = 2013-11-11"),
    ("black_friday", "black friday", "Black Friday = 2013-11-29"),
    ("cyber_monday", "cyber monday", "Cyber Monday = 2013-12-02"),
)

DAYS = (
    Rule(
        "de.tomorrow",
        "DATE",
        "TOMORROW",
        lambda _w: Today(1),
        ("morgen = 2013-02-13", "pünktlich um 17 uhr morgen = 2013-02-13T17:00"),
        ("am Morgen", "heute Morgen um 9"),
    ),
    Rule(
        "de.day.ordinals",
        "DATE",
        "ON|THE ORDDIGIT ORD",
        lambda _on, day, month: b.month_day(month, day) if month in range(1, 13) else None,
        ("am 15. dritten = 2013-03-15",),
    ),
    Rule(
        "de.weekday.next",
        "DATE",
        "NEXT WD",
        lambda _next, day: Weekday(day, "next_near"),
        ("nächsten montag = 2013-02-18", "nächsten Freitag = 2013-02-15"),
    ),
    Rule(
        "de.weekday.week-of",
        "WHEN",
        "WD THE SCOPE",
        lambda day, _the, scope: Slots(wday=day, date=scope) if is_week(scope) else None,
        ("mittwoch der nächsten woche = 2013-02-20",),
    ),
    Rule(
        "de.weekend.next",
        "DATE",
        "NEXT WEEKEND",
        lambda _next, _end: values.Weekend(0, 1),
        ("nächstes Wochenende = 2013-02-16",),
    ),
    Rule(
        "de.weekday.in-weeks",
        "WHEN",
        "WD IN SPAN",
        lambda day, _in, length: Slots(wday=day, exact=Exact(length)) if length.finest == Grain.WEEK else None,
        ("mittwoch in zwei wochen = 2013-02-27",),
    ),
    *(named_holiday("de", *row) for row in _NAMED),
    Rule(
        "de.holiday.christmas",
        "HOLIDAY",
        "ORD weihnachtstag|weihnachtsfeiertag|christtag",
        {1: "christmas", 2: "second_christmas"}.get,
        ("zweiter Weihnachtsfeiertag = 2013-12-26", "am 1. Weihnachtstag = 2013-12-25"),
    ),
    Rule(
        "de.holiday.advent",
        "HOLIDAY",
        "ORD advent|adventssonntag",
        lambda n: f"advent_{n}" if n in {1, 2, 3, 4} else None,
        ("1. Advent = 2013-12-01", "dritter Advent = 2013-12-15"),
    ),
    Rule(
        "de.week.number",
        "WEEKNO",
        "kw|kalenderwoche|woche NUM",
        lambda n: _week(b.whole(n)),
        ("KW 12 = 2013-03-18", "in Kalenderwoche 12 = 2013-03-18"),
    ),
    Rule(
        "de.week.ordinal",
        "WEEKNO",
        "ORD kw|kalenderwoche",
        _week,
        ("in der 12. Kalenderwoche = 2013-03-18",),
    ),
    Rule("de.ago", "PASTW", "BEFORE ABOUT? SPAN", b.gone, (), ("eine Woche vor Weihnachten",)),
    Rule("de.since", "PASTW", "seit SPAN", b.gone),
    Rule("de.since-day", "PASTW", "seit THE? DATE|WD", b.gone),
)

PARTS = (
    Rule(
        "de.part.on",
        "PART",
        "ON PARTN|MORNINGW",
        lambda _on, part: part,
        ("am Abend = 2013-02-12T18:00", "um 3 am nachmittag = 2013-02-12T15:00"),
    ),
    Rule(
        "de.part.in-the",
        "PART",
        "IN THE PARTN",
        lambda _in, _the, part: part if part in {daytimes.EARLY, daytimes.NIGHT} else None,
        ("um 2 in der Nacht = 2013-02-13T02:00",),
    ),
    Rule(
        "de.part.adverb",
        "PART",
        "PARTA",
        lambda part: Part(part.name, part.start, part.end, adverb=True),
        ("7 uhr abends = 2013-02-12T19:00", "nachmittags um 1 uhr 30 = 2013-02-12T13:30"),
        ("abends bin ich immer müde",),
    ),
    Rule(
        "de.part.of-day",
        "WHEN",
        "DATE PARTN",
        lambda date, part: Slots(date=date, part=part),
        (
            "morgen Abend = 2013-02-13T18:00",
            "übermorgen Nachmittag an = 2013-02-14T12:00",
        ),
    ),
    Rule(
        "de.part.today",
        "WHEN",
        "DATE MORNINGW",
        lambda date, part: Slots(date=date, part=part),
        ("heute Morgen um 9 = 2013-02-12T09:00",),
        ("morgen um 15 Uhr",),
        weight=1,
    ),
    Rule(
        "de.part.of-weekday",
        "WHEN",
        "WD PARTN|MORNINGW",
        lambda day, part: Slots(wday=day, part=part),
        ("Freitag Abend = 2013-02-15T18:00", "Freitag morgen um 9 = 2013-02-15T09:00"),
        weight=1,
    ),
    Rule(
        "de.part.early",
        "WHEN",
        "DATE|WD IN THE PARTN",
        lambda date, _in, _the, part: (
            (Slots(wday=date, part=part) if isinstance(date, int) else Slots(date=date, part=part))
            if part == daytimes.EARLY
            else None
        ),
        ("morgen in der Früh = 2013-02-13T05:00",),
    ),
    Rule(
        "de.part.this",
        "WHEN",
        "THIS PARTN|MORNINGW",
        lambda _this, part: Slots(date=Today(), part=part),
        ("diesen Abend = 2013-02-12T18:00",),
    ),
)

EARLY = (
    Rule(
        "de.part.early-adjective",
        "PART",
        "ON EARLYADJ PARTN|MORNINGW",
        lambda _on, _early, part: part,
        ("am späten Nachmittag um 5 = 2013-02-12T17:00", "am frühen Morgen um 5 = 2013-02-12T05:00"),
    ),
    Rule(
        "de.clock.hour-on-part",
        "WHEN",
        "HOUR ON PARTN",
        lambda hour, _on, part: Slots(clock=hour, part=part),
        ("3 am Nachmittag = 2013-02-12T15:00",),
    ),
    Rule(
        "de.clock.hour-adverb",
        "WHEN",
        "HOUR PARTA",
        lambda hour, part: Slots(clock=hour, part=part),
        ("8 abends = 2013-02-12T20:00", "7 morgens = 2013-02-12T07:00"),
    ),
    Rule(
        "de.period.year",
        "DATE",
        "OF UNIT YEAR",
        lambda _in, grain, year: values.Year(year) if grain == Grain.YEAR else None,
        ("im Jahr 2014 = 2014-01-01",),
    ),
    Rule(
        "de.clock.near-noon",
        "CLOCK",
        "NUM|QUARTERW AFTER|BEFORE PARTN",
        lambda n, side, part: _near_noon(n, side) if part == daytimes.NOON else None,
        ("viertel vor Mittag = 2013-02-12T11:45",),
    ),
    Rule(
        "de.part.clock-early",
        "WHEN",
        "CLOCK PARTN",
        lambda clock, part: Slots(clock=clock, part=part) if part == daytimes.EARLY else None,
        ("3 uhr früh = 2013-02-13T03:00", "montag um 6 uhr früh = 2013-02-18T06:00"),
    ),
    Rule(
        "de.part.early-clock",
        "WHEN",
        "PARTN CLOCK",
        lambda part, clock: Slots(clock=clock, part=part) if part == daytimes.EARLY else None,
        ("früh um 7 = 2013-02-12T07:00",),
    ),
    Rule(
        "de.part.noon",
        "PART",
        "PARTN",
        lambda part: part if part == daytimes.NOON else None,
        ("Mittag = 2013-02-12T12:00",),
        weight=-1,
    ),
    Rule(
        "de.offset.from-today",
        "EXACT",
        "SPAN SINCE|FROM heute|jetzt an?",
        lambda length, _from: Exact(length),
        ("drei wochen ab heute = 2013-03-05",),
    ),
)
