"""SMS, WhatsApp and Telegram texts: what people read, and what blocks an approval."""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sms import segments
from domain.content import checks, diff, slots, text_checks, texts
from domain.content.compile import LayoutFacts, OfferFacts
from domain.content.compile_text import CompiledText, compile_text, compile_variables
from domain.content.findings import Material
from domain.content.member_values import MemberFacts, values_for

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
LAYOUT = LayoutFacts("Studio Alpha", "Mara", "Lindenstraße 5, Köln", "https://www.studio.example/impressum")
OFFER = OfferFacts(
    UUID(int=7), "Comeback-Monat", 2900, "EUR", 5900, date(2026, 11, 1), date(2026, 12, 4), None, "Einmal pro Mitglied"
)
TARGET = "https://www.studio.example/x?a=1&b=2"
SMS = "{greeting} {studio}: der {offer1_title} kostet {offer1_price}. {cta_url}"
CHANNELS = st.sampled_from(texts.CHANNELS)
NOBODY = MemberFacts(id=UUID(int=0))


def compiled(
    text: str, channel: str = "sms", language: str = "de", *, target: str = TARGET, **more: Any
) -> CompiledText:
    return compile_text(
        {"text": text, **more},
        channel=channel,
        language=language,
        form="du",
        offers=[OFFER],
        cta_url=target,
        facts=LAYOUT,
    )


def filled(text: str, channel: str = "sms", member: MemberFacts = NOBODY, language: str = "de", **more: Any) -> str:
    made = compiled(text, channel, language, **more)
    values = values_for(member, language=language, form="du", time_zone="Europe/Berlin", now=NOW)
    return made.fill(values | made.plain_links())


def named(name: str, **fields: Any) -> MemberFacts:
    return MemberFacts(id=UUID(int=1), first_name=name, **fields)


def checked(
    variant: dict[str, Any], channel: str = "sms", language: str = "de", **material: Any
) -> list[checks.Finding]:
    content = {"form": "du", "offers": [str(OFFER.id)], "cta_url": TARGET, "languages": {language: {channel: variant}}}
    values: dict[str, Any] = {
        "offers": [OFFER], "sources": {}, "layout": LAYOUT, "day": NOW.date(), "now": NOW,
        "time_zone": "Europe/Berlin", "approved_hosts": ["www.studio.example"], "channel": channel, "link": TARGET,
    }  # fmt: skip
    return checks.check_revision(content, Material(**(values | material)))


def codes(findings: list[checks.Finding], severity: str = "block") -> set[str]:
    return {finding.code for finding in findings if finding.severity == severity}


def test_an_sms_says_greeting_studio_offer_link_and_the_way_out():
    assert filled(SMS, member=named("Jörg")) == (
        f"Hallo Jörg, Studio Alpha: der Comeback-Monat kostet 29 €. {TARGET}\nAbmelden: STOP"
    )
    assert filled(SMS, member=NOBODY).startswith("Hallo, Studio Alpha")
    assert filled(SMS, language="en").endswith("\nOpt out: STOP")


def test_the_way_out_is_named_once_and_to_whoever_had_a_message_not_again():
    assert filled("{studio}. Keine Werbung mehr: STOPP an uns.").count("STOP") == 1
    assert filled("{studio}. Reply STOP to leave.", language="en").count("STOP") == 1
    made = compiled(SMS)
    assert "STOP" in made.fill(made.plain_links())
    assert "STOP" not in made.fill(made.plain_links(), first=False)
    assert "STOP" not in filled(SMS, "telegram") + filled(SMS, "whatsapp")


def test_the_link_is_a_hole_also_inside_a_clause_and_leads_where_the_caller_says():
    made = compiled("{studio}{?cta_url:  Mehr: {cta_url}}")
    assert made.links == (TARGET,)
    assert made.slots == {"studio", "cta_url"}
    assert made.fill({"link:0": "https://t.example/c/1"}) == "Studio Alpha Mehr: https://t.example/c/1\nAbmelden: STOP"
    none = compiled("{studio}{?cta_url:  Mehr: {cta_url}}", target="")
    assert none.links == ()
    assert none.fill({}) == "Studio Alpha\nAbmelden: STOP"


