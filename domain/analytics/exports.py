"""Reports as files: CSV and XLSX for people, JSON for programs; every figure is the one of the report.

A file holds one table: totals, series, channels, languages, links, variants, segments or reasons. CSV and XLSX carry
headings in German or English; in CSV numbers, money and days are written as people of the language write them, in XLSX
they are numbers and dates that the program shows so. No cell begins a formula (OWASP, "CSV Injection").
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent, get_currency_precision
from sqlalchemy import select

from domain.analytics.periods import Span
from domain.analytics.reports import COUNTS, RATES, Figures, Report
from kernel import db, tables
from kernel.errors import NotFound
from kernel.tables import cell as harmless
from models import Message, MessageEvent

Table = Literal["totals", "series", "channels", "languages", "links", "variants", "segments", "reasons"]
Language = Literal["de", "en"]
_LOCALES = {"de": "de_DE", "en": "en_GB"}
_HEADINGS: Mapping[str, tuple[str, str]] = {
    "start": ("Von", "From"),
    "end": ("Bis", "To"),
    "channel": ("Kanal", "Channel"),
    "language": ("Sprache", "Language"),
    "n": ("Link", "Link"),
    "url": ("Adresse", "Address"),
    "variant": ("Variante", "Variant"),
    "segment_id": ("Segment-ID", "Segment ID"),
    "name": ("Segment", "Segment"),
    "state": ("Zustand", "State"),
    "reason": ("Grund", "Reason"),
    "messages": ("Nachrichten", "Messages"),
    "targeted": ("Ausgewählt", "Targeted"),
    "sent": ("Gesendet", "Sent"),
    "delivered": ("Zugestellt (gemeldet)", "Delivered (reported)"),
    "reached": ("Erreicht", "Reached"),
    "bounced_hard": ("Unzustellbar (dauerhaft)", "Bounced (hard)"),
    "bounced_soft": ("Unzustellbar (vorübergehend)", "Bounced (soft)"),
    "failed": ("Fehlgeschlagen", "Failed"),
    "skipped": ("Nicht gesendet", "Skipped"),
    "complained": ("Beschwerden", "Complaints"),
    "unsubscribed": ("Abmeldungen", "Unsubscribed"),
    "replied": ("Haben geantwortet", "Replied"),
    "replies": ("Antworten", "Replies"),
    "opened": ("Geöffnet (Personen)", "Opened (people)"),
    "opens": ("Öffnungen (Personen)", "Opens (people)"),
    "opened_machine": ("Geöffnet (Maschinen)", "Opened (machines)"),
    "opens_machine": ("Öffnungen (Maschinen)", "Opens (machines)"),
    "opens_unknown": ("Öffnungen (unbekannt)", "Opens (unknown)"),
    "clicked": ("Geklickt (Personen)", "Clicked (people)"),
    "clicks": ("Klicks (Personen)", "Clicks (people)"),
    "clicked_machine": ("Geklickt (Maschinen)", "Clicked (machines)"),
    "clicks_machine": ("Klicks (Maschinen)", "Clicks (machines)"),
    "clicks_unknown": ("Klicks (unbekannt)", "Clicks (unknown)"),
    "converted": ("Konvertiert", "Converted"),
    "conversions": ("Konversionen", "Conversions"),
}
_RATE_HEADINGS: Mapping[str, tuple[str, str]] = {
    "reached": ("Erreicht je Gesendet", "Reached of sent"),
    "bounced": ("Unzustellbar je Versuch", "Bounced of attempted"),
    "opened": ("Geöffnet je Erreicht", "Opened of reached"),
    "clicked": ("Geklickt je Erreicht", "Clicked of reached"),
    "replied": ("Geantwortet je Erreicht", "Replied of reached"),
    "converted": ("Konvertiert je Erreicht", "Converted of reached"),
    "unsubscribed": ("Abgemeldet je Erreicht", "Unsubscribed of reached"),
    "complained": ("Beschwerden je Erreicht", "Complaints of reached"),
}
_VALUE = ("Wert in", "Value in")
_WIDTH = 14


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the name of programs, the heading of people, and what its cells are."""

    key: str
    heading: str
    kind: Literal["text", "number", "date", "share", "money"] = "text"
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a report: money in the currency's smallest unit, shares between 0 and 1."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]


