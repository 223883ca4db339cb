"""Cohorts: chosen from counts, matched per member, merged into the base copy, kept only while they still fit."""

from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.content import checks, cohorts, diff, places
from domain.content.cohorts import MOST, SMALLEST, Bounds, Cohort, Group, choose
from domain.content.findings import Material
from domain.content.member_values import MemberFacts
from tests.domain.content.test_texts import LAYOUT, NOW

MATERIAL = Material([], {}, LAYOUT, NOW.date(), NOW, "Europe/Berlin", approved_hosts=["www.studio.example"], members=[])
WHEN = datetime(2026, 11, 21, 12, tzinfo=UTC)


def member(**fields: Any) -> MemberFacts:
    return MemberFacts(UUID(int=1), **fields)


def content(**fields: Any) -> dict[str, Any]:
    made = make.draft_content(("de", "en"))
    made["languages"]["en"]["email"] = make.email(
        subject="{?first_name: {first_name}, }your place is free",
        preheader="Come by again, we have kept a place for you and look forward to it.",
        blocks=[
            {"type": "paragraph", "text": "{greeting}"},
            {"type": "paragraph", "text": "we would be glad to see you again with us and the others."},
            {"type": "button", "label": "Save my place", "url": "cta_url"},
            {"type": "signature", "text": "See you soon\n{sender_name}"},
        ],
    )
    items = [
        {**Cohort("de-away", "de", "away", None, 40).as_json(), "claims": [],
         "texts": {"blocks.1.text": "wir haben dich lange nicht gesehen."}},
        {**Cohort("de-away-1", "de", "away", "Yoga", 30).as_json(), "claims": [],
         "texts": {"blocks.1.text": "dein Yoga wartet auf dich.", "blocks.2.label": "Zum Kursplan"}},
    ]  # fmt: skip
    bounds = {"new": 30, "active": 14, "quiet": 60}
    return {**made, "cohorts": {"bounds": bounds, "items": items}, **fields}


@pytest.mark.parametrize(
    ("facts", "stage"),
    [
        ({"joined_on": date(2026, 11, 1)}, "new"),
        ({"joined_on": date(2026, 10, 22)}, ""),
        ({"joined_on": date(2026, 10, 22), "last_visit_at": WHEN - timedelta(days=13)}, "active"),
        ({"last_visit_at": WHEN - timedelta(days=14)}, "quiet"),
        ({"last_visit_at": WHEN - timedelta(days=60)}, "away"),
        ({"last_visit_at": WHEN + timedelta(days=1)}, "active"),
        ({}, ""),
    ],
)
def test_a_stage_is_told_by_what_is_known_and_by_nothing_else(facts, stage):
    assert Bounds().stage(member(**facts), WHEN) == stage


groups_of = st.lists(
    st.tuples(
        st.sampled_from(["de", "en"]),
        st.sampled_from([*cohorts.STAGES, ""]),
        st.lists(st.integers(1, 90), max_size=30),
        st.integers(0, 60),
    ),
    max_size=10,
    unique_by=lambda each: each[:2],
)


@given(groups_of)
def test_chosen_cohorts_are_few_large_enough_and_never_overlap(shape):
    groups = []
    for language, stage, sizes, others in shape:
        groups += [Group(language, stage, f"Kurs {n}", size) for n, size in enumerate(sizes) if size >= SMALLEST]
        groups.append(Group(language, stage, None, sum(sizes) + others))
    found = choose(groups)
    assert len(found) <= MOST
    assert all(cohort.size >= SMALLEST and cohort.stage in cohorts.STAGES for cohort in found)
    assert len({cohort.id for cohort in found}) == len(found)
    total = {(group.language, group.stage): group.size for group in groups if group.interest is None}
    for key, size in total.items():
        assert sum(cohort.size for cohort in found if (cohort.language, cohort.stage) == key) <= size
    assert choose(list(reversed(groups))) == found


def test_small_interests_join_their_stage_and_a_small_stage_gets_the_base_copy():
    groups = [
        Group("de", "away", None, 60), Group("de", "away", "Yoga", 30), Group("de", "active", None, 24),
        Group("de", "quiet", None, 25),
    ]  # fmt: skip
    assert [(cohort.stage, cohort.interest, cohort.size) for cohort in choose(groups)] == [
        ("quiet", None, 25), ("away", None, 30), ("away", "Yoga", 30),
    ]  # fmt: skip


def test_one_cohort_that_is_everybody_is_none():
    assert choose([Group("de", "away", None, 500)]) == []


def test_more_than_sixty_interests_keep_the_largest_and_the_rest_of_the_stage():
    groups = [Group("de", "away", f"Kurs {n:03}", 25 + n) for n in range(100)]
    groups.append(Group("de", "away", None, sum(group.size for group in groups)))
    found = choose(groups)
    assert len(found) == MOST
    assert min(cohort.size for cohort in found if cohort.interest) == 25 + 100 - (MOST - 1)
    assert sum(cohort.size for cohort in found) == groups[-1].size


