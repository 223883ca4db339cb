"""Background work on comparisons of variants: look at the figures, and let the rest go once it is decided."""

from uuid import UUID

from prometheus_client import Counter

from domain.experiments import service
from kernel import db

LOOKS = Counter("ariia_experiment_looks_total", "Looks at comparisons of variants.", ["verdict"])


def look(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Look at every comparison of the tenant that is due, each in a transaction of its own."""
    with db.tenant_session(tenant_id) as session:
        due = service.due(session)
    for campaign_id in due:
        with db.tenant_session(tenant_id) as session:
            judged = service.look(session, campaign_id)
        if judged is not None:
            LOOKS.labels(judged.verdict).inc()
    with db.tenant_session(tenant_id) as session:
        service.rest(session)