def test_emphasis_is_what_the_channel_can_show():
    text = "{studio}: **{offer1_title}** {?first_name: **{first_name}**}"
    jo = named("Jo")
    assert filled(text, "whatsapp", jo) == "Studio Alpha: *Comeback-Monat* *Jo*"
    assert filled(text, "telegram", jo) == "Studio Alpha: Comeback-Monat Jo"
    assert filled(text, "sms", jo).startswith("Studio Alpha: Comeback-Monat Jo")


def test_a_telegram_button_stands_as_a_line_with_its_link():
    button = {"label": "Platz sichern", "url": "cta_url"}
    assert filled("{studio}", "telegram", button=button) == f"Studio Alpha\n\nPlatz sichern: {TARGET}"
    assert filled("{studio}", "telegram", button=button, target="") == "Studio Alpha"


def test_gaps_of_clauses_that_vanish_are_closed():
    text = "{greeting}  {?favourite_course: {favourite_course} \n}\n\n\n\n{studio}   hier "
    assert filled(text, "telegram") == "Hallo, \n\nStudio Alpha hier".replace(", \n", ",\n")


def test_a_link_in_a_variable_is_a_link_of_the_message():
    variant = {"template": "t", "variables": {"1": "{studio}", "2": "{cta_url}"}}
    made = compile_text(
        variant, channel="whatsapp", language="de", form="du", offers=[OFFER], cta_url=TARGET, facts=LAYOUT
    )
    assert made.links == (TARGET,)
    assert made.slots == {"studio", "cta_url"}
    assert made.fill({}) == ""


def test_a_variable_of_a_template_is_one_line():
    variant = {"template": "t", "variables": {"1": "{studio}\n\nund  mehr", "2": "{cta_url}"}}
    made = compile_variables(
        variant, channel="whatsapp", language="de", form="du", offers=[OFFER], cta_url=TARGET, facts=LAYOUT
    )
    assert made["1"].fill({}) == "Studio Alpha und mehr"
    assert made["2"].fill({"link:0": "https://t.example"}) == "https://t.example"


@given(
    channel=CHANNELS,
    first=st.text(max_size=60),
    last=st.text(max_size=60),
    course=st.text(max_size=80),
    language=st.sampled_from(["de", "en"]),
)
def test_whoever_reads_it_sees_clean_text(channel, first, last, course, language):
    text = "{greeting}\n{?favourite_course: {favourite_course}: }**{studio}** {offer1_price} {?last_name: {last_name} }"
    member = MemberFacts(id=UUID(int=1), first_name=first, last_name=last, favourite_course=course)
    said = filled(text + "{cta_url}", channel, member, language)
    assert said == said.strip() == unicodedata.normalize("NFC", said)
    assert "Hallo ," not in said
    assert "None" not in said.replace(course, "")
    assert not [sign for sign in said if unicodedata.category(sign) in {"Cc", "Cf"} and sign not in "\n\u00ad"]
    assert re.search(r"[{}]", said.replace(course, "")) is None
    assert said.count("*") == (2 if channel == "whatsapp" else course.count("*") if course in said else 0)


@given(
    channel=CHANNELS,
    first=st.text(st.characters(categories=["L"], max_codepoint=0xFFFF), min_size=1, max_size=40),
    last=st.text(st.characters(categories=["L"], max_codepoint=0xFFFF), min_size=1, max_size=40),
    course=st.text(st.characters(categories=["L", "N"], max_codepoint=0xFFFF), max_size=60),
    form=st.sampled_from(["du", "sie"]),
)
def test_nobody_gets_a_longer_text_than_the_checks_reckon_with(channel, first, last, course, form):
    text = "{greeting} {first_name} {last_name} {favourite_course} {studio} {last_visit} {days_since_visit} {cta_url}"
    made = compiled(text, channel)
    member = MemberFacts(
        id=UUID(int=1), first_name=first, last_name=last, salutation="Frau", favourite_course=course,
        last_visit_at=datetime(2020, 9, 30, tzinfo=UTC),
    )  # fmt: skip
    values = values_for(member, language="de", form=form, time_zone="Europe/Berlin", now=NOW)
    most, said = made.fill(text_checks.longest_values(made, TARGET)), made.fill(values | made.plain_links())
    assert len(said) <= len(most)
    assert segments.cost(said).segments <= segments.cost(most).segments


