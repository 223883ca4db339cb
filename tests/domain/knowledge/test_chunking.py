"""Documents are cut along their structure, and nothing of them is lost."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.knowledge import chunking
from domain.knowledge.blocks import Block, as_text, table, visible
from domain.knowledge.reading import plain

PRICES = """# Preise

Alle Preise im Überblick.

| Tarif | Preis | Laufzeit |
|---|---|---|
| Basis | 29,00 € | 12 Monate |
| Flex \\| Tag | 39,00 € | 1 Monat |

## Häufige Fragen

Kann ich pausieren?

Ja, bis zu drei Monate im Jahr.

**Was kostet das?** ist eine Zwischenüberschrift im Text.
"""


def pieces(body: str, media_type: str = "text/markdown") -> list[tuple[str, str]]:
    return [(piece.heading, piece.text) for piece in chunking.pieces(plain.read(body, media_type))]


def test_a_table_is_cut_by_rows_so_that_a_price_stays_with_its_tariff():
    assert pieces(PRICES)[:3] == [
        ("Preise", "Alle Preise im Überblick."),
        ("Preise › Basis", "Tarif: Basis\nPreis: 29,00 €\nLaufzeit: 12 Monate"),
        ("Preise › Flex | Tag", "Tarif: Flex | Tag\nPreis: 39,00 €\nLaufzeit: 1 Monat"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Kann ich pausieren?\n\nJa, immer.", [("Kann ich pausieren?", "Ja, immer.")]),
        ("Frage: Kann ich pausieren?\nAntwort: Ja.", [("Kann ich pausieren?", "Ja.")]),
        ("F: Wann?\nA: Um acht.\n\nF: Wo?\nA: Im Hof.", [("Wann?", "Um acht."), ("Wo?", "Im Hof.")]),
        ("**Wann?**\n\nUm acht.\n\nImmer.", [("Wann?", "Um acht.\n\nImmer.")]),
        ("Wann?\n\nWo?", [("", "Wann?\n\nWo?")]),
        ("Es ist so. Oder doch nicht?\n\nDoch.", [("", "Es ist so. Oder doch nicht?\n\nDoch.")]),
        ("- Kommst du?\n\nJa.", [("", "- Kommst du?\n\nJa.")]),
    ],
)
def test_a_question_is_kept_with_its_answer(text, found):
    assert pieces(text, "text/plain") == found


def test_a_heading_ends_the_question_above_it():
    body = "# A\n\nWann?\n\nUm acht.\n\n# B\n\nText."
    assert pieces(body) == [("A › Wann?", "Um acht."), ("B", "Text.")]


def test_headings_of_the_same_depth_follow_each_other():
    body = "# A\n\na\n\n## B\n\nb\n\n## C\n\nc\n\n# D\n\nd"
    assert pieces(body) == [("A", "a"), ("A › B", "b"), ("A › C", "c"), ("D", "d")]


def test_a_long_section_overlaps_inside_itself_and_never_into_the_next():
    sentence = "Satz {n} sagt etwas von mittlerer Länge über den Kurs und seine Zeiten am Abend. "
    body = "# A\n\n" + "".join(sentence.format(n=n) for n in range(40)) + "\n\n# B\n\nEnde."
    found = chunking.pieces(plain.read(body, "text/markdown"))
    parts = [piece.text for piece in found if piece.heading == "A"]
    assert len(parts) > 3
    for before, after in pairwise(parts):
        shared = next(n for n in range(chunking.OVERLAP, -1, -1) if before.endswith(after[:n]))
        assert 0 < shared <= chunking.OVERLAP
    assert found[-1] == chunking.Piece("B", "Ende.")


def test_csv_rows_become_labelled_lines():
    assert pieces("Name;Preis\nYoga;12 €\n;\nBox;9 €\n", "text/csv") == [
        ("Yoga", "Name: Yoga\nPreis: 12 €"),
        ("Box", "Name: Box\nPreis: 9 €"),
    ]


def test_a_code_block_is_no_heading():
    assert pieces("# A\n\n```\n# B\n```") == [("A", "```\n# B\n```")]


def test_what_nobody_sees_is_dropped_and_ligatures_are_spelt_out():
    assert visible("a\u200bb\u202ec\u00ad d\ufb01n\ufb03\u00a0e\r\nf") == "abc dfinffi e\nf"


def test_the_hash_covers_heading_and_text():
    assert chunking.Piece("a", "b").content_hash != chunking.Piece("b", "a").content_hash


WORDS = st.text("abcdefg äöü.?!€1|#*-\n", min_size=1, max_size=400)
BLOCKS = st.lists(
    st.one_of(
        st.builds(Block, st.just("heading"), st.text("ABC?", min_size=1, max_size=30), st.integers(1, 6)),
        st.builds(Block, st.just("text"), WORDS),
        st.lists(st.lists(st.text("xyz1 ", min_size=1, max_size=30), min_size=2, max_size=4), min_size=2, max_size=4)
        .map(table)
        .filter(bool)
        .map(lambda rows: rows[0]),
    ),
    max_size=12,
)


@given(BLOCKS)
def test_no_word_is_lost_and_no_chunk_is_too_long(blocks):
    found = chunking.pieces(blocks)
    assert all(0 < len(piece.text) <= chunking.LONGEST for piece in found)
    said = " ".join(f"{piece.heading} {piece.text}" for piece in found)
    for block in blocks:
        if block.kind == "text":
            for word in re.findall(r"[a-gäöü]+", block.text):
                assert word in said, word


@given(st.text(max_size=3_000), st.sampled_from(["text/plain", "text/markdown"]))
def test_any_text_can_be_cut(body, media_type):
    blocks = plain.read(body, media_type)
    assert all(0 < len(piece.text) <= chunking.LONGEST for piece in chunking.pieces(blocks))
    assert as_text(blocks).strip() or not re.search(r"\w", visible(body))
