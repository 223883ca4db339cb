"""Offers are resolved to dates and cents on the day of the run."""

import csv
from datetime import date

from ariia.demo import prepare

TODAY = date(2028, 2, 29)


def offer(key: str) -> dict[str, object]:
    text = (prepare.STUDIO / "angebote.csv").read_text(encoding="utf-8")
    rows = {row["key"]: row for row in csv.DictReader(text.splitlines(), delimiter=";")}
    return prepare.offer(rows[key], TODAY)


def test_dates_are_days_from_today() -> None:
    made = offer("herbst-comeback")
    assert made["valid_from"] == "2028-02-15"
    assert made["valid_until"] == "2028-03-21"
    assert offer("gutschein")["valid_until"] is None


def test_prices_are_cents() -> None:
    assert (offer("herbst-comeback")["price_minor"], offer("herbst-comeback")["old_price_minor"]) == (9_900, 12_900)
    assert offer("gutschein")["old_price_minor"] is None


def test_a_price_is_known_as_both_languages_write_it() -> None:
    assert {"99,00 €", "€99.00"} <= set(prepare.prices_of("herbst-comeback"))


def test_every_document_of_the_studio_is_there() -> None:
    assert all((prepare.STUDIO / name).read_text(encoding="utf-8").startswith("# ") for name in prepare.DOCUMENTS)
