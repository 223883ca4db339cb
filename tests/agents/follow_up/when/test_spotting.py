from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agents.follow_up.when import Candidate, Resolution, find, resolve

REF = datetime(2026, 3, 11, 14, 20, tzinfo=ZoneInfo("Europe/Berlin"))  # a Wednesday


def spotted(turn: str, lang: str) -> list[str]:
    return [candidate.text for candidate in find(turn, lang=lang, ref=REF)]


def test_a_candidate_tells_where_it_stands():
    turn = "Ruf mich bitte morgen um 15 Uhr an."
    assert find(turn, lang="de", ref=REF) == [Candidate("morgen um 15 Uhr", 15, 31)]


def test_each_time_of_a_turn_is_a_candidate():
    assert spotted("Montag um 10 ginge, oder wir sprechen am 3. April.", "de") == ["Montag um 10", "am 3. April"]


@pytest.mark.parametrize(
    ("lang", "turn"),
    [
        ("de", "Ich habe um 3 Kilo abgenommen"),
        ("de", "Sa war super"),
        ("de", "Guten Morgen!"),
        ("de", "Bis Montag!"),
        ("de", "Ich gehe immer montags"),
        ("de", "jeden Montag um 8"),
        ("de", "vor zwei Wochen"),
        ("de", "Am Montag habe ich euch geschrieben"),
        ("de", "Montag passt mir nicht"),
        ("de", "schreib mir zwei Monate vorher, Ende ist am 31.12."),
        ("en", "may I ask"),
        ("en", "every Monday"),
        ("en", "two weeks ago"),
        ("en", "See you on Monday"),
        ("en", "The sun is shining"),
        ("en", "Is the gym open on Sunday?"),
    ],
)
def test_traps_yield_nothing(lang: str, turn: str):
    assert spotted(turn, lang) == []


@pytest.mark.parametrize(
    ("lang", "turn", "texts"),
    [
        ("de", "Ich war am Montag krank, meld dich bitte Mittwoch", ["Mittwoch"]),
        ("de", "Montag geht nicht, lieber Dienstag", ["Dienstag"]),
        ("de", "Habe 3 Kinder und möchte morgen um 15 Uhr anrufen", ["morgen um 15 Uhr"]),
        ("de", "Guten Tag, schreib mir in zwei Wochen nochmal", ["in zwei Wochen"]),
        ("en", "May I ask you to call me on Friday?", ["Friday"]),
        ("en", "don't forget to text me next month", ["next month"]),
    ],
)
def test_a_trap_beside_a_time_hides_it_not(lang: str, turn: str, texts: list[str]):
    assert spotted(turn, lang) == texts


@pytest.mark.parametrize(
    ("lang", "text", "hour"),
    [("de", "übermorgen Nachmittag an", 12), ("de", "3 am Nachmittag", 15), ("en", "3 in the afternoon", 15)],
)
def test_small_words_are_no_numbers_or_halves_of_the_day(lang: str, text: str, hour: int):
    answer = resolve(text, ref=REF, lang=lang)
    assert isinstance(answer, Resolution)
    assert answer.value.hour == hour


@pytest.mark.parametrize(
    ("lang", "locale", "value", "others"),
    [
        ("de", None, "2026-05-04", []),
        ("en", None, "2026-04-05", ["2026-05-04"]),
        ("en", "en-US", "2026-04-05", []),
        ("en", "en_GB", "2026-05-04", []),
        ("de", "de-AT", "2026-05-04", []),
    ],
)
def test_the_locale_decides_the_order_of_numeric_dates(lang: str, locale: str | None, value: str, others: list[str]):
    answer = resolve("4/5", ref=REF, lang=lang, locale=locale)
    assert isinstance(answer, Resolution)
    assert answer.value.isoformat()[:10] == value
    assert [other.isoformat()[:10] for other in answer.alternatives] == others


@pytest.mark.parametrize(
    ("lang", "text", "value", "others"),
    [
        ("en", "next Saturday", "2026-03-21", ["2026-03-14"]),
        ("de", "nächsten Samstag", "2026-03-14", ["2026-03-21"]),
        ("de", "kommenden Samstag", "2026-03-14", []),
        ("en", "this Saturday", "2026-03-14", []),
        ("de", "nächsten Montag", "2026-03-16", []),
        ("en", "monday or tuesday", "2026-03-16", ["2026-03-17"]),
        ("de", "Freitag, 10. April", "2026-04-10", []),
    ],
)
def test_where_people_differ_both_readings_are_told(lang: str, text: str, value: str, others: list[str]):
    answer = resolve(text, ref=REF, lang=lang)
    assert isinstance(answer, Resolution)
    assert answer.value.isoformat()[:10] == value
    assert [other.isoformat()[:10] for other in answer.alternatives] == others
