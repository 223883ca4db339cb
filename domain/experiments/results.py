"""The state of a comparison as people ask for it: figures, intervals, evidence, log, and what all of it means."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from domain.campaigns import revisions
from domain.content import versions
from domain.experiments import planner, queries, rules, service, statistics, wording
from domain.experiments.rules import Arm, Comparison, Judgement, Settings, Verdict
from domain.experiments.statistics import Interval, Moments
from kernel import clock
from kernel.errors import NotFound
from models import Campaign, Experiment, ExperimentDecision, Tenant


@dataclass(frozen=True, slots=True)
class ArmView:
    """One variant with its rate, or its revenue per recipient in minor units, and the interval of that."""

    variant: str
    allocated: int
    sent: int
    measured: int
    responses: int
    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """One variant against A: difference (variant − A), interval, corrected p-value, evidence."""

    variant: str
    difference: float
    interval: Interval
    p: float
    evidence: float


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What the test can find: `needed` per arm for `effect`, and `detectable` with those of now.

    Fractions of 1, for revenue in minor units; None where no number of recipients is enough.
    """

    per_arm: int
    effect: float
    needed: int | None
    detectable: float | None


@dataclass(frozen=True, slots=True)
class Results:
    """Everything about a comparison. `status` is not_started, testing, asking, decided, measuring or stopped."""

    campaign_id: UUID
    status: str
    settings: Settings
    verdict: str
    winner: str | None
    arms: tuple[ArmView, ...]
    comparisons: tuple[ComparisonView, ...]
    sample_ratio_p: float
    plan: PlanLine | None
    waiting: int
    held_out: int
    began_at: datetime | None
    test_sent_at: datetime | None
    decides_at: datetime | None
    next_look_at: datetime | None
    decided_at: datetime | None
    failures: int
    decisions: Sequence[ExperimentDecision]
    summary: dict[str, str]
    notes: dict[str, list[str]]


def of(session: Session, campaign: Campaign) -> Results:
    """Return how the comparison of a campaign stands. Raises NotFound where nothing is compared."""
    experiment = queries.find(session, campaign.id)
    if experiment is None:
        return _planned(session, campaign)
    settings = service.settings_of(experiment)
    found = queries.seen(session, experiment, settings)
    log = queries.decisions(session, experiment)
    closed = [row for row in log if row.outcome != "stop"]
    arms = found.arms
    if closed:  # the figures that decided, not those that came after
        arms = tuple(rules.arm_from(each) for each in closed[-1].figures["arms"])
    proofs = service.proofs_of(queries.last_look(session, experiment), settings)
    judged = rules.judge(settings, arms, proofs, over=bool(closed) and closed[-1].verdict != service.PERSON)
    judged = replace(judged, needed=rules.recipients_needed(settings, arms[0]))
    verdict = log[-1].verdict if log else judged.verdict.value
    currency = session.get_one(Tenant, campaign.tenant_id).currency
    last = closed[-1] if closed else None
    told = wording.Told(
        settings, verdict, experiment.winner, arms, judged, experiment.status, currency,
        waiting=experiment.waiting, outcome=last.outcome if last else None, sent=last.winner if last else None,
    )  # fmt: skip
    return Results(
        campaign.id,
        experiment.status,
        settings,
        verdict,
        versions.letter(experiment.winner) if experiment.winner is not None else None,
        tuple(_arm(settings, n, arm) for n, arm in enumerate(arms)),
        tuple(_comparison(each) for each in judged.comparisons),
        judged.sample_ratio_p,
        _plan(settings, arms, judged),
        experiment.waiting,
        experiment.held_out,
        experiment.began_at,
        experiment.test_sent_at,
        _decides_at(experiment, settings),
        experiment.next_look_at,
        experiment.decided_at,
        experiment.failures,
        log,
        {language: wording.summary(told, language) for language in wording.LANGUAGES},
        {language: wording.notes(told, language) for language in wording.LANGUAGES},
    )


def _planned(session: Session, campaign: Campaign) -> Results:
    """Return what will be compared once the campaign is started."""
    settings = None
    if campaign.current_revision_id is not None:
        settings = rules.settings_of(revisions.current(session, campaign).content_json)
    if settings is None:
        raise NotFound("A/B test")
    nobody = Arm(0, 0, 0, 0, Moments(0, 0.0, 0.0))
    judged = Judgement(Verdict.WAITING, None, (), 1.0, None)
    told = wording.Told(settings, "not_started", None, (nobody,) * settings.arms, judged, "not_started", "")
    words = {language: wording.summary(told, language) for language in wording.LANGUAGES}
    return Results(
        campaign.id, "not_started", settings, Verdict.WAITING.value, None, (), (), 1.0, None, 0, 0,
        None, None, None, None, None, 0, (), words, {language: [] for language in wording.LANGUAGES},
    )  # fmt: skip


def _arm(settings: Settings, n: int, arm: Arm) -> ArmView:
    interval = statistics.wilson(arm.responses, arm.n, settings.alpha)
    if settings.metric == "revenue":
        interval = statistics.mean_interval(arm.revenue, settings.alpha)
    name, value = versions.letter(n), rules.value_of(settings, arm)
    return ArmView(name, arm.allocated, arm.sent, arm.n, arm.responses, value, interval)


def _comparison(each: Comparison) -> ComparisonView:
    return ComparisonView(versions.letter(each.arm), each.difference, each.interval, each.corrected, each.evidence)


def _plan(settings: Settings, arms: Sequence[Arm], judged: Judgement) -> PlanLine | None:
    if settings.arms == 1:
        return None
    per_arm = min(arm.n for arm in arms)
    if settings.metric == "revenue":
        return PlanLine(per_arm, arms[0].revenue.mean * settings.effect / 100, judged.needed, None)
    base = arms[0].rate
    found = planner.detectable(rules.design(settings, base), per_arm) if 0 < base < 1 and per_arm else None
    return PlanLine(per_arm, settings.effect / 100, judged.needed, found)


def _decides_at(experiment: Experiment, settings: Settings) -> datetime | None:
    if experiment.status != "testing" or experiment.test_sent_at is None:
        return None
    return experiment.test_sent_at + timedelta(hours=settings.hours)


@dataclass(frozen=True, slots=True)
class Lift:
    """What the campaign brought beyond what would have happened anyway, in one window."""

    begin: datetime
    end: datetime
    effects: Sequence[queries.Effect]
    sentences: dict[str, list[str]]


def lift(session: Session, campaign: Campaign, *, days: int) -> Lift:
    """Compare who was written to with who was held out, from the fixing of the recipients on, for so many days.

    Raises NotFound where nobody was held out.
    """
    experiment = queries.find(session, campaign.id)
    if experiment is None or experiment.held_out == 0:
        raise NotFound("holdout")
    begin = experiment.began_at
    end = min(begin + timedelta(days=days), clock.now())
    effects = queries.lift(session, experiment, begin=begin, end=end)
    currency = session.get_one(Tenant, campaign.tenant_id).currency
    words = {language: [wording.effect(each, currency, language) for each in effects] for language in wording.LANGUAGES}
    return Lift(begin, end, effects, words)
