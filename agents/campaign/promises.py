"""Prices and reductions that a goal asks for, and whether anything in the knowledge base carries them."""

import re
from collections.abc import Iterable, Iterator

from domain.content import facts
from domain.content.facts import Fact

_BEFORE = re.compile(r"\b(?:f[üu]r|nur|zu|ab|statt|um|preis:?|for|only|at|from|of)\s*$", re.IGNORECASE)
_AFTER = re.compile(
    r"\s*(?:rabatt|nachlass|weniger|billiger|g[üu]nstiger|erm[äa]ßigung|off\b|discount|less\b|cheaper)", re.IGNORECASE
)


def promised(goal: str) -> list[Fact]:
    """Return the amounts that a goal names as a price ("for €49") or as a reduction ("20 % off"), in its order."""
    return list(_promised(goal))


def _promised(goal: str) -> Iterator[Fact]:
    at = 0
    amounts = [fact for fact in facts.facts(goal) if fact.kind in {"money", "percent"}]
    for fact in sorted(amounts, key=lambda each: goal.find(each.excerpt)):
        start = goal.find(fact.excerpt, at)
        at = start + len(fact.excerpt)
        if (fact.kind == "money" and _BEFORE.search(goal[:start])) or _AFTER.match(goal[at:]):
            yield fact


def unsourced(goal: str, sources: Iterable[str]) -> list[Fact]:
    """Return those amounts that no source states."""
    known = [fact for text in sources for fact in facts.facts(text)]
    return [fact for fact in promised(goal) if not facts.supports(known, fact)]
