"""Events of single recipients, read from the message ledger in order: nothing is written while messages are sent.

Each row carries the number of its transaction. A reader takes what has a number below that of the oldest transaction
still open: all of that is visible and nothing can join it any more, whatever time an event tells of. None is missed,
also not a hit that was kept in a journal for an hour, and none is read twice. What is behind an open or click that may
still turn out to be a machine's waits with it, so the order stays.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.webhooks import rules
from domain.webhooks.catalog import RECIPIENT
from models import WebhookEndpoint

MOST = 500
_FINAL = timedelta(seconds=15)  # until then an open or click may turn out to be a machine's (docs/tracking.md)
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)

_LOOK = text("""
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next, clock_timestamp() AS at
""")
_READ = text("""
WITH found AS (
  SELECT e.xid, e.id, e.kind, e.at, e.actor, e.reason, e.link_n, e.campaign_id, e.message_id
  FROM message_event e
  WHERE e.tenant_id = :tenant AND e.xid >= :mark AND e.xid < :oldest AND (e.xid, e.id) > (:mark, :after)
    AND e.kind = ANY(CAST(:kinds AS text[]))
    AND e.campaign_id IS NOT NULL AND NOT (e.kind IN ('opened', 'clicked') AND e.actor = 'machine')
  ORDER BY e.xid, e.id LIMIT :most
), held AS (
  SELECT min(xid) AS xid FROM found WHERE kind IN ('opened', 'clicked') AND id >= :young
), told AS (
  SELECT f.* FROM found f, held h WHERE h.xid IS NULL OR f.xid < h.xid
), made AS (
  INSERT INTO webhook_delivery (id, tenant_id, endpoint_id, event_id, type, aggregate_id, ordinal, body)
  SELECT new_id(), :tenant, :endpoint, f.id, :prefix || f.kind, f.message_id, extract(epoch FROM f.at) * 1000000,
    jsonb_build_object('type', :prefix || f.kind, 'timestamp', f.at, 'data', jsonb_strip_nulls(jsonb_build_object(
      'aggregate', jsonb_build_object('kind', 'recipient', 'id', f.message_id), 'campaign_id', f.campaign_id,
      'message_id', f.message_id, 'member_id', m.member_id, 'channel', m.channel,
      'actor', CASE WHEN f.kind IN ('opened', 'clicked') THEN f.actor END,
      'reason', CASE WHEN f.kind = 'bounced' THEN f.reason END,
      'goal', CASE WHEN f.kind = 'converted' THEN f.reason END, 'link', f.link_n)))
  FROM told f LEFT JOIN message m ON m.tenant_id = :tenant AND m.id = f.message_id
  ORDER BY f.id
  ON CONFLICT (tenant_id, endpoint_id, event_id) DO NOTHING
)
SELECT count(*) AS n, max(xid) AS xid, (SELECT id FROM told ORDER BY xid DESC, id DESC LIMIT 1) AS last,
  (SELECT xid FROM held) AS held
FROM told
""")
_SINCE = text("""
SELECT min(xid) FROM (SELECT xid FROM message_event WHERE tenant_id = :tenant AND id >= :since OFFSET 0) later
""")


def floor(at: datetime) -> UUID:
    """Return the smallest id that can have been made at this time (RFC 9562 §5.7)."""
    return UUID(int=int(at.timestamp() * 1_000) << 80)


def begin(session: Session, endpoint: WebhookEndpoint) -> None:
    """Start to read from now, where the endpoint wants recipients and does not read yet; stop where it does not."""
    if not rules.of_recipients(endpoint.events):
        endpoint.feed_after = endpoint.feed_mark_xid = None
    elif endpoint.feed_after is None:
        _go_to(endpoint, session.execute(_LOOK).one().next, _FIRST)
    session.flush()


def _go_to(endpoint: WebhookEndpoint, mark: int, after: UUID) -> None:
    endpoint.feed_mark_xid, endpoint.feed_after = mark, after


def rewind(session: Session, endpoint: WebhookEndpoint, since: datetime) -> None:
    """Read again what was written from an earlier time on; what is queued or done stays as it is."""
    if endpoint.feed_after is None or endpoint.feed_mark_xid is None:
        return
    first = session.execute(_SINCE, {"tenant": endpoint.tenant_id, "since": floor(since)}).scalar_one()
    if first is not None and first <= endpoint.feed_mark_xid:
        _go_to(endpoint, first, _FIRST)


def read(session: Session, endpoint: WebhookEndpoint) -> int:
    """Queue what is settled in the ledger since the last look, in order; returns how much. The endpoint is locked."""
    kinds = rules.of_recipients(endpoint.events)
    if not kinds or endpoint.feed_after is None or endpoint.feed_mark_xid is None:
        return 0
    now = session.execute(_LOOK).one()
    if endpoint.feed_mark_xid > now.next:  # a restored server counts its transactions anew
        _go_to(endpoint, 0, _LAST)
    found = session.execute(
        _READ,
        {
            "tenant": endpoint.tenant_id, "endpoint": endpoint.id, "mark": endpoint.feed_mark_xid,
            "after": endpoint.feed_after, "oldest": now.oldest, "kinds": kinds, "most": MOST, "prefix": RECIPIENT,
            "young": floor(now.at - _FINAL),
        },
    ).one()  # fmt: skip
    if found.held is not None:
        _go_to(endpoint, found.held, _FIRST)
    elif found.n == MOST:
        _go_to(endpoint, found.xid, found.last)
    elif now.oldest > endpoint.feed_mark_xid:
        _go_to(endpoint, now.oldest, _FIRST)
    return int(found.n)