@pytest.mark.parametrize(
    ("channel", "variant", "path", "code"),
    [
        ("sms", {}, "text", "shape"),
        ("sms", {"text": " "}, "text", "shape"),
        ("sms", {"text": "a", "subject": "b"}, "subject", "shape"),
        ("sms", {"text": "{vorname}"}, "text", "slot_unknown"),
        ("sms", {"text": "{{first_name}}"}, "text", "unresolved_placeholder"),
        ("sms", {"text": "x" * 4_097}, "text", "length_hard"),
        ("whatsapp", {"template": "", "variables": {}}, "template", "shape"),
        ("whatsapp", {"template": "t", "text": "a"}, "text", "shape"),
        ("whatsapp", {"text": "a", "variables": {"1": "b"}}, "variables", "shape"),
        ("whatsapp", {"template": "t", "variables": {"1": "{oops}"}}, "variables.1", "slot_unknown"),
        ("whatsapp", {"template": "t", "variables": ["a"]}, "variables", "shape"),
        ("telegram", {"text": "a", "button": {"label": "b"}}, "button", "shape"),
        (
            "telegram",
            {"text": "a", "button": {"label": "b", "url": "https://evil.example"}},
            "button.url",
            "url_not_allowed",
        ),
        ("telegram", {"text": "a", "variables": {}}, "variables", "shape"),
        ("telegram", {"text": "a", "claims": "b"}, "claims", "shape"),
    ],
)
def test_a_variant_that_is_none_is_named_with_its_place(channel, variant, path, code):
    found = texts.problems(channel, variant)
    assert (path, code) in [(problem.path, problem.code) for problem in found]
    assert f"de.{channel}.{path}" in {finding.path for finding in checked(variant, channel)}


def test_a_sound_text_is_not_blocked():
    assert codes(checked({"text": SMS})) == set()
    assert codes(checked({"text": "{greeting} hallo von uns."}, "telegram")) == set()
    assert codes(checked({"template": "t", "variables": {"1": "{studio}"}}, "whatsapp")) == set()


def test_an_sms_names_its_sender():
    assert "sender_unnamed" in codes(checked({"text": "{greeting} der {offer1_title} ist da."}))
    assert codes(checked({"text": "{greeting} hier ist {sender_name}."})) == set()
    assert codes(checked({"text": "{?first_name: {studio}} der {offer1_title} ist da."})) == {"sender_unnamed"}


@pytest.mark.parametrize(("channel", "most"), [("sms", 1_600), ("whatsapp", 1_600), ("telegram", 4_096)])
def test_the_longest_message_decides_about_the_length(channel, most):
    way_out = len("\nAbmelden: STOP") if channel == "sms" else 0
    rest = most - way_out - len("Studio Alpha ") - 40
    fits = {"text": "{studio} {first_name}" + "-" * rest}
    assert codes(checked(fits, channel)) == set()
    assert codes(checked({"text": fits["text"] + "-"}, channel)) == {"length_hard"}


def test_parts_and_dear_letters_are_told_before_anybody_pays():
    found = checked({"text": "{studio}: heute – „neu“ im Programm…"})
    assert [f.excerpt for f in found if f.code == "sms_encoding"] == ["– „ “ …"]
    assert "Besser: - " in next(f.reason_de for f in found if f.code == "sms_encoding")
    assert "sms_segments" not in codes(found, "warn")
    long = checked({"text": "{studio}: " + "wir freuen uns. " * 25})
    assert "sms_encoding" not in codes(long, "warn")
    assert "3 Teile" in next(f.reason_de for f in long if f.code == "sms_segments")
    turkish = checked({"text": "{studio}: {first_name}" + "-" * 130}, members=[named("Ayşe")])
    assert "3 Teile" in next(f.reason_de for f in turkish if f.code == "sms_segments")


