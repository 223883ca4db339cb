from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agents.follow_up.when import Abstention, Grain, Resolution, absence

REF = datetime(2026, 11, 21, 10, 0, tzinfo=ZoneInfo("Europe/Berlin"))  # a Saturday


@pytest.mark.parametrize(
    ("lang", "turn", "back"),
    [
        ("de", "Mache jetzt zwei Wochen Pause", "2026-12-05"),
        ("de", "Ich bin 10 Tage im Urlaub", "2026-12-01"),
        ("de", "bin bis 15.12. weg", "2026-12-16"),
        ("de", "Bin noch bis einschließlich 3.12. krank", "2026-12-04"),
        ("de", "Ich bin bis nächste Woche Mittwoch im Urlaub", "2026-11-26"),
        ("de", "bis Ende des Monats verreist", "2026-12-01"),
        ("de", "bis Ende nächster Woche unterwegs", "2026-11-30"),
        ("de", "bin bis nach Ostern weg", "2027-03-30"),
        ("de", "ab Januar wieder", "2027-01-01"),
        ("de", "kann wieder ab 5.1.", "2027-01-05"),
        ("de", "komme am 3. Januar zurück", "2027-01-03"),
        ("de", "bin in zwei Wochen wieder da", "2026-12-05"),
        ("de", "Bin nächste Woche im Urlaub", "2026-11-30"),
        ("de", "im Dezember bin ich nicht da", "2027-01-01"),
        ("de", "vom 3. bis 10. Dezember im Urlaub", "2026-12-11"),
        ("de", "ab Montag zwei Wochen Urlaub", "2026-12-07"),
        ("de", "die nächsten drei Wochen bin ich weg", "2026-12-12"),
        ("de", "über Weihnachten verreist", "2026-12-27"),
        ("de", "am Wochenende weg", "2026-11-23"),
        ("en", "away for two weeks", "2026-12-05"),
        ("en", "I am off for the next 10 days", "2026-12-01"),
        ("en", "on vacation until Friday", "2026-11-28"),
        ("en", "sick until the end of the month", "2026-12-01"),
        ("en", "out of office from Dec 1 to Dec 5", "2026-12-06"),
        ("en", "away next week", "2026-11-30"),
        ("en", "back in two weeks", "2026-12-05"),
        ("en", "I will be back on Monday", "2026-11-23"),
        ("en", "I'm back in March", "2027-03-01"),
        ("de", "Ich war krank, bin ab Montag wieder da", "2026-11-23"),
        ("de", "Bin im Urlaub und ab 5.1. wieder erreichbar", "2027-01-05"),
        ("de", "Mache bis Ende Januar Pause", "2027-02-01"),
        ("de", "Bin ab morgen für 3 Wochen weg", "2026-12-13"),
        ("en", "I'm on leave until Jan 5", "2027-01-06"),
        ("en", "taking two weeks off", "2026-12-05"),
        ("en", "I'm out of town next week", "2026-11-30"),
    ],
)
def test_the_first_day_after_an_absence(lang: str, turn: str, back: str):
    answer = absence(turn, ref=REF, lang=lang)
    assert isinstance(answer, Resolution), answer
    assert answer.value.isoformat()[:10] == back
    assert answer.value.tzinfo is REF.tzinfo
    assert answer.rule_ids[0].startswith("absence.")
    assert [turn[start:end] for start, end in answer.spans]


@pytest.mark.parametrize(
    ("lang", "turn", "back", "other"),
    [
        ("de", "Bin bis Montag weg", "2026-11-24", "2026-11-23"),
        ("de", "Pause bis März", "2027-03-01", "2027-04-01"),
        ("en", "away until Friday", "2026-11-28", "2026-11-27"),
    ],
)
def test_until_a_weekday_or_month_has_two_readings(lang: str, turn: str, back: str, other: str):
    answer = absence(turn, ref=REF, lang=lang)
    assert isinstance(answer, Resolution)
    assert answer.value.isoformat()[:10] == back
    assert [x.isoformat()[:10] for x in answer.alternatives] == [other]


def test_a_month_one_is_back_in_stays_a_month():
    answer = absence("ab Januar wieder da", ref=REF, lang="de")
    assert isinstance(answer, Resolution)
    assert answer.grain == Grain.MONTH


@pytest.mark.parametrize(
    ("lang", "turn", "reason"),
    [
        ("de", "Ruf mich am Montag an", "nothing"),
        ("de", "Zwei Wochen sind lang", "nothing"),
        ("de", "Urlaub", "nothing"),
        ("de", "Ich war zwei Wochen weg", "past"),
        ("de", "Bin in zwei Wochen im Urlaub", "ambiguous"),
        ("de", "bis 15.12.2025 weg", "past"),
        ("en", "I was away for two weeks", "past"),
        ("en", "call me on Monday", "nothing"),
        ("en", "", "nothing"),
        ("de", "Bin unterwegs, ruf mich morgen an", "nothing"),
        ("de", "Schreib mir im Mai wieder", "nothing"),
        ("de", "ruf mich am Montag zurück", "nothing"),
        ("de", "Bin im Urlaub, melde dich am 5.1.", "nothing"),
        ("en", "call me back on Monday", "nothing"),
        ("en", "I work out on Monday", "nothing"),
        ("en", "I will check out the class on Monday", "nothing"),
    ],
)
def test_what_is_no_absence_says_so(lang: str, turn: str, reason: str):
    assert absence(turn, ref=REF, lang=lang) == Abstention(reason)
