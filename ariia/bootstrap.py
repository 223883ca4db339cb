"""The first tenant of an installation, or another one: made by the operator, never over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.identity import service as identity
from domain.identity import tenants
from domain.identity.rules import Role
from kernel import db

_FIELDS = frozenset(
    [
        "name",
        "slug",
        "tier",
        "time_zone",
        "language",
        "currency",
        "postal_address",
        "imprint_url",
        "website",
        "brand_colour",
        "approved_hosts",
        "quiet_from",
        "quiet_until",
    ]
)


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant just made; `api_key` is shown this once."""

    tenant_id: UUID
    api_key: str


def create_tenant(facts: Mapping[str, Any]) -> NewTenant:
    """Make a tenant from its facts and issue its first key, which holds every scope that a key may hold.

    Raises Invalid or Conflict naming the field.
    """
    tenant_id = tenants.create_tenant(**{key: value for key, value in facts.items() if key in _FIELDS})
    with db.tenant_session(tenant_id) as session:
        made = identity.issue_key(session, name="first key", actor="operator", role=Role.OWNER)
    return NewTenant(tenant_id, made.secret)
