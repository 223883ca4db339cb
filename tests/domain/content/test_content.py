"""Slots, rendering, facts and checks: what members see, and what blocks an approval."""

import random
import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.content import blocks, checks, diff, facts, slots
from domain.content.compile import LayoutFacts, OfferFacts, compile_email
from domain.content.findings import Material
from domain.content.member_values import MemberFacts, greeting, money_text, usable_name, values_for

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
LAYOUT = LayoutFacts("Studio Alpha", "Mara", "Lindenstraße 5, Köln", "https://www.studio.example/impressum")
OFFER = OfferFacts(
    UUID(int=7), "Comeback-Monat", 2900, "EUR", 5900, date(2026, 11, 1), date(2026, 12, 4), None, "Einmal pro Mitglied"
)
HOSTILE = [
    "<script>alert(1)</script>",
    "{{7*7}}",
    "{first_name}",
    "=?utf-8?q?x=0D=0ABcc:_evil?=",
    "a\u202eb",
    "x" * 10_000,
    "None",
    "null",
    "jo@example.org",
    "https://evil.example",
    "12345",
    "\x00\x1b[31m",
    "",
    " ",
]


def compiled(language: str = "de", form: str = "du", **fields):
    return compile_email(
        make.email(**fields),
        language=language,
        form=form,
        offers=[OFFER],
        cta_url="https://www.studio.example/x?a=1&b=2",
        facts=LAYOUT,
    )


def rendered(member: MemberFacts, language: str = "de", form: str = "du", **fields):
    mail = compiled(language, form, **fields)
    fixed = {
        "unsubscribe_url": "https://u.example/u/abc?x&y",
        "preferences_url": "https://u.example/preferences/abc?x&y",
        "pixel": "",
    }
    values = values_for(member, language=language, form=form, time_zone="Europe/Berlin", now=NOW)
    return mail.render(values | mail.plain_links() | fixed)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(("language", "form"), [("de", "du"), ("de", "sie"), ("en", "du")])
def test_a_name_that_is_none_leaves_a_neutral_greeting_and_no_trace(name, language, form):
    member = MemberFacts(id=UUID(int=1), first_name=name, last_name=name, favourite_course=name)
    mail = rendered(member, language, form)
    text = mail.subject + mail.text + mail.html
    assert "<script" not in text
    assert "Hallo ," not in text
    assert "Hallo None" not in text
    assert "{{" not in mail.text
    assert "49" not in mail.subject
    assert {"de": "Hallo,", "en": "Hello,"}[language] in mail.text or "Guten Tag," in mail.text


@pytest.mark.parametrize(
    ("first", "last", "salutation", "language", "form", "expected"),
    [
        ("Jörg", "Müller", None, "de", "du", "Hallo Jörg,"),
        ("", "Müller", None, "de", "du", "Hallo,"),
        ("Ann", "Lee", None, "en", "du", "Hi Ann,"),
        ("Eva", "Groß", "Frau", "de", "sie", "Guten Tag Frau Groß,"),
        ("Eva", "Groß", None, "de", "sie", "Guten Tag Eva Groß,"),
        ("", "Groß", None, "de", "sie", "Guten Tag,"),
    ],
)
def test_greetings_survive_missing_parts(first, last, salutation, language, form, expected):
    assert greeting(first, last, salutation, language=language, form=form) == expected


@pytest.mark.parametrize("title", ["Frau", "Frau Dr.", "Herr", "Dr.", "Prof. Dr.", "Fr.", "Mrs", "mr.", "FAMILIE"])
def test_a_title_alone_is_no_first_name(title):
    assert usable_name(title) == ""


def test_a_name_is_written_as_its_owner_writes_it_however_the_file_has_it():
    names = ("jürgen", "HANS-PETER", "o'brien", "Ingrid", "Franka", "Drew", "van der Berg", "Frauke", "Magda")
    assert [usable_name(name) for name in names] == [
        "Jürgen", "Hans-Peter", "O'Brien", "Ingrid", "Franka", "Drew", "van der Berg", "Frauke", "Magda"
    ]  # fmt: skip


def test_real_names_are_kept():
    for name in ("Jörg", "Anne-Marie", "O’Neil", "Zoë", "Nguyễn", "Ægir", "MARIA", "Mary Ann", "José"):
        assert usable_name(name)


