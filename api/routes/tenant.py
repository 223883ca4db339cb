"""The tenant's settings and people, API keys, sign-in, plan and audit trail."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.auth import CurrentPrincipal, requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.tenant import (
    AuditCheck,
    AuditOut,
    AuditPage,
    FeatureOut,
    KeyIn,
    KeyOut,
    MeterOut,
    NewKeyOut,
    PlannedOut,
    PlanOut,
    SessionOut,
    SettingsOut,
    SettingsPatch,
    SignIn,
    UserIn,
    UserOut,
    UserPatch,
)
from api.threads import ThreadRoute
from domain.audit import queries as audit_queries
from domain.audit import service as audit
from domain.identity import queries, tenants
from domain.identity import service as identity
from domain.identity.rules import OF_ROLE, Role, of_new_key
from domain.identity.service import Principal
from domain.plans import service as plans
from domain.plans import words
from domain.plans.catalog import FEATURES, Feature, Tier
from domain.tiers import service as tiers
from kernel.errors import Forbidden
from models import ApiKey, AppUser

settings = APIRouter(tags=["settings"], route_class=IdempotentRoute)
credentials = APIRouter(tags=["keys"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("settings:read")]
Writer = Annotated[Principal, requires("settings:write")]
KeyHolder = Annotated[Principal, requires("keys:write")]
Auditor = Annotated[Principal, requires("audit:read")]


@settings.get("/settings")
def get_settings(session: TenantSession, _who: Reader) -> SettingsOut:
    """Show the tenant's settings."""
    return SettingsOut.of(tenants.current(session))


@settings.put("/settings")
def change_settings(payload: SettingsPatch, session: TenantSession, who: Writer) -> SettingsOut:
    """Change settings; what is printed in messages voids approvals that rest on it."""
    return SettingsOut.of(
        tenants.change(session, actor=who.actor, **payload.model_dump(mode="json", exclude_unset=True))
    )


@settings.post("/users", status_code=201)
def add_user(payload: UserIn, session: TenantSession, who: Writer) -> UserOut:
    """Add a person with a role; nobody gives more rights than they have."""
    _not_above(who, payload.role)
    password = payload.password.get_secret_value() if payload.password else None
    user = identity.add_user(
        session, name=payload.name, email=payload.email, role=payload.role, password=password, actor=who.actor
    )
    return UserOut.of(user)


def _not_above(who: Principal, role: Role) -> None:
    if who.kind == "user" and not OF_ROLE[role] <= OF_ROLE[who.role]:
        raise Forbidden(f"The role {who.role} cannot give the role {role}. Ask an owner.", code="role_above")


@settings.get("/users")
def list_users(session: TenantSession, _who: Reader, paging: Paging) -> Page[UserOut]:
    """List the tenant's people."""
    rows, cursor = page_of(session, queries.users(session), AppUser.id, paging)
    return Page(items=[UserOut.of(row) for row in rows], next_cursor=cursor)


@settings.put("/users/{user_id}")
def change_user(user_id: UUID, payload: UserPatch, session: TenantSession, who: Writer) -> UserOut:
    """Change a person's role or switch the access off."""
    if payload.role is not None:
        _not_above(who, payload.role)
    _not_above(who, Role(identity.get_user(session, user_id).role))
    return UserOut.of(identity.change_user(session, user_id, actor=who.actor, role=payload.role, active=payload.active))


@credentials.post("/sessions", status_code=201)
def sign_in(payload: SignIn) -> SessionOut:
    """Sign in as a person; the token acts with the person's role."""
    token, expires = identity.sign_in(payload.email, payload.password.get_secret_value(), payload.tenant)
    return SessionOut(token=token, expires_at=expires)


@credentials.delete("/sessions/current", status_code=204)
def sign_out(request: Request, session: TenantSession, _who: CurrentPrincipal) -> Response:
    """End the session whose token is sent."""
    identity.sign_out(session, request.headers.get("authorization", "").partition(" ")[2])
    return Response(status_code=204)


