"""Finding what a tenant knows: inflections, compounds, umlauts, synonyms; and never another tenant's."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, text

from domain.knowledge import search, service, vocabulary
from kernel import db
from kernel.errors import Invalid
from models import Chunk, Document, Posting, Term

DOCUMENT = """# Mitgliedschaft

## Beiträge
Der Mitgliedschaftsbeitrag beträgt 29 Euro im Monat. Der Studententarif kostet 19 Euro.

## Kuendigung
Gekündigt wird schriftlich mit einer Frist von vier Wochen.

## Parken
Im Hof stehen zwölf Stellplätze bereit.

## Kurse
Yoga, Rückenschule und Zirkeltraining laufen jeden Abend.
"""


def store(session, body: str = DOCUMENT, name: str = "a.md", language: str = "de", **about: object) -> Document:
    return service.store_document(
        session, name=name, body=body, media_type="text/markdown", language=language, actor="t", **about
    )


def headings(session, query: str, language: str = "de") -> list[str]:
    return [hit.heading.rpartition(" › ")[2] for hit in service.search(session, query, language=language)]


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("Was kostet der Beitrag?", "Beiträge"),
        ("Gibt es etwas für Studenten", "Beiträge"),
        ("Wie kündige ich?", "Kuendigung"),
        ("KÜNDIGUNGEN", "Kuendigung"),
        ("kuendigen", "Kuendigung"),
        ("Wo kann ich mein Auto abstellen", "Parken"),
        ("Stellplatz", "Parken"),
        ("Rueckenkurs", "Kurse"),
        ("Zirkel", "Kurse"),
    ],
)
def test_a_question_finds_its_section_first(tenants, query, heading):
    with db.tenant_session(tenants.a) as session:
        store(session)
        assert headings(session, query)[0] == heading


@pytest.mark.parametrize("query", ["", "und der die das", "?!", "xyzzy", "'; DROP TABLE chunk; --", "a:* & !b | \\"])
def test_a_question_without_an_answer_finds_nothing(tenants, query):
    with db.tenant_session(tenants.a) as session:
        store(session)
        assert headings(session, query) == []


def test_another_tenants_documents_are_never_found(tenants):
    with db.tenant_session(tenants.a) as session:
        store(session)
    with db.tenant_session(tenants.b) as session:
        assert headings(session, "Was kostet der Beitrag?") == []
        assert session.execute(select(func.count()).select_from(Term)).scalar_one() == 0


def test_words_of_the_tenant_mean_the_same_only_there(tenants):
    groups = [["flitzer", "zirkeltraining"]]
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            store(session)
            assert headings(session, "Flitzer") == []
    with db.tenant_session(tenants.a) as session:
        assert vocabulary.replace_synonyms(session, "de", groups, actor="t") == groups
        assert headings(session, "Wann sind die Flitzer?") == ["Kurse"]
        assert headings(session, "flitzer", "en") == []
    with db.tenant_session(tenants.b) as session:
        assert headings(session, "Flitzer") == []


@pytest.mark.parametrize("groups", [[["a"]], [["Aa", "aa "]], [["b"] * 13], [[str(n) for n in range(13)]]])
def test_synonyms_that_say_nothing_are_refused(tenants, groups):
    with db.tenant_session(tenants.a) as session, pytest.raises(Invalid):
        vocabulary.replace_synonyms(session, "de", groups, actor="t")


def test_documents_outside_their_days_are_not_found(tenants):
    with db.tenant_session(tenants.a) as session:
        today = service.local_day(session)
        store(session, "Zumba kostet 5 Euro.", "alt.md", valid_until=today - timedelta(days=1))
        store(session, "Zumba kostet 6 Euro.", "bald.md", valid_from=today + timedelta(days=1))
        store(session, "Zumba kostet 7 Euro.", "heute.md", valid_from=today, valid_until=today)
        assert [hit.text for hit in service.search(session, "Zumba", language="de")] == ["Zumba kostet 7 Euro."]
        with pytest.raises(Invalid, match="valid_until"):
            store(session, valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 1))


def test_at_most_eight_chunks_and_six_kilobytes(tenants):
    with db.tenant_session(tenants.a) as session:
        store(session, "\n\n".join(f"## Kurs {n}\n\nYoga {'ä' * 430}." for n in range(12)))
        found = service.search(session, "Yoga", language="de")
        assert 0 < len(found) < search.MOST_HITS
        assert sum(len(hit.text.encode()) for hit in found) <= search.MOST_BYTES
        store(session, "\n\n".join(f"## Kurs {n}\n\nYoga." for n in range(12)))
        assert len(service.search(session, "Yoga", language="de")) == search.MOST_HITS


def rows_of_index(session) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    postings = session.execute(select(Posting.language, Posting.lexeme, Posting.document_id, Posting.chunks))
    terms = session.execute(select(Term.language, Term.lexeme, Term.chunks))
    return {(*row[:3], tuple(row[3])) for row in postings}, {tuple(row) for row in terms}


def rebuilt(session) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    """The index as it follows from the chunks alone."""
    lexemes = session.execute(
        text("SELECT c.language, t.lexeme, c.document_id, c.position FROM chunk c, unnest(c.search) t ORDER BY 4")
    ).all()
    postings: dict[tuple[object, ...], list[int]] = {}
    terms: dict[tuple[object, ...], int] = {}
    for language, lexeme, document_id, position in lexemes:
        postings.setdefault((language, lexeme, document_id), []).append(position)
        terms[language, lexeme] = terms.get((language, lexeme), 0) + 1
    return {(*key, tuple(value)) for key, value in postings.items()}, {(*k, n) for k, n in terms.items()}


def test_the_index_follows_every_change_of_the_documents(tenants):
    with db.tenant_session(tenants.a) as session:
        first = store(session)
        store(session, DOCUMENT.replace("Yoga", "Pilates"), "b.md")
        assert rows_of_index(session) == rebuilt(session)
        store(session, "# Neu\n\nNur noch Boxen.")
        assert rows_of_index(session) == rebuilt(session)
        store(session, "# New\n\nOnly boxing.", language="en")
        assert rows_of_index(session) == rebuilt(session)
        service.delete_document(session, first.id, actor="t")
        assert rows_of_index(session) == rebuilt(session)
        assert headings(session, "Boxen") == []


def test_unchanged_chunks_keep_their_ids(tenants):
    with db.tenant_session(tenants.a) as session:
        document = store(session)
        before = dict(session.execute(select(Chunk.heading, Chunk.id)).all())
        store(session, DOCUMENT.replace("zwölf Stellplätze", "drei Stellplätze") + "\n## Neu\nMehr.")
        after = dict(session.execute(select(Chunk.heading, Chunk.id).where(Chunk.document_id == document.id)).all())
        changed = {heading for heading, chunk_id in before.items() if after.get(heading) != chunk_id}
        assert changed == {"Mitgliedschaft › Parken"}
        assert len(after) == len(before) + 1


def test_lists_are_fused_by_rank_and_ties_share_it():
    a, b, c = (("x", n) for n in range(3))
    fused = dict(search.fuse([[[a], [b]], [[b, c]]]))  # type: ignore[list-item]
    assert fused == {a: 1 / 61, b: 1 / 62 + 1 / 61, c: 1 / 61}


def test_the_index_serves_the_search_under_the_policies(tenants, analyse):
    with db.tenant_session(tenants.a) as session:
        document = store(session)
        session.execute(
            text(
                "INSERT INTO kb_posting (tenant_id, language, lexeme, document_id, chunks, headings) "
                "SELECT :t, 'de', 'x' || n, :d, '{0}', '{}' FROM generate_series(1, 20000) n"
            ),
            {"t": tenants.a, "d": document.id},
        )
    analyse("kb_posting")
    with db.tenant_session(tenants.a) as session:
        question = "SELECT chunks FROM kb_posting WHERE tenant_id = :t AND language = 'de' AND lexeme IN ('x7', 'x8')"
        plan = session.execute(text(f"EXPLAIN {question}"), {"t": tenants.a}).scalars().all()
    assert any("Index Cond" in line and "lexeme" in line for line in plan), plan
