"""Cutting at the end of sentences: what must be said stays, and nothing is parted that belongs together."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.content import cutting, slots
from domain.content.cutting import cut, sentences

START = "{studio}: {greeting} schön, dass du da bist."
END = "{cta_url}"
PIECES = (
    "Wir freuen uns auf dich.", "Kommst du?", "Am 4. Dezember um 18.30 Uhr geht es los!",
    "Das kostet 1.299,00 € inkl. MwSt. im Monat.", "{?favourite_course: Dein Kurs {favourite_course} wartet.}",
    "Mehr dazu, z. B. zur Anfahrt, sagt Dr. Weiß.", "Den {offer1_title} gibt es für {offer1_price}.",
    "Frag ca. 10 Min. vorher nach …", "Alles auf www.studio.example/x.", "Ruf an: +49 221 123456.", "Abmelden: STOP.",
    "{?personal_line: {personal_line}}", "You are welcome, e.g. on Monday.",
    "Studio Alpha, Lindenstraße 5, Köln.",
)  # fmt: skip
STAY = {PIECES[n] for n in (6, 8, 9, 10, 11, 13)}
BODIES = st.lists(st.sampled_from(PIECES), max_size=9)
KEEP = ("Lindenstraße 5",)


@pytest.mark.parametrize("text", PIECES)
def test_every_sentence_is_one(text: str):
    assert sentences(f"Hallo. {text} Bis bald.") == ["Hallo.", text, "Bis bald."]


@given(BODIES, st.sampled_from([" ", "\n\n", "\n"]), st.integers(0, 400))
def test_only_whole_sentences_go_and_from_the_end(body: list[str], space: str, most: int):
    text = f"{START}{space}{' '.join([*body, END])}"
    made = cut(text, lambda each: len(each) <= most, KEEP)
    must = [each for each in body if each in STAY]
    shortest = f"{START}{space}{' '.join([*must, END])}"
    if made is None:
        assert len(shortest) > most or len(must) == len(body)
        return
    assert len(made.text) <= most
    slots.parse(made.text)
    kept = sentences(made.text)
    assert (kept[0], kept[-1]) == (START, END)
    assert [each for each in kept if each in STAY] == must
    assert set(kept[1:-1]) | set(made.removed) <= set(PIECES)
    assert sorted([*kept[1:-1], *made.removed]) == sorted(body)
    free = [each for each in body if each not in STAY]
    assert [*(each for each in kept[1:-1] if each not in STAY), *made.removed] == free  # the last ones went
    assert ("\n" in made.text) == ("\n" in space)


@given(BODIES)
def test_what_fits_no_limit_is_left_alone(body: list[str]):
    assert cut(" ".join([START, *body, END]), lambda _: False) is None


@given(st.text(max_size=200))
def test_any_text_is_the_sum_of_its_pieces(text: str):
    pieces = list(cutting._pieces(text))  # nothing may be lost between the sentences
    assert "".join(each.words + each.gap for each in pieces).strip() == text.strip()


def test_one_sentence_cannot_be_cut():
    assert cut("Ein einziger langer Satz ohne Ende, der immer weiter geht", lambda each: len(each) < 10) is None


def test_a_way_out_in_words_of_its_own_and_a_stray_brace_stay():
    fits = re.compile(r"^.{0,30}$", re.DOTALL).match
    assert cut("Hallo. Zum Abmelden schreib STOPP.", lambda each: bool(fits(each))) is None
    assert cut("Hallo. Das hier ist {kaputt und lang genug.", lambda each: bool(fits(each))) is None
    made = cut("Hallo. Das hier ist lang genug zum Kürzen.", lambda each: bool(fits(each)))
    assert made == cutting.Cut("Hallo.", ("Das hier ist lang genug zum Kürzen.",))
