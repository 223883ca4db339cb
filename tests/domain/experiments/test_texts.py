"""Variants as a part of a content: keys, groups of members, and differences."""

from dataclasses import replace

import make
import pytest

from domain.content import cohorts, diff, versions
from domain.experiments import planner, rules, wording
from domain.experiments.evidence import Evidence
from domain.experiments.rules import Arm, Settings
from domain.experiments.statistics import Moments
from domain.experiments.wording import Told


def content(**b):
    cohort = {"id": "de-away", "language": "de", "stage": "away", "interest": None, "size": 40, "claims": [],
              "texts": {"blocks.1.text": "wir haben dich lange nicht gesehen."}}  # fmt: skip
    other = {"languages": {"de": {"email": make.email(**b)}}}
    return make.draft_content() | {
        "cohorts": {"bounds": {"new": 30, "active": 14, "quiet": 60}, "items": [cohort]},
        "experiment": {"weights": [1, 1], "variants": [other]},
    }


def said(made):
    return {key: (text["subject"], text["blocks"][1]["text"]) for key, _, text in cohorts.variants(made, "email")}


def test_a_groups_words_stand_in_b_where_it_says_what_a_says():
    a, base = make.email()["subject"], make.email()["blocks"][1]["text"]
    away = "wir haben dich lange nicht gesehen."
    assert said(content(subject="Neu")) == {
        "de": (a, base), "de#de-away": (a, away), "de~B": ("Neu", base), "de#de-away~B": ("Neu", away),
    }  # fmt: skip


def test_what_b_says_on_purpose_stays_for_every_group():
    blocks = make.email()["blocks"]
    blocks[1] = {"type": "paragraph", "text": "wir haben etwas Neues für dich."}
    found = said(content(blocks=blocks))
    assert found["de#de-away~B"] == found["de~B"]
    assert found["de#de-away"] != found["de"]


def test_a_difference_names_the_variant_that_it_is_in():
    before, after = content(subject="Neu"), content(subject="Ganz neu")
    assert [path for path, _ in diff.compare(before, after)] == ["de~B.email.subject"]
    assert versions.read("de#de-away~B") == ("de#de-away", 1)
    assert versions.read("de") == ("de", 0)
    assert [versions.number(name) for name in ("A", "H", "Z", "a", "AB", "")] == [0, 7, 25, -1, -1, -1]
    assert versions.seen(before, 5) is before


def told(settings, arms, *, waiting=0, **more):
    judged = rules.judge(settings, arms, [Evidence()] * (settings.arms - 1), over=True)
    judged = replace(judged, needed=rules.recipients_needed(settings, arms[0]))
    found = Told(settings, judged.verdict.value, judged.winner, arms, judged, "decided", "EUR", waiting, **more)
    return [(wording.summary(found, each), " ".join(wording.notes(found, each))) for each in wording.LANGUAGES]


def arm(responses, n, *, sent=None, allocated=None):
    moments = Moments(n, responses * 4_000.0, responses * 24_000_000.0)
    return Arm(allocated or sent or n, n if sent is None else sent, n, responses, moments)


PAIR = Settings(weights=(1, 1))
MONEY = Settings(weights=(1, 1), metric="revenue", effect=10.0)


