"""What a plan's level of AI content includes; a run finishes at the level it started with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """Base copy, slots, brand and offers are in every level."""

    knowledge: bool = False
    cohorts: bool = False
    alternatives: bool = False
    insights: bool = False
    lines: bool = False
    judge: bool = False


_LEVELS = {
    "basic": Level(),
    "advanced": Level(knowledge=True, cohorts=True, alternatives=True),
    "advanced + context": Level(knowledge=True, cohorts=True, alternatives=True, insights=True, lines=True, judge=True),
}


def of(name: str | None) -> Level:
    """Return what a level includes; one that is not known includes nothing beyond the base copy."""
    return _LEVELS.get(name or "", Level())