def test_a_member_gets_the_finest_cohort_and_whoever_fits_none_the_base_copy():
    match = cohorts.matcher(content())
    away = {"last_visit_at": WHEN - timedelta(days=100)}
    assert match.of(member(favourite_course="Yoga", **away), "de", WHEN) == "de-away-1"
    assert match.of(member(favourite_course="Boxen", **away), "de", WHEN) == "de-away"
    assert match.of(member(favourite_course="{{7*7}}", **away), "de", WHEN) == "de-away"
    assert match.of(member(favourite_course="Yoga", **away), "en", WHEN) is None
    assert match.of(member(favourite_course="Yoga"), "de", WHEN) is None
    assert cohorts.matcher(make.draft_content()).of(member(**away), "de", WHEN) is None


def test_merging_changes_only_the_places_of_the_cohort():
    whole = content()
    base = whole["languages"]["de"]["email"]
    before = deepcopy(base)
    made = {key: variant for key, _, variant in cohorts.variants(whole, "email")}
    assert set(made) == {"de", "en", "de#de-away", "de#de-away-1"}
    assert base == before
    special = made["de#de-away-1"]
    assert (special["blocks"][1]["text"], special["blocks"][2]["label"]) == (
        "dein Yoga wartet auf dich.",
        "Zum Kursplan",
    )
    assert [special["subject"], special["blocks"][0], special["blocks"][3]] == [
        base["subject"], base["blocks"][0], base["blocks"][3],
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["blocks.9.text", "blocks.1.label", "body", "blocks.x.text", "blocks", "claims.0"])
def test_a_place_that_is_not_there_blocks(path):
    whole = content()
    whole["cohorts"]["items"][0]["texts"] = {path: "x"}
    found = checks.check_revision(whole, MATERIAL)
    assert [(each.code, each.path) for each in found if each.severity == "block"] == [
        ("shape", f"de#de-away.email.{path}")
    ]


def test_the_copy_of_a_cohort_is_checked_like_the_base_copy_and_said_once():
    whole = content()
    whole["languages"]["de"]["email"]["preheader"] = "Nur 19,90 € im Monat, und das für die ganze Familie bei uns."
    whole["cohorts"]["items"][0]["texts"]["blocks.1.text"] = "jetzt 90 % sparen."
    found = [each for each in checks.check_revision(whole, MATERIAL) if each.code == "fact_ungrounded"]
    assert {each.path for each in found} == {"de.email.preheader", "de#de-away.email.blocks.1.text"}
    assert len(found) == 2


def test_a_difference_names_the_cohort():
    before, after = content(), content()
    after["cohorts"]["items"][0]["texts"]["blocks.1.text"] = "wir haben dich vermisst."
    assert [path for path, _ in diff.compare(before, after)] == ["de#de-away.email.blocks.1.text"]


def test_an_edit_by_hand_keeps_cohorts_only_where_their_places_say_what_they_said():
    before, after = content(), content()
    after["languages"]["de"]["email"]["subject"] = "Ein anderer Betreff"
    assert cohorts.carried(before, after, "email") == before["cohorts"]
    after["languages"]["de"]["email"]["blocks"][2]["label"] = "Los"
    carried = cohorts.carried(before, after, "email")
    assert [each["id"] for each in carried["items"]] == ["de-away"]
    after["languages"]["de"]["email"]["blocks"][1]["text"] = "neue Worte."
    assert cohorts.carried(before, after, "email") is None
    assert cohorts.carried(before, {**content(), "form": "sie"}, "email") is None


def test_places_are_named_by_field_language_and_cohort():
    whole = content()
    assert places.meant(whole, "email", [{"field": "subject"}]) == ["de.email.subject", "en.email.subject"]
    assert places.meant(whole, "email", [{"field": "blocks.1", "language": "de"}]) == ["de.email.blocks.1.text"]
    assert places.meant(whole, "email", [{"field": "blocks.1", "language": "de", "cohort": "de-away"}]) == [
        "de#de-away.email.blocks.1.text"
    ]
    assert "de#de-away-1.email.blocks.2.label" in places.meant(whole, "email", [{"language": "de"}])
    assert places.meant(whole, "email", [{"field": "nothing"}]) == []
    assert not any(text == "{greeting}" for text in places.texts(whole, "email").values())
    for path in places.texts(whole, "email"):
        assert places.read(path).path == path


@given(st.data())
def test_an_edit_changes_its_place_and_not_a_byte_beside_it(data):
    whole = content()
    known = places.texts(whole, "email")
    path = data.draw(st.sampled_from(sorted(known)))
    made = places.changed(whole, {path: "etwas Neues"})
    assert {**known, path: "etwas Neues"} == places.texts(made, "email")
    back = places.changed(made, {path: known[path]})
    assert back == whole


def test_an_edit_of_nothing_that_is_there_is_refused():
    for path in ("de.email.blocks.9.text", "de#nobody.email.blocks.1.text", "de#de-away.email.subject"):
        with pytest.raises(KeyError):
            places.changed(content(), {path: "x"})
