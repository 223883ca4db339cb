"""Segments against values worked out by hand, and against another way of counting."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.sms import clusters, segments

GSM = sorted(segments._BASIC)


@pytest.mark.parametrize(
    ("text", "encoding", "count", "left"),
    [
        ("", "GSM-7", 0, 160),
        ("a" * 160, "GSM-7", 1, 0),
        ("a" * 161, "GSM-7", 2, 145),
        ("a" * 306, "GSM-7", 2, 0),
        ("a" * 307, "GSM-7", 3, 152),
        ("€" * 80, "GSM-7", 1, 0),
        ("€" * 81, "GSM-7", 2, 143),  # 76 whole pairs fit into 153
        ("a" * 152 + "€" + "a" * 10, "GSM-7", 2, 141),  # a pair is not cut: one unit stays empty
        ("ä" * 160, "GSM-7", 1, 0),
        ("ç" + "a" * 69, "UCS-2", 1, 0),
        ("Ç" + "a" * 159, "GSM-7", 1, 0),
        ("–" + "a" * 70, "UCS-2", 2, 63),
        ("😀" * 35, "UCS-2", 1, 0),
        ("😀" * 36, "UCS-2", 2, 61),  # 33 pairs in 67
        # The table of the provider's own calculator.
        ("1234567890" * 16, "GSM-7", 1, 0),
        ("1234567890" * 16 + "1", "GSM-7", 2, 145),
        ("1234567890" * 30 + "1234567", "GSM-7", 3, 152),
        ("😜" + "2" * 68, "UCS-2", 1, 0),
        ("😜" + "2" * 69, "UCS-2", 2, 63),
        ("😜" + "2" * 133, "UCS-2", 3, 66),
        ("🇮🇹" + "2" * 66, "UCS-2", 1, 0),
        ("🇮🇹" + "2" * 67, "UCS-2", 2, 63),
        ("🏳️\u200d🌈" + "2" * 64, "UCS-2", 1, 0),
        ("🏳️\u200d🌈" + "2" * 65, "UCS-2", 2, 63),
        ("😀" + "]" * 68, "UCS-2", 1, 0),
        ("😀" + "]" * 69, "UCS-2", 2, 63),
        ("é\u0301\u0301" + "a" * 67, "UCS-2", 1, 0),
        ("é\u0301\u0301" + "a" * 68, "UCS-2", 2, 63),
        *[(sign + "1" * 158, "GSM-7", 1, 0) for sign in "|^€{}[]~\\"],
        *[(sign + "1" * 159, "GSM-7", 2, 145) for sign in "|^€{}[]~\\"],
        *[(sign * 70, "UCS-2", 1, 0) for sign in "ÁÚúçíÍóÓ"],
        *[(sign * 71, "UCS-2", 2, 63) for sign in "ÁÚúçíÍóÓ"],
        ("Ä" * 134, "GSM-7", 1, 26),
        ("ő" * 134, "UCS-2", 2, 0),
        ("a" * 64 + "👩‍👩‍👧‍👦" + "a" * 10, "UCS-2", 2, 46),  # a family is not torn apart: 3 units stay empty
        ("\r\n" * 80, "GSM-7", 1, 0),
    ],
)
def test_segments_match_calculator(text, encoding, count, left):
    found = segments.cost(text)
    assert (found.encoding, found.segments, found.left) == (encoding, count, left)


@given(st.text(st.sampled_from(GSM), max_size=800))
def test_plain_texts_divide_evenly(text):
    expected = (1 if text else 0) if len(text) <= 160 else math.ceil(len(text) / 153)
    assert segments.cost(text).segments == expected


@given(st.text(max_size=400))
def test_whatever_comes_fits_into_what_is_counted(text):
    found = segments.cost(text)
    size = {"GSM-7": (160, 153), "UCS-2": (70, 67)}[found.encoding]
    assert found.units <= (size[0] if found.segments <= 1 else size[1] * found.segments)
    if found.segments > 1:
        assert found.units > size[0]
    assert (found.encoding == "UCS-2") == any(c not in segments._BASIC | segments._EXTENDED for c in text)


@given(st.text(st.sampled_from([*segments.PLAINER, *GSM]), max_size=200))
def test_the_replacement_is_plain_and_names_its_offenders(text):
    found = segments.cost(text)
    assert {offender.character for offender in found.offenders} == {c for c in text if c in segments.PLAINER}
    assert all(text.index(offender.character) == offender.position for offender in found.offenders)
    assert segments.cost(segments.plainer(text)).encoding == "GSM-7"


ALPHABET = "aÄ€[]ç–“é\u0301🇮🇹😀👩\u200d👧🏽\ufe0f한ㅏ각\u1100\u1161\u11a8\n\r"


def plain_count(text: str) -> int:
    """Another way to count: fill segments with clusters from a list, by their length in UTF-16."""
    if all(c in segments._BASIC | segments._EXTENDED for c in text):
        pieces, one, part = [1 + (c in segments._EXTENDED) for c in text], 160, 153
    else:
        pieces, one, part = [len(c.encode("utf-16-le")) // 2 for c in clusters.split(text)], 70, 67
    if sum(pieces) <= one:
        return 1 if text else 0
    filled: list[int] = []
    for piece in pieces:
        if filled and filled[-1] + piece <= part:
            filled[-1] += piece
        else:
            filled.append(piece)
    return len(filled)


@settings(max_examples=1_000)
@given(st.text(st.sampled_from(ALPHABET), max_size=250))
def test_fuzzed_texts_take_as_many_segments_as_another_count(text):
    assert segments.cost(text).segments == plain_count(text)


@given(st.text(max_size=100))
def test_clusters_are_the_text_again(text):
    assert "".join(clusters.split(text)) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []), ("ab", ["a", "b"]), ("e\u0301x", ["e\u0301", "x"]), ("🇮🇹🇩🇪🇫", ["🇮🇹", "🇩🇪", "🇫"]),
        ("👩\u200d👧a", ["👩\u200d👧", "a"]), ("👍🏽!", ["👍🏽", "!"]),
        ("각가", ["각", "가"]), ("\u1100\u1161\u11a8", ["\u1100\u1161\u11a8"]),
        ("\r\n", ["\r", "\n"]), ("\n\u0301", ["\n", "\u0301"]),
        ("a\u200bb", ["a", "\u200b", "b"]), ("❤\ufe0f", ["❤\ufe0f"]),
    ],
)  # fmt: skip
def test_what_people_see_as_one_character_is_one_cluster(text, parts):
    assert list(clusters.split(text)) == parts


def test_offenders_are_named_with_all_their_places_and_what_could_stand_there():
    found = segments.cost("„Hallo“ – „du“ 😀").offenders
    assert [(each.character, each.positions, each.instead) for each in found] == [
        ("„", (0, 10), '"'), ("“", (6, 13), '"'), ("–", (8,), "-"), ("😀", (15,), None),
    ]  # fmt: skip
    assert found[0].position == 0


def test_beyond_1600_characters_nothing_is_taken():
    assert not segments.cost("a" * 1_600).too_long
    assert segments.cost("a" * 1_601).too_long


def test_the_alphabet_is_that_of_the_standard():
    """3GPP TS 23.038: 127 characters beside the escape, and ten behind it."""
    assert len(segments._BASIC) == 127
    assert set("\f^{}\\[~]|€") == segments._EXTENDED
    assert not segments._BASIC & segments._EXTENDED
    assert "ç" not in segments._BASIC
    assert set("Çßäöüñà@£$¥èéùìòØøÅåΔΦΓΛΩΠΨΣΘΞÆæÉ¤¡ÄÖÑÜ§¿") <= segments._BASIC