def sheet(report: Report, table: Table, language: Language) -> Sheet:
    """Return one table of a report; raises NotFound for a section that this report has not."""
    if table == "reasons":
        return _reasons(report, language)
    keys, found = _found(report, table)
    currencies = sorted({currency for _, figures in found for currency in figures.values})
    columns = [
        *keys,
        *(Column(name, "", "number") for name in COUNTS),
        *(Column(f"{name}_rate", _RATE_HEADINGS[name][language == "en"], "share") for name in RATES),
        *(
            Column(f"value_{currency}", f"{_VALUE[language == 'en']} {currency}", "money", currency)
            for currency in currencies
        ),
    ]
    rows = [
        [
            *place,
            *figures.counts.values(),
            *(rate.value for rate in figures.rates.values()),
            *(figures.values.get(currency, 0) for currency in currencies),
        ]
        for place, figures in found
    ]
    return Sheet([_headed(column, language) for column in columns], rows)


def _headed(column: Column, language: Language) -> Column:
    heading = column.heading or _HEADINGS[column.key][language == "en"]
    return Column(column.key, heading, column.kind, column.currency)


def _found(report: Report, table: Table) -> tuple[list[Column], list[tuple[list[Any], Figures]]]:
    """Return the columns that say where a row belongs, and the rows."""
    days = [Column("start", "", "date"), Column("end", "", "date")]
    if table == "totals":
        place = [*_ends(report.span), report.targeted]
        return [*days, Column("targeted", "", "number")], [(place, report.totals)]
    if table == "series" and report.series is not None:
        return days, [([*_ends(part.span)], part.figures) for part in report.series]
    if table == "links" and report.links is not None:
        columns = [Column("n", "", "number"), Column("language", ""), Column("url", "")]
        return columns, [([link.n, link.language, link.url], link.figures) for link in report.links]
    if table == "segments" and report.segments is not None:
        columns = [Column("segment_id", ""), Column("name", ""), Column("targeted", "", "number")]
        return columns, [
            ([str(each.segment_id), each.name, each.targeted], each.figures) for each in report.segments.found
        ]
    named: Mapping[Any, Figures] | None = None
    if table in {"channels", "languages", "variants"}:
        named = getattr(report, table)
    if named is None:
        raise NotFound("table")
    kind: Literal["number", "text"] = "number" if table == "variants" else "text"
    return [Column(table.removesuffix("s"), "", kind)], [([key], figures) for key, figures in named.items()]


def _ends(span: Span) -> tuple[date, date]:
    return span.first, span.last


def _reasons(report: Report, language: Language) -> Sheet:
    columns = [Column("state", ""), Column("reason", ""), Column("messages", "", "number")]
    rows = [
        [state, reason, n]
        for state, reasons in (("skipped", report.skipped), ("failed", report.failed))
        for reason, n in reasons.items()
    ]
    return Sheet([_headed(column, language) for column in columns], rows)


def as_csv(made: Sheet, language: Language) -> Iterator[str]:
    """Return a table as CSV (RFC 4180) in pieces: semicolons in German, where the comma is the decimal sign."""
    delimiter = ";" if language == "de" else ","
    yield "\ufeff"  # spreadsheets read it as UTF-8 then
    yield _line([harmless(column.heading) for column in made.columns], delimiter)
    for row in made.rows:
        cells = [_written(value, column, language) for value, column in zip(row, made.columns, strict=True)]
        yield _line(cells, delimiter)


def _line(cells: Sequence[str], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter).writerow(cells)
    return line.getvalue()


