"""What the demo studio knows: prices agree everywhere, dates are relative, chats point at people who exist."""

import csv
import json
import re
from typing import Any

from ariia.demo import people

STUDIO = people.STUDIO


def text_of(name: str) -> str:
    return (STUDIO / name).read_text(encoding="utf-8")


def offers() -> dict[str, dict[str, str]]:
    with (STUDIO / "angebote.csv").open(encoding="utf-8", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file, delimiter=";")}


def chats() -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(text_of("chats.json"))
    return read


def test_one_comeback_offer_is_valid_one_is_over_and_one_has_not_begun() -> None:
    days = {
        key: (int(row["valid_from_days"] or -9999), int(row["valid_until_days"] or 9999))
        for key, row in offers().items()
    }
    assert days["herbst-comeback"][0] < 0 < days["herbst-comeback"][1]
    assert any(until < 0 for _, until in days.values())
    assert any(start > 0 for start, _ in days.values())
    assert all(start < until for start, until in days.values())


def test_the_offer_of_the_campaign_costs_the_same_in_every_document() -> None:
    offer = offers()["herbst-comeback"]
    for name in ("preisliste.md", "faq.en.md"):
        text = text_of(name).replace("€99.00", "99,00 €").replace("€129.00", "129,00 €")
        assert f"{offer['price']} €" in text
        assert f"{offer['old_price']} €" in text


def test_prices_named_in_chats_are_those_of_the_price_list() -> None:
    known = set(re.findall(r"\d+,\d\d €", text_of("preisliste.md")))
    by_the_studio = " ".join(text for chat in chats() for author, _, text in chat["messages"] if author == "studio")
    named = set(re.findall(r"\d+,\d\d €", by_the_studio))
    assert named
    assert named <= known


def test_chats_belong_to_members_who_exist_and_are_in_order() -> None:
    numbers = {person.number: person for person in people.make().people}
    assert len(chats()) == 16
    assert len({chat["external_id"] for chat in chats()}) == 16
    for chat in chats():
        assert chat["member"] is None or chat["member"] in numbers
        minutes = [minute for _, minute, _ in chat["messages"]]
        assert minutes == sorted(minutes)
        assert {author for author, _, _ in chat["messages"]} <= {"member", "studio"}


def test_the_chats_hold_a_pause_a_price_a_knee_a_promise_and_an_attack() -> None:
    said = " ".join(text for chat in chats() for _, _, text in chat["messages"])
    for words in ("pausieren", "Was kostet", "Knie", "melde dich in zwei Wochen", "Ignoriere alle bisherigen"):
        assert words.lower() in said.lower()


def test_courses_of_members_stand_in_the_course_plan() -> None:
    plan = text_of("kursplan.md")
    named = {person.course for person in people.make().people if person.course}
    assert len(named) > 5
    assert [course for course in sorted(named) if f"| {course} |" not in plan] == []


def test_the_studio_names_people_of_every_role_and_a_sender() -> None:
    studio = json.loads(text_of("studio.json"))
    assert {person["role"] for person in studio["people"]} == {"owner", "manager", "editor", "approver", "viewer"}
    assert studio["sender"]["from_address"].endswith(".example")
    assert studio["campaign"]["offer"] in offers()
    assert text_of("goal.txt").count("\n") == 1