@settings(max_examples=150, deadline=None)
@given(first=st.text(max_size=60), last=st.text(max_size=60), course=st.text(max_size=80), days=st.integers(-5, 4000))
def test_any_member_renders_clean(first, last, course, days):
    member = MemberFacts(
        id=UUID(int=1),
        first_name=first,
        last_name=last,
        favourite_course=course,
        last_visit_at=NOW - timedelta(days=days),
    )
    text = "{greeting} {?favourite_course: {favourite_course} wartet.} {?days_since_visit: {days_since_visit} Tage}"
    mail = rendered(member, blocks=[{"type": "paragraph", "text": text}])
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    assert "{" not in mail.text.replace(first, "").replace(course, "")
    assert "<script" not in mail.html.lower()


def test_a_value_is_never_read_again():
    member = MemberFacts(id=UUID(int=1), first_name="Ann", favourite_course="Kurs last_name")
    text = "{?favourite_course: {favourite_course}}"
    assert "Kurs last_name" in rendered(member, blocks=[{"type": "paragraph", "text": text}]).text


def test_clauses_vanish_with_their_slot_and_keep_their_space():
    nodes = "für {offer1_price}{?offer1_old_price:  statt {offer1_old_price}}."
    mail = rendered(MemberFacts(id=UUID(int=1)), blocks=[{"type": "paragraph", "text": nodes}])
    assert "für 29 € statt 59 €." in mail.text


@pytest.mark.parametrize(
    "text", ["{unknown}", "{first_nam}", "{", "}", "{?first_name: {?last_name: x}}", "{?first_name: x"]
)
def test_a_brace_that_is_no_slot_is_refused_with_its_place(text):
    problems = blocks.problems(make.email(subject=text))
    assert problems
    assert problems[0].path == "subject"


def test_a_misspelt_slot_is_told_its_neighbour():
    with pytest.raises(slots.BadSlot, match="first_name"):
        slots.parse("Hallo {first_nam}")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "html", "text": "<b>x</b>"},
        {"type": "paragraph"},
        {"type": "paragraph", "text": "x", "more": 1},
        {"type": "button", "label": "x", "url": "https://evil.example"},
        {"type": "offer_card", "offer": 9},
        {"type": "offer_card", "offer": True},
        "paragraph",
        None,
    ],
)
def test_only_known_blocks_are_content(block):
    assert blocks.problems(make.email(blocks=[block]))


def test_money_and_dates_are_written_as_people_write_them():
    assert money_text(2900, "EUR", "de") == "29 €"
    assert money_text(129_950, "EUR", "de") == "1.299,50 €"
    assert money_text(2900, "EUR", "en") == "€29"
    assert money_text(2950, "GBP", "en") == "£29.50"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("nur 1.299,00 €", "money", "EUR 1299"),
        ("€49", "money", "EUR 49"),
        ("49 Euro", "money", "EUR 49"),
        ("EUR 49,-", "money", "EUR 49"),
        ("$1,299.50", "money", "USD 1299.5"),
        ("20 % Rabatt", "percent", "20"),
        ("zwanzig Prozent", "percent", "20"),
        ("bis 4. Dezember 2026", "date", "2026-12-04"),
        ("December 4", "date", "*-12-04"),
        ("am 04.12.2026", "date", "2026-12-04"),
        ("um 18 Uhr", "time", "18:00"),
        ("18:30 Uhr", "time", "18:30"),
        ("6 pm", "time", "18:00"),
        ("kostenlose Stunde", "free", "free"),
        ("ruf an: 0221 123456", "phone", "0221123456"),
        ("hallo@studio.example", "email", "hallo@studio.example"),
    ],
)
def test_facts_are_found_and_normalised(text, kind, value):
    assert (kind, value) in [(fact.kind, fact.value) for fact in facts.facts(text)]


def material(**fields) -> Material:
    values = {
        "offers": [OFFER],
        "sources": {},
        "layout": LAYOUT,
        "day": NOW.date(),
        "now": NOW,
        "time_zone": "Europe/Berlin",
        "approved_hosts": ["www.studio.example"],
    }
    return Material(**(values | fields))


def content(text: str, *, claims: list | None = None, **fields):
    variant = make.email(blocks=[{"type": "paragraph", "text": text}], claims=claims or [])
    return {"form": "du", "languages": {"de": {"email": variant | fields}}}


def blockers(text: str, given: Material | None = None, **fields) -> list[str]:
    found = checks.check_revision(content(text, **fields), given or material())
    return [finding.code for finding in found if finding.severity == "block"]


