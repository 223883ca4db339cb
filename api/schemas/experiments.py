"""Payloads of A/B tests and holdouts."""

import math
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from api.schemas.base import Input, Output
from api.schemas.campaigns import VariantsIn
from domain.content import versions
from domain.experiments.queries import Effect
from domain.experiments.results import Lift, Results
from domain.experiments.rules import (
    ALPHAS,
    LARGEST_WEIGHT,
    LONGEST_HOURS,
    MOST_HELD_OUT,
    Settings,
)
from domain.experiments.statistics import Interval
from models import DraftRevision

Weight = Annotated[int, Field(ge=1, le=LARGEST_WEIGHT)]


class SettingsIn(Input):
    """How variants are compared; part of what is approved. Percentages are of everybody who can be reached."""

    weights: list[Weight] | None = Field(
        None, max_length=versions.MOST, description="Shares of the test, A first; even where absent.", examples=[[1, 1]]
    )
    test_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        None, description="So many are tested, the rest gets the winner; absent: everybody is.", examples=[20]
    )
    holdout_percent: Annotated[int, Field(ge=0, le=MOST_HELD_OUT)] = Field(
        0, description="So many get nothing, to show what the campaign brings about."
    )
    metric: Literal["opens", "clicks", "conversions", "revenue"] = Field(
        "clicks", description="Of people, never of machines; revenue is per recipient."
    )
    decide: Literal["hours", "evidence"] = Field(
        "hours", description="After `hours`, tested once; or as soon as the evidence carries it, `hours` at the latest."
    )
    hours: Annotated[int, Field(ge=1, le=LONGEST_HOURS)] = Field(24, description="From the last message of the test.")
    alpha: Annotated[float, Field(ge=ALPHAS[0], le=ALPHAS[1])] = Field(
        0.05, description="How often a false winner may come, over all comparisons and looks."
    )
    effect: Annotated[float, Field(gt=0, le=100)] = Field(
        2.0, description="The smallest difference worth finding, in percentage points; of revenue in percent."
    )
    no_winner: Literal["send_a", "send_none", "split", "ask"] = Field(
        "send_a", description="What the rest gets where no variant is proven better."
    )

    def settings(self) -> Settings:
        given = self.model_dump(exclude={"weights"})
        return Settings(**given) if self.weights is None else Settings(weights=tuple(self.weights), **given)


class VariantIn(Input):
    """B, C and so on: per language and channel the fields that differ from A."""

    languages: dict[Literal["de", "en"], VariantsIn] = Field(
        min_length=1, examples=[{"de": {"email": {"subject": "Noch drei Plätze am Dienstag"}}}]
    )


class VariantsWriteIn(Input):
    """Without `variants` the alternatives that the agent wrote are taken; an empty list only holds people out."""

    parent_id: UUID | None = Field(None, description="The revision it is written on; refused when there is a newer.")
    variants: list[VariantIn] | None = Field(None, max_length=versions.MOST - 1)
    settings: SettingsIn = Field(default_factory=SettingsIn)

    def words(self) -> list[dict[str, Any]] | None:
        if self.variants is None:
            return None
        return [variant.model_dump(mode="json", exclude_none=True, exclude_unset=True) for variant in self.variants]


class SettingsOut(Output):
    weights: list[int]
    test_percent: int | None
    holdout_percent: int
    metric: str
    decide: str
    hours: int
    alpha: float
    effect: float
    no_winner: str


class VariantOut(Output):
    variant: str = Field(examples=["B"])
    languages: dict[str, Any]


class VariantsOut(Output):
    """What is compared, as it stands in the current revision; `settings` is null where nothing is."""

    revision_id: UUID
    content_hash: str
    settings: SettingsOut | None
    variants: list[VariantOut]

    @classmethod
    def shown(cls, revision: DraftRevision, settings: Settings | None) -> Self:
        content = revision.content_json
        texts = [content["languages"], *versions.others(content)]
        named = [VariantOut(variant=versions.letter(n), languages=dict(text)) for n, text in enumerate(texts)]
        kept = SettingsOut(**settings.as_json()) if settings else None
        return cls(revision_id=revision.id, content_hash=revision.content_hash, settings=kept, variants=named)


class IntervalOut(Output):
    """Null where nothing bounds it yet."""

    low: float | None
    high: float | None

    @classmethod
    def shown(cls, interval: Interval) -> Self:
        low, high = (value if math.isfinite(value) else None for value in (interval.low, interval.high))
        return cls(low=low, high=high)


class ArmOut(Output):
    """One variant: rate of those who can be measured, or revenue per recipient in minor units."""

    variant: str
    allocated: int
    sent: int
    measured: int
    responses: int
    value: float
    interval: IntervalOut


