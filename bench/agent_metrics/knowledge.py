"""Retrieval: how often the right passage is among the first three, in the tuned and in the blind half of questions."""

import retrieval
from conftest import make_tenant

from bench.agent_metrics import Metric
from kernel.ids import new_id

_GOAL = 0.90
_NAMES = {"de": "German", "en": "English"}


def rows(*, quick: bool) -> list[Metric]:
    del quick  # a few seconds
    slug = new_id().hex[-8:]
    ours, theirs = make_tenant(f"asks-{slug}"), make_tenant(f"other-{slug}")
    retrieval.store(ours)
    retrieval.store(theirs)
    figures = retrieval.measure(ours)
    found = []
    for n, language in enumerate(retrieval.LANGUAGES, start=1):
        recall, blind = figures.recall(language), figures.recall(language, "blind")
        asked, chunks = sum(figures.asked[language, half] for half in ("tuned", "blind")), figures.chunks[language]
        how = (
            f"{asked} {_NAMES[language]} questions to {chunks} passages, lexical, without embeddings; nobody looked at "
            "the blind half while tuning"
        )
        seen = f"R@3 {recall:.3f}, blind half {blind:.3f}"
        found.append(Metric(f"13.{n}", f"retrieval, {_NAMES[language]}", "R@3 ≥ 0.90", seen, recall >= _GOAL, how))
    how = "the same knowledge base stands at another tenant"
    return [*found, Metric("13.3", "hits of another tenant", "0", str(figures.foreign), figures.foreign == 0, how)]