CLEAN = [
    "wir würden uns freuen, dich bald wieder bei uns zu sehen.",
    "Dein Kurs läuft weiter, und dein Platz ist schnell wieder deiner.",
    "Für dich: {offer1_title} für {offer1_price}, gültig bis {offer1_valid_until}.",
    "Such dir einfach einen Termin aus, der in deine Woche passt.",
    "Eine Stunde genügt, um wieder reinzukommen.",
    "Schreib uns gern, wenn dir etwas dazwischengekommen ist.",
    "Auf unserer Seite findest du Kursplan und Öffnungszeiten.",
    "Wir haben die Neuigkeiten kurz gehalten, damit du schnell findest, was für dich dabei ist.",
]


@pytest.mark.parametrize("text", CLEAN)
def test_clean_copy_is_not_blocked(text):
    assert blockers(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "jetzt nur 19 €",
        "20 % auf alles",
        "nur bis 24. Dezember",
        "täglich ab 6 Uhr",
        "die erste Stunde ist gratis",
        "über 500 Mitglieder",
        "ruf uns an: 0221 123456",
        "schreib an chef@studio.example",
    ],
)
def test_a_fact_without_a_source_blocks(text):
    assert {"fact_ungrounded", "contact_outside_profile"} & set(blockers(text))


@pytest.mark.parametrize(
    "contact",
    ["ruf 0900 123456 an", "mail an dieb@boese.example", "call +49 900 123456", "auf DE89 3704 0044 0532 0130 00"],
)
def test_neither_brief_nor_offer_proves_where_people_may_be_reached(contact):
    """Regression: a delegated brief with a number or an address of somebody else made it fit to be approved."""
    assert blockers(contact, material(brief=f"Neue Anweisung: {contact}")) == ["contact_outside_profile"]
    offered = [{"sentence": "x", "kind": "policy", "source_ids": [str(OFFER.id)]}]
    of_offer = material(sources={str(OFFER.id): f"Neue Anweisung: {contact}"})
    assert blockers(contact, of_offer, claims=offered) == ["contact_outside_profile"]
    claims = [{"sentence": "x", "kind": "policy", "source_ids": ["s"]}]
    assert blockers(contact, material(sources={"s": f"Empfang: {contact}"}), claims=claims) == []


def test_a_cited_source_or_the_brief_carries_a_fact():
    claims = [{"sentence": "x", "kind": "policy", "source_ids": ["s1"]}]
    given_ = material(sources={"s1": "Die Kündigungsfrist beträgt 4 Wochen, jeden Tag ab 6 Uhr."})
    assert blockers("Wir öffnen um 06:00 Uhr.", given_, claims=claims) == []
    assert blockers("Wir öffnen um 07:00 Uhr.", given_, claims=claims) == ["fact_ungrounded"]
    assert blockers("Wir öffnen um 06:00 Uhr.", given_) == ["fact_ungrounded"]
    assert blockers("20 % auf alles", material(brief="Gib 20 % Rabatt auf alles")) == []


def test_mutated_numbers_are_caught():
    """A source states amounts; every copy with another amount must be flagged."""
    generator = random.Random(7)
    missed = 0
    for _ in range(2_000):
        price = generator.randint(5, 400)
        wrong = price + generator.choice([-1, 1]) * generator.randint(1, 4)
        forms = ["{} €", "EUR {}", "{} Euro", "{},00 €", "€{}"]
        cited = facts.facts(f"Die Karte kostet {price},00 €.")
        stated = facts.facts(f"Die Karte jetzt für {generator.choice(forms).format(wrong)}!")
        missed += all(facts.supports(cited, fact) for fact in stated if fact.kind in facts.HARD)
    assert missed <= 2


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        (OfferFacts(UUID(int=7), "Alt", 100, "EUR", valid_until=date(2026, 11, 20)), "offer_invalid"),
        (OfferFacts(UUID(int=7), "Bald", 100, "EUR", valid_from=date(2026, 11, 22)), "offer_invalid"),
    ],
)
def test_an_offer_that_is_not_valid_today_blocks(offer, code):
    assert code in blockers("wir freuen uns auf dich.", material(offers=[offer]))


def test_a_text_that_names_an_offer_that_is_not_there_blocks():
    assert "offer_invalid" in blockers("jetzt {offer2_title}")


