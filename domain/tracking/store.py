"""Hits of one tenant become events, set by set: who it was, the first open and click of a person, proof of arrival."""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.tracking import actors, conversions
from domain.tracking.actors import Asked, Seen, Verdict
from domain.tracking.hits import CLICKED, CONVERTED, KINDS, METHODS, PREFETCH, Hit
from kernel import clock, db, outbox

_OPENED_BY = "('human', 'proxy')"
_SOON = int(actors.SOON.total_seconds())
_MOST_OF_A_MESSAGE = 200
_COUNTED_WITHIN = timedelta(seconds=60)
_48_BITS = 2**48 - 1
_NO_LINK = -1  # the link that nobody sees, in the events

# Verdicts and callers come once each, and hits point to them. Without the consent for tracking, or after it was taken
# back, nothing about a person is kept. What comes right after the mail was taken is a scanner's.
_WRITE = text(f"""
WITH verdict AS (
  SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:actors AS text[]), CAST(:reasons AS text[]))
    WITH ORDINALITY AS v(kind, actor, reason, n)
), caller AS (
  SELECT n, jsonb_strip_nulls(jsonb_build_object('network', nullif(network, ''), 'agent', nullif(agent, ''))) AS details
  FROM unnest(CAST(:networks AS text[]), CAST(:agents AS text[])) WITH ORDINALITY AS c(network, agent, n)
), hit AS MATERIALIZED (
  SELECT h.id, h.message_id, timestamptz 'epoch' + h.at * interval '1 microsecond' AS at, h.link_n, v.kind, v.actor,
    v.reason, c.details, m.campaign_id, m.state, m.accepted_at, m.tracked AND NOT EXISTS (
      SELECT 1 FROM consent g WHERE g.tenant_id = m.tenant_id AND g.member_id = m.member_id AND g.channel = m.channel
        AND g.purpose = 'tracking' AND g.state = 'withdrawn') AS tracked
  FROM unnest(CAST(:ids AS uuid[]), CAST(:messages AS uuid[]), CAST(:ats AS bigint[]), CAST(:links AS smallint[]),
    CAST(:verdicts AS int[]), CAST(:callers AS int[])) AS h(id, message_id, at, link_n, verdict, caller)
  JOIN verdict v ON v.n = h.verdict
  JOIN caller c ON c.n = h.caller
  JOIN message m ON m.tenant_id = :tenant AND m.id = h.message_id
), judged AS (
  SELECT *, actor IN ('human', 'unknown') AND (at < accepted_at + interval '{_SOON} seconds'
    OR (accepted_at IS NULL AND state IN ('claimed', 'sending'))) AS soon
  FROM hit WHERE tracked
), written AS (
  INSERT INTO message_event (id, tenant_id, campaign_id, message_id, kind, at, actor, reason, link_n, details)
  SELECT id, :tenant, campaign_id, message_id, kind, at, CASE WHEN soon THEN 'machine' ELSE actor END,
    CASE WHEN soon THEN 'too_soon' ELSE reason END, link_n, details
  FROM judged
  RETURNING message_id, kind, actor, at
), first AS (
  SELECT message_id, min(at) FILTER (WHERE kind = 'opened' AND actor IN {_OPENED_BY}) AS opened,
    min(at) FILTER (WHERE kind = 'clicked' AND actor = 'human') AS clicked
  FROM written GROUP BY message_id
), dated AS (
  UPDATE message m SET first_opened_at = coalesce(m.first_opened_at, f.opened),
    first_clicked_at = coalesce(m.first_clicked_at, f.clicked), updated_at = clock_timestamp()
  FROM first f WHERE m.tenant_id = :tenant AND m.id = f.message_id
    AND ((m.first_opened_at IS NULL AND f.opened IS NOT NULL) OR (m.first_clicked_at IS NULL AND f.clicked IS NOT NULL))
)
SELECT DISTINCT message_id FROM hit WHERE state = 'unknown'
""")  # noqa: S608 - words of our own
_PROVE = text("""
WITH moved AS (
  UPDATE message m SET state = 'sent', reason = NULL, accepted_at = coalesce(m.accepted_at, clock_timestamp()),
    owner = NULL, lease_until = NULL, updated_at = clock_timestamp()
  WHERE m.tenant_id = :tenant AND m.id = ANY(CAST(:ids AS uuid[])) AND m.state = 'unknown'
  RETURNING m.id, m.campaign_id
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, actor)
SELECT :tenant, campaign_id, id, 'sent', 'hit' FROM moved RETURNING id
""")
# The newest hits of messages that have several, with how many links the mail has.
_RECENT = text("""
SELECT * FROM (
  SELECT e.id, e.message_id, e.at, e.kind, e.actor, e.reason, e.link_n, e.details ->> 'network' AS network,
    e.details ->> 'agent' AS agent, m.campaign_id, m.language, count(*) OVER (PARTITION BY e.message_id) AS hits
  FROM unnest(CAST(:messages AS uuid[])) AS asked(id)
  JOIN message m ON m.tenant_id = :tenant AND m.id = asked.id
  CROSS JOIN LATERAL (
    SELECT * FROM message_event e WHERE e.tenant_id = :tenant AND e.message_id = asked.id
    ORDER BY e.id DESC LIMIT :most
  ) AS e
  WHERE e.kind IN ('opened', 'clicked') AND e.at >= :since
) AS recent WHERE hits > 1
""")
_LINKS = text("""
SELECT campaign_id, language, count(*) AS links FROM tracked_link
WHERE tenant_id = :tenant AND campaign_id = ANY(CAST(:campaigns AS uuid[])) GROUP BY campaign_id, language
""")
_MARK = text("SELECT DISTINCT mark_hits(CAST(:ids AS uuid[]), CAST(:reasons AS text[]))")
_RECOUNT = text(f"""
UPDATE message m SET first_opened_at = f.opened, first_clicked_at = f.clicked, updated_at = clock_timestamp()
FROM (
  SELECT asked.id, min(e.at) FILTER (WHERE e.kind = 'opened' AND e.actor IN {_OPENED_BY}) AS opened,
    min(e.at) FILTER (WHERE e.kind = 'clicked' AND e.actor = 'human') AS clicked
  FROM unnest(CAST(:ids AS uuid[])) AS asked(id)
  LEFT JOIN message_event e ON e.tenant_id = :tenant AND e.message_id = asked.id AND e.kind IN ('opened', 'clicked')
  GROUP BY asked.id
) AS f WHERE m.tenant_id = :tenant AND m.id = f.id
""")  # noqa: S608 - words of our own


