"""How the tenant speaks: the brand profile, and the rules that feedback suggests."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from api.auth import requires
from api.deps import TenantSession
from api.idempotency import IdempotentRoute
from api.schemas.brand import BrandOut, BrandPatch, BrandRuleIn, BrandRuleOut, BrandRules
from domain.brand import service as brands
from domain.identity.service import Principal

router = APIRouter(prefix="/brand", tags=["settings"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("settings:read")]
Writer = Annotated[Principal, requires("settings:write")]


@router.get("")
def get_brand(session: TenantSession, _who: Reader) -> BrandOut:
    """Show how drafts are written now."""
    return BrandOut.of(brands.current(session))


@router.put("")
def change_brand(payload: BrandPatch, session: TenantSession, who: Writer) -> BrandOut:
    """Store the next version of the profile; drafts that are being written keep the one they began with."""
    brands.save(session, actor=who.actor, values=payload.model_dump(exclude_unset=True))
    return BrandOut.of(brands.current(session))


@router.get("/rules")
def list_brand_rules(session: TenantSession, _who: Reader) -> BrandRules:
    """List the rules that feedback suggested and those that act."""
    return BrandRules(items=[BrandRuleOut.of(rule) for rule in brands.rules(session)])


@router.put("/rules/{rule_id}")
def decide_brand_rule(rule_id: UUID, payload: BrandRuleIn, session: TenantSession, who: Writer) -> BrandRuleOut:
    """Make a suggested rule standing for all later drafts, or put it aside."""
    return BrandRuleOut.of(brands.decide(session, rule_id, state=payload.state, actor=who.actor))
