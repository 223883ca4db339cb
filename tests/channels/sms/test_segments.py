"""Segments against values worked out by hand, and against another way of counting."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sms import segments

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
