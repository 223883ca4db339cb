"""A studio with an audience, a campaign that compares two subjects, and what people do with it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import make
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.delivery import materialise
from domain.experiments import drafts
from domain.experiments.rules import Settings
from kernel import clock, db
from models import Campaign, Message

B = {"languages": {"de": {"email": {"subject": "Komm wieder vorbei"}}}}

_MEMBERS = text("""
WITH made AS (
  INSERT INTO member (id, tenant_id, external_id, first_name, last_name, status, tags, attributes, restricted)
  SELECT gen_random_uuid(), :tenant, 'x' || n, 'Ada', 'Lovelace', 'active', '[]', '{}', false
  FROM generate_series(1, :n) AS n RETURNING id, external_id
), reached AS (
  INSERT INTO contact_point (id, tenant_id, member_id, channel, address, address_norm, is_primary)
  SELECT gen_random_uuid(), :tenant, id, 'email', external_id || '@example.org', external_id || '@example.org', true
  FROM made
)
INSERT INTO consent (id, tenant_id, member_id, channel, purpose, state, legal_basis, source)
SELECT gen_random_uuid(), :tenant, id, 'email', purpose, 'granted', 'consent', 'test'
FROM made, unnest(ARRAY['marketing', 'tracking']) AS purpose
""")
_SEND = text("""
UPDATE message SET state = 'sent', accepted_at = clock_timestamp(), reason = NULL
WHERE tenant_id = :tenant AND campaign_id = :campaign AND state = 'pending'
""")
_CLICK = text("""
UPDATE message SET first_clicked_at = clock_timestamp() WHERE tenant_id = :tenant AND id IN (
  SELECT id FROM message WHERE tenant_id = :tenant AND campaign_id = :campaign AND tested AND variant = :variant
    AND first_clicked_at IS NULL ORDER BY id LIMIT :n)
""")
_BUY = text("""
INSERT INTO conversion (id, tenant_id, external_id, goal, value_minor, currency, source, attribution, campaign_id,
  message_id, member_id)
SELECT gen_random_uuid(), tenant_id, 'sent' || id, 'buy', (CAST(:amounts AS int[]))[n], 'EUR', 'api', 'message',
  campaign_id, id, member_id
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM message WHERE tenant_id = :tenant AND campaign_id = :campaign
  AND tested AND variant = :variant) AS m WHERE n <= cardinality(CAST(:amounts AS int[]))
""")
_BUY_ANYWAY = text("""
INSERT INTO conversion (id, tenant_id, external_id, goal, value_minor, currency, source, attribution, member_id)
SELECT gen_random_uuid(), tenant_id, 'held' || id, 'buy', 1000, 'EUR', 'api', 'none', member_id
FROM message WHERE tenant_id = :tenant AND campaign_id = :campaign AND reason = 'holdout' ORDER BY id LIMIT :n
""")


def people(session: Session, n: int) -> None:
    """Give the tenant n members who agreed to mails and tracking; the clock knows no quiet hours."""
    session.execute(text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '00:00'"))
    session.execute(_MEMBERS, {"tenant": db.tenant_of(session), "n": n})


def compared(session: Session, *variants: dict[str, Any], **settings: Any) -> Campaign:
    """A campaign that is written with variants, approved, started, and whose recipients are fixed."""
    made, parent = make.drafted(session)
    chosen = replace(Settings(weights=(1,) * (1 + len(variants))), **settings)
    revision = drafts.write(
        session, made.id, variants=list(variants), settings=chosen, parent_id=parent.id, actor=make.ACTOR
    )
    assert not revisions.open_blockers(session, revision)
    make.approve(session, made.id, revision)
    campaigns.start(session, made.id, actor=make.ACTOR)
    assert materialise.materialise(session, made.id)
    return campaigns.get(session, made.id)


def hand_over(session: Session, campaign_id: UUID) -> None:
    """Let a provider take everything that is pending."""
    session.execute(_SEND, {"tenant": db.tenant_of(session), "campaign": campaign_id})


def click(session: Session, campaign_id: UUID, counts: Iterable[int]) -> None:
    """Let so many more recipients of each variant click."""
    keys = {"tenant": db.tenant_of(session), "campaign": campaign_id}
    for variant, n in enumerate(counts):
        session.execute(_CLICK, {**keys, "variant": variant, "n": n})


def buy(session: Session, campaign_id: UUID, variant: int, amounts: list[int]) -> None:
    """Let recipients of a variant convert for these amounts, in cents."""
    keys = {"tenant": db.tenant_of(session), "campaign": campaign_id, "variant": variant, "amounts": amounts}
    session.execute(_BUY, keys)


def buy_anyway(session: Session, campaign_id: UUID, n: int) -> None:
    """Let so many who were held out convert by themselves, for 10 each."""
    session.execute(_BUY_ANYWAY, {"tenant": db.tenant_of(session), "campaign": campaign_id, "n": n})


def later(hours: float) -> None:
    """Set the application's clock forward from the real one."""
    instant = clock.now() + timedelta(hours=hours)
    clock.set_source(lambda: instant)


def cells(session: Session, campaign_id: UUID) -> dict[tuple[Any, ...], int]:
    """Count messages by state, reason, variant and test."""
    rows = session.query(Message).filter_by(campaign_id=campaign_id)
    found: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = (row.state, row.reason, row.variant, row.tested)
        found[key] = found.get(key, 0) + 1
    return found
