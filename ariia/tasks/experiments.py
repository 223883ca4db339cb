"""Background work on comparisons of variants: look at the figures, and let the rest go once it is decided."""

from uuid import UUID

from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError

from domain.experiments import service
from kernel import db, log

LOOKS = Counter("ariia_experiment_looks_total", "Looks at comparisons of variants.", ["verdict"])
FAILED = Counter("ariia_experiment_looks_failed_total", "Looks at comparisons that ended in an error.")


def look(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Look at every comparison of the tenant that is due, each in a transaction of its own.

    One that cannot be looked at keeps no other waiting: it is tried again later, and shown where that goes on.
    """
    with db.tenant_session(tenant_id) as session:
        due = service.due(session)
    for campaign_id in due:
        try:
            with db.tenant_session(tenant_id) as session:
                judged = service.look(session, campaign_id)
        except Exception as error:
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise  # the database is away: that is nothing about this comparison
            _failed(tenant_id, campaign_id, error)
            continue
        if judged is not None:
            LOOKS.labels(judged.verdict).inc()
    with db.tenant_session(tenant_id) as session:
        service.rest(session)


def _failed(tenant_id: UUID, campaign_id: UUID, error: Exception) -> None:
    FAILED.inc()
    with db.tenant_session(tenant_id) as session:
        times = service.failed(session, campaign_id, type(error).__name__)
    log.get("experiments").exception("experiment.look_failed", campaign=str(campaign_id), times=times)
