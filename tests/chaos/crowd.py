"""Many consenting members at once, by SQL: what the senders are tested and measured with."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel import db

_MEMBERS = text("""
INSERT INTO member (id, tenant_id, external_id, first_name, last_name, language, status, tags, attributes, restricted)
SELECT new_id(), :tenant, 'crowd-' || n, 'Jörg ' || n, 'Müller', 'de', 'active', '[]', '{}', false
FROM generate_series(1, :n) AS n
""")
_ADDRESSES = text("""
INSERT INTO contact_point (id, tenant_id, member_id, channel, address, address_norm, is_primary)
SELECT new_id(), :tenant, id, 'email', external_id || '@example.org', external_id || '@example.org', true
FROM member WHERE tenant_id = :tenant AND external_id LIKE 'crowd-%'
""")
_CONSENTS = text("""
INSERT INTO consent (id, tenant_id, member_id, channel, purpose, state, legal_basis, source, since)
SELECT new_id(), :tenant, m.id, 'email', purpose, 'granted', 'consent', 'test', clock_timestamp()
FROM member m CROSS JOIN unnest(CAST(:purposes AS text[])) AS purpose
WHERE m.tenant_id = :tenant AND m.external_id LIKE 'crowd-%'
""")


def gather(session: Session, n: int, *, tracking: bool = False) -> UUID:
    """Make `n` members who agreed to marketing (and tracking); returns the tenant."""
    tenant_id = db.tenant_of(session)
    purposes = ["marketing", "tracking"] if tracking else ["marketing"]
    session.execute(_MEMBERS, {"tenant": tenant_id, "n": n})
    session.execute(_ADDRESSES, {"tenant": tenant_id})
    session.execute(_CONSENTS, {"tenant": tenant_id, "purposes": purposes})
    return tenant_id


def no_quiet_hours(session: Session) -> None:
    session.execute(text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '00:00'"))