@pytest.mark.parametrize(
    ("settings", "arms", "rest", "de", "en"),
    [
        (PAIR, (arm(15, 300), arm(60, 300)), {"waiting": 400, "outcome": "send", "sent": 1},
         ("B gewinnt: 20,0 % haben geklickt, bei A 5,0 %. Unterschied 15,0 Prozentpunkte (mit 95 % Sicherheit zwischen "
         "9,8 und 20,3), p < 0,0001 (einmal zum Ende geprüft, korrigiert für 1 Vergleich). Der Rest (400) bekommt B."),
         ("B wins: 20.0% clicked, against 5.0% of A. Difference 15.0 percentage points (between 9.8 and 20.3 at 95% "
         "confidence), p < 0.0001 (tested once, at the end, corrected for 1 comparison). The rest (400) gets B.")),
        (replace(PAIR, alpha=0.001, metric="conversions"), (arm(10, 100_000), arm(60, 100_000)), {"outcome": "send"},
         ("B gewinnt: 0,060 % haben das Ziel erreicht, bei A 0,010 %. Unterschied 0,050 Prozentpunkte (mit 99,9 % "
         "Sicherheit zwischen 0,023 und 0,082), p < 0,0001 (einmal zum Ende geprüft, korrigiert für 1 Vergleich)."),
         ("B wins: 0.060% converted, against 0.010% of A. Difference 0.050 percentage points (between 0.023 and 0.082 "
         "at 99.9% confidence), p < 0.0001 (tested once, at the end, corrected for 1 comparison).")),
        (MONEY, (arm(60, 2_000), arm(130, 2_000)), {"outcome": "split"},
         ("B gewinnt: 2,60 EUR je Empfänger, bei A 1,20 EUR. Unterschied 1,40 EUR (mit 95 % Sicherheit zwischen 0,75 "
         "und 2,05 EUR), p < 0,0001 (einmal zum Ende geprüft, korrigiert für 1 Vergleich)."),
         ("B wins: 2.60 EUR per recipient, against 1.20 EUR of A. Difference 1.40 EUR (between 0.75 and 2.05 EUR at "
         "95% confidence), p < 0.0001 (tested once, at the end, corrected for 1 comparison).")),
        (PAIR, (arm(18, 180), arm(25, 180)), {"waiting": 120, "outcome": "ask"},
         ("Nicht genug Daten: 180 je Variante, für 2 Prozentpunkte braucht es 3.941. Bisher: A 10,0 %, B 13,9 %. "
         "Was der Rest (120) bekommt, muss eine Person entscheiden."),
         ("Not enough data: 180 per arm, 3,941 needed for 2 percentage points. So far: A 10.0%, B 13.9%. "
         "A person has to decide what the rest (120) gets.")),
        (PAIR, (arm(0, 0, sent=180), arm(0, 0, sent=180)), {"outcome": "send", "sent": 0},
         ("Nicht genug Daten: 0 je Variante, niemand, der A bekam, hat der Messung zugestimmt; Conversions zählen bei "
         "allen. Bisher: A 0,0 %, B 0,0 %."),
         ("Not enough data: 0 per arm, nobody who got A agreed to being measured; conversions are counted of "
         "everybody. So far: A 0.0%, B 0.0%.")),
        (MONEY, (arm(0, 2_000), arm(3, 2_000)), {"waiting": 9, "outcome": "send_none"},
         ("Nicht genug Daten: 2.000 je Variante, niemand, der A bekam, hat gekauft, also lässt sich nicht sagen, wie "
         "viele es braucht. Bisher: A 0,00 EUR, B 0,06 EUR. Der Rest (9) bekommt nichts."),
         ("Not enough data: 2,000 per arm, nobody who got A has bought, so that it cannot be told how many are needed. "
         "So far: A 0.00 EUR, B 0.06 EUR. The rest (9) gets nothing.")),
        (replace(PAIR, effect=1.0), (arm(9_000, 50_000), arm(9_050, 50_000)), {"waiting": 3, "outcome": "split"},
         ("Kein Unterschied von 1 Prozentpunkt zu finden: A 18,0 %, B 18,1 %. Der Rest (3) wird gleichmäßig auf die "
         "Varianten verteilt."),
         ("No difference of 1 percentage point was found: A 18.0%, B 18.1%. The rest (3) is split evenly between the "
         "variants.")),
    ],
)  # fmt: skip
def test_results_say_what_was_found_and_what_follows_and_nothing_of_a_rest_that_is_not(settings, arms, rest, de, en):
    assert [summary for summary, _ in told(settings, arms, **rest)] == [de, en]


def test_notes_say_what_helps_and_never_that_a_wrong_ratio_is_right():
    (_, de), (_, en) = told(PAIR, (arm(18, 180), arm(25, 180)), waiting=120)
    assert "180 je Variante zeigen erst einen Unterschied ab 11,2 Prozentpunkten." in de
    assert en.endswith("What helps: variants that differ more, a larger share of the recipients in the test.")
    (_, de), (_, en) = told(replace(PAIR, weights=(1,) * 3), (arm(18, 180), arm(25, 180), arm(20, 180)))
    assert de.endswith("Was hilft: Varianten, die sich deutlicher unterscheiden, weniger Varianten.")
    (summary, de), (_, en) = told(PAIR, (arm(196, 2_000), arm(400, 1_700, allocated=2_000)))
    assert "2.000 : 1.700 übergeben" in summary
    assert "Nicht verteilt wie zugeteilt: p < 0,001." in de
    assert "Not handed over as allocated" in en


def test_the_planner_keeps_small_rates_apart_and_knows_no_more_than_everybody():
    said = wording.plan(planner.Design(0.001), 1_000, 0.0005, "de")
    assert said[1] == "Für 0,050 Prozentpunkte über 0,10 % braucht es 82.341 je Variante."
    beyond = wording.plan(planner.Design(0.9), 3, 0.2, "en")
    assert beyond == ["3 per arm find no difference at 90.0%.",
                      "There are no 20.0 percentage points above 90.0%: that would be 100% or more."]  # fmt: skip
