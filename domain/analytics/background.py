"""When figures are counted: soon after something happened, and every few minutes for everything that told nobody."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from domain.analytics import rollup
from domain.analytics.reports import KIND
from kernel import clock, db, outbox

_IDLE_SECONDS = 300
_SOON = timedelta(seconds=1)
_LATER = text("""
INSERT INTO tenant_due (tenant_id, kind, next_due_at)
VALUES (:tenant, :kind, clock_timestamp() + make_interval(secs => :seconds))
ON CONFLICT (tenant_id, kind) DO UPDATE SET next_due_at = excluded.next_due_at
""")


def count(tenant_id: UUID, *, seconds: float, stop: Callable[[], bool] = lambda: False) -> None:
    """Count what is settled for about this long, and see to it that somebody comes again.

    The next look is noted first, so that whoever tells of news meanwhile is heard.
    """
    with db.tenant_session(tenant_id) as session:
        session.execute(_LATER, {"tenant": tenant_id, "kind": KIND, "seconds": _IDLE_SECONDS})
    turn = rollup.run(tenant_id, seconds=seconds, stop=stop)
    if turn is not None and not turn.counted and turn.done:
        return
    with db.tenant_session(tenant_id) as session:
        outbox.mark_due(session, KIND, clock.now() + _SOON)
