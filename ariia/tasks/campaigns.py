"""Background work on campaigns: fix the recipients, send, take back, run the agent."""

import threading
from uuid import UUID

from channels.email import settings as relays
from domain.delivery import engine, materialise, recovery
from domain.identity import tenants
from kernel import db, outbox
from kernel.settings import get_settings

_SECONDS = 30.0

# Set when this process is about to end: runs hand back what they did not begin.
stopping = threading.Event()


def start(tenant_id: UUID, campaign_id: UUID) -> None:
    """Fix the recipients of a started campaign; the sweep then rings for the sending."""
    with db.tenant_session(tenant_id) as session:
        materialise.materialise(session, campaign_id)


def cancel_open(tenant_id: UUID, campaign_id: UUID) -> None:
    """Take back what a cancelled campaign did not hand over."""
    with db.tenant_session(tenant_id) as session:
        recovery.cancel_open(session, campaign_id)


def send(tenant_id: UUID, campaign_id: UUID) -> None:
    """Send what is due, for at most half a minute."""
    settings = get_settings()
    if settings.smtp_url is None:
        raise RuntimeError("no mail relay: set ARIIA_SMTP_URL or let the service start its mailbox")
    with db.tenant_session(tenant_id) as session:
        helo = (tenants.current(session).slug + ".localhost").lower()
    engine.send(
        tenant_id,
        campaign_id,
        relay=relays.parse(settings.smtp_url, helo=helo),
        sessions=settings.smtp_sessions,
        lease_seconds=settings.lease_seconds,
        seconds=_SECONDS,
        stop=stopping,
    )
    with db.tenant_session(tenant_id) as session:
        outbox.mark_due(session, "campaigns")


def write(tenant_id: UUID, run_id: UUID) -> None:
    """Run the agent on a queued run."""
    from agents import run  # noqa: PLC0415 - the graph library is loaded when a draft is first asked for

    run.execute(tenant_id, run_id)
