"""What happened to members, read in an order in which no transaction that ends late is missed.

Triggers (migration 0018) write a row of `member_change` for everything that happens to a member while somebody of the
tenant follows. Each consumer keeps its own position. A row carries the number of its transaction; rows are read once
every transaction up to theirs has ended, so what is read is complete up to the position, and a transaction that ends
late is read late, never left out (PostgreSQL, "System Information Functions", pg_snapshot_xmin).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel import db

SEGMENTS = "segments"
SEQUENCES = "sequences"
_MOST_BELLS = 10_000

_FOLLOWS = text("SELECT FROM change_position WHERE tenant_id = :tenant AND consumer = :consumer")
_FOLLOW = text("""
WITH begun AS (
  INSERT INTO change_position (tenant_id, consumer, xid, id)
  VALUES (:tenant, :consumer, (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint - 1, 0)
  ON CONFLICT (tenant_id, consumer) DO NOTHING RETURNING tenant_id
)
INSERT INTO change_bell (tenant_id) SELECT tenant_id FROM begun
""")
_UNFOLLOW = text("DELETE FROM change_position WHERE tenant_id = :tenant AND consumer = :consumer")
_LOCK = text("""
SELECT xid, id, mark, settled, (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint AS oldest,
  (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint AS next
FROM change_position WHERE tenant_id = :tenant AND consumer = :consumer FOR UPDATE SKIP LOCKED
""")
_READ = text("""
SELECT xid, id, member_id, kind, detail, at FROM member_change
WHERE tenant_id = :tenant AND (xid, id) > (:xid, :id) AND xid < :oldest ORDER BY xid, id LIMIT :most
""")
_ADVANCE = text("""
UPDATE change_position SET xid = :xid, id = :id, mark = :mark, settled = :settled
WHERE tenant_id = :tenant AND consumer = :consumer
""")
# What everybody has read, or nobody waits for; the place of a transaction that still runs is never passed.
_TIDY = text("""
WITH passed AS (
  SELECT coalesce(min(xid), (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint - 1) AS xid
  FROM change_position WHERE tenant_id = :tenant
), gone AS (
  DELETE FROM member_change c USING passed WHERE c.tenant_id = :tenant AND c.xid < passed.xid
)
DELETE FROM change_bell b USING passed WHERE b.tenant_id = :tenant AND b.xid <= passed.xid
""")
# Not again within a second: a bell stays while a transaction before it runs, or a consumer is behind.
_STIRRED = text("""
WITH rung AS (
  UPDATE change_bell SET rung_at = clock_timestamp() WHERE id IN (
    SELECT id FROM change_bell WHERE rung_at IS NULL OR rung_at < clock_timestamp() - interval '1 second'
    LIMIT :most FOR UPDATE SKIP LOCKED)
  RETURNING tenant_id
)
SELECT DISTINCT tenant_id FROM rung
""")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened to a member. `detail` is the tag, kind of activity, product, segment … by `kind`."""

    xid: int
    id: int
    member_id: UUID
    kind: str
    detail: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read, in order. `settled`: nothing that was under way when the consumer began to follow is missed."""

    changes: Sequence[Change]
    xid: int
    id: int
    mark: int
    settled: bool
    more: bool


def follow(session: Session, consumer: str) -> None:
    """Write down from now on what happens to this tenant's members, for a consumer; a second call changes nothing.

    Transactions that were under way may not have written theirs: what depends on the past looks at it once the
    batches say `settled`.
    """
    parameters = {"tenant": db.tenant_of(session), "consumer": consumer}
    if session.execute(_FOLLOWS, parameters).first() is None:
        session.execute(_FOLLOW, parameters)


def unfollow(session: Session, consumer: str) -> None:
    """Stop; when nobody follows any more, nothing is written any more."""
    session.execute(_UNFOLLOW, {"tenant": db.tenant_of(session), "consumer": consumer})


def read(session: Session, consumer: str, limit: int) -> Batch | None:
    """Return what happened since the consumer's position, at most `limit` changes, and lock the position.

    None where the consumer does not follow, or another worker reads for it now. `advance` in the same transaction says
    that the batch had its effect.
    """
    parameters = {"tenant": db.tenant_of(session), "consumer": consumer}
    at = session.execute(_LOCK, parameters).one_or_none()
    if at is None:
        return None
    rows = session.execute(_READ, parameters | {"xid": at.xid, "id": at.id, "oldest": at.oldest, "most": limit}).all()
    changes = [Change(*row) for row in rows]
    more = len(changes) == limit
    last = (changes[-1].xid, changes[-1].id) if more else (max(at.xid, at.oldest - 1), 2**63 - 1)
    mark = at.next if at.mark is None else at.mark
    settled = at.settled or (at.mark is not None and at.oldest >= at.mark)
    return Batch(changes, last[0], last[1], mark, settled, more)


def advance(session: Session, consumer: str, batch: Batch) -> None:
    """Move the consumer's position behind a batch."""
    session.execute(
        _ADVANCE,
        {
            "tenant": db.tenant_of(session), "consumer": consumer, "xid": batch.xid, "id": batch.id,
            "mark": batch.mark, "settled": batch.settled,
        },
    )  # fmt: skip


def tidy(session: Session) -> None:
    """Remove what every consumer of the tenant has read, and the rings that asked for it."""
    session.execute(_TIDY, {"tenant": db.tenant_of(session)})


def stirred() -> list[UUID]:
    """Return tenants that have changes to read; those that were returned within the last second not again."""
    with db.all_tenants_session("whose members changed") as session:
        return list(session.execute(_STIRRED, {"most": _MOST_BELLS}).scalars())