@credentials.post("/keys", status_code=201)
def issue_key(payload: KeyIn, session: TenantSession, who: KeyHolder) -> NewKeyOut:
    """Issue an API key; its secret is shown this once. A key can give no more than it has."""
    scopes = frozenset(payload.scopes) if payload.scopes is not None else None
    wanted = scopes if scopes is not None else of_new_key(payload.role) & who.scopes
    if not wanted - {"campaigns:approve"} <= who.scopes:
        raise Forbidden("A key cannot give scopes that it lacks.", code="scope_above")
    made = identity.issue_key(
        session,
        name=payload.name,
        actor=who.actor,
        role=payload.role,
        scopes=(wanted - {"campaigns:approve"}) if scopes is None else scopes,
        expires_at=payload.expires_at,
    )
    return NewKeyOut(**KeyOut.of(made.key).model_dump(), secret=made.secret)


@credentials.get("/keys")
def list_keys(session: TenantSession, _who: KeyHolder, paging: Paging) -> Page[KeyOut]:
    """List API keys without their secrets."""
    rows, cursor = page_of(session, queries.keys(session), ApiKey.id, paging)
    return Page(items=[KeyOut.of(row) for row in rows], next_cursor=cursor)


@credentials.delete("/keys/{key_id}", status_code=204)
def revoke_key(key_id: UUID, session: TenantSession, who: KeyHolder) -> Response:
    """Revoke a key at once."""
    identity.revoke_key(session, key_id, actor=who.actor)
    return Response(status_code=204)


@settings.get("/plan")
def get_plan(session: TenantSession, _who: Reader) -> PlanOut:
    """Show the limits of the plan, what is used of them, when they reset, and what the next tier gives."""
    tenant = tenants.current(session)
    tier = Tier(tenant.tier)
    planned = tiers.planned(session)
    return PlanOut(
        tier=tier,
        time_zone=tenant.time_zone,
        limits=[_meter(meter) for meter in plans.meters(session)],
        features=plans.features(session),
        feature_levels=[_feature(feature, tier) for feature in FEATURES.values()],
        planned=PlannedOut(tier=planned.to_tier, at=planned.at, reason=planned.reason) if planned else None,
    )


def _meter(meter: plans.Meter) -> MeterOut:
    resets, more = meter.resets_at, meter.next_tier
    local = {language: words.local_time(resets, meter.zone, language) if resets else None for language in ("de", "en")}
    return MeterOut(
        limit=meter.limit.key,
        label_de=meter.limit.label_de,
        label_en=meter.limit.label_en,
        per=meter.limit.per,
        allowed=meter.allowed,
        used=meter.used,
        reserved=meter.reserved,
        resets_at=resets,
        resets_at_local_de=local["de"],
        resets_at_local_en=local["en"],
        next_tier=more,
        next_allowed=meter.limit.amount(more) if more else None,
    )


def _feature(feature: Feature, tier: Tier) -> FeatureOut:
    level, more = feature.level(tier), feature.lifted_by(tier)
    return FeatureOut(
        feature=feature.key,
        label_de=feature.label_de,
        label_en=feature.label_en,
        level=level,
        level_de=words.level_name(level, "de"),
        next_tier=more,
        next_level=feature.level(more) if more else None,
    )


@settings.get("/audit")
def list_audit(
    session: TenantSession,
    _who: Auditor,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Entries before this number.")] = None,
    action: Annotated[str | None, Query(max_length=60)] = None,
) -> AuditPage:
    """List the audit trail, newest first."""
    rows = audit_queries.entries(session, limit=limit + 1, before=before, action=action)
    items = [AuditOut.of(row) for row in rows[:limit]]
    return AuditPage(items=items, next_before=items[-1].seq if len(rows) > limit else None)


@settings.get("/audit/verify")
def verify_audit(session: TenantSession, _who: Auditor) -> AuditCheck:
    """Check the whole audit chain."""
    broken = audit.verify(session)
    return AuditCheck(
        whole=broken is None,
        broken_at=broken.seq if broken else None,
        problem=broken.problem if broken else None,
    )
