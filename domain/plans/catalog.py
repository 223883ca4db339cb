"""What each tier may use: one row per limit. README, `GET /plan` and refusals read this table."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal


class Tier(StrEnum):
    STARTER = "starter"
    PROFESSIONAL = "professional"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class Limit:
    """`amounts` per tier in the order of Tier; None is unlimited. `month` limits reset, `standing` ones do not."""

    key: str
    label_de: str
    label_en: str
    per: Literal["month", "standing"]
    amounts: tuple[int | None, int | None, int | None, int | None]

    def amount(self, tier: Tier) -> int | None:
        return self.amounts[list(Tier).index(tier)]

    def lifted_by(self, tier: Tier) -> Tier | None:
        """Return the next tier that allows more, if any."""
        mine = self.amount(tier)
        for other in list(Tier)[list(Tier).index(tier) + 1 :]:
            more = self.amount(other)
            if more is None or (mine is not None and more > mine):
                return other
        return None


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature that has levels per tier; None means the tier does not have it."""

    key: str
    label_de: str
    label_en: str
    levels: tuple[str | None, str | None, str | None, str | None]

    def level(self, tier: Tier) -> str | None:
        return self.levels[list(Tier).index(tier)]

    def first_tier(self) -> Tier:
        return next(tier for tier in Tier if self.level(tier) is not None)

    def lifted_by(self, tier: Tier) -> Tier | None:
        """Return the next tier that gives more, if any."""
        mine = self.level(tier)
        above = list(Tier)[list(Tier).index(tier) + 1 :]
        return next((other for other in above if self.level(other) not in {None, mine}), None)

    def rank(self, level: str) -> int:
        """Return how high a level is. Raises ValueError for one that the feature does not have."""
        known = list(dict.fromkeys(one for one in self.levels if one is not None))
        if level not in known:
            raise ValueError(f"{self.key} has no level {level}; there are {', '.join(known)}")
        return known.index(level)

    def reaches(self, tier: Tier, level: str) -> bool:
        """Say whether a tier has at least this level."""
        mine = self.level(tier)
        return mine is not None and self.rank(mine) >= self.rank(level)

    def first_with(self, level: str) -> Tier:
        """Return the lowest tier that has at least this level."""
        return next(tier for tier in Tier if self.reaches(tier, level))


BROADCASTS = Limit("broadcasts", "Kampagnen", "Broadcasts", "month", (1, 10, None, None))
TEMPLATES = Limit("templates", "Vorlagen", "Templates", "standing", (2, 10, None, None))
SEGMENTS = Limit("segments", "Segmente", "Segments", "standing", (0, 3, 10, None))
FOLLOW_UPS = Limit("follow_ups", "Chat-Follow-ups", "Chat follow-ups", "month", (5, 50, None, None))
AI_CONTENT = Feature("ai_content", "KI-Texte", "AI content", (None, "basic", "advanced", "advanced + context"))
AB_TESTS = Feature("ab_tests", "A/B-Tests", "A/B tests", (None, None, "yes", "yes"))
SEQUENCES = Feature("sequences", "Drip-Sequenzen", "Drip sequences", (None, None, None, "yes"))
ANALYTICS = Feature("analytics", "Auswertungen", "Analytics", ("basic", "standard", "advanced", "enterprise"))

LIMITS = MappingProxyType({limit.key: limit for limit in (BROADCASTS, TEMPLATES, SEGMENTS, FOLLOW_UPS)})
FEATURES = MappingProxyType({feature.key: feature for feature in (AI_CONTENT, AB_TESTS, SEQUENCES, ANALYTICS)})
