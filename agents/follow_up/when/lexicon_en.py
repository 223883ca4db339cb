"""English words."""

import re
from fractions import Fraction

from agents.follow_up.when import daytimes, numbers
from agents.follow_up.when.grammar import Leaf, index
from agents.follow_up.when.lexicon import Vocabulary, Words, add, bag, dash, glue, number, zones
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import Today

_WEEKDAYS = (
    ("monday", "mon"),
    ("tuesday", "tue tues"),
    ("wednesday wensday wednsday", "wed weds"),
    ("thursday", "thu thur thurs"),
    ("friday", "fri"),
    ("saturday", "sat"),
    ("sunday", "sun"),
)
_WEAK_DAYS = {"wed", "sat", "sun", "mon"}
_MONTHS = (
    "january jan",
    "february feb",
    "march mar",
    "april apr",
    "may",
    "june jun",
    "july jul",
    "august aug",
    "september sept sep",
    "october oct",
    "november nov",
    "december dec",
)
_WEAK_MONTHS = {"march", "mar", "may", "august", "jan", "dec", "april", "june"}
_UNITS = {
    Grain.SECOND: "second seconds sec secs",
    Grain.MINUTE: "minute minutes min mins",
    Grain.HOUR: "hour hours hr hrs",
    Grain.DAY: "day days",
    Grain.WEEK: "week weeks wk wks",
    Grain.MONTH: "month months",
    Grain.QUARTER: "quarter quarters qtr",
    Grain.YEAR: "year years yr yrs",
}
_PARTS = {
    daytimes.MORNING: "morning",
    daytimes.AFTERNOON: "afternoon arvo",
    daytimes.EVENING: "evening",
    daytimes.ENGLISH_NIGHT: "night",
}
_GLUE = {
    "BETWEEN": "between",
    "THE": "the",
    "OF": "of in",
    "ON": "on",
    "AT": "at @ by around about",
    "ABOUT": "about around approximately approx roughly circa almost nearly exactly",
    "IN": "in",
    "AND": "and",
    "OR": "or",
    "TO": "to until till through thru",
    "FROM": "from",
    "SINCE": "from starting",
    "AFTER": "after past",
    "BEFORE": "before",
    "NEXT": "next",
    "UPCOMING": "coming upcoming",
    "THIS": "this current",
    "LAST": "last",
    "GONE": "last past previous",
    "EVERY": "every each",
    "OCLOCK": "o'clock oclock",
}
_HOLIDAYS = {
    "new_year": "",
    "epiphany": "epiphany",
    "halloween": "halloween",
    "christmas": "christmas xmas",
    "easter": "easter",
    "thanksgiving": "thanksgiving",
    "juneteenth": "juneteenth",
    "pentecost": "pentecost whitsun",
}


def _calendar(words: Words) -> None:
    for day, (full, short) in enumerate(_WEEKDAYS):
        add(words, "WD", day, full)
        for name in short.split():
            add(words, "WD", day, name, weak=name in _WEAK_DAYS)
        add(words, "WDS", day, " ".join(f"{name}s" for name in full.split()))
        add(words, "HABITW", "habit", " ".join(f"{name}s" for name in full.split()))
        add(words, "HABITW", "habit", " ".join(f"{name}'s" for name in full.split()))
    for month, names in enumerate(_MONTHS, 1):
        for name in names.split():
            add(words, "MONTH", month, name, weak=name in _WEAK_MONTHS)
    for grain, names in _UNITS.items():
        for name in names.split():
            add(words, "UNIT", grain, name, weak=name in {"second", "min", "sec", "quarter"})
    add(words, "UNITS", Grain.SECOND, 's "')
    add(words, "UNITS", Grain.MINUTE, "m '")
    add(words, "UNITS", Grain.HOUR, "h")
    add(words, "UNITS", Grain.DAY, "d")
    add(words, "FORTNIGHT", "fortnight", "fortnight fortnights")
    add(words, "WEEKEND", "weekend", "weekend")
    for key, names in _HOLIDAYS.items():
        add(words, "HOLIDAY", key, names)


def _days(words: Words) -> None:
    add(words, "DATE", Today(), "today")
    add(words, "DATE", Today(1), "tomorrow tmrw tomorow tommorow tommorrow tmr tmw 2moro tomorrows")
    add(words, "TONIGHT", "tonight", "tonight tonite")
    add(words, "PASTW", "past", "yesterday ago recently lately earlier previously")
    add(words, "HABITW", "habit", "daily weekly monthly yearly annually weekdays weekends always usually")
    add(words, "NOW", "now", "now", weak=True)
    add(words, "NOW", "now", "immediately asap")
    for part, names in _PARTS.items():
        add(words, "PARTN", part, names)
    add(words, "HABITW", "habit", "mornings afternoons evenings nights")


def _clocks(words: Words) -> None:
    add(words, "NOON", "noon", "noon midday noontime")
    add(words, "MIDNIGHT", "midnight", "midnight")
    add(words, "HALFW", "half", "half")
    add(words, "QUARTERW", "quarter", "quarter quarters")
    add(words, "MERIDIEM", "am", "am", weak=True)
    add(words, "MERIDIEM", "pm", "pm")
    add(words, "AP", "am", "a")
    add(words, "AP", "pm", "p")
    add(words, "OH", "oh", "oh o ou zero nought")


