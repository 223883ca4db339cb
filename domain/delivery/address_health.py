"""How an address fares: refusals that may pass are counted, and many of them over weeks suppress it for a while."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from domain.consent import service as consents
from kernel import clock, db
from models import AddressHealth

MOST_SOFTS = 5
SHORTEST = timedelta(days=14)
REST = timedelta(days=90)  # how long a suppression for soft refusals lasts

# A message that nobody returned for three days, or that somebody saw, ends the row of refusals.
_COUNT = text("""
WITH success AS (
  SELECT EXISTS (SELECT 1 FROM message m JOIN address_health h ON h.tenant_id = m.tenant_id
    AND h.channel = m.channel AND h.address_norm = m.address_norm
    WHERE m.tenant_id = :tenant AND m.member_id = :member AND m.channel = :channel AND m.address_norm = :address
      AND m.accepted_at > h.last_at
      AND (m.state IN ('delivered', 'read') OR m.state = 'sent' AND m.accepted_at < CAST(:now AS timestamptz)
        - interval '3 days')) AS yes
)
INSERT INTO address_health (tenant_id, channel, address_norm, softs, first_at, last_at)
VALUES (:tenant, :channel, :address, 1, :now, :now)
ON CONFLICT (tenant_id, channel, address_norm) DO UPDATE SET
  softs = CASE WHEN (SELECT yes FROM success) THEN 1 ELSE least(address_health.softs + 1, 1000) END,
  first_at = CASE WHEN (SELECT yes FROM success) THEN excluded.first_at ELSE address_health.first_at END,
  last_at = excluded.last_at
RETURNING softs, first_at
""")
_REST = text("""
UPDATE suppression SET expires_at = :until, updated_at = clock_timestamp()
WHERE tenant_id = :tenant AND channel = :channel AND address_norm = :address AND lifted_at IS NULL
  AND reason = 'soft_bounces'
""")


def soft(
    session: Session, *, member_id: UUID | None, channel: str, address_norm: str, source: str, evidence: dict[str, Any]
) -> bool:
    """Count a refusal that may pass; True when it suppressed the address: the fifth, two weeks after the first."""
    now = clock.now()
    key = {"tenant": db.tenant_of(session), "channel": channel, "address": address_norm}
    row = session.execute(_COUNT, {**key, "member": member_id, "now": now}).one()
    if row.softs < MOST_SOFTS or now - row.first_at < SHORTEST:
        return False
    return suppress(session, channel=channel, address_norm=address_norm, source=source, evidence=evidence, now=now)


def suppress(
    session: Session, *, channel: str, address_norm: str, source: str, evidence: dict[str, Any], now: datetime
) -> bool:
    """Suppress an address until `REST` is over, and begin counting anew; False where it is suppressed for good."""
    key = {"tenant": db.tenant_of(session), "channel": channel, "address": address_norm}
    consents.suppress(
        session,
        channel=channel,
        address_norm=address_norm,
        reason="soft_bounces",
        source=source,
        actor=f"provider:{source}",
        purpose="all",
        evidence=evidence,
    )
    rested = session.execute(_REST, {**key, "until": now + REST})
    forget(session, channel=channel, address_norm=address_norm)
    return bool(rested.rowcount)  # type: ignore[attr-defined] # an UPDATE has a row count


def forget(session: Session, *, channel: str, address_norm: str) -> None:
    """Begin anew: the address is suppressed, or mail got through."""
    session.execute(
        delete(AddressHealth).where(
            AddressHealth.tenant_id == db.tenant_of(session),
            AddressHealth.channel == channel,
            AddressHealth.address_norm == address_norm,
        )
    )
