"""The files a studio would export: members, visits, purchases and the addresses that must not be written to.

Everything follows from `seed` and `today`: semicolons, UTF-8 with a byte order mark, German headers and dates.
"""

import csv
import io
import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from ariia.demo.people import REPEATED_ROWS, SEED, Person, Studio, make, names

HEADER = [
    "Mitgliedsnr",
    "Vorname",
    "Nachname",
    "Anrede",
    "E-Mail",
    "Telefon",
    "Sprache",
    "Zeitzone",
    "Status",
    "Eingetreten am",
    "Letzter Besuch",
    "Tags",
    "Lieblingskurs",
    "Einwilligung E-Mail",
    "Einwilligung am",
    "Einwilligung Quelle",
    "Einwilligung Tracking",
]


def write(folder: Path, today: date, seed: int = SEED) -> Studio:
    """Write `mitglieder.csv`, `besuche.csv`, `kaeufe.csv` and `sperrliste.csv` into `folder`; return the people."""
    studio = make(seed)
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed + 1)  # noqa: S311 - as above
    rows = [_row(person, today) for person in studio.people]
    lines = _lines(rows)
    for text in names()["refused"] + names()["flawed"]:
        lines.insert(chance.randrange(len(lines)), f"{text}\r\n")
    lines += _lines([rows[index] for index in chance.sample(range(len(rows)), REPEATED_ROWS)])
    header = _lines([HEADER])
    (folder / "mitglieder.csv").write_bytes("".join(header + lines).encode("utf-8-sig"))
    _write(folder / "besuche.csv", ["Mitgliedsnr", "Art", "Datum", "Kurs", "Nr"], _visits(studio, today, chance))
    _write(
        folder / "kaeufe.csv",
        ["Mitgliedsnr", "Produkt", "Betrag", "Währung", "Datum", "Nr"],
        _purchases(studio, today, chance),
    )
    _write(folder / "sperrliste.csv", ["Adresse", "Grund", "Quelle"], _suppression_rows(studio, chance))
    return studio


def _row(person: Person, today: date) -> list[str]:
    consented = today - timedelta(days=max(person.joined_days - 1, 0))
    has_evidence = person.consent == "ja" and person.evidence
    return [
        person.number,
        person.first_name,
        person.last_name,
        person.salutation,
        person.email,
        person.phone,
        person.language,
        person.time_zone,
        person.status,
        _german(today - timedelta(days=person.joined_days)),
        "" if person.visit_days is None else _german(today - timedelta(days=person.visit_days)) + _hour(person),
        person.tags,
        person.course,
        person.consent,
        _german(consented) if has_evidence else "",
        _source(person) if has_evidence else "",
        person.tracking if has_evidence else "",
    ]


def _german(day: date) -> str:
    return day.strftime("%d.%m.%Y")


def _hour(person: Person) -> str:
    """Return a time of the day for most; some desks write the day only."""
    n = int(person.number[-2:])
    return "" if n % 10 == 0 else f" {7 + n % 14:02d}:{n % 4 * 15:02d}"


def _source(person: Person) -> str:
    sources: list[str] = names()["consent_sources"]
    return sources[int(person.number[-3:]) % len(sources)]


def _lines(rows: Iterable[Iterable[str]]) -> list[str]:
    lines = []
    for row in rows:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=";", lineterminator="\r\n").writerow(row)
        lines.append(buffer.getvalue())
    return lines


def _write(path: Path, header: list[str], rows: Iterable[Iterable[str]]) -> None:
    path.write_bytes("".join(_lines([header, *rows])).encode("utf-8-sig"))


def _visits(studio: Studio, today: date, chance: random.Random) -> Iterable[list[str]]:
    """Yield the last visits of everybody, and missed classes since, which are no visits."""
    for person in studio.people:
        if person.visit_days is None:
            continue
        kinds = [(person.visit_days, "Besuch")]
        earlier = chance.choice([0, 1, 2, 3])
        kinds += [(person.visit_days + n * chance.randint(2, 9), "Besuch") for n in range(1, earlier + 1)]
        if person.inactive and chance.random() < 0.03:  # noqa: PLR2004
            kinds.append((chance.randint(1, 20), "Nicht erschienen"))
        for n, (days, kind) in enumerate(kinds):
            hour = _hour(person) if days == person.visit_days else " 18:00"
            at = _german(today - timedelta(days=days)) + hour
            yield [person.number, kind, at, person.course, f"B-{person.number[3:]}-{n}"]


def _purchases(studio: Studio, today: date, chance: random.Random) -> Iterable[list[str]]:
    products = [("10er-Karte", "129,00"), ("5er-Karte", "72,00"), ("Einzelstunde", "16,00"), ("Körperanalyse", "29,00")]
    for person in studio.people:
        if chance.random() < 0.25:  # noqa: PLR2004
            product, amount = chance.choice(products)
            day = today - timedelta(days=(person.visit_days or person.joined_days) + chance.randint(0, 60))
            yield [person.number, product, amount, "EUR", _german(day), f"K-{person.number[3:]}"]


def _suppression_rows(studio: Studio, chance: random.Random) -> Iterable[list[str]]:
    for address in studio.suppressed:
        reason = chance.choices(["hard_bounce", "complained", "unsubscribed"], [50, 15, 35])[0]
        yield [address.upper() if chance.random() < 0.2 else address, reason, "Altes Newsletter-System"]  # noqa: PLR2004
