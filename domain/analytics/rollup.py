"""Roll-ups of what happened to messages, kept from the raw events and always equal to them.

A message's events are a set. What it adds to the figures is a function of that set (`_CONTRIBUTIONS`): the first
sending, the first open of a person, every click, each in the quarter of an hour when it happened. A turn takes the
messages with new events, computes what they added before and what they add now, and writes the difference, together
with how far it read. So the order of events, their batches and repetitions make no difference, and a turn that is
killed has not happened.

Read is by the number of the writing transaction: everything below the oldest one that still runs is settled, and is
read; nothing is missed and nothing waits for a clock. When a hit shows later to be a machine's, `actor_change` keeps
what stood there until the figures are corrected. `rebuild` and `verify` use the same function over all messages.

Who was in which segment of an audience is fixed with the recipients (`message.parts`). What a message adds to its
campaign it also adds to each of its segments, in rows of their own, so those of overlapping segments sum to more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel import clock, db
from models import Campaign, RollupDay, RollupPosition, RollupQuarter, Tenant
from models.analytics import RollupFigures

METRICS: tuple[str, ...] = tuple(RollupFigures.__annotations__)
WHOLE = -1  # the link number of a row about the whole message, and the variant of a message without one
SEGMENT = -2  # the link number of a row about whole messages to one segment of the audience; `part` says which
BATCH = 20_000  # events of one turn
_BITS = 20  # segments that an audience may name (`selection.read`)
KINDS = (
    "sent", "delivered", "read", "bounced", "failed", "skipped", "suppressed", "cancelled", "expired", "opened",
    "clicked", "complained", "unsubscribed", "replied",
)  # fmt: skip
_MOST_BEHIND = 10_000

_TOUCHED = """
touched AS MATERIALIZED (
  SELECT message_id AS id FROM message_event
  WHERE tenant_id = :tenant AND xid >= :low AND xid < :high AND campaign_id IS NOT NULL
  UNION
  SELECT message_id FROM actor_change WHERE tenant_id = :tenant AND xid >= :low AND xid < :high
), side(p, sign) AS (VALUES (CAST(:low AS bigint), -1), (CAST(:high AS bigint), 1)),"""
_ALL = """
touched AS MATERIALIZED (SELECT id FROM message WHERE tenant_id = :tenant AND campaign_id = :campaign),
side(p, sign) AS (VALUES (CAST(:high AS bigint), 1)),"""
_OF_TOUCHED = "touched t JOIN message_event e ON e.tenant_id = :tenant AND e.message_id = t.id"
_OF_ALL = "message_event e"
_OF_CAMPAIGN = "e.tenant_id = :tenant AND e.campaign_id = :campaign AND"
_ACCEPTED = "kind IN ('sent', 'delivered', 'read')"
_SOFT = "reason IS NOT DISTINCT FROM 'undelivered'"
_SKIPPED = "kind IN ('skipped', 'suppressed', 'cancelled', 'expired')"
_PERSON = "((kind = 'opened' AND actor IN ('human', 'proxy')) OR (kind = 'clicked' AND actor = 'human'))"
_MACHINE = "((kind = 'opened' AND actor = 'machine') OR (kind = 'clicked' AND actor IN ('machine', 'proxy')))"
_ONCE = {
    "sent": "sent",
    "delivered": "delivered",
    "bounced_hard": "hard",
    "bounced_soft": "CASE WHEN hard IS NULL THEN soft END",
    "complained": "complained",
    "unsubscribed": "unsubscribed",
    "replied": "replied",
    "opened": "opened",
    "opened_machine": "opened_machine",
    "clicked": "clicked",
    "clicked_machine": "clicked_machine",
    "attempted": "attempted",
    "of_bounced": "CASE WHEN hard IS NOT NULL OR soft IS NOT NULL THEN attempted END",
    "of_delivered": "CASE WHEN delivered IS NOT NULL THEN sent END",
    "reached": "reached",
    "of_opened": "CASE WHEN opened IS NOT NULL THEN reached END",
    "of_clicked": "CASE WHEN clicked IS NOT NULL THEN reached END",
    "of_complained": "CASE WHEN complained IS NOT NULL THEN reached END",
    "of_unsubscribed": "CASE WHEN unsubscribed IS NOT NULL THEN reached END",
    "of_replied": "CASE WHEN replied IS NOT NULL THEN reached END",
}
_VALUES = ", ".join(f"({instant}, '{metric}')" for metric, instant in _ONCE.items())

# Per message and side: the instants of its firsts; then one part per figure and place; then the sum of each.
_CONTRIBUTIONS = f"""
happened AS MATERIALIZED (
  SELECT e.message_id AS id, s.sign, e.kind, e.reason, e.at, e.link_n, coalesce(u.actor, e.actor) AS actor
  FROM {{source}} JOIN side s ON e.xid < s.p
  LEFT JOIN LATERAL (
    SELECT c.actor FROM actor_change c
    WHERE c.tenant_id = :tenant AND c.event_id = e.id AND c.xid >= s.p AND e.kind IN ('opened', 'clicked')
    ORDER BY c.id LIMIT 1
  ) AS u ON true
  WHERE {{only}} e.kind = ANY(CAST(:kinds AS text[]))
), sold AS MATERIALIZED (
  SELECT c.message_id AS id, s.sign, c.at, c.link_n, c.currency, c.value_minor
  FROM touched t JOIN conversion c ON c.tenant_id = :tenant AND c.message_id = t.id JOIN side s ON c.xid < s.p
), dated AS (
  SELECT id, sign, min(at) FILTER (WHERE {_ACCEPTED}) AS sent, max(at) FILTER (WHERE {_ACCEPTED}) AS sent_last,
    min(at) FILTER (WHERE kind IN ('delivered', 'read')) AS delivered,
    min(at) FILTER (WHERE kind = 'bounced' AND NOT {_SOFT}) AS hard,
    min(at) FILTER (WHERE kind = 'bounced' AND {_SOFT}) AS soft,
    max(at) FILTER (WHERE kind = 'failed') AS failed,
    min(coalesce(reason, kind)) FILTER (WHERE kind = 'failed') AS failed_reason,
    min(at) FILTER (WHERE {_SKIPPED}) AS skipped,
    min(coalesce(reason, kind)) FILTER (WHERE {_SKIPPED}) AS skipped_reason,
    min(at) FILTER (WHERE kind = 'complained') AS complained,
    min(at) FILTER (WHERE kind = 'unsubscribed') AS unsubscribed,
    min(at) FILTER (WHERE kind = 'replied') AS replied,
    min(at) FILTER (WHERE kind = 'opened' AND {_PERSON}) AS opened,
    min(at) FILTER (WHERE kind = 'opened' AND {_MACHINE}) AS opened_machine,
    min(at) FILTER (WHERE kind = 'clicked' AND {_PERSON}) AS clicked,
    min(at) FILTER (WHERE kind = 'clicked' AND {_MACHINE}) AS clicked_machine
  FROM happened GROUP BY id, sign
), judged AS MATERIALIZED (
  SELECT *, CASE WHEN hard IS NULL AND soft IS NULL AND lost IS NULL THEN sent END AS reached,
    least(sent, hard, soft) AS attempted
  FROM (SELECT *, CASE WHEN delivered IS NULL AND (sent_last IS NULL OR failed > sent_last) THEN failed END AS lost
    FROM dated) d
), bought AS (
  SELECT id, sign, min(at) AS at FROM sold GROUP BY id, sign
), part AS (
  SELECT j.id, j.sign, v.at, {WHOLE} AS link_n, '' AS detail, v.metric, 1 AS n
  FROM judged j CROSS JOIN LATERAL (VALUES {_VALUES}) AS v(at, metric) WHERE v.at IS NOT NULL
  UNION ALL
  SELECT id, sign, lost, {WHOLE}, failed_reason, 'failed', 1 FROM judged WHERE lost IS NOT NULL
  UNION ALL
  SELECT id, sign, skipped, {WHOLE}, skipped_reason, 'skipped', 1 FROM judged WHERE skipped IS NOT NULL AND sent IS NULL
  UNION ALL
  SELECT id, sign, at, p.link_n, '', CASE WHEN kind = 'replied' THEN 'replies'
    ELSE CASE kind WHEN 'opened' THEN 'opens' ELSE 'clicks' END
      || CASE WHEN {_PERSON} THEN '' WHEN {_MACHINE} THEN '_machine' ELSE '_unknown' END END, 1
  FROM happened h CROSS JOIN LATERAL (
    SELECT {WHOLE} AS link_n UNION ALL SELECT h.link_n WHERE h.kind = 'clicked' AND h.link_n >= 0) AS p
  WHERE kind IN ('opened', 'clicked', 'replied')
  UNION ALL
  SELECT f.id, f.sign, v.at, f.link_n, '', v.metric, 1
  FROM (SELECT id, sign, link_n, min(at) FILTER (WHERE {_PERSON}) AS person,
      min(at) FILTER (WHERE {_MACHINE}) AS machine
    FROM happened WHERE kind = 'clicked' AND link_n >= 0 GROUP BY id, sign, link_n) f
  JOIN judged j ON j.id = f.id AND j.sign = f.sign
  CROSS JOIN LATERAL (VALUES (f.person, 'clicked'), (f.machine, 'clicked_machine'),
    (CASE WHEN f.person IS NOT NULL THEN j.reached END, 'of_clicked')) AS v(at, metric)
  WHERE v.at IS NOT NULL
  UNION ALL
  SELECT b.id, b.sign, v.at, {WHOLE}, '', v.metric, 1
  FROM bought b LEFT JOIN judged j ON j.id = b.id AND j.sign = b.sign
  CROSS JOIN LATERAL (VALUES (b.at, 'converted'), (j.reached, 'of_converted')) AS v(at, metric)
  WHERE v.at IS NOT NULL
  UNION ALL
  SELECT s.id, s.sign, s.at, p.link_n, s.currency, v.metric, v.n
  FROM sold s CROSS JOIN LATERAL (
    SELECT {WHOLE} AS link_n UNION ALL SELECT s.link_n WHERE s.link_n >= 0) AS p
  CROSS JOIN LATERAL (VALUES ('conversions', 1), ('value_minor', s.value_minor)) AS v(metric, n)
), mixed AS (
  SELECT m.campaign_id, date_bin('15 minutes', p.at, timestamptz '2000-01-01 00:00+00') AS at, m.channel, m.language,
    coalesce(m.variant, {WHOLE})::smallint AS variant, p.link_n::smallint AS link_n, p.detail, m.parts, p.metric,
    sum(p.sign * p.n)::bigint AS n
  FROM part p JOIN message m ON m.tenant_id = :tenant AND m.id = p.id AND m.campaign_id IS NOT NULL
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(p.sign * p.n) <> 0
), net AS (
  SELECT m.campaign_id, m.at, m.channel, s.language, s.variant, s.link_n, m.detail, s.part, m.metric,
    sum(m.n)::bigint AS n
  FROM mixed m CROSS JOIN LATERAL (
    SELECT m.language, m.variant, m.link_n, {WHOLE}::smallint AS part
    UNION ALL
    SELECT '', {WHOLE}::smallint, {SEGMENT}::smallint, bit::smallint
    FROM generate_series(0, CASE WHEN m.link_n = {WHOLE} AND m.parts > 0 THEN {_BITS} - 1 ELSE -1 END) AS bit
    WHERE m.parts >> bit & 1 = 1) AS s
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(m.n) <> 0
)"""  # noqa: S608 - words of our own
_PLACE = "channel, language, variant, link_n, detail, part"
_KEY = "campaign_id, {when}, " + _PLACE
_QUARTER, _DAY = _KEY.format(when="at"), _KEY.format(when="day")
_PIVOT = ", ".join(f"coalesce(sum(n) FILTER (WHERE metric = '{metric}'), 0) AS {metric}" for metric in METRICS)
_NAMES = ", ".join(METRICS)
_SUMS = ", ".join(f"sum({metric}) AS {metric}" for metric in METRICS)


def _add(table: str, key: str) -> str:
    """Return what adds to a row that is there already."""
    more = ", ".join(f"{metric} = {table}.{metric} + excluded.{metric}" for metric in METRICS)
    target = f"(tenant_id, {key})"
    return f"ON CONFLICT {target} DO UPDATE SET {more}"


_PUT = f"""
, whole AS MATERIALIZED (SELECT {_QUARTER}, {_PIVOT} FROM net GROUP BY {_QUARTER})
, quarters AS (
  INSERT INTO rollup_quarter (tenant_id, {_QUARTER}, {_NAMES})
  SELECT :tenant, {_QUARTER}, {_NAMES} FROM whole {_add("rollup_quarter", _QUARTER)}
)
INSERT INTO rollup_day (tenant_id, {_DAY}, {_NAMES})
SELECT :tenant, campaign_id, (at AT TIME ZONE :zone)::date AS day, {_PLACE}, {_SUMS}
FROM whole GROUP BY {_DAY} {_add("rollup_day", _DAY)}
"""  # noqa: S608 - words of our own


def _contributions(touched: str, source: str, only: str) -> str:
    return "WITH " + touched + _CONTRIBUTIONS.replace("{source}", source).replace("{only}", only)


_COUNT = text(_contributions(_TOUCHED, _OF_TOUCHED, "") + _PUT)
_COUNT_CAMPAIGN = text(_contributions(_ALL, _OF_ALL, _OF_CAMPAIGN) + _PUT)
_REZONE = text(f"""
INSERT INTO rollup_day (tenant_id, {_DAY}, {_NAMES})
SELECT tenant_id, campaign_id, (at AT TIME ZONE :zone)::date AS day, {_PLACE}, {_SUMS}
FROM rollup_quarter WHERE tenant_id = :tenant GROUP BY tenant_id, {_DAY}
""")  # noqa: S608 - words of our own
_CELLS = ", ".join(f"('{metric}', r.{metric})" for metric in METRICS)
_DIFFERENCES = f"""
, kept AS (
  SELECT {_QUARTER}, v.metric, v.n FROM rollup_quarter r CROSS JOIN LATERAL (VALUES {_CELLS}) AS v(metric, n)
  WHERE r.tenant_id = :tenant AND r.campaign_id = :campaign AND v.n <> 0
), wrong AS (
  SELECT 'quarter' AS level, {_QUARTER}, metric, coalesce(kept.n, 0) AS kept, coalesce(net.n, 0) AS raw
  FROM kept FULL JOIN net USING ({_QUARTER}, metric) WHERE kept.n IS DISTINCT FROM net.n
), raw_day AS (
  SELECT campaign_id, (at AT TIME ZONE :zone)::date AS day, {_PLACE}, metric,
    sum(n)::bigint AS n
  FROM net GROUP BY {_DAY}, metric
), kept_day AS (
  SELECT {_DAY}, v.metric, v.n FROM rollup_day r CROSS JOIN LATERAL (VALUES {_CELLS}) AS v(metric, n)
  WHERE r.tenant_id = :tenant AND r.campaign_id = :campaign AND v.n <> 0
), wrong_day AS (
  SELECT 'day' AS level, {_DAY}, metric, coalesce(kept_day.n, 0) AS kept, coalesce(raw_day.n, 0) AS raw
  FROM kept_day FULL JOIN raw_day USING ({_DAY}, metric) WHERE kept_day.n IS DISTINCT FROM raw_day.n
)
SELECT level, campaign_id, at::text AS at, {_PLACE}, metric, kept, raw FROM wrong
UNION ALL
SELECT level, campaign_id, day::text, {_PLACE}, metric, kept, raw FROM wrong_day
ORDER BY 1, 3, 10 LIMIT 100
"""  # noqa: S608 - words of our own
_VERIFY = text(_contributions(_ALL, _OF_ALL, _OF_CAMPAIGN) + _DIFFERENCES)
_LOOK = text("""
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest,
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next, clock_timestamp() AS at
""")
# Where a turn ends: behind the transaction that its last event belongs to, for a transaction is counted as a whole.
_CUT = text("""
SELECT (SELECT min(xid) FROM message_event
    WHERE tenant_id = :tenant AND xid >= :low AND xid < :high AND campaign_id IS NOT NULL) AS first,
  (SELECT xid FROM message_event WHERE tenant_id = :tenant AND xid >= :low AND xid < :high AND campaign_id IS NOT NULL
    ORDER BY xid OFFSET :most LIMIT 1) AS beyond