def store(session: Session, hits: Sequence[Hit], skew: int) -> None:
    """Write hits of the session's tenant; `skew` microseconds bring their times to the database's clock.

    A hit on a message that is not tracked only proves that it arrived; one on a message that is gone is dropped.
    """
    tenant_id = db.tenant_of(session)
    visits = [hit for hit in hits if hit.kind != CONVERTED]
    if visits:
        unknown = session.execute(_WRITE, {"tenant": tenant_id, **_columns(visits, skew)}).scalars().all()
        if unknown:
            session.execute(_PROVE, {"tenant": tenant_id, "ids": list(unknown)})
            outbox.mark_due(session, "campaigns")
        outbox.expect(session, "send_times", clock.now() + _COUNTED_WITHIN)
        clicks = [hit for hit in visits if hit.kind == CLICKED]
        if clicks:
            since = conversions.instant(min(hit.at for hit in clicks) + skew) - actors.BACK - actors.TOGETHER
            _mark_bursts(session, {hit.message for hit in clicks}, since)
    conversions.record_pixels(session, [hit for hit in hits if hit.kind == CONVERTED], skew)


def _columns(visits: Sequence[Hit], skew: int) -> dict[str, Any]:
    """Return hits as columns: long ones as array literals, and what repeats once."""
    verdicts: dict[tuple[int, Verdict], int] = {}
    callers: dict[tuple[bytes, bytes], int] = {}
    rows: list[tuple[str, str, int, int, int]] = []
    for hit in visits:
        honeypot = hit.kind == CLICKED and hit.link_n == actors.HONEYPOT
        judged = hit.kind, _judge(hit.kind, hit.flags, hit.agent, honeypot)
        caller = hit.network, hit.agent
        link_n = "null" if hit.kind != CLICKED else str(_NO_LINK if honeypot else hit.link_n)
        rows.append(
            (
                hit.message.hex(),
                link_n,
                hit.at + skew,
                verdicts.setdefault(judged, len(verdicts) + 1),
                callers.setdefault(caller, len(callers) + 1),
            )
        )
    messages, links, ats, verdict_ns, caller_ns = zip(*rows, strict=True)
    return {
        "ids": _array(_ids(ats)),
        "messages": _array(messages),
        "links": _array(links),
        "ats": _array(map(str, ats)),
        "verdicts": _array(map(str, verdict_ns)),
        "callers": _array(map(str, caller_ns)),
        "kinds": [KINDS[kind] for kind, _ in verdicts],
        "actors": [verdict.actor for _, verdict in verdicts],
        "reasons": [verdict.reason for _, verdict in verdicts],
        "networks": [network.decode() for network, _ in callers],
        "agents": [_words(agent) for _, agent in callers],
    }


