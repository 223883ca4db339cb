"""How long a search takes in a large knowledge base, by words and by meaning, and what the latter misses."""

import random
import statistics
import time
from array import array
from collections.abc import Callable, Sequence
from datetime import date
from operator import mul
from uuid import UUID

import retrieval
from conftest import make_tenant
from sqlalchemy import select, text

from bench import measure
from bench.agent_metrics import Metric
from domain.knowledge import search, search_terms, service, vectors
from domain.knowledge.blocks import Block
from domain.knowledge.search import Hit
from domain.knowledge.service import About
from domain.knowledge.vectors import Meaning, Missing
from kernel import db
from kernel.ids import new_id
from models import Chunk, Vector

DIMENSIONS = 1_536
_PER_DOCUMENT = 2_500
_TOPICS = 400
_NOISE = 1.5
_ROUNDS = 9
_SLOWEST = 500  # milliseconds
_FIRST = 20
_MODEL = "measured"
_DAY = date(2026, 11, 21)
_ALL = "Kündigungsfrist der Mitgliedschaft im Studio"
_ANY = "Barbiturat Zahnersatz Duschkabine Ruhezeit"


def rows(*, quick: bool) -> list[Metric]:
    sizes = (5_000,) if quick else (5_000, 50_000)
    found = []
    for n, size in enumerate(sizes):
        chance = random.Random(5)
        tenant_id = make_tenant(f"large-{new_id().hex[-8:]}")
        words = _fill(tenant_id, size, chance)
        meanings = _give_vectors(tenant_id, chance)
        measure.analyse("chunk", "kb_posting", "kb_term", "chunk_sketch", "chunk_vector")
        number = f"13.{4 + 2 * n}", f"13.{5 + 2 * n}"
        found.append(_by_words(tenant_id, size, number[0], words))
        found.append(_by_meaning(tenant_id, size, number[1], meanings))
    return found


def _fill(tenant_id: UUID, size: int, chance: random.Random) -> list[str]:
    """Store documents of the words of the quality set, and return the most frequent of them."""
    body = " ".join(path.read_text(encoding="utf-8") for path in sorted((retrieval.FOLDER / "de").glob("*.md")))
    known = sorted({word for word in body.split() if word.isalpha()})
    known += [first + second.lower() for first, second in zip(known[::3], known[1::3], strict=False)]
    known += [word.title() for word in _ANY.split()]
    weights = [1 / (1 + n) for n in range(len(known))]
    chance.shuffle(known)
    for start in range(0, size, _PER_DOCUMENT):
        blocks = [
            Block("row", f"Nummer {start + n}: " + " ".join(chance.choices(known, weights, k=45)))
            for n in range(min(_PER_DOCUMENT, size - start))
        ]
        with db.tenant_session(tenant_id) as session:
            about = About(f"part-{start}.csv", "text/csv", "de")
            service.store_blocks(session, about, blocks, actor="bench")
    return known[:12]


def _give_vectors(tenant_id: UUID, chance: random.Random) -> list[Meaning]:
    """Store a vector around one of some hundred topics for every chunk, and return questions about such topics."""
    topics = [_bytes(chance) for _ in range(_TOPICS)]

    def vector() -> list[float]:
        noise = _bytes(chance)
        return [a + _NOISE * b for a, b in zip(topics[chance.randrange(_TOPICS)], noise, strict=True)]

    with db.tenant_session(tenant_id) as session:
        chunks = session.execute(select(Chunk.id, Chunk.content_hash).order_by(Chunk.id)).all()
    for start in range(0, len(chunks), 500):
        part = [(Missing(row.id, row.content_hash, ""), vector()) for row in chunks[start : start + 500]]
        with db.tenant_session(tenant_id) as session:
            vectors.store(session, _MODEL, part)
    return [Meaning(_MODEL, tuple(vector())) for _ in range(_ROUNDS)]


def _bytes(chance: random.Random) -> array:  # type: ignore[type-arg]
    return array("b", chance.randbytes(DIMENSIONS))


def _median(tenant_id: UUID, ask: Callable[[object], object], items: Sequence[object]) -> float:
    """Return the median of the milliseconds that one question takes, each in a transaction of its own."""
    spent = []
    for item in items:
        with db.tenant_session(tenant_id) as session:
            session.execute(text("SELECT 1"))
            began = time.perf_counter()
            ask((session, item))
            spent.append((time.perf_counter() - began) * 1_000)
    return statistics.median(spent)


def _by_words(tenant_id: UUID, size: int, number: str, frequent: list[str]) -> Metric:
    def ask(given: object) -> list[Hit]:
        session, query = given  # type: ignore[misc]
        return search.search(session, query, language="de", limit=8, day=_DAY)

    worst = " ".join(frequent)
    figures = [_median(tenant_id, ask, [query] * _ROUNDS) for query in (_ALL, _ANY, worst)]
    with db.tenant_session(tenant_id) as session:
        stems = sum(match.chunks for one in search_terms.concepts(session, worst, "de") for match in one.matches)
    seen = ", ".join(f"{figure:.0f} ms" for figure in figures)
    how = (
        f"median of {_ROUNDS}: a question whose words stand together, one of four rare words, and one of the "
        f"{len(frequent)} most frequent words with their compounds, {stems:,} places in all; no query reads more than "
        "20,000 places"
    )
    return Metric(
        number, f"search by words in {size:,} chunks", f"≤ {_SLOWEST} ms", seen, max(figures) <= _SLOWEST, how
    )


def _by_meaning(tenant_id: UUID, size: int, number: str, meanings: list[Meaning]) -> Metric:
    def ask(given: object) -> list[tuple[UUID, int]]:
        session, meaning = given  # type: ignore[misc]
        return vectors.nearest(session, meaning, language="de", outdated=(), most=60)

    spent = _median(tenant_id, ask, meanings)
    shares = [_share(tenant_id, meaning, ask) for meaning in meanings[:3]]
    how = (
        f"{DIMENSIONS} dimensions, {_TOPICS} topics with noise; the signs of all are looked through in the database, "
        f"the numbers of the {vectors.CANDIDATES} nearest in the process; median of {_ROUNDS}. Then how many of the "
        f"{_FIRST} nearest by the numbers of all are among its first {_FIRST}"
    )
    share = statistics.mean(shares)
    seen = f"{spent:.0f} ms, {share:.0%} of the nearest {_FIRST}"
    return Metric(number, f"search by meaning in {size:,} chunks", f"≤ {_SLOWEST} ms", seen, spent <= _SLOWEST, how)


def _share(tenant_id: UUID, meaning: Meaning, ask: Callable[[object], list[tuple[UUID, int]]]) -> float:
    scored: list[tuple[float, UUID, int]] = []
    with db.tenant_session(tenant_id) as session:
        known = session.execute(
            select(Vector.numbers, Vector.norm, Chunk.document_id, Chunk.position)
            .join(Chunk, (Chunk.tenant_id == Vector.tenant_id) & (Chunk.id == Vector.chunk_id))
            .execution_options(yield_per=1_000)
        )
        for numbers, norm, document_id, position in known:
            near = sum(map(mul, meaning.vector, memoryview(numbers).cast("b"))) / norm
            scored.append((-near, document_id, position))
        exact = {(document_id, position) for _, document_id, position in sorted(scored)[:_FIRST]}
        return len(exact & set(ask((session, meaning))[:_FIRST])) / _FIRST