def _written(value: Any, column: Column, language: Language) -> str:
    locale = _LOCALES[language]
    if value is None:
        return ""
    if column.kind == "date":
        return format_date(value, "dd.MM.yyyy" if language == "de" else "dd/MM/yyyy", locale=locale)
    if column.kind == "money":
        digits = get_currency_precision(column.currency)
        return format_decimal(
            Decimal(value).scaleb(-digits), "#,##0." + "0" * digits if digits else "#,##0", locale=locale
        )
    if column.kind == "share":
        return format_percent(value, "0.00%", locale=locale)
    if column.kind == "number":
        return str(value)
    return harmless(value)


def as_json(made: Sheet) -> Iterator[str]:
    """Return a table as a JSON array of objects in pieces: days in ISO 8601, money in its smallest unit."""
    opening = "["
    for row in made.rows:
        yield opening + json.dumps(
            {column.key: _plain(value) for column, value in zip(made.columns, row, strict=True)}, ensure_ascii=False
        )
        opening = ",\n"
    yield "]" if opening != "[" else "[]"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def as_xlsx(made: Sheet, language: Language) -> bytes:
    """Return a table as a workbook: texts are texts, numbers numbers, days days."""
    import xlsxwriter  # noqa: PLC0415 - loaded with the first workbook

    target = io.BytesIO()
    with xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    ) as book:
        page = book.add_worksheet()
        bold = book.add_format({"bold": True})
        for x, column in enumerate(made.columns):
            page.write_string(0, x, column.heading, bold)
            digits = get_currency_precision(column.currency) if column.kind == "money" else 0
            shape = book.add_format({"num_format": _format(column, digits, language)})
            page.set_column(x, x, max(_WIDTH, len(column.heading) + 2))
            for y, row in enumerate(made.rows, start=1):
                _put(page, y, x, row[x], column, digits, shape)
        page.freeze_panes(1, 0)
    return target.getvalue()


def _format(column: Column, digits: int, language: Language) -> str:
    return {
        "date": "dd.mm.yyyy" if language == "de" else "dd/mm/yyyy",
        "share": "0.00%",
        "money": "#,##0." + "0" * digits if digits else "#,##0",
        "number": "0",
    }.get(column.kind, "@")


def _put(page: Any, y: int, x: int, value: Any, column: Column, digits: int, shape: Any) -> None:
    if value is None:
        return
    if column.kind == "date":
        page.write_datetime(y, x, datetime(value.year, value.month, value.day), shape)  # noqa: DTZ001 - a day
    elif column.kind == "money":
        page.write_number(y, x, Decimal(value).scaleb(-digits), shape)
    elif column.kind in {"number", "share"}:
        page.write_number(y, x, value, shape)
    else:
        page.write_string(y, x, str(value), shape)


EVENT_COLUMNS = (
    "id", "at", "kind", "actor", "reason", "link_n", "message_id", "member_id", "channel", "language", "variant",
)  # fmt: skip


def events(tenant_id: UUID, campaign_id: UUID, form: Literal["csv", "json"]) -> Iterator[str]:
    """Return every event of a campaign as it was written, oldest first, in pieces and in a transaction of its own.

    As CSV (RFC 4180, instants in ISO 8601) or as JSON, one object a line (NDJSON). Who is erased has no `member_id`.
    """
    columns = [
        getattr(Message if name in {"member_id", "channel", "language", "variant"} else MessageEvent, name)
        for name in EVENT_COLUMNS
    ]
    statement = (
        select(*columns)
        .join(Message, (Message.tenant_id == MessageEvent.tenant_id) & (Message.id == MessageEvent.message_id))
        .where(MessageEvent.tenant_id == tenant_id, MessageEvent.campaign_id == campaign_id)
        .order_by(MessageEvent.id)
    )
    write = tables.as_csv if form == "csv" else tables.as_lines
    with db.tenant_session(tenant_id) as session:
        yield from write(EVENT_COLUMNS, session.execute(statement, execution_options={"yield_per": tables.PIECE}))