def test_telegram_counts_utf_16():
    assert text_checks.units("a😀", "telegram") == 3
    assert text_checks.units("a😀", "sms") == 2
    assert codes(checked({"text": "{studio} " + "😀" * 2_044}, "telegram")) == {"length_hard"}


def test_a_text_is_checked_like_a_mail():
    assert "fact_ungrounded" in codes(checked({"text": "{studio}: nur 19 € im Monat"}))
    assert "url_not_allowed" in codes(checked({"text": "{studio}: https://evil.example"}))
    assert "offer_invalid" in codes(checked({"text": "{studio}: {offer2_title}"}))
    assert "encoded_or_code" in codes(checked({"text": "{studio}: <b>jetzt</b>"}))
    claims = [{"sentence": "nur 19 €", "kind": "price", "source_ids": ["s"]}]
    sourced = checked({"text": "{studio}: nur 19 €", "claims": claims}, sources={"s": "Preis 19 €"})
    assert "fact_ungrounded" not in codes(sourced)


def test_an_unresolved_or_empty_text_blocks():
    assert "unresolved_placeholder" in codes(checked({"text": "{?favourite_course: {favourite_course}}"}, "telegram"))
    assert "unresolved_placeholder" in codes(checked({"text": "Hallo , hier ist {studio}"}, "telegram"))


def test_a_link_without_a_target_blocks():
    content = {
        "form": "du",
        "offers": [],
        "cta_url": "",
        "languages": {"de": {"telegram": {"text": "Mehr: {cta_url}"}}},
    }
    material = Material([], {}, LAYOUT, NOW.date(), NOW, "Europe/Berlin", channel="telegram")
    assert codes(checks.check_revision(content, material)) == {"link_missing"}


def test_variables_are_numbered_never_empty_and_short():
    def of(**variables: str) -> set[str]:
        named_ = {name.removeprefix("v"): text for name, text in variables.items()}
        return codes(checked({"template": "t", "variables": named_}, "whatsapp", members=[named("Jo")]))

    assert of(v1="{studio}", v2="{offer1_price}") == set()
    assert of(v1="{studio}", v3="{offer1_price}") == {"template_mismatch"}
    assert of(v1="{first_name}") == {"template_mismatch"}
    assert of(v1="{greeting}") == set()
    assert of(v1="{greeting}" + "-" * 950) == {"length_hard"}


def test_free_text_on_whatsapp_says_whom_it_reaches():
    assert "template_needed" in codes(checked({"text": "{greeting} hier ist {studio}."}, "whatsapp"), "warn")
    assert "template_needed" not in codes(checked({"template": "t", "variables": {}}, "whatsapp"), "warn")


def test_the_campaigns_channel_must_be_there_and_strange_ones_are_refused():
    material = Material([], {}, LAYOUT, NOW.date(), NOW, "Europe/Berlin", channel="sms")
    content = {"form": "du", "cta_url": "", "languages": {"de": {"telegram": {"text": "{studio} grüßt"}}}}
    assert [f.path for f in checks.check_revision(content, material)] == ["de.sms.text"]
    content["languages"]["de"] |= {"sms": {"text": "{studio} grüßt"}, "fax": {"text": "a"}}
    assert [f.path for f in checks.check_revision(content, material)] == ["de.fax"]


def test_a_difference_of_texts_is_told_with_its_channel():
    before = {"languages": {"de": {"sms": {"text": "{studio} grüßt"}}}}
    after = {"languages": {"de": {"sms": {"text": "{studio} lädt ein"}, "telegram": {"text": "neu"}}}}
    assert [path for path, _ in diff.compare(before, after)] == ["de.sms.text", "de.telegram.text"]


def test_every_finding_of_texts_speaks_both_languages():
    variants = [{"text": "x" * 1_700}, {"text": "{first_name}"}, {"text": "{greeting} hi"}]
    for finding in (f for variant in variants for f in checked(variant)):
        assert finding.reason_de
        assert finding.reason_en
        assert finding.reason_de != finding.reason_en


def test_slots_of_a_text_are_known_to_the_registry():
    assert compiled(SMS).slots <= set(slots.REGISTRY)
