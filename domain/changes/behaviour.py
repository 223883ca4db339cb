"""What members did with messages, read from the ledger by its transactions: sending and tracking write nothing for it.

Every event carries the number of its transaction. A consumer that follows is given whole transactions, once all before
them have ended, so none is missed and none is read twice. Hits that are judged anew afterwards write no event; the
function that judges them notes a change of the member instead (migration 0028), while somebody follows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel import db

JUDGED = "behaviour_judged"  # the kind of change that says so
# Which events may turn the answer to a question; those of machines never do.
EVENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "received": ("sent", "delivered", "read", "bounced", "failed", "deferred"),
        "opened": ("opened",),
        "clicked": ("clicked",),
    }
)
_WHAT = {event: what for what, events in EVENTS.items() for event in events}

_FOLLOW = text("""
UPDATE change_position SET events_xid = (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint
WHERE tenant_id = :tenant AND consumer = :consumer AND events_xid IS NULL
""")
_UNFOLLOW = text("""
UPDATE change_position SET events_xid = NULL
WHERE tenant_id = :tenant AND consumer = :consumer AND events_xid IS NOT NULL
""")
_LOCK = text("""
SELECT events_xid AS xid, (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint AS oldest,
  (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint AS next
FROM change_position WHERE tenant_id = :tenant AND consumer = :consumer AND events_xid IS NOT NULL
FOR UPDATE SKIP LOCKED
""")
# Where a batch ends: behind a whole transaction.
_CUT = text("""
SELECT (SELECT min(xid) FROM message_event
    WHERE tenant_id = :tenant AND xid >= :low AND xid < :high AND campaign_id IS NOT NULL) AS first,
  (SELECT xid FROM message_event WHERE tenant_id = :tenant AND xid >= :low AND xid < :high AND campaign_id IS NOT NULL
    ORDER BY xid OFFSET :most LIMIT 1) AS beyond
""")
_READ = text("""
SELECT DISTINCT m.member_id, e.kind
FROM message_event e JOIN message m ON m.tenant_id = e.tenant_id AND m.id = e.message_id
WHERE e.tenant_id = :tenant AND e.xid >= :low AND e.xid < :high AND e.campaign_id IS NOT NULL
  AND e.kind = ANY(CAST(:kinds AS text[])) AND e.actor <> 'machine' AND m.member_id IS NOT NULL
""")
_ADVANCE = text("UPDATE change_position SET events_xid = :xid WHERE tenant_id = :tenant AND consumer = :consumer")


@dataclass(frozen=True, slots=True)
class Acts:
    """Who did what, each pair once. `lost`: a restored server counts transactions anew: anything may have happened."""

    members: frozenset[tuple[str, UUID]]
    xid: int
    more: bool
    lost: bool = False


def follow(session: Session, consumer: str) -> None:
    """Read from now on what members do with messages, for a consumer that follows changes; a second call does nothing.

    What was committed before is not read: who follows looks at all of it afterwards.
    """
    session.execute(_FOLLOW, {"tenant": db.tenant_of(session), "consumer": consumer})


def unfollow(session: Session, consumer: str) -> None:
    """Read it no more."""
    session.execute(_UNFOLLOW, {"tenant": db.tenant_of(session), "consumer": consumer})


def read(session: Session, consumer: str, what: Iterable[str], most: int) -> Acts | None:
    """Return who did some of `what` (keys of EVENTS) in the next settled transactions of about `most` events.

    None where the consumer does not follow, or another worker reads for it. Locks the position as `service.read`;
    `advance` in the same transaction says that the batch had its effect.
    """
    own = {"tenant": db.tenant_of(session), "consumer": consumer}
    at = session.execute(_LOCK, own).one_or_none()
    if at is None:
        return None
    if at.xid > at.next:
        return Acts(frozenset(), at.oldest, more=False, lost=True)
    span = {"tenant": own["tenant"], "low": at.xid, "high": at.oldest}
    cut = session.execute(_CUT, span | {"most": most}).one()
    if cut.first is None:
        return Acts(frozenset(), max(at.xid, at.oldest), more=False)
    high = at.oldest if cut.beyond is None else max(cut.beyond, cut.first + 1)
    kinds = [event for each in what for event in EVENTS[each]]
    rows = session.execute(_READ, span | {"high": high, "kinds": kinds})
    found = frozenset((_WHAT[row.kind], row.member_id) for row in rows)
    return Acts(found, max(at.xid, high), more=cut.beyond is not None)


def advance(session: Session, consumer: str, acts: Acts) -> None:
    """Move the consumer's position behind a batch."""
    session.execute(_ADVANCE, {"tenant": db.tenant_of(session), "consumer": consumer, "xid": acts.xid})
