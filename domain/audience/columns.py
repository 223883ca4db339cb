"""Reading a member file: its encoding, its columns in German and English, and the value in each cell."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from kernel.errors import Invalid
from kernel.text import blank

MOST_ROWS = 500_000
_YEARS = (1900, 2999)  # of a moment

# Header words, lower-case letters and digits only, by field.
SYNONYMS: dict[str, str] = {
    word: field
    for field, words in {
        "external_id": "mitgliedsnr mitgliedsnummer kundennr kundennummer memberid memberno externalid id nummer",
        "first_name": "vorname firstname givenname forename",
        "last_name": "nachname lastname surname familyname name",
        "salutation": "anrede salutation title gender geschlecht",
        "email": "email emailadresse mail mailadresse emailaddress",
        "phone": "telefon telefonnummer mobil mobilnummer handy handynummer phone mobile phonenumber tel",
        "language": "sprache language lang",
        "time_zone": "zeitzone timezone tz",
        "status": "status mitgliedsstatus",
        "joined_on": "eingetretenam eintritt eintrittsdatum mitgliedseit joined joinedon joinedat membersince",
        "left_on": "ausgetretenam austritt austrittsdatum kuendigung left lefton",
        "last_visit_at": "letzterbesuch zuletztda lastvisit lastvisitat lastseen",
        "tags": "tags schlagworte gruppen labels",
        "favourite_course": "lieblingskurs kurs favouritecourse favoritecourse course",
        "consent_email": "einwilligungemail emaileinwilligung newsletter optin consentemail emailconsent subscribed",
        "consent_email_at": "einwilligungam einwilligungemailam optinam consentat consentemailat optindate",
        "consent_email_source": "einwilligungquelle einwilligungemailquelle consentsource consentemailsource",
        "consent_tracking": "einwilligungtracking trackingeinwilligung consenttracking",
    }.items()
    for word in words.split()
}
FIELDS = frozenset(SYNONYMS.values())

_YES = {"ja", "yes", "y", "j", "true", "1", "x", "granted", "erteilt", "aktiv", "subscribed"}
_NO = {"nein", "no", "n", "false", "0", "abgemeldet", "widerrufen", "withdrawn", "unsubscribed", "opt-out"}
_STATUSES = {
    "aktiv": "active", "active": "active", "mitglied": "active", "pausiert": "paused", "paused": "paused",
    "ruhend": "paused", "ausgetreten": "left", "gekündigt": "left", "left": "left", "ehemalig": "left",
    "interessent": "prospect", "prospect": "prospect", "lead": "prospect",
}  # fmt: skip
_SALUTATIONS = {
    "frau": "Frau", "herr": "Herr", "mr": "Herr", "mrs": "Frau", "ms": "Frau", "w": "Frau", "m": "Herr",
    "weiblich": "Frau", "männlich": "Herr", "female": "Frau", "male": "Herr",
}  # fmt: skip
_LANGUAGES = {"de": "de", "deutsch": "de", "german": "de", "en": "en", "englisch": "en", "english": "en"}
_SEPARATOR = re.compile("sep=([;,\t|])\\s*", re.IGNORECASE)  # a first line by which Excel knows the separator
_ZONES = available_timezones()
_UMLAUTS = {ord(letter): pair for letter, pair in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"))}


class BadCell(ValueError):  # noqa: N818
    """A cell that cannot be read; the text says how to write it."""


def decode(data: bytes) -> str:
    """Return the text of a file: UTF-8 with or without a mark, UTF-16 with one, else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    return text