def _array(values: Any) -> str:
    return "{" + ",".join(values) + "}"


def _ids(ats: Sequence[int]) -> list[str]:
    """Return a UUID version 7 for each instant, in hexadecimal: `kernel.ids.new_id` for many at once."""
    random = os.urandom(10 * len(ats)).hex()
    return [
        f"{at // 1_000 & _48_BITS:012x}7{random[n : n + 3]}8{random[n + 3 : n + 18]}"
        for at, n in zip(ats, range(0, len(random), 20), strict=True)
    ]


def _words(agent: bytes) -> str:
    return agent.decode("latin-1").replace("\x00", "")


_METHOD_OF = {number: name for name, number in METHODS.items()}


@lru_cache(maxsize=4_096)
def _judge(kind: int, flags: int, agent: bytes, honeypot: bool) -> Verdict:  # noqa: FBT001 - a key of the cache
    """Judge by what the request shows; the statement adds what the time since the acceptance shows."""
    link_n = actors.HONEYPOT if honeypot else None
    asked = Asked(KINDS[kind], _METHOD_OF[flags & ~PREFETCH], bool(flags & PREFETCH), _words(agent), link_n)
    return actors.judge(asked, since_accepted=None)


def _mark_bursts(session: Session, messages: set[bytes], since: datetime) -> None:
    """Mark what only now shows to be a machine's, also what was written before, and date first hits again."""
    tenant_id = db.tenant_of(session)
    asked = {
        "tenant": tenant_id,
        "messages": _array(message.hex() for message in messages),
        "since": since,
        "most": _MOST_OF_A_MESSAGE,
    }
    rows = session.execute(_RECENT, asked).all()
    if not rows:
        return
    campaigns = {"tenant": tenant_id, "campaigns": list({row.campaign_id for row in rows})}
    links = {(row.campaign_id, row.language): row.links for row in session.execute(_LINKS, campaigns)}
    groups: dict[tuple[UUID, int], list[Seen]] = {}
    for row in rows:
        seen = Seen(row.id, row.at, row.kind, row.actor, row.reason, row.link_n, row.network, row.agent)
        groups.setdefault((row.message_id, links.get((row.campaign_id, row.language), 0)), []).append(seen)
    marked: dict[UUID, str] = {}
    for (_, count), group in groups.items():
        marked |= actors.bursts(group, count)
    if marked:
        again = session.execute(_MARK, {"ids": list(marked), "reasons": list(marked.values())}).scalars().all()
        session.execute(_RECOUNT, {"tenant": tenant_id, "ids": list(again)})