""")
_CHANGED = text("SELECT EXISTS (SELECT FROM actor_change WHERE tenant_id = :tenant AND xid >= :low AND xid < :high)")
_KNOWN = text("DELETE FROM actor_change WHERE tenant_id = :tenant AND xid < :high")
_POSITION = text("""
SELECT t.time_zone AS wanted, p.xid, p.zone, p.counted_at
FROM tenant t LEFT JOIN rollup_position p ON p.tenant_id = t.id WHERE t.id = :tenant
""")
_BEHIND = text("""
SELECT count(*) FROM (
  SELECT FROM message_event WHERE tenant_id = :tenant AND xid >= :low AND campaign_id IS NOT NULL LIMIT :most) AS found
""")
_ROOM = text("SELECT set_config('work_mem', '64MB', true)")
_RESTORED = text("SELECT forget_transactions(:tenant)")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn did: whether it counted anything, and whether everything settled is counted now."""

    counted: bool
    done: bool


@dataclass(frozen=True, slots=True)
class State:
    """How far the figures are: all of what was committed before `counted_at`; `behind` events wait (at most 10,000).

    `zone` is the one of the days, None before anything was counted; `wanted` is the tenant's.
    """

    counted_at: datetime
    behind: int
    wanted: str
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is kept and does not equal the raw events."""

    level: str
    campaign_id: UUID
    at: str
    channel: str
    language: str
    variant: int
    link_n: int
    detail: str
    part: int
    metric: str
    kept: int
    raw: int


def advance(session: Session, *, most: int = BATCH) -> Turn | None:
    """Count the next settled events of the session's tenant, about `most`; None where somebody else just does."""
    position = _take(session, wait=False)
    if position is None:
        return None
    tenant_id, now = position.tenant_id, session.execute(_LOOK).one()
    if now.next < position.xid:  # a restored database: its transactions are numbered anew
        _rebuild(session, position)
        return Turn(counted=True, done=True)
    _rezone(session, position)
    asked = {"tenant": tenant_id, "low": position.xid, "high": now.oldest}
    cut = session.execute(_CUT, asked | {"most": most}).one()
    high = now.oldest if cut.beyond is None else max(cut.beyond, cut.first + 1)
    asked["high"] = high
    some = cut.first is not None or session.execute(_CHANGED, asked).scalar_one()
    if some:
        session.execute(_ROOM)
        session.execute(_COUNT, asked | {"zone": position.zone, "kinds": list(KINDS)})
        session.execute(_KNOWN, {"tenant": tenant_id, "high": high})
    position.xid = high
    if cut.beyond is None:
        position.counted_at = now.at
    session.flush()
    return Turn(counted=some, done=cut.beyond is None)


