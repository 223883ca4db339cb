"""Texts that show nothing, whatever Unicode calls their characters."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from domain.content.member_values import greeting, usable_interest, usable_name
from kernel.text import blank

# Named by their kind; each of them alone takes no ink.
NOTHING = {
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "right-to-left override": "\u202e",
    "word joiner": "\u2060",
    "invisible times": "\u2062",
    "Hangul filler, a letter": "\u3164",
    "half-width Hangul filler, a letter": "\uffa0",
    "Hangul choseong filler, a letter": "\u115f",
    "Mongolian vowel separator": "\u180e",
    "combining grapheme joiner": "\u034f",
    "variation selector": "\ufe0f",
    "braille blank, a symbol": "\u2800",
    "tag space": "\U000e0020",
    "no-break space": "\u00a0",
    "line separator": "\u2028",
    "control": "\x01",
}


@given(st.text(st.sampled_from("".join(NOTHING.values()) + " \t\n"), max_size=12))
def test_nothing_of_any_length_is_blank_and_no_name(text):
    assert blank(text)
    assert usable_name(text) == usable_interest(text) == ""
    assert greeting(usable_name(text), usable_name(text), None, language="de", form="du") == "Hallo,"


@given(
    st.text(st.sampled_from("".join(NOTHING.values())), max_size=4),
    st.characters(categories=("Lu", "Ll", "Nd", "Po", "Sc")),
)
def test_one_visible_character_is_enough(nothing, character):
    assert not blank(f"{nothing}{character}{nothing}")


def test_a_filler_inside_of_a_name_is_no_part_of_one():
    assert usable_name("Jörg\u3164") == usable_name("\u115fJo") == ""
    assert usable_name("민준") == "민준"


def test_every_space_and_format_character_of_general_punctuation_is_known():
    kinds = {"Cf", "Zs", "Zl", "Zp"}
    found = [chr(code) for code in range(0x2000, 0x2070) if unicodedata.category(chr(code)) in kinds]
    assert len(found) > 30
    assert [unicodedata.name(each) for each in found if not blank(each)] == []
