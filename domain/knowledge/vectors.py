"""Vectors of chunks beside the words: which are missing, storing them, and the chunks that are nearest to a question.

No extension of the database is needed. A search looks through the signs of all of the tenant's vectors, one bit per
dimension, and orders the nearest CANDIDATES by the numbers themselves; up to that many chunks the order is exact.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import mul
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel import db, outbox
from kernel.settings import get_settings
from models import Chunk, EmbeddingState, Sketch, TenantDue, Vector

DUE = "embeddings"
CANDIDATES = 300
MOST_DIMENSIONS = 4_096
_LARGEST = 127  # of a signed byte
_FIRST = UUID(int=0)

# The next chunks without a vector of this model, in the order of their ids. What the model refused is not asked again.
_MISSING = text("""
SELECT c.id, c.content_hash, c.heading, c.text FROM chunk c
LEFT JOIN chunk_sketch s ON s.tenant_id = c.tenant_id AND s.chunk_id = c.id AND s.model = :model
  AND s.content_hash = c.content_hash AND s.chunk_id > :after
WHERE c.tenant_id = :tenant AND c.id > :after AND s.chunk_id IS NULL ORDER BY c.id LIMIT :most
""")
_NEAREST = text("""
WITH near AS MATERIALIZED (
  SELECT s.chunk_id, s.content_hash FROM chunk_sketch s
  WHERE s.tenant_id = :tenant AND s.language = :language AND s.model = :model AND s.dimensions = :dimensions
    AND s.document_id <> ALL (CAST(:outdated AS uuid[]))
  ORDER BY bit_count(s.signs # CAST(:signs AS varbit)), s.chunk_id LIMIT :most)
SELECT c.document_id, c.position, v.numbers, v.norm FROM near
JOIN chunk c ON c.tenant_id = :tenant AND c.id = near.chunk_id AND c.content_hash = near.content_hash
JOIN chunk_vector v ON v.tenant_id = :tenant AND v.chunk_id = near.chunk_id
""")
_COUNTS = text("""
SELECT (SELECT count(*) FROM chunk WHERE tenant_id = :tenant) AS chunks, count(s.signs) AS done,
  count(*) - count(s.signs) AS refused FROM chunk_sketch s WHERE s.tenant_id = :tenant AND s.model = :model
""")
_EVERYBODY = text("""
INSERT INTO tenant_due (tenant_id, kind, next_due_at)
SELECT tenant_id, :kind, clock_timestamp() FROM tenant_route ORDER BY tenant_id
ON CONFLICT (tenant_id, kind) DO UPDATE SET next_due_at = least(tenant_due.next_due_at, excluded.next_due_at)
""")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a question means to a model: a vector, and the name of the model whose chunks it can be compared with."""

    model: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Understood:
    """A question's meaning, or why there is none: `code` None where no model for vectors is configured.

    Other codes: not_allowed (plan or tenant), month_token_limit, run_token_limit, and how the call of the model ended.
    """

    meaning: Meaning | None = None
    code: str | None = None

    def as_json(self) -> dict[str, str]:
        """Return how the search was made, as runs and answers show it."""
        told = {"by": "words_and_meaning" if self.meaning else "words"}
        return told | ({"code": self.code} if self.code else {})


UNASKED = Understood()


@dataclass(frozen=True, slots=True)
class Missing:
    """A chunk that has no vector of the model yet, with the text that the model is to read."""

    id: UUID
    hash: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the tenant's chunks have a vector of the configured model; `model` None: the search is lexical only.

    `refused` are those that the model does not take; `problem` says why the rest waits, `retry_at` for how long.
    """

    model: str | None
    chunks: int
    done: int
    refused: int
    problem: str | None
    retry_at: datetime | None


def model_name() -> str | None:
    """Return what vectors are told apart by: the configured model, with the dimensions where fewer are asked for."""
    settings = get_settings()
    if not settings.llm_base_url or not settings.llm_embedding_model:
        return None
    asked = settings.llm_embedding_dimensions
    return f"{settings.llm_embedding_model}@{asked}" if asked else settings.llm_embedding_model


def expect(session: Session) -> None:
    """Have the tenant's missing vectors made after the commit; nothing where no model is configured."""
    if model_name() is not None:
        outbox.mark_due(session, DUE)


def expect_everywhere() -> None:
    """Have every tenant looked at: the model may be another one than before the process started."""
    if model_name() is not None:
        with db.all_tenants_session("embeddings") as session:
            session.execute(_EVERYBODY, {"kind": DUE})


def put_off(session: Session, until: datetime) -> None:
    """Look at this tenant again at `until`, not before; what is stored in the meantime is looked at as it comes."""
    mine = (TenantDue.tenant_id == db.tenant_of(session), TenantDue.kind == DUE)
    session.execute(update(TenantDue).where(*mine).values(next_due_at=until))


def rest(session: Session, model: str | None) -> bool:
    """Forget to look at this tenant where no vector is missing; False where one is, whose document came just now."""
    mine = (TenantDue.tenant_id == db.tenant_of(session), TenantDue.kind == DUE)
    session.execute(select(TenantDue.kind).where(*mine).with_for_update())
    if model is not None and missing(session, model, most=1):
        return False
    session.execute(delete(TenantDue).where(*mine))
    return True


def missing(session: Session, model: str, *, most: int, after: UUID = _FIRST) -> list[Missing]:
    """Return the next chunks without a vector of this model, at most `most`, in the order of their ids."""
    wanted = {"tenant": db.tenant_of(session), "model": model, "after": after, "most": most}
    rows = session.execute(_MISSING, wanted)
    return [Missing(row.id, row.content_hash, f"{row.heading}\n{row.text}".strip()) for row in rows]


def store(session: Session, model: str, made: Iterable[tuple[Missing, Sequence[float] | None]]) -> int:
    """Keep vectors of chunks that still say what the model read; None is a text that it refuses. Returns how many."""
    vectors = {chunk.id: (chunk, vector) for chunk, vector in made}
    tenant_id = db.tenant_of(session)
    rows = session.execute(
        select(Chunk.id, Chunk.document_id, Chunk.language, Chunk.content_hash)
        .where(Chunk.tenant_id == tenant_id, Chunk.id.in_(vectors))
        .order_by(Chunk.id)
        .with_for_update(read=True, key_share=True)
    ).all()
    kept = [(row, vectors[row.id][1]) for row in rows if row.content_hash == vectors[row.id][0].hash]
    if not kept:
        return 0
    ids = [row.id for row, _ in kept]
    for table in (Sketch, Vector):
        session.execute(delete(table).where(table.tenant_id == tenant_id, table.chunk_id.in_(ids)))
    common = {"tenant_id": tenant_id, "model": model}
    sketches = [
        common
        | {
            "chunk_id": row.id,
            "document_id": row.document_id,
            "language": row.language,
            "content_hash": row.content_hash,
            "dimensions": len(vector or ()),
            "signs": signs(vector) if vector else None,
        }
        for row, vector in kept
    ]
    session.execute(insert(Sketch), sketches)
    packed = [(row.id, *pack(vector)) for row, vector in kept if vector]
    if packed:
        numbers = [
            {"tenant_id": tenant_id, "chunk_id": id_, "numbers": data, "norm": norm} for id_, data, norm in packed
        ]
        session.execute(insert(Vector), numbers)
    return len(kept)


def nearest(
    session: Session, meaning: Meaning, *, language: str, outdated: Iterable[UUID], most: int
) -> list[tuple[UUID, int]]:
    """Return the document and position of the tenant's chunks that mean the nearest, best first, at most `most`."""
    rows = session.execute(
        _NEAREST,
        {
            "tenant": db.tenant_of(session),
            "language": language,
            "model": meaning.model,
            "dimensions": len(meaning.vector),
            "signs": signs(meaning.vector),
            "outdated": list(outdated),
            "most": CANDIDATES,
        },
    )
    scored = [(-_dot(meaning.vector, row.numbers) / row.norm, row.document_id, row.position) for row in rows]
    return [(document_id, position) for _, document_id, position in sorted(scored)[:most]]


def signs(vector: Sequence[float]) -> str:
    """Return one bit per dimension: whether the number is above zero."""
    return "".join(["1" if number > 0 else "0" for number in vector])


def pack(vector: Sequence[float]) -> tuple[bytes, float]:
    """Return a vector as signed bytes, and their length; the direction changes by less than a thousandth.

    Raises ValueError for one without a direction.
    """
    most = max(map(abs, vector))
    if not 0 < most < math.inf:
        raise ValueError("a vector of zeros has no direction")
    numbers = array("b", [round(_LARGEST * number / most) for number in vector])
    return numbers.tobytes(), math.sqrt(sum(map(mul, numbers, numbers)))


def _dot(vector: Sequence[float], packed: bytes) -> float:
    return float(sum(map(mul, vector, memoryview(packed).cast("b"))))


def progress(session: Session) -> Progress:
    """Return how far the vectors of this tenant are."""
    tenant_id, model = db.tenant_of(session), model_name()
    counts = session.execute(_COUNTS, {"tenant": tenant_id, "model": model or ""}).one()
    state = session.get(EmbeddingState, tenant_id, populate_existing=True) if model else None
    waits = state if state is not None and counts.done + counts.refused < counts.chunks else None
    return Progress(
        model=model,
        chunks=counts.chunks,
        done=counts.done,
        refused=counts.refused,
        problem=waits.problem if waits else None,
        retry_at=waits.retry_at if waits else None,
    )


def note(session: Session, problem: str | None, retry_at: datetime | None = None) -> None:
    """Write down why the making of vectors stopped, or that nothing is in its way."""
    values = {"problem": problem, "retry_at": retry_at, "changed_at": func.clock_timestamp()}
    row = insert(EmbeddingState).values(tenant_id=db.tenant_of(session), **values)
    session.execute(row.on_conflict_do_update(index_elements=["tenant_id"], set_=values))