def _counts(words: Words) -> None:
    for word, value in numbers.english_small().items():
        if value in range(20, 100, 10):
            add(words, "TENS", value, word)
        elif 0 < value < 10:  # noqa: PLR2004 - the digits
            add(words, "ONES", value, word)
        else:
            add(words, "NUM", number(value), word)
    for word in ("a", "an"):
        words.setdefault(word, []).append(Leaf("NUM", number(1, article=True)))
    add(words, "COUPLE", number(2), "couple pair")
    add(words, "FEW", number(3), "few")
    add(words, "NUM", number(3), "several")
    add(words, "DOZEN", number(12), "dozen")
    add(words, "HUNDRED", "hundred", "hundred")
    add(words, "BIG", "thousand", "thousand million")
    for word, value in numbers.english_ordinals().items():
        weak = word == "second"
        if value in range(1, 10):
            words.setdefault(word, []).append(Leaf("ORDONES", value, weak))
        else:
            add(words, "ORD", value, word)
    add(words, "NUM", number(2), "both")
    _ = Fraction


def _edges(words: Words) -> None:
    add(words, "EDGE", "start", "beginning start")
    add(words, "EDGE", "middle", "middle mid")
    add(words, "EDGE", "end", "end")
    add(words, "EDGEADJ", "start", "early")
    add(words, "EDGEADJ", "middle", "mid")
    add(words, "EDGEADJ", "end", "late")
    add(words, "EDGEW", ("end", Grain.MONTH), "eom")
    add(words, "EDGEW", ("end", Grain.YEAR), "eoy")


def words() -> Words:
    """Return the English lexicon."""
    found: Words = {}
    for fill in (_calendar, _days, _clocks, _counts, _edges):
        fill(found)
    glue(found, _GLUE)
    dash(found)
    zones(found)
    return index(found)


VOCABULARY = Vocabulary(
    fillers=bag(
        "! ( ) , - . : ; ? @ about again approx approximately around at by exactly for from in ish maybe "
        "o'clock of ok okay on perhaps please probably roughly sharp so sure the then this till until well "
        "yes"
    ),
    followers=bag(
        "about again and at because but call can could fits for i i'd i'll if in instead is may me message ok "
        "okay on or please regarding remind ring sharp should so suits text thank thanks that that's then "
        "they to us we we'll will with works works' would would'nt you"
    ),
    counted=bag("time times"),
    blocked={
        "may": bag("also as ask be come have he i it need not or she still take they want we well you"),
        "march": bag("in into on out to towards"),
        "sat": bag("down here in on there with"),
        "second": bag("floor half hand one opinion thought thoughts time try"),
        "sun": bag("bed burn cream is shines was"),
        "wed": bag("her him"),
    },
    bounds=bag("before since than"),
    until=bag("instead through thru til till until"),
    breaks=bag("although and because but or so though while"),
    past=bag(
        "ago ate began bought called came did earlier felt found gained gave got had left lost made met paid "
        "previously ran said saw since slept spoke thought told took was went were wrote yesterday"
    ),
    habit=bag(
        "always daily each every generally monthly mostly normally often regularly sometimes typically "
        "usually weekdays weekly"
    ),
    negations=bag(
        "aren't can't cannot cant couldn't didn't doesn't don't dont except isn't never no not without won't"
    ),
    forget=bag("forget"),
    auxiliaries=bag("has have he's i've she's we've"),
    participle=re.compile(r"\w{2,}ed|been|done|gone|had|seen"),
    wishes=bag("good happy lovely merry nice pleasant"),
    wished=(
        bag("thanks for"),
        bag("thank you for"),
        bag("too late"),
        bag("too early"),
        bag("enjoy"),
        bag("see you"),
        bag("great have"),
        bag("good have"),
        bag("see ya"),
    ),
    facts=bag(
        "open opens closed close closes cost costs starts begins ends takes expires lasts charged "
        "cancel cancellation terminate"
    ),
    asks=bag("who what when where which how why"),
    asks_so=frozenset(
        {
            ("what", "time"),
            ("is", "the"),
            ("is", "there"),
            ("is", "a"),
            ("are", "you"),
            ("are", "there"),
            ("do", "you"),
            ("does", "the"),
        }
    ),
    proposes=bag("about time works work suit suits"),
    praise=bag("great awesome amazing fantastic super lovely"),
    relative=bag("beforehand earlier prior afterwards"),
    away=bag("abroad away ill sick travelling traveling vacation pausing"),
    away_so=frozenset(
        {
            ("out", "of"),
            ("i'm", "off"),
            ("am", "off"),
            ("be", "off"),
            ("weeks", "off"),
            ("days", "off"),
            ("week", "off"),
        }
        | {("day", "off"), ("on", "leave"), ("on", "holiday"), ("a", "break"), ("on", "break"), ("week", "break")}
        | {("not", "here"), ("not", "there"), ("not", "in"), ("weeks", "holiday"), ("days", "holiday")}
    ),
    requests=bag("call text message ping write contact ask remind check follow touch talk speak get"),
    back=bag("again back return returning"),
)
