"""Words and sentences that end messages, and those that only look like it."""

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.consent.opt_out_words import Wish, plain, read

HERE = Path(__file__).parent
STOPS = {Wish.STOP, Wish.STOP_ALL}
WORDS = (
    "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "STOPP", "ABMELDEN", "ABBESTELLEN",
    "KEINE WERBUNG", "ARRET", "Arrêt", "Opt-out", "Désabonner",
)  # fmt: skip


def sentences(name: str) -> list[str]:
    return [line for line in (HERE / name).read_text().splitlines() if line.strip()]


def stops(text: str) -> bool:
    reading = read(text)
    return reading is not None and reading.wish in STOPS


DRESSINGS = (
    "{}", "{}!", "{}.", "  {}  ", "\n{}\n", "{} 🛑", "🙏{}🙏", "«{}»", "„{}“", "'{}'", "({})", "*{}*", "{}…", "{}!!!",
    "\u200b{}\u200d", "\ufeff{}", "{}\u00a0", "Bitte {}", "{} please", "{}, danke!", "Hallo, {}", "{} ✋🏽", "{}\u2069",
)  # fmt: skip
SPELLINGS = (str.upper, str.lower, str.title, str.swapcase)


def test_stop_is_whole_message():
    variants = [
        dressing.format(spelling(word)) for word, dressing, spelling in itertools.product(WORDS, DRESSINGS, SPELLINGS)
    ]
    variants += ["S.T.O.P", "s t o p", "St\u200bop", "STOOOP", "Ｓｔｏｐ", "st0p", "STOP STOP STOP", "stop stop",
                 "Sto\u00adp", "S-T-O-P",
                  "stop\u0336", "𝐒𝐓𝐎𝐏", "ⓢⓣⓞⓟ"]  # fmt: skip
    assert len(set(variants)) >= 500
    assert [variant for variant in variants if not (found := read(variant)) or not found.exact] == []
    assert [variant for variant in variants if not stops(variant)] == []


NO_STOPS = ("stop by tomorrow?", "Bus stop?", "STOPWATCH", "Stopfen", "endlich", "quittung", "cancelled?", "nonstop",
            "Kein Ende in Sicht :)")  # fmt: skip


@pytest.mark.parametrize("text", NO_STOPS)
def test_a_part_of_a_message_is_no_stop(text):
    assert not stops(text)


def test_sentences_that_ask_for_an_end_are_heard():
    asked = sentences("stop_sentences.txt")
    assert len(asked) >= 200
    missed = [text for text in asked if not stops(text)]
    assert len(missed) <= 0.05 * len(asked), missed


def test_sentences_that_do_not_are_left_alone():
    harmless = sentences("not_stop.txt")
    assert len(harmless) >= 200
    wrong = [text for text in harmless if stops(text)]
    assert len(wrong) <= 0.05 * len(harmless), wrong


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("START", Wish.START), ("unstop!", Wish.START), ("Ja", Wish.YES), ("YES", Wish.YES), ("oui", Wish.YES),
        ("Help", Wish.HELP), ("INFO?", Wish.HELP), ("Hilfe!", Wish.HELP), ("aide", Wish.HELP),
        ("stop all", Wish.STOP_ALL), ("Alles stopp", Wish.STOP_ALL), ("Hallo", None),
        ("keine Werbung mehr auf allen Kanälen", Wish.STOP_ALL),
        ("start am Montag?", None), ("ja gerne", None), ("🛑", None), ("", None), ("...", None), ("no", None),
    ],
)  # fmt: skip
def test_other_words_mean_what_they_mean(text, wish):
    found = read(text)
    assert (found.wish if found else None) == wish


def test_a_tenants_own_words_count_as_whole_messages_too():
    assert read("Pfeffer!", extra=["pfeffer"]).wish == Wish.STOP
    assert read("mit Pfeffer", extra=["pfeffer"]) is None


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    assert read(text) == read(text)
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    "text", ["kein " * 2_000, "ich will " * 1_000 + "nicht", "stop " * 1_600, "a" * 8_000, "hort. " * 1_500]
)
def test_no_text_takes_long(text):
    began = time.thread_time()
    read(text)
    assert time.thread_time() - began < 2.5