def run(tenant_id: UUID, *, seconds: float, stop: Callable[[], bool] = lambda: False) -> Turn | None:
    """Count what is settled, turn by turn in transactions of their own, for about this long.

    Returns the last turn, with whether any of them counted something; None where somebody else counts.
    """
    until = time.monotonic() + seconds
    counted = False
    while True:
        with db.tenant_session(tenant_id) as session:
            turn = advance(session)
        if turn is None:
            return None
        counted = counted or turn.counted
        if turn.done or stop() or time.monotonic() > until:
            return Turn(counted, turn.done)


def rebuild(session: Session) -> int:
    """Forget the figures of the session's tenant and count all raw events again; returns of how many campaigns."""
    position = _take(session, wait=True)
    if position is None:
        raise LookupError("the position of a tenant's figures is gone: the tenant was deleted meanwhile")
    return _rebuild(session, position)


def verify(session: Session) -> list[Difference]:
    """Compare what is kept with the raw events that it is made of; returns the differences, up to 100 a campaign."""
    position = _take(session, wait=True)
    if position is None:
        return []
    asked = {"tenant": position.tenant_id, "high": position.xid, "zone": position.zone, "kinds": list(KINDS)}
    session.execute(_ROOM)
    return [
        Difference(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
        for campaign_id in _campaigns(session)
        for row in session.execute(_VERIFY, asked | {"campaign": campaign_id})
    ]


def state(session: Session) -> State:
    """Return how far the figures of the session's tenant are."""
    tenant_id = db.tenant_of(session)
    known = session.execute(_POSITION, {"tenant": tenant_id}).one()
    asked = {"tenant": tenant_id, "low": known.xid or 0, "most": _MOST_BEHIND}
    behind = session.execute(_BEHIND, asked).scalar_one()
    return State(known.counted_at or clock.now(), behind, known.wanted, known.zone)


def _take(session: Session, *, wait: bool) -> RollupPosition | None:
    """Lock how far the tenant's figures are, made where there is none; None where another transaction holds it."""
    tenant_id = db.tenant_of(session)
    own = (
        select(RollupPosition)
        .where(RollupPosition.tenant_id == tenant_id)
        .with_for_update(skip_locked=not wait)
        .execution_options(populate_existing=True)
    )
    position = session.execute(own).scalar_one_or_none()
    if position is None:
        zone = session.get_one(Tenant, tenant_id).time_zone
        first = {"tenant_id": tenant_id, "xid": 0, "zone": zone, "counted_at": clock.now()}
        session.execute(insert(RollupPosition).values(first).on_conflict_do_nothing())
        position = session.execute(own).scalar_one_or_none()
    return position


def _rezone(session: Session, position: RollupPosition) -> None:
    """Cut the days anew where the tenant has changed its zone."""
    zone = session.execute(select(Tenant.time_zone).where(Tenant.id == position.tenant_id)).scalar_one()
    if zone != position.zone:
        position.zone = zone
        session.execute(delete(RollupDay).where(RollupDay.tenant_id == position.tenant_id))
        session.execute(_REZONE, {"tenant": position.tenant_id, "zone": zone})


def _rebuild(session: Session, position: RollupPosition) -> int:
    tenant_id = position.tenant_id
    session.execute(_RESTORED, {"tenant": tenant_id})
    now = session.execute(_LOOK).one()
    position.zone = session.execute(select(Tenant.time_zone).where(Tenant.id == tenant_id)).scalar_one()
    for table in (RollupDay, RollupQuarter):
        session.execute(delete(table).where(table.tenant_id == tenant_id))
    session.execute(_ROOM)
    asked = {"tenant": tenant_id, "high": now.oldest, "zone": position.zone, "kinds": list(KINDS)}
    found = _campaigns(session)
    for campaign_id in found:
        session.execute(_COUNT_CAMPAIGN, asked | {"campaign": campaign_id})
    session.execute(_KNOWN, {"tenant": tenant_id, "high": now.oldest})
    position.xid, position.counted_at = now.oldest, now.at
    session.flush()
    return len(found)


def _campaigns(session: Session) -> list[UUID]:
    own = select(Campaign.id).where(Campaign.tenant_id == db.tenant_of(session)).order_by(Campaign.id)
    return list(session.execute(own).scalars())
