"""Facts in a text: money, percentages, dates, times, addresses and promises, in German and English.

A fact is normalised, so that "1.299,00 €" and "EUR 1299" are the same one.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact with its kind, its normal form, and the words that state it."""

    kind: str
    value: str
    excerpt: str


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januar jänner january jan", "februar february feb", "märz march mär mar mrz", "april apr", "mai may",
            "juni june jun", "juli july jul", "august aug", "september sep sept", "oktober october okt oct",
            "november nov", "dezember december dez dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_CURRENCIES = {"€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "usd": "USD", "dollar": "USD",
               "dollars": "USD", "£": "GBP", "gbp": "GBP", "chf": "CHF", "franken": "CHF"}  # fmt: skip
_WORDS = {
    "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "elf": 11,
    "zwölf": 12, "zwanzig": 20, "dreißig": 30, "vierzig": 40, "fünfzig": 50, "hundert": 100, "two": 2, "three": 3,
    "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "hundred": 100,
}  # fmt: skip

_AMOUNT = r"\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d{1,2})?(?!\d)"
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_SIGN = r"€|\$|£"
_CODE = r"euros?|eur|usd|dollars?|gbp|chf|franken"

_SUPERLATIVES = (
    r"bester?|beste[ns]?|günstigste[rns]?|größte[rns]?|einzigartig\w*|nummer eins|best|cheapest|biggest|greatest"
    r"|unbeatable|unschlagbar\w*|number one"
)
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("url", r"\b(?:https?://|www\.)[^\s<>\"')\]]+"),
        ("email", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
        ("iban", r"\b[a-z]{2}\d{2}\s?[a-z0-9]{4}(?:\s?\d{4}){2,7}(?:\s?\d{1,4})?\b"),
        ("money", rf"(?:(?P<sign>{_SIGN})\s?|\b(?P<code>{_CODE})\s)(?P<a>{_AMOUNT})(?:,-)?"),
        ("money", rf"(?P<b>{_AMOUNT})(?:,-)?\s?(?:(?P<sign2>{_SIGN})|(?P<code2>{_CODE})\b)"),
        ("percent", rf"(?P<p>{_AMOUNT})\s?(?:%|prozent\b|percent\b)"),
        ("percent_word", rf"\b(?P<w>{'|'.join(_WORDS)})\s(?:prozent|percent)\b"),
        ("date_iso", r"\b(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)\b"),
        ("date_dots", r"\b(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.(?:\s?(?P<y>\d{4}|\d\d)\b)?"),
        ("date_de", rf"\b(?P<d>\d{{1,2}})\.\s?(?P<mon>{_MONTH})\b\.?(?:\s(?P<y>\d{{4}}))?"),
        ("date_en", rf"\b(?P<mon>{_MONTH})\b\.?\s(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s(?P<y>\d{{4}}))?"),
        ("date_en2", rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<mon>{_MONTH})\b(?:\s(?P<y>\d{{4}}))?"),
        ("phone", r"(?<![\w.,])(?:\+|00)\d[\d ()/-]{6,}\d|(?<![\w.,])0\d{2,5}[ /-]\d[\d -]{3,}\d"),
        ("time", r"\b(?P<h>\d{1,2})[:.](?P<min>\d\d)\s?(?P<ap>[ap]\.?m\.?)?(?:\suhr\b)?"),
        ("time", r"\b(?P<h>\d{1,2})\s?(?:uhr\b|(?P<ap>[ap]\.?m\.?))"),
        ("number", rf"(?<![\w.,]){_AMOUNT}"),
        ("number_word", rf"\b(?:{'|'.join(_WORDS)})\b(?=\s\w)"),
        ("free", r"\b(?:gratis|kostenlos(?:e[nrsm]?)?|umsonst|for free|free of charge|geschenkt)\b"),
        ("superlative", rf"\b(?:{_SUPERLATIVES})\b"),
        ("health", r"\b(?:heilt|heilen|garantiert abnehmen|schmerzfrei|cures?|guaranteed weight loss|pain[- ]free)\b"),
    )
)  # fmt: skip


