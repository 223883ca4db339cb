"""Events of single recipients, read from the message ledger in order: nothing is written while messages are sent.

A row's id carries the time of its writing, but rows become visible when their transactions end. So a reader leaves a
mark (the next transaction number, and the time), and once every transaction before the mark has ended, everything
written before that time is visible and is read: none is missed, none waits for a later one.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.webhooks import rules
from domain.webhooks.catalog import RECIPIENT
from models import WebhookEndpoint

MOST = 500
_MARGIN = timedelta(seconds=2)  # between the making of an id and its transaction's first write

_LOOK = text("""
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next, clock_timestamp() AS at
""")
_READ = text("""
WITH found AS (
  SELECT e.id, e.kind, e.at, e.actor, e.reason, e.link_n, e.campaign_id, e.message_id
  FROM message_event e
  WHERE e.tenant_id = :tenant AND e.id > :after AND e.id < :before AND e.kind = ANY(CAST(:kinds AS text[]))
    AND e.campaign_id IS NOT NULL AND NOT (e.kind IN ('opened', 'clicked') AND e.actor = 'machine')
  ORDER BY e.id LIMIT :most
), made AS (
  INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, event_id, type, aggregate_id, ordinal, body)
  SELECT new_id(), :tenant, :endpoint, f.id, :prefix || f.kind, f.message_id, extract(epoch FROM f.at) * 1000000,
    jsonb_build_object('type', :prefix || f.kind, 'timestamp', f.at, 'data', jsonb_strip_nulls(jsonb_build_object(
      'aggregate', jsonb_build_object('kind', 'recipient', 'id', f.message_id), 'campaign_id', f.campaign_id,
      'message_id', f.message_id, 'member_id', m.member_id, 'channel', m.channel,
      'actor', CASE WHEN f.kind IN ('opened', 'clicked') THEN f.actor END,
      'reason', CASE WHEN f.kind = 'bounced' THEN f.reason END, 'link', f.link_n)))
  FROM found f LEFT JOIN message m ON m.tenant_id = :tenant AND m.id = f.message_id
  ORDER BY f.id
  ON CONFLICT (tenant_id, endpoint_id, event_id) DO NOTHING
)
SELECT count(*) AS n, (SELECT id FROM found ORDER BY id DESC LIMIT 1) AS last FROM found
""")


def floor(at: datetime) -> UUID:
    """Return the smallest id that can have been made at this time (RFC 9562 §5.7)."""
    return UUID(int=int(at.timestamp() * 1_000) << 80)


def begin(session: Session, endpoint: WebhookEndpoint) -> None:
    """Start to read from now, where the endpoint wants recipients and does not read yet; stop where it does not."""
    if not rules.of_recipients(endpoint.events):
        endpoint.feed_after = endpoint.feed_mark_xid = endpoint.feed_mark_at = None
    elif endpoint.feed_after is None:
        endpoint.feed_after = floor(session.execute(_LOOK).one().at)
        endpoint.feed_mark_xid = endpoint.feed_mark_at = None
    session.flush()


def rewind(endpoint: WebhookEndpoint, since: datetime) -> None:
    """Read again from an earlier time; what is queued or done stays as it is."""
    start = floor(since)
    if endpoint.feed_after is not None and start < endpoint.feed_after:
        endpoint.feed_after = start


def read(session: Session, endpoint: WebhookEndpoint) -> int:
    """Queue what is settled in the ledger since the last look, in order; returns how much. The endpoint is locked."""
    kinds = rules.of_recipients(endpoint.events)
    if not kinds or endpoint.feed_after is None:
        return 0
    now = session.execute(_LOOK).one()
    if endpoint.feed_mark_at is None or endpoint.feed_mark_xid is None:
        endpoint.feed_mark_xid, endpoint.feed_mark_at = now.next, now.at
        return 0
    if now.oldest < endpoint.feed_mark_xid:
        return 0
    before = floor(endpoint.feed_mark_at - _MARGIN)
    found = session.execute(
        _READ,
        {
            "tenant": endpoint.tenant_id, "endpoint": endpoint.id, "after": endpoint.feed_after, "before": before,
            "kinds": kinds, "most": MOST, "prefix": RECIPIENT,
        },
    ).one()  # fmt: skip
    if found.n < MOST:  # everything before the mark is read: go there, and leave the next one
        endpoint.feed_after = max(endpoint.feed_after, before)
        endpoint.feed_mark_xid, endpoint.feed_mark_at = now.next, now.at
    else:
        endpoint.feed_after = found.last
    return int(found.n)
