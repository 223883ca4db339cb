"""From the journal into the database, a segment's next records at a time, each exactly once."""

from collections import defaultdict
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from domain.segments import refresh
from domain.tracking import hits, journal, store
from domain.tracking.hits import Hit
from kernel import clock, db, log, outbox
from models import Tenant

_LARGEST = 256 * 1024  # bytes of one transaction
_MICROSECOND = timedelta(microseconds=1)
_REJECTED = Counter("ariia_tracking_rejected_total", "Hits of the journal that the database can never take")
_ADVANCE = text("""
INSERT INTO tracking_journal (segment, flushed) VALUES (:segment, :after)
ON CONFLICT (segment) DO UPDATE SET flushed = excluded.flushed, updated_at = clock_timestamp()
WHERE tracking_journal.flushed = :before
RETURNING clock_timestamp() AS now
""")
_WHERE = text("SELECT flushed FROM tracking_journal WHERE segment = :segment")
_FORGET = text("DELETE FROM tracking_journal WHERE segment = :segment")


def drain(segment: journal.Segment) -> None:
    """Bring everything that is durable now into the database. Raises what the database raises."""
    end = segment.end
    while segment.flushed < end:
        records = list(segment.records(segment.flushed, end, most=_LARGEST))
        if not records:  # the disk gives back something else than it took
            log.get("tracking").error("journal.unreadable", bytes=end - segment.flushed)
            segment.flushed = end
            return
        after = segment.flushed + journal.framed_size(records)
        with db.all_tenants_session("tracking") as session:
            step = {"segment": segment.id, "before": segment.flushed, "after": after}
            now = session.execute(_ADVANCE, step).scalar_one_or_none()
            if now is None:  # a turn whose answer was lost, or a segment taken over
                after = session.execute(_WHERE, {"segment": segment.id}).scalar_one()
            else:
                _store(session, records, (now - clock.now()) // _MICROSECOND)
        segment.flushed = after


def forget(segment: journal.Segment) -> None:
    """Delete a drained segment: first the file, then the note, so that it is never read from its beginning again."""
    segment.remove()
    with db.all_tenants_session("tracking") as session:
        session.execute(_FORGET, {"segment": segment.id})


def _store(session: Session, records: list[bytes], skew: int) -> None:
    """Write records of any tenants; `skew` is how many microseconds the database's clock is ahead of ours."""
    tenants: dict[bytes, list[Hit]] = defaultdict(list)
    for record in records:
        try:
            for hit in hits.unbatch(record):
                tenants[hit.tenant].append(hit)
        except ValueError:
            _REJECTED.inc()
    for tenant, theirs in tenants.items():
        db.set_tenant(session, UUID(bytes=tenant))
        if session.get(Tenant, UUID(bytes=tenant)) is None:  # taken away since its messages went out
            _REJECTED.inc(len(theirs))
            continue
        _store_or_halve(session, theirs, skew)
        for kind in ("analytics", refresh.BEHAVIOUR):
            outbox.nudge(session, kind)


def _store_or_halve(session: Session, theirs: list[Hit], skew: int) -> None:
    """Write a tenant's hits; one that can never be written is left out, and stops no other."""
    try:
        with session.begin_nested():
            store.store(session, theirs, skew)
    except OperationalError:
        raise
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        if len(theirs) == 1:
            _REJECTED.inc()
            log.get("tracking").error("hit.rejected", error=type(error.orig).__name__)
            return
        half = len(theirs) // 2
        _store_or_halve(session, theirs[:half], skew)
        _store_or_halve(session, theirs[half:], skew)
