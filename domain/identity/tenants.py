"""Tenants: making one, its settings, and the identities that its messages come from."""

import re
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from channels.email.addresses import normalise_address
from domain.audit import service as audit
from kernel import db, outbox
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from models import Sender, Tenant, TenantRoute

TIERS = ("starter", "professional", "business", "enterprise")
LANGUAGES = ("de", "en")
_PRICES = frozenset({"email_price", "whatsapp_price"})  # decimal texts, so that nothing is rounded
RETENTION = "retention"  # the daily look at what was kept long enough
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,48}[a-z0-9])")


def create_tenant(
    *,
    name: str,
    slug: str,
    tier: str,
    time_zone: str,
    language: str,
    currency: str = "EUR",
    **fields: Any,
) -> UUID:
    """Make a tenant and return its id. Raises Invalid for a field, Conflict for a slug that is taken."""
    if not _SLUG.fullmatch(slug):
        raise Invalid("slug", "3 to 50 of a-z, 0-9 and -, beginning and ending with a letter or digit")
    if tier not in TIERS:
        raise Invalid("tier", f"use one of {', '.join(TIERS)}")
    _check({"time_zone": time_zone, "language": language})
    tenant_id = new_id()
    try:
        with db.all_tenants_session("create tenant") as session:
            session.add(TenantRoute(slug=slug, tenant_id=tenant_id))
    except IntegrityError:
        raise Conflict(f"The name '{slug}' is taken. Choose another slug.", code="slug_taken") from None
    with db.tenant_session(tenant_id) as session:
        session.add(
            Tenant(
                id=tenant_id,
                name=name,
                slug=slug,
                tier=tier,
                time_zone=time_zone,
                language=language,
                currency=currency,
                **fields,
            )
        )
        session.flush()
        audit.append(session, actor="system", action="tenant.create", subject=str(tenant_id), tier=tier)
        outbox.mark_due(session, RETENTION)
    return tenant_id


def _check(fields: dict[str, Any]) -> None:
    if "time_zone" in fields and fields["time_zone"] not in available_timezones():
        raise Invalid("time_zone", "use an IANA name such as Europe/Berlin")
    if "language" in fields and fields["language"] not in LANGUAGES:
        raise Invalid("language", f"use one of {', '.join(LANGUAGES)}")


def current(session: Session) -> Tenant:
    """Return the tenant of this session."""
    return session.get_one(Tenant, db.tenant_of(session))


def find(*, slug: str | None = None, tenant_id: UUID | None = None) -> UUID:
    """Return the tenant of a slug, or of an id; raises NotFound."""
    wanted = TenantRoute.tenant_id == tenant_id if slug is None else TenantRoute.slug == slug
    with db.all_tenants_session("find a tenant") as session:
        found = session.execute(select(TenantRoute.tenant_id).where(wanted)).scalar_one_or_none()
    if found is None:
        raise NotFound("tenant")
    return found


def change(session: Session, *, actor: str, **fields: Any) -> Tenant:
    """Change settings; a required one cannot be emptied. Raises Invalid for a value."""
    _check({key: value for key, value in fields.items() if value is not None})
    tenant = current(session)
    for key, value in fields.items():
        if value is None and not Tenant.__table__.c[key].nullable:
            raise Invalid(key, "cannot be empty")
        setattr(tenant, key, Decimal(value) if key in _PRICES and value is not None else value)
    audit.append(session, actor=actor, action="settings.change", subject=str(tenant.id), fields=sorted(fields))
    session.flush()
    return tenant


def add_sender(
    session: Session, *, from_name: str, from_address: str, reply_to: str | None, is_default: bool, actor: str
) -> Sender:
    """Add an e-mail identity; the first one becomes the default. Raises Invalid for an address."""
    tenant_id = db.tenant_of(session)
    for field, address in (("from_address", from_address), ("reply_to", reply_to)):
        if address is not None:
            try:
                normalise_address(address)
            except ValueError as error:
                raise Invalid(field, str(error)) from None
    default = session.execute(
        select(Sender).where(Sender.tenant_id == tenant_id, Sender.channel == "email", Sender.is_default.is_(True))
    ).scalar_one_or_none()
    if default is not None and is_default:
        default.is_default = False
        session.flush()
    sender = Sender(
        tenant_id=tenant_id,
        channel="email",
        from_name=from_name,
        from_address=from_address,
        reply_to=reply_to,
        is_default=is_default or default is None,
        created_by=actor,
    )
    session.add(sender)
    session.flush()
    audit.append(session, actor=actor, action="sender.add", subject=str(sender.id))
    return sender


def default_sender(session: Session, channel: str) -> Sender:
    """Return the identity that messages of a channel come from unless another is chosen; raises NotFound."""
    sender = session.execute(
        select(Sender).where(
            Sender.tenant_id == db.tenant_of(session), Sender.channel == channel, Sender.is_default.is_(True)
        )
    ).scalar_one_or_none()
    if sender is None:
        raise NotFound("sender")
    return sender
