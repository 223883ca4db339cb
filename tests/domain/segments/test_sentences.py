"""What people read is what the rule asks, in German and in English."""

from uuid import UUID

import pytest

from domain.segments import rules
from domain.segments.sentences import Speaker

TAGS = {"type": "tag", "any_of": ["yoga", "box"]}
ACTIVE = {"type": "status", "any_of": ["active"]}


def number(value):
    return {"type": "attribute", "name": "punkte", "kind": "number", "op": "at_least", "value": value}


def recent(op, days):
    return {"type": "recent", "field": "last_visit_at", "op": op, "days": days}


def purchases(**more):
    return {"type": "purchase", "product": "Abo"} | more


@pytest.mark.parametrize(
    ("rule", "german", "english"),
    [
        (
            {"type": "all", "rules": [TAGS, ACTIVE]},
            "((Schlagwort „yoga“ oder „box“) und Status ist aktiv)",
            "((tag “yoga” or “box”) and status is active)",
        ),
        (number(1234567), "Merkmal „punkte“ mindestens 1234567", "attribute “punkte” at least 1234567"),
        (number(2.50), "Merkmal „punkte“ mindestens 2,5", "attribute “punkte” at least 2.5"),
        (number(100.0), "Merkmal „punkte“ mindestens 100", "attribute “punkte” at least 100"),
        (number(2**53 + 1), f"Merkmal „punkte“ mindestens {2**53 + 1}", f"attribute “punkte” at least {2**53 + 1}"),
        (number(-0.0001), "Merkmal „punkte“ mindestens -0,0001", "attribute “punkte” at least -0.0001"),
        (number(1e300), "Merkmal „punkte“ mindestens 1e+300", "attribute “punkte” at least 1e+300"),
        (
            {"type": "attribute", "name": "seit", "kind": "day", "op": "at_least", "value": "2026-01-05"},
            "Merkmal „seit“ ist der 05.01.2026 oder später",
            "attribute “seit” is 2026-01-05 or later",
        ),
        (recent("in_last_days", 0), "letzter Besuch heute", "last visit today"),
        (recent("in_last_days", 1), "letzter Besuch seit gestern", "last visit since yesterday"),
        (recent("in_last_days", 2), "letzter Besuch in den letzten 2 Tagen", "last visit in the last 2 days"),
        (recent("before_last_days", 0), "letzter Besuch vor heute", "last visit before today"),
        (recent("before_last_days", 1), "letzter Besuch vor mehr als einem Tag", "last visit more than one day ago"),
        ({"type": "activity", "kind": "visit"}, "mindestens 1 Aktivität „visit“", "at least 1 activity “visit”"),
        (
            {"type": "activity", "subject": "Yoga", "op": "exactly", "count": 0, "in_last_days": 30},
            "genau 0 Aktivitäten zu „Yoga“ in den letzten 30 Tagen",
            "exactly 0 activities about “Yoga” in the last 30 days",
        ),
        (purchases(), "mindestens 1 Kauf „Abo“", "at least 1 purchase “Abo”"),
        (
            purchases(measure="days_since", op="exactly", amount=1),
            "letzter Kauf „Abo“ genau 1 Tag her",
            "last purchase “Abo” exactly 1 day ago",
        ),
        (
            purchases(measure="sum", op="at_least", amount=5005, currency="EUR"),
            "Käufe „Abo“ für zusammen mindestens 50,05 EUR",
            "purchases “Abo” worth at least 50.05 EUR",
        ),
        ({"type": "contact", "channel": "sms"}, "hat eine Nummer für SMS", "has a number for text messages"),
        (
            {"type": "contact", "channel": "email", "domains": ["x.example"]},
            "hat eine E-Mail-Adresse bei „x.example“",
            "has an e-mail address at “x.example”",
        ),
        (
            {"type": "campaign", "did": "converted", "campaign_id": str(UUID(int=7))},
            "Conversion durch die Kampagne „Herbst“",
            "converted through the campaign “Herbst”",
        ),
        (
            {"type": "campaign", "did": "opened", "in_last_days": 7},
            "irgendeine Kampagne in den letzten 7 Tagen geöffnet",
            "opened any campaign in the last 7 days",
        ),
        ({"type": "insight", "key": "absent_until"}, "aus Gesprächen bekannt: Abwesenheit",
         "known from conversations: absence"),
        (
            {"type": "insight", "key": "topic", "any_of": ["trial", "course"]},
            "in Gesprächen: Thema ist Probetraining oder Kurs",
            "in conversations: topic is trial or course",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_sentence_says_what_the_rule_asks(rule, german, english):
    read = rules.read(rule)
    said = [Speaker(language, str, lambda _: "Herbst").say(read) for language in ("de", "en")]
    assert said == [german, english]
