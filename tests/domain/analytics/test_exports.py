"""Files of a report hold the figures of the report, cell by cell, and nothing that a spreadsheet would run."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from lxml import etree

from domain.analytics import exports, rollup
from domain.analytics.periods import By, Span
from domain.analytics.reports import Figures, Link, Part, Report
from kernel.errors import NotFound

_SPAN = Span(date(2026, 3, 2), date(2026, 3, 4))
_TABLES = ("totals", "series", "channels", "languages", "links", "variants", "reasons")
_FORMULA = '=HYPERLINK("https://evil.example","x")'
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def figures(seed: int) -> Figures:
    sums = {metric: seed * 7 + n for n, metric in enumerate(rollup.METRICS)}
    return Figures(sums | {"reached": 200 + seed, "sent": 210 + seed}, {"EUR": 123_456 + seed, "JPY": seed})


@pytest.fixture
def report() -> Report:
    return Report(
        span=_SPAN, by=By.DAY, zone="Europe/Berlin", level="advanced", as_of=datetime(2026, 3, 5, tzinfo=UTC),
        behind=0, targeted=310, totals=figures(0), skipped={"no_consent": 3, _FORMULA: 1}, failed={"+1+2": 2},
        series=[Part(Span(date(2026, 3, n), date(2026, 3, n)), figures(n)) for n in (2, 3, 4)],
        channels={"email": figures(5), "sms": Figures({})}, languages={"de": figures(6)},
        links=[Link(0, "de", _FORMULA, figures(7)), Link(1, "de", None, Figures({}))],
        variants={None: figures(8), 1: figures(9)},
    )  # fmt: skip


def cells(workbook: bytes) -> list[list[object]]:
    """Read a workbook without any library for it: texts, numbers, and where a formula stands."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as book:
        page = etree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        shared = [
            "".join(item.itertext()) for item in etree.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{_MAIN}si")
        ]
    assert page.find(f".//{_MAIN}f") is None
    rows = []
    for row in page.iter(f"{_MAIN}row"):
        found = {}
        for cell in row.iter(f"{_MAIN}c"):
            value = cell.findtext(f"{_MAIN}v")
            column = 0
            for letter in cell.get("r").rstrip("0123456789"):
                column = column * 26 + ord(letter) - 64
            found[column - 1] = shared[int(value)] if cell.get("t") == "s" else float(value)
        rows.append([found.get(n) for n in range(max(found) + 1)])
    return rows


def number(text: str, language: str) -> float:
    """Read a number as people of the language write it."""
    bare = text.replace("\xa0", "").rstrip("%")
    bare = bare.replace(".", "").replace(",", ".") if language == "de" else bare.replace(",", "")
    return float(bare) / (100 if text.endswith("%") else 1)


def expected(value: object, column: exports.Column) -> object:
    if value is None or column.kind == "text":
        return value
    if column.kind == "date":
        return (value - date(1899, 12, 30)).days
    return value / 100 if column.kind == "money" and column.currency == "EUR" else value


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("table", _TABLES)
def test_a_workbook_a_csv_and_json_hold_the_figures_of_the_table(report, table, language):
    made = exports.sheet(report, table, language)
    wanted = [[expected(value, column) for value, column in zip(row, made.columns, strict=True)] for row in made.rows]
    heading, *body = cells(exports.as_xlsx(made, language))
    assert heading == [column.heading for column in made.columns]
    assert len(body) == len(wanted)
    for row, values in zip(body, wanted, strict=True):  # a workbook keeps 16 digits
        assert row + [None] * (len(heading) - len(row)) == [
            pytest.approx(value, rel=1e-14) if isinstance(value, float) else value for value in values
        ]
    text = "".join(exports.as_csv(made, language))
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:]), delimiter=";" if language == "de" else ","))
    assert rows[0] == heading
    for read, row in zip(rows[1:], made.rows, strict=True):
        for shown, value, column in zip(read, row, made.columns, strict=True):
            _same(shown, value, column, language)
    told = json.loads("".join(exports.as_json(made)))
    assert [list(each.values()) for each in told] == [
        [value.isoformat() if isinstance(value, date) else value for value in row] for row in made.rows
    ]


def _same(shown: str, value: object, column: exports.Column, language: str) -> None:
    assert not shown.startswith(("=", "+", "@", "\t"))
    if value is None:
        assert shown == ""
    elif column.kind == "date":
        assert datetime.strptime(shown, "%d.%m.%Y" if language == "de" else "%d/%m/%Y").date() == value  # noqa: DTZ007
    elif column.kind == "text":
        assert shown.removeprefix("'") == value
    else:
        tolerance = 0.00005 if column.kind == "share" else 0
        assert number(shown, language) == pytest.approx(expected(value, column), abs=tolerance)


def test_the_tables_hold_what_the_report_says_and_money_is_written_as_people_write_it(report):
    made = exports.sheet(report, "series", "de")
    keys = [column.key for column in made.columns]
    for row, part in zip(made.rows, report.series, strict=True):
        shown: Mapping[str, object] = dict(zip(keys, row, strict=True))
        assert (shown["start"], shown["end"]) == (part.span.first, part.span.last)
        assert {name: shown[name] for name in part.figures.counts} == part.figures.counts
        assert {name: shown[f"{name}_rate"] for name in part.figures.rates} == {
            name: rate.value for name, rate in part.figures.rates.items()
        }
        assert {name: shown[f"value_{name}"] for name in ("EUR", "JPY")} == part.figures.values
    german = "".join(exports.as_csv(exports.sheet(report, "totals", "de"), "de"))
    assert "Geöffnet (Personen)" in german
    assert "1.234,56" in german
    english = "".join(exports.as_csv(exports.sheet(report, "totals", "en"), "en"))
    assert '"1,234.56"' in english
    assert "Opened (people)" in english


def test_a_section_that_the_report_has_not_has_no_file(report):

    with pytest.raises(NotFound):
        exports.sheet(replace(report, variants=None), "variants", "de")
