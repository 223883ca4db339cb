"""Which country a number belongs to, and which time zone that is. Numbers are E.164.

Source: the metadata of libphonenumber. Some calling codes are shared (+1, +7, +44): there the digits behind decide.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

from kernel import clock

_TYPES = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
)


TELLING = 6  # so many characters of a number decide its zone, where `zone_of` has one
_TOLD_APART = frozenset({1, 7})


@lru_cache(maxsize=16_384)
def country_of(number: str) -> str | None:
    """Return the country (ISO 3166-1, two letters) of a number; None for one that is none, or of no country."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    found = phonenumbers.region_code_for_number(parsed)
    return found if found is not None and found.isalpha() else None


def is_country(text: str) -> bool:
    """Return whether numbers of such a country exist."""
    return text in phonenumbers.SUPPORTED_REGIONS


@cache
def pattern_of(country: str) -> str:
    """Return a regular expression (Python and PostgreSQL) for the numbers of a country that `is_country` knows.

    Of a shared calling code the countries are asked in the order of the metadata: the first that fits has the number.
    """
    code = phonenumbers.country_code_for_region(country)
    sharing = phonenumbers.region_codes_for_country_code(code)
    if len(sharing) == 1:
        return rf"^\+{code}"
    before = "".join(f"(?!{_shape(other)})" for other in sharing[: sharing.index(country)])
    return rf"^\+{code}{before}{_shape(country)}"


def _shape(country: str) -> str:
    """Return what follows the calling code in the numbers of a country that shares it."""
    metadata = _metadata(country)
    if metadata.leading_digits is not None:
        return f"(?:{metadata.leading_digits})"
    shapes = [getattr(metadata, name) for name in _TYPES]
    known = [one.national_number_pattern for one in shapes if one is not None and one.national_number_pattern]
    return f"(?:{'|'.join(f'(?:{pattern})' for pattern in known)})$"


def _metadata(country: str) -> PhoneMetadata:
    found = PhoneMetadata.metadata_for_region(country)
    if found is None:
        raise LookupError(country)
    return found


@lru_cache(maxsize=16_384)
def zone_of(number: str) -> str | None:
    """Return the time zone (IANA) of a number whose country has one clock everywhere; None where nobody can know."""
    country = country_of(number)
    return _one_zone(country) if country is not None else None


@cache
def _one_zone(country: str) -> str | None:
    """Return the country's zone. Of shared calling codes only those are told apart that do so in few digits."""
    code = phonenumbers.country_code_for_region(country)
    metadata = _metadata(country)
    if metadata.leading_digits is None or code not in _TOLD_APART:
        zones = list(TIMEZONE_DATA.get(str(code), ()))
    else:
        ours = re.compile(f"{code}(?:{metadata.leading_digits})")
        zones = sorted({zone for prefix, found in TIMEZONE_DATA.items() if ours.match(prefix) for zone in found})
    clocks = {shown: zone for zone in reversed(zones) if (shown := _clock(zone)) is not None}
    return next(iter(clocks.values())) if len(clocks) == 1 else None


@cache
def _clock(zone: str) -> tuple[timedelta | None, ...] | None:
    """Return what tells clocks apart: the distance from UTC in each month of two years; None for an unknown zone."""
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return None
    year = clock.now().year
    months = [datetime(year + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(24)]
    return tuple(month.astimezone(there).utcoffset() for month in months)
