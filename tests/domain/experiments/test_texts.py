"""Variants as a part of a content: keys, groups of members, and differences."""

import make

from domain.content import cohorts, diff, versions


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
    assert [versions.number(name) for name in ("A", "H", "I", "AB", "")] == [0, 7, -1, -1, -1]
    assert versions.seen(before, 5) is before