def facts(text: str) -> list[Fact]:
    """Return the facts of a text; each stretch of it belongs to one fact."""
    found: list[Fact] = []
    taken: list[tuple[int, int]] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and end > other_start for other_start, other_end in taken):
                continue
            value = _normal(kind, match)
            if value is not None:
                taken.append((start, end))
                name = kind.split("_")[0]
                found.append(Fact(name, value, match.group(0).strip()))
    return found


def _normal(kind: str, match: re.Match[str]) -> str | None:
    maker = _MAKERS.get(kind.partition("_")[0] if kind.startswith("date") else kind)
    return maker(match) if maker is not None else match.group(0).strip().casefold()


def _number(text: str) -> Decimal | None:
    """Read 1.299,00 and 1,299.00 and 1299: the last sign with one or two digits behind it is the decimal one."""
    digits = text.replace(" ", "").replace("'", "")
    decimal = re.fullmatch(r"(.*)[.,](\d{1,2})", digits)
    whole, cents = (decimal.group(1), decimal.group(2)) if decimal else (digits, "0")
    try:
        return Decimal(re.sub(r"[.,]", "", whole) + "." + cents)
    except InvalidOperation:
        return None


def _shown(number: Decimal | None) -> str | None:
    return None if number is None else format(number.normalize(), "f")


def _money(match: re.Match[str]) -> str | None:
    groups = match.groupdict()
    sign = groups.get("sign") or groups.get("code") or groups.get("sign2") or groups.get("code2") or ""
    number = _shown(_number(groups.get("a") or groups.get("b") or ""))
    return f"{_CURRENCIES[sign.casefold()]} {number}" if number is not None else None


def _date(match: re.Match[str]) -> str | None:
    groups = match.groupdict()
    month = _MONTHS[groups["mon"].casefold()] if groups.get("mon") else int(groups["m"])
    day = int(groups["d"])
    if not (1 <= month <= 12 and 1 <= day <= 31):  # noqa: PLR2004
        return None
    year = groups.get("y")
    full = f"20{year}" if year and len(year) == 2 else year  # noqa: PLR2004
    return f"{full or '*'}-{month:02d}-{day:02d}"


def _time(match: re.Match[str]) -> str | None:
    hour, minute = int(match["h"]), int(match.groupdict().get("min") or 0)
    half = (match["ap"] or "").casefold()[:1]
    if half == "p" and hour < 12:  # noqa: PLR2004
        hour += 12
    return f"{hour % 24:02d}:{minute:02d}" if minute < 60 and hour <= 24 else None  # noqa: PLR2004


_MAKERS: dict[str, Callable[[re.Match[str]], str | None]] = {
    "money": _money,
    "percent": lambda match: _shown(_number(match["p"])),
    "percent_word": lambda match: str(_WORDS[match["w"].casefold()]),
    "date": _date,
    "time": _time,
    "number": lambda match: _shown(_number(match.group(0))),
    "number_word": lambda match: str(_WORDS[match.group(0).casefold()]),
    "phone": lambda match: re.sub(r"\D", "", match.group(0)).removeprefix("00"),
    "iban": lambda match: re.sub(r"\s", "", match.group(0)).upper(),
    "url": lambda match: match.group(0).rstrip(".,;:!?").casefold(),
    "free": lambda _match: "free",
}


HARD = frozenset({"money", "percent", "date", "time", "number", "phone", "email", "iban", "free"})


def supports(source: list[Fact], fact: Fact) -> bool:
    """Say whether a source states the fact; a date without a year is supported by one with it."""
    return any(_same(fact, other) for other in source)


def _same(fact: Fact, other: Fact) -> bool:
    if fact.kind == other.kind == "date":
        return fact.value == other.value or (fact.value.startswith("*") and fact.value[1:] == other.value[4:])
    if fact.kind == other.kind:
        return fact.value == other.value
    return {fact.kind, other.kind} == {"number"} and fact.value == other.value


def hard(text: str) -> Iterator[Fact]:
    """Yield the facts that need a source."""
    return (fact for fact in facts(text) if fact.kind in HARD)
