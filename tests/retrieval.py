"""How well questions find their chunk: recall among the first three, per language and half of the questions.

Tuning may look at the misses of the half called tuned; the blind half only says whether that carried over. The halves
are decided by the hash of a question.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select

from domain.knowledge import service
from kernel import db
from models import Chunk

FOLDER = Path(__file__).parent / "domain" / "knowledge" / "quality"
LANGUAGES = ("de", "en")
FIRST = 3


@dataclass(frozen=True)
class Question:
    text: str
    headings: tuple[str, ...]
    language: str

    @property
    def blind(self) -> bool:
        return hashlib.sha256(self.text.encode()).digest()[0] % 2 == 1


@dataclass(frozen=True)
class Figures:
    """`found` and `asked` per language and half; `foreign` are hits of another tenant."""

    chunks: dict[str, int]
    asked: dict[tuple[str, str], int]
    found: dict[tuple[str, str], int]
    misses: list[tuple[Question, list[str]]]
    foreign: int

    def recall(self, language: str, half: str | None = None) -> float:
        halves = [half] if half else ["tuned", "blind"]
        return sum(self.found[language, each] for each in halves) / sum(self.asked[language, each] for each in halves)


def questions(language: str) -> list[Question]:
    lines = (FOLDER / f"questions_{language}.tsv").read_text(encoding="utf-8").splitlines()
    return [Question(text, tuple(wanted.split("|")), language) for text, wanted in (line.split("\t") for line in lines)]


def store(tenant_id: UUID) -> None:
    """Give a tenant the whole knowledge base."""
    with db.tenant_session(tenant_id) as session:
        for language in LANGUAGES:
            for path in sorted((FOLDER / language).glob("*.md")):
                service.store_document(
                    session,
                    name=path.name,
                    body=path.read_text(encoding="utf-8"),
                    media_type="text/markdown",
                    language=language,
                    actor="quality",
                )


def measure(tenant_id: UUID) -> Figures:
    """Ask every question in the tenant's knowledge base."""
    asked = {(language, half): 0 for language in LANGUAGES for half in ("tuned", "blind")}
    found, misses, foreign = dict(asked), [], 0
    with db.tenant_session(tenant_id) as session:
        own = set(session.execute(select(Chunk.id).where(Chunk.tenant_id == tenant_id)).scalars())
        sizes = dict(session.execute(select(Chunk.language, func.count()).group_by(Chunk.language)).all())
        for question in (each for language in LANGUAGES for each in questions(language)):
            key = (question.language, "blind" if question.blind else "tuned")
            hits = service.search(session, question.text, language=question.language)
            foreign += sum(hit.chunk_id not in own for hit in hits)
            names = [hit.heading.rpartition(" › ")[2] for hit in hits]
            asked[key] += 1
            if set(names[:FIRST]) & set(question.headings):
                found[key] += 1
            else:
                misses.append((question, names))
    return Figures(sizes, asked, found, misses, foreign)


def lines(figures: Figures) -> list[str]:
    """Return the figures as lines of a report."""
    found = []
    for language in LANGUAGES:
        asked = figures.asked[language, "tuned"] + figures.asked[language, "blind"]
        halves = ", ".join(f"{half} half {figures.recall(language, half):.3f}" for half in ("tuned", "blind"))
        chunks, recall = figures.chunks[language], figures.recall(language)
        found.append(f"{language}: {chunks} chunks, {asked} questions, R@{FIRST} {recall:.3f} ({halves})")
    return [*found, f"hits of another tenant: {figures.foreign}"]
