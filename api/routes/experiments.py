"""A/B tests and holdouts: variants of a draft, their comparison, and how large it must be."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from api.auth import requires
from api.deps import TenantSession
from api.idempotency import IdempotentRoute
from api.schemas.campaigns import RevisionOut
from api.schemas.experiments import (
    ChoiceIn,
    LiftOut,
    PlannerOut,
    ResultsOut,
    VariantsOut,
    VariantsWriteIn,
)
from api.threads import ThreadRoute
from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.content import versions
from domain.experiments import drafts, planner, results, rules, service, wording
from domain.identity.service import Principal
from domain.plans import catalog
from domain.plans import service as plans

router = APIRouter(prefix="/campaigns/{campaign_id}", tags=["ab-tests"], route_class=IdempotentRoute)
planning = APIRouter(prefix="/ab-tests", tags=["ab-tests"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Writer = Annotated[Principal, requires("campaigns:write")]
Launcher = Annotated[Principal, requires("campaigns:send")]


@router.get("/variants")
def get_variants(campaign_id: UUID, session: TenantSession, _who: Reader) -> VariantsOut:
    """Show the variants of the current draft and how they are compared."""
    revision = revisions.current(session, campaigns.get(session, campaign_id))
    return VariantsOut.shown(revision, rules.settings_of(revision.content_json))


@router.post("/variants", status_code=201)
def write_variants(campaign_id: UUID, payload: VariantsWriteIn, session: TenantSession, who: Writer) -> RevisionOut:
    """Write a revision that holds variants, by hand or from the agent's alternatives, and how they are compared."""
    revision = drafts.write(
        session,
        campaign_id,
        variants=payload.words(),
        settings=payload.settings.settings(),
        parent_id=payload.parent_id,
        actor=who.actor,
    )
    return RevisionOut.of(revision)


@router.delete("/variants")
def remove_variants(
    campaign_id: UUID,
    session: TenantSession,
    who: Writer,
    parent_id: Annotated[UUID | None, Query(description="Refused when there is a newer revision.")] = None,
) -> RevisionOut:
    """Write a revision without variants and holdout: A alone."""
    return RevisionOut.of(drafts.clear(session, campaign_id, parent_id=parent_id, actor=who.actor))


@router.get("/ab-test-results")
def get_ab_test_results(campaign_id: UUID, session: TenantSession, _who: Reader) -> ResultsOut:
    """Show how the comparison stands: figures, intervals, evidence, the log of decisions, and what it means."""
    return ResultsOut.shown(results.of(session, campaigns.get(session, campaign_id)))


@router.post("/ab-test-decision")
def decide_ab_test(campaign_id: UUID, payload: ChoiceIn, session: TenantSession, who: Launcher) -> ResultsOut:
    """Decide as a person, with a reason; the rest is let go at once."""
    variant = versions.number(payload.variant) if payload.variant is not None else None
    service.decide(
        session, campaign_id, outcome=payload.outcome, variant=variant, reason=payload.reason, actor=who.actor
    )
    return ResultsOut.shown(results.of(session, campaigns.get(session, campaign_id)))


@router.get("/holdout-lift")
def get_holdout_lift(
    campaign_id: UUID,
    session: TenantSession,
    _who: Reader,
    days: Annotated[int, Query(ge=1, le=90, description="From the fixing of the recipients on.")] = 14,
) -> LiftOut:
    """Compare who was written to with who was held out, whatever brought them to act."""
    campaign = campaigns.get(session, campaign_id)
    plans.require_level(session, catalog.ANALYTICS, "enterprise")
    return LiftOut.shown(results.lift(session, campaign, days=days))


@planning.get("/plan")
def plan_ab_test(
    _session: TenantSession,
    _who: Reader,
    base_rate: Annotated[float, Query(gt=0, lt=1, description="What is expected of A.", examples=[0.1])] = 0.1,
    per_arm: Annotated[int | None, Query(ge=1, le=planner.MOST, description="Recipients of each variant.")] = None,
    effect: Annotated[float | None, Query(gt=0, lt=1, description="Rise worth finding, a fraction of 1.")] = None,
    arms: Annotated[int, Query(ge=2, le=versions.MOST)] = 2,
    alpha: Annotated[float, Query(ge=rules.ALPHAS[0], le=rules.ALPHAS[1])] = 0.05,
    power: Annotated[float, Query(ge=0.5, le=0.99)] = planner.POWER,
    decide: Annotated[Literal["hours", "evidence"], Query()] = "hours",
) -> PlannerOut:
    """Say what a test of this size finds, and how large it must be for a difference."""
    design = planner.Design(base_rate, arms, alpha, power, sequential=decide == "evidence")
    return PlannerOut(
        base_rate=base_rate,
        arms=arms,
        alpha=alpha,
        power=power,
        decide=decide,
        per_arm=per_arm,
        detectable=planner.detectable(design, per_arm) if per_arm is not None else None,
        effect=effect,
        needed=planner.needed(design, effect) if effect is not None and base_rate + effect < 1 else None,
        sentences={each: wording.plan(design, per_arm, effect, each) for each in wording.LANGUAGES},
    )