class ComparisonOut(Output):
    """One variant against A; `p` is corrected for the number of comparisons."""

    variant: str
    difference: float
    interval: IntervalOut
    p: float
    evidence: float | None = Field(description="How much likelier than without a difference; null beyond any number.")


class PlanLineOut(Output):
    """What the test can find with the chance of 80 %; fractions of 1, of revenue in minor units."""

    per_arm: int
    effect: float
    needed: int | None
    detectable: float | None


class DecisionOut(Output):
    """One entry of the log, with the figures of its moment."""

    at: datetime
    verdict: str
    outcome: str
    variant: str | None = None
    actor: str
    reason: str | None
    released: int
    figures: dict[str, Any]


class ResultsOut(Output):
    """How a comparison stands, in figures and in words."""

    campaign_id: UUID
    status: Literal["not_started", "testing", "asking", "decided", "measuring", "stopped"]
    summary: dict[str, str] = Field(description="In German and English.")
    notes: dict[str, list[str]]
    verdict: str
    winner: str | None
    settings: SettingsOut
    variants: list[ArmOut]
    comparisons: list[ComparisonOut]
    sample_ratio_p: float
    plan: PlanLineOut | None
    waiting: int = Field(description="How many waited for the decision when it began.")
    held_out: int
    began_at: datetime | None
    test_sent_at: datetime | None
    decides_at: datetime | None
    next_look_at: datetime | None
    decided_at: datetime | None
    failures: int = Field(description="How many looks in a row ended in an error; after five the campaign is held.")
    decisions: list[DecisionOut]

    @classmethod
    def shown(cls, found: Results) -> Self:
        fields = {name: getattr(found, name) for name in _AS_THEY_ARE}
        return cls(
            **fields,
            settings=SettingsOut(**found.settings.as_json()),
            plan=PlanLineOut(**asdict(found.plan)) if found.plan else None,
            variants=[ArmOut(**{**asdict(arm), "interval": IntervalOut.shown(arm.interval)}) for arm in found.arms],
            comparisons=[
                ComparisonOut(
                    variant=each.variant,
                    difference=each.difference,
                    interval=IntervalOut.shown(each.interval),
                    p=each.p,
                    evidence=each.evidence if math.isfinite(each.evidence) else None,
                )
                for each in found.comparisons
            ],
            decisions=[
                DecisionOut.of(row, variant=versions.letter(row.winner) if row.winner is not None else None)
                for row in found.decisions
            ],
        )


_AS_THEY_ARE = (
    "campaign_id", "status", "summary", "notes", "verdict", "winner", "sample_ratio_p", "waiting", "held_out",
    "began_at", "test_sent_at", "decides_at", "next_look_at", "decided_at", "failures",
)  # fmt: skip


class ChoiceIn(Input):
    """A person's decision, with the reason."""

    outcome: Literal["send", "send_none", "split"] = Field(examples=["send"])
    variant: Annotated[str, Field(pattern="^[A-Z]$")] | None = Field(None, examples=["B"])
    reason: Annotated[str, Field(min_length=1, max_length=1_000, examples=["Der Dienstag ist ohnehin ausgebucht."])]


class EffectOut(Output):
    """Of members: shares who acted, and revenue per member in minor units; differences are written to − held out."""

    measure: Literal["conversions", "purchases"]
    sent: tuple[int, int] = Field(description="Who acted, of how many.")
    held_out: tuple[int, int]
    difference: float
    interval: IntervalOut
    p: float
    revenue_sent: float
    revenue_held_out: float
    revenue_interval: IntervalOut
    revenue_p: float

    @classmethod
    def shown(cls, found: Effect) -> Self:
        return cls(
            measure=found.measure,
            sent=found.sent,
            held_out=found.held_out,
            difference=found.difference,
            interval=IntervalOut.shown(found.interval),
            p=found.p,
            revenue_sent=found.revenue[0],
            revenue_held_out=found.revenue[1],
            revenue_interval=IntervalOut.shown(found.revenue_interval),
            revenue_p=found.revenue_p,
        )


class LiftOut(Output):
    """What the campaign brought about, beyond what would have happened anyway; nothing is attributed."""

    begin: datetime
    end: datetime
    sentences: dict[str, list[str]]
    effects: list[EffectOut]

    @classmethod
    def shown(cls, found: Lift) -> Self:
        effects = [EffectOut.shown(each) for each in found.effects]
        return cls(begin=found.begin, end=found.end, sentences=found.sentences, effects=effects)


class PlannerOut(Output):
    """What a test can find before it is begun. Rates and differences are fractions of 1."""

    base_rate: float
    arms: int
    alpha: float
    power: float
    decide: str
    per_arm: int | None
    detectable: float | None = Field(description="The smallest rise that `per_arm` recipients find.")
    effect: float | None
    needed: int | None = Field(description="How many recipients per arm find `effect`.")
    sentences: dict[str, list[str]]
