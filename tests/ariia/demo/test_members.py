"""The demo's member file: repeatable, messy as promised, and counted right."""

import csv
import json
import re
import unicodedata
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ariia.demo import members, people

TODAY = date(2026, 11, 21)


def rows_of(path: Path) -> list[dict[Any, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";", restkey="too many"))


def day_of(text: str) -> date:
    return datetime.strptime(text[:10], "%d.%m.%Y").date()  # noqa: DTZ007


def usable(address: str) -> str | None:
    try:
        return validate_email(address.strip().lower(), check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def counted_from_the_files(folder: Path, today: date) -> Counter[str]:
    """Count whom a campaign reaches by reading the files and the chats as a stranger would."""
    blocked = {row["Adresse"].lower() for row in rows_of(folder / "sperrliste.csv")}
    chats = json.loads((people.STUDIO / "chats.json").read_text(encoding="utf-8"))
    stopped = {
        chat["member"]
        for chat in chats
        if any(author == "member" and "keine Werbung" in text for author, _, text in chat["messages"])
    }
    seen: set[str] = set()
    numbers: set[str] = set()
    outcome: Counter[str] = Counter()
    for row in rows_of(folder / "mitglieder.csv"):
        if row["Mitgliedsnr"] in numbers or "too many" in row or not row["Mitgliedsnr"]:
            outcome["not read"] += 1
            continue
        numbers.add(row["Mitgliedsnr"])
        if row["Status"] not in {"aktiv", "ruhend"}:
            continue
        if today - day_of(row["Letzter Besuch"] or row["Eingetreten am"]) <= timedelta(days=30):
            continue
        address = usable(row["E-Mail"])
        if address is None:
            outcome["no_address"] += 1
        elif address in blocked or row["Mitgliedsnr"] in stopped:
            outcome["suppressed"] += 1
        elif row["Einwilligung E-Mail"] != "ja" or not row["Einwilligung am"]:
            outcome["no_consent"] += 1
        elif address in seen:
            outcome["shared_address"] += 1
        else:
            outcome["send"] += 1
            seen.add(address)
    return outcome


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("studio")
    members.write(made, TODAY)
    return made


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[Any, Any]]:
    return rows_of(folder / "mitglieder.csv")


def test_the_expected_numbers_are_those_a_stranger_counts_in_the_files(folder: Path) -> None:
    expected = people.expected(people.make())
    counted = counted_from_the_files(folder, TODAY)
    assert counted == {
        "send": expected.will_send,
        "not read": expected.refused_rows,
        **expected.skipped,
    }
    assert expected.targeted == expected.will_send + sum(expected.skipped.values())
    assert expected.members == 2_000


@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 10_000), today=st.dates(date(2024, 1, 1), date(2032, 12, 31)))
def test_the_numbers_hold_for_any_seed_and_day(
    tmp_path_factory: pytest.TempPathFactory, seed: int, today: date
) -> None:
    folder = tmp_path_factory.mktemp("any")
    expected = people.expected(members.write(folder, today, seed))
    counted = counted_from_the_files(folder, today)
    assert counted["send"] == expected.will_send
    assert {reason: counted[reason] for reason in expected.skipped} == expected.skipped
    assert min(expected.skipped.values()) > 5


def test_the_same_seed_and_day_give_the_same_bytes_and_another_seed_does_not(tmp_path: Path, folder: Path) -> None:
    members.write(tmp_path / "again", TODAY)
    members.write(tmp_path / "other", TODAY, seed=21)
    for name in ("mitglieder.csv", "besuche.csv", "kaeufe.csv", "sperrliste.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != (folder / name).read_bytes()


def test_the_file_looks_like_an_export_of_a_german_desk(folder: Path, rows: list[dict[Any, Any]]) -> None:
    raw = (folder / "mitglieder.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfMitgliedsnr;Vorname;")
    assert b"\r\n" in raw
    assert any(row["Telefon"].startswith("+49 (0)221") for row in rows if row["Telefon"])
    assert sum("ü" in row["Nachname"] for row in rows) > 50
    assert sum("-" in row["Vorname"] for row in rows) > 30


def test_more_than_half_have_not_been_there_for_30_days_and_nobody_is_on_the_edge() -> None:
    made = people.make().people
    assert 0.5 < sum(person.inactive for person in made) / len(made) < 0.6
    assert all(person.visit_days != 30 and person.joined_days != 30 for person in made)
    assert all(person.visit_days is None or person.visit_days >= 1 for person in made)


def test_two_languages_and_two_time_zones_occur(rows: list[dict[Any, Any]]) -> None:
    languages = Counter(row["Sprache"].lower() for row in rows if row["Sprache"])
    assert 0.1 < languages["en"] / languages.total() < 0.2
    assert {"Europe/Berlin", "Europe/Lisbon"} <= {row["Zeitzone"] for row in rows}


def test_every_kind_of_flaw_occurs(rows: list[dict[Any, Any]]) -> None:
    addresses = Counter(row["E-Mail"].strip().lower() for row in rows if row["E-Mail"] and "@" in row["E-Mail"])
    assert sum(times >= 2 for times in addresses.values()) > 50
    assert sum(not row["Vorname"] for row in rows) > 30
    assert any(row["E-Mail"] != row["E-Mail"].lower() for row in rows if row["E-Mail"])
    consents = Counter(row["Einwilligung E-Mail"] for row in rows)
    assert all(consents[kind] > 50 for kind in ("ja", "nein", "", "abgemeldet"))
    assert sum(row["Einwilligung E-Mail"] == "ja" and not row["Einwilligung am"] for row in rows) == 12
    assert any((row["E-Mail"] or "").endswith("@körperwerk.example") for row in rows)
    assert sum("too many" in row for row in rows) == 2
    assert any("31.02." in row["Eingetreten am"] for row in rows)


def test_hostile_names_belong_to_people_who_are_written_to() -> None:
    studio = people.make()
    expected = people.expected(studio)
    hostile = {pair[0] for pair in people.names()["hostile"]}
    reached = {person.first_name for person in studio.people if person.mailbox in expected.mailboxes}
    assert hostile <= reached
    assert any(unicodedata.bidirectional(letter) == "RLO" for name in hostile for letter in name)


def test_every_address_lies_in_a_domain_kept_for_examples(folder: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in [*folder.iterdir(), *members_of_the_studio()])
    domains = {match.lower() for match in re.findall(r"@([\w-]+(?:\.[\w-]+)+)", text)}
    assert len(domains) > 5
    assert {domain.rsplit(".", 1)[1] for domain in domains} == {"example"}


def members_of_the_studio() -> list[Path]:
    return [path for path in people.STUDIO.iterdir() if path.is_file()]


def test_visits_agree_with_the_last_visit_and_no_show_is_no_visit(folder: Path) -> None:
    last = {
        row["Mitgliedsnr"]: day_of(row["Letzter Besuch"])
        for row in rows_of(folder / "mitglieder.csv")
        if row["Letzter Besuch"] and not row["Mitgliedsnr"].startswith("LH-19") and row["Mitgliedsnr"]
    }
    visits = rows_of(folder / "besuche.csv")
    newest: dict[str, date] = {}
    for row in visits:
        if row["Art"] == "Besuch":
            number, day = row["Mitgliedsnr"], day_of(row["Datum"])
            newest[number] = max(day, newest.get(number, day))
    assert newest == last
    assert any(row["Art"] == "Nicht erschienen" for row in visits)
    assert len({row["Nr"] for row in visits}) == len(visits)
