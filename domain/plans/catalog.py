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


BROADCASTS = Limit("broadcasts", "Kampagnen", "Broadcasts", "month", (1, 10, None, None))
TEMPLATES = Limit("templates", "Vorlagen", "Templates", "standing", (2, 10, None, None))
FOLLOW_UPS = Limit("follow_ups", "Chat-Follow-ups", "Chat follow-ups", "month", (5, 50, None, None))
AI_CONTENT = Feature("ai_content", "KI-Texte", "AI content", (None, "basic", "advanced", "advanced + context"))

LIMITS = MappingProxyType({limit.key: limit for limit in (BROADCASTS, TEMPLATES, FOLLOW_UPS)})
FEATURES = MappingProxyType({feature.key: feature for feature in (AI_CONTENT,)})
