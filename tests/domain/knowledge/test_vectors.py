"""Vectors without a model: packing, the order of the nearest, and the plan of the search under row-level security."""

import math

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from domain.knowledge import service, vectors
from domain.knowledge.vectors import Meaning, Missing
from kernel import db
from models import Chunk, Sketch

MODEL = "m"
numbers = st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False, width=32)
directions = st.lists(numbers, min_size=8, max_size=64).filter(lambda vector: max(map(abs, vector)) > 1e-3)


@given(directions)
def test_a_packed_vector_points_where_it_pointed(vector):
    packed, norm = vectors.pack(vector)
    cosine = vectors._dot(vector, packed) / norm / math.hypot(*vector)
    assert len(packed) == len(vectors.signs(vector)) == len(vector)
    assert cosine > 0.995


def filled(tenant_id, count, language="de"):
    """Store a chunk per number, each with a vector that turns away from the first axis."""
    body = "".join(f"# Teil {n}\n\nInhalt {n} {language}\n\n" for n in range(count))
    with db.tenant_session(tenant_id) as session:
        about = {"name": f"{language}.md", "media_type": "text/markdown", "language": language, "actor": "t"}
        document = service.store_document(session, body=body, **about)
        rows = session.execute(select(Chunk).where(Chunk.document_id == document.id).order_by(Chunk.position)).scalars()
        made = [(Missing(row.id, row.content_hash, ""), turned(row.position, count)) for row in rows]
        assert vectors.store(session, MODEL, made) == count
        return document.id


def turned(n, count):
    angle = 3 * n / count
    return [math.cos(angle), math.sin(angle), -math.sin(angle), *([0.01] * 13)]


def found(tenant_id, vector, *, outdated=(), language="de", model=MODEL, most=60):
    with db.tenant_session(tenant_id) as session:
        meaning = Meaning(model, tuple(vector))
        return vectors.nearest(session, meaning, language=language, outdated=outdated, most=most)


def test_the_nearest_come_first_of_this_tenant_language_model_size_and_day_alone(tenants):
    ours, theirs = filled(tenants.a, 12), filled(tenants.b, 12)
    english = filled(tenants.a, 5, "en")
    asked = turned(0, 12)
    assert found(tenants.a, asked) == [(ours, n) for n in range(12)]
    assert found(tenants.a, turned(11, 12), most=3) == [(ours, n) for n in (11, 10, 9)]
    assert found(tenants.b, asked, most=1) == [(theirs, 0)]
    assert found(tenants.a, asked, language="en", most=1) == [(english, 0)]
    assert found(tenants.a, asked, outdated=[ours]) == found(tenants.a, asked, model="n") == []
    assert found(tenants.a, asked[:8]) == []


def test_a_vector_of_a_text_that_is_no_more_is_not_stored(tenants):
    document_id = filled(tenants.a, 2)
    with db.tenant_session(tenants.a) as session:
        chunk = session.execute(select(Chunk).where(Chunk.document_id == document_id, Chunk.position == 0)).scalar_one()
        late = Missing(chunk.id, "hash of what it said", "")
        assert vectors.store(session, "other", [(late, turned(0, 2))]) == 0
        assert set(session.execute(select(Sketch.model)).scalars()) == {MODEL}
    with db.tenant_session(tenants.b) as session:
        foreign = Missing(chunk.id, chunk.content_hash, "")
        assert vectors.store(session, MODEL, [(foreign, turned(0, 2))]) == 0


_MANY = (
    (
        "INSERT INTO chunk (id, tenant_id, document_id, position, heading, text, language, content_hash) SELECT "
        "gen_random_uuid(), tenant_id, document_id, position + n, heading, text, language, content_hash "
        "FROM chunk, generate_series(1000, 3000) AS n WHERE position = 0"
    ),
    (
        "INSERT INTO chunk_sketch (tenant_id, chunk_id, document_id, language, content_hash, model, dimensions, signs) "
        "SELECT c.tenant_id, c.id, c.document_id, c.language, c.content_hash, s.model, s.dimensions, s.signs "
        "FROM chunk c, chunk_sketch s WHERE c.position >= 1000"
    ),
)


def test_the_search_reads_the_tenants_own_signs_by_their_index(tenants, analyse):
    filled(tenants.a, 20)
    filled(tenants.b, 1)
    with db.tenant_session(tenants.b) as session:
        for statement in _MANY:
            session.execute(text(statement))
    for table in ("chunk", "chunk_sketch", "chunk_vector"):
        analyse(table)
    given_ = {"language": "de", "model": MODEL, "dimensions": 16, "signs": "1" * 16, "outdated": [], "most": 300}
    with db.tenant_session(tenants.a) as session:
        lines = session.execute(text(f"EXPLAIN (COSTS OFF) {vectors._NEAREST}"), {**given_, "tenant": tenants.a})
        plan = "\n".join(line[0] for line in lines)
    assert "ix_chunk_sketch_space" in plan
    assert "Seq Scan on chunk_sketch" not in plan
