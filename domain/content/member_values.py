"""What a member's slots say: names that can be trusted, dates and numbers as people write them."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_currency

from kernel.text import UNSEEN, blank

_LOCALES = {"de": "de_DE", "en": "en_GB"}
_NAME = re.compile(r"[^\W\d_]+(?:[ .'’-]+[^\W\d_]+)*\.?")
_UNSEEN = re.compile(f"(?! )[{UNSEEN}]")  # also those that Unicode counts as letters
_LONGEST_NAME = 40
_SHOUTING = 4
# What exports write where there is no name.
_TITLES = re.compile(
    r"(?:(?:frau|herrn?|fr|hr|dr|prof|med|dipl|ing|mag|mr|mrs|ms|miss|sir|madam|familie|fam)\b[ .-]*)+", re.IGNORECASE
)
_NO_NAMES = {"none", "null", "nil", "nan", "undefined", "unbekannt", "unknown", "test", "xxx", "na"}


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """What rendering may know of a member; `insights` are `key:value` words of chats that a text may rest on."""

    id: UUID
    first_name: str | None = None
    last_name: str | None = None
    salutation: str | None = None
    language: str | None = None
    time_zone: str | None = None
    favourite_course: str | None = None
    last_visit_at: datetime | None = None
    joined_on: date | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    insights: frozenset[str] = frozenset()


def usable_name(name: str | None) -> str:
    """Return the name if it can stand in a sentence, else nothing: no markup, digits, controls or addresses."""
    if not name:
        return ""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or _UNSEEN.search(name):
        return ""
    if name.casefold() in _NO_NAMES or _TITLES.fullmatch(name):
        return ""
    if len(name) >= _SHOUTING and name.isupper():
        return name.title()
    return name.title() if name.islower() and " " not in name else name


def greeting(first_name: str, last_name: str, salutation: str | None, *, language: str, form: str) -> str:
    """Return the greeting with its comma; neutral where no name can be used."""
    if form == "sie" and language == "de":
        if salutation in {"Frau", "Herr"} and last_name:
            return f"Guten Tag {salutation} {last_name},"
        return f"Guten Tag {first_name} {last_name}," if first_name and last_name else "Guten Tag,"
    if language == "de":
        return f"Hallo {first_name}," if first_name else "Hallo,"
    return f"Hi {first_name}," if first_name else "Hello,"


def values_for(member: MemberFacts, *, language: str, form: str, time_zone: str, now: datetime) -> dict[str, str]:
    """Return the member's slots as text, empty where nothing is known. `time_zone` is the fallback zone."""
    first, last = usable_name(member.first_name), usable_name(member.last_name)
    values = {
        "greeting": greeting(first, last, member.salutation, language=language, form=form),
        "first_name": first,
        "last_name": last,
        "favourite_course": _plain(member.favourite_course),
        "last_visit": "",
        "days_since_visit": "",
        "personal_line": "",
    }
    if member.last_visit_at is not None:
        zone = _zone(member.time_zone or time_zone)
        day = member.last_visit_at.astimezone(zone).date()
        values["last_visit"] = day_text(day, language)
        days = (now.astimezone(zone).date() - day).days
        values["days_since_visit"] = str(days) if days > 0 else ""
    return values


def _plain(text: str | None) -> str:
    if not text or len(text) > 60 or any(sign in text for sign in "<>{}[]=\\") or not text.isprintable() or blank(text):  # noqa: PLR2004
        return ""
    return "" if text.strip().casefold() in _NO_NAMES else text.strip()


def usable_interest(text: str | None) -> str:
    """Return a favourite course as a text may name it, else nothing."""
    return _plain(text)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=4_096)
def day_text(day: date, language: str) -> str:
    """Return a date as people write it: 4. Dezember 2026, 4 December 2026."""
    return format_date(day, format="long", locale=_LOCALES.get(language, "en_GB"))


@lru_cache(maxsize=4_096)
def money_text(minor: int, currency: str, language: str) -> str:
    """Return an amount as people write it: 49 €, 49,90 €, €49, €49.90. `minor` is in cents."""
    whole = minor % 100 == 0
    text = format_currency(
        minor / 100, currency, locale=_LOCALES.get(language, "en_GB"), currency_digits=not whole,
        format="#,##0 ¤" if whole and language == "de" else "¤#,##0" if whole else None,
    )  # fmt: skip
    return str(text).replace("\xa0", " ")
