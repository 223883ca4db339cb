"""Putting everything that is sealed under the newest vault key, tenant by tenant, while messages are sent."""

from sqlalchemy import select

from domain.senders import accounts, domains
from domain.webhooks import service as webhooks
from kernel import db
from models import TenantRoute


def reseal_all() -> int:
    """Return how many secrets of accounts, DKIM keys and webhooks were sealed anew; a second run finds nothing to do.

    Raises vault.BadSeal where an older key is missing; the tenants before that are done.
    """
    with db.all_tenants_session("reseal secrets") as session:
        tenants = session.execute(select(TenantRoute.tenant_id).order_by(TenantRoute.tenant_id)).scalars().all()
    done = 0
    for tenant_id in tenants:
        with db.tenant_session(tenant_id) as session:
            done += accounts.reseal(session) + domains.reseal(session) + webhooks.reseal(session)
    return done