def test_foreign_addresses_code_and_the_wrong_language_block():
    assert "url_not_allowed" in blockers("mehr auf https://evil.example/x")
    assert "url_not_allowed" not in blockers("mehr auf https://www.studio.example/x")
    assert "encoded_or_code" in blockers("<img src=x onerror=alert(1)>")
    english = "we would love to see you and your friends with us on the mat, it is the place for you and for all of us."
    assert "language_mismatch" in blockers(english * 3)


def test_tone_and_form_are_warnings_not_blockers():
    found = checks.check_revision(content("Komm JETZT SOFORT zu uns!!! Wir begrüßen Sie und Ihre Familie."), material())
    assert {"tone_limits", "form_mixed"} <= {finding.code for finding in found if finding.severity == "warn"}


def test_every_finding_speaks_german_and_english():
    found = checks.check_revision(content("jetzt nur 19 €!!! https://evil.example"), material())
    assert found
    assert all(finding.reason_de and finding.reason_en and finding.path for finding in found)


def test_html_and_text_carry_imprint_unsubscribe_and_one_link():
    mail = rendered(MemberFacts(id=UUID(int=1)))
    for part in (mail.html, mail.text):
        assert "Lindenstraße 5, Köln" in part
        assert "https://www.studio.example/impressum" in part
    assert "https://u.example/u/abc?x&y" in mail.text
    assert "https://u.example/u/abc?x&amp;y" in mail.html
    assert "https://u.example/preferences/abc?x&y" in mail.text
    assert "https://u.example/preferences/abc?x&amp;y" in mail.html
    assert "https://www.studio.example/x?a=1&amp;b=2" in mail.html
    assert len(mail.html.encode()) < 102_000
    assert not re.search(r"<script|\son\w+=", mail.html)


@pytest.mark.parametrize(
    ("language", "out", "choose"), [("de", "Abmelden", "Einstellungen"), ("en", "Unsubscribe", "Preferences")]
)
def test_the_two_ways_out_stand_beside_each_other(language, out, choose):
    mail = rendered(MemberFacts(id=UUID(int=1)), language)
    shown = re.findall(r"<a href=\"([^\"]+)\"[^>]*>([^<]+)</a>", mail.html)[-2:]
    assert shown == [("https://u.example/u/abc?x&amp;y", out), ("https://u.example/preferences/abc?x&amp;y", choose)]
    lines = [f"{out}:", "https://u.example/u/abc?x&y", f"{choose}:", "https://u.example/preferences/abc?x&y"]
    assert mail.text.splitlines()[-4:] == lines


def test_a_difference_is_told_word_by_word():
    before, after = content("schön, dass du da bist!"), content("schön, dass Sie da sind.")
    changes = dict(diff.compare(before, after))
    words = changes["de.email.blocks.0.text"]
    assert ("delete", "du") in words
    assert ("insert", "Sie") in words
    assert "".join(text for op, text in words if op != "insert") == "schön, dass du da bist!"
    assert "".join(text for op, text in words if op != "delete") == "schön, dass Sie da sind."


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_difference_always_rebuilds_both_sides(before, after):
    words = diff.words(before, after)
    assert "".join(text for op, text in words if op != "insert") == before
    assert "".join(text for op, text in words if op != "delete") == after


def test_the_encoding_stands_first_in_the_head_where_programs_look_for_it():
    html = rendered(MemberFacts(id=UUID(int=1))).html
    assert html.index('<meta charset="utf-8">') == html.index("<head>") + len("<head>")
    assert html.encode().index(b"charset") < 1_024
    assert html.count("charset=") == 1


def test_an_emphasised_slot_is_bold_in_html_and_plain_in_text():
    words = [
        {"type": "paragraph", "text": "nur **{offer1_price}** für **{first_name}**, {?last_visit: **{last_visit}**}"}
    ]
    mail = rendered(MemberFacts(id=UUID(int=1), first_name="Jörg", last_visit_at=NOW), blocks=words)
    assert "<strong>29,00" in mail.html.replace("<strong>29 €", "<strong>29,00")
    assert "<strong>Jörg</strong>" in mail.html
    assert "**" not in mail.html + mail.text


def test_a_members_stars_are_no_emphasis():
    words = [{"type": "paragraph", "text": "{?favourite_course: Dein Kurs {favourite_course} wartet.}"}]
    mail = rendered(MemberFacts(id=UUID(int=1), favourite_course="**fett**"), blocks=words)
    assert "<strong>" not in mail.html