@dataclass(frozen=True, slots=True)
class Table:
    """A file with its header; `rows` yields line number and cells."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    tabular: bool


def read_table(data: bytes, file_name: str) -> Table:
    """Return the rows of a CSV or JSON file. Raises Invalid when it is neither, or empty, or too long."""
    text = decode(data)
    if not text.strip():
        raise Invalid("file", "is empty; the first line names the columns")
    if "\x00" in text.lstrip().partition("\n")[0]:  # UTF-16 or UTF-32 without a mark
        raise Invalid("file", "is in no encoding that can be told; save it as CSV UTF-8")
    tabular = not (file_name.lower().endswith(".json") or text.lstrip().startswith("["))
    table = tuple(_csv(text) if tabular else _json(text))
    if not table:
        raise Invalid("file", "has a header but no rows")
    if len(table) > MOST_ROWS:
        raise Invalid("file", f"has {len(table)} rows; split it into files of at most {MOST_ROWS}")
    header = tuple(dict.fromkeys(key for _, row in table[:1_000] for key in row if key))
    return Table(header, table, tabular)


def _csv(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    first = text.lstrip("\r\n").splitlines()[0]
    named = _SEPARATOR.fullmatch(first)
    delimiter = named[1] if named else max(";,\t|", key=first.count)
    if delimiter not in first:
        delimiter = ";"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        if named:
            next(reader)
        header = [cell.strip() for cell in next(reader, ())]
        if len(set(header)) != len(header):
            raise Invalid("file", "names a column twice; every column needs its own name")
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = dict(zip(header, cells, strict=False))
                if len(cells) > len(header):
                    row[""] = delimiter.join(cells[len(header) :])
                yield reader.line_num, row
    except csv.Error as error:
        raise Invalid("file", f"is no readable CSV: {error}") from None


def _json(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise Invalid("file", f"is no readable JSON: line {error.lineno}, {error.msg}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid("file", "must hold a list of objects")
    for number, row in enumerate(rows, start=1):
        yield number, {str(key): _cell(value) for key, value in row.items()}


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "ja" if value else "nein"
    return "" if value is None else str(value)


def guess_mapping(header: tuple[str, ...]) -> dict[str, str]:
    """Return column → field for every column whose name we know."""
    mapping: dict[str, str] = {}
    for column in header:
        field = SYNONYMS.get(folded(column))
        if field is not None and field not in mapping.values():
            mapping[column] = field
    return mapping


def folded(name: str) -> str:
    """Return a header as lower-case letters and digits, umlauts written out."""
    name = name.lower().translate(_UMLAUTS)
    return re.sub(r"[^a-z0-9]", "", name)


def check_mapping(mapping: dict[str, str], header: tuple[str, ...]) -> None:
    """Raise Invalid for a column that the file lacks or a field that members do not have."""
    for column, field in mapping.items():
        if column not in header:
            raise Invalid(f"mapping.{column}", f"the file has no such column; it has {', '.join(header)}")
        if field not in FIELDS and not re.fullmatch(r"attribute:[a-z][a-z0-9_]{0,39}", field):
            raise Invalid(f"mapping.{column}", f"'{field}' is no member field; use {', '.join(sorted(FIELDS))}")
    if len(set(mapping.values())) != len(mapping):
        raise Invalid("mapping", "sends two columns to one field")


@lru_cache(10_000)
def _day(text: str) -> date:
    for pattern in ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y"):
        try:
            return datetime.strptime(text[:10].strip(), pattern).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    raise BadCell("is no date; write 2026-11-21 or 21.11.2026")


def instant(text: str) -> datetime:
    """Return the instant of a date or date-time; a bare date means noon UTC. Raises BadCell.

    The ends of the calendar are refused: in another zone they are outside of it.
    """
    found = _instant(text)
    if not _YEARS[0] <= found.year <= _YEARS[1]:
        raise BadCell(f"is outside of the years {_YEARS[0]} to {_YEARS[1]}")
    return found


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _german_instant(text)
    if len(text) <= len("2026-11-21"):
        found = found.replace(hour=12)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _german_instant(text: str) -> datetime:
    """Read 05.10.2026 08:15, or a date alone, which means noon."""
    day, _, clock = text.strip().partition(" ")
    if not clock:
        return datetime.combine(_day(text), time(12), UTC)
    match = re.fullmatch(r"([01]?\d|2[0-3])[:.]([0-5]\d)(?::[0-5]\d)?(?: Uhr)?", clock.strip())
    if match is None:
        raise BadCell("has no readable time; write 05.10.2026 08:15")
    return datetime.combine(_day(day), time(int(match.group(1)), int(match.group(2))), UTC)


def _choice(words: dict[str, str], what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            return words[text.strip(" .").lower()]
        except KeyError:
            raise BadCell(f"is no {what}; use one of {', '.join(sorted(set(words)))}") from None

    return read


def _consent(text: str) -> str:
    word = text.strip().lower()
    if word in _YES:
        return "granted"
    if word in _NO:
        return "withdrawn"
    raise BadCell("is neither yes nor no; write ja or nein")


def _zone(text: str) -> str:
    if text not in _ZONES:
        raise BadCell("is no time zone; write Europe/Berlin")
    return text


def _tags(text: str) -> list[str]:
    return sorted({tag.strip() for tag in re.split(r"[,|]", text) if tag.strip()})


def _text(text: str) -> str:
    if len(text) > _LONGEST:
        raise BadCell(f"is longer than {_LONGEST} characters")
    return text


_LONGEST = 300
_READERS: dict[str, Callable[[str], Any]] = {
    "joined_on": _day,
    "left_on": _day,
    "last_visit_at": instant,
    "consent_email_at": instant,
    "language": _choice(_LANGUAGES, "language"),
    "status": _choice(_STATUSES, "status"),
    "salutation": _choice(_SALUTATIONS, "salutation"),
    "consent_email": _consent,
    "consent_tracking": _consent,
    "time_zone": _zone,
    "tags": _tags,
}


def read_cell(field: str, text: str) -> Any:
    """Return the value of a cell, None for one that shows nothing. Raises BadCell saying how to write it."""
    text = text.replace("\x00", "").strip()
    if blank(text):
        return None
    return _READERS.get(field, _text)(text)
