"""Background work on campaigns: fix the recipients, send, take back, run the agent."""

import threading
from uuid import UUID

from prometheus_client import Counter

from domain.analytics import budget
from domain.campaigns import content_templates as planned
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.delivery import engine, materialise, notices, outlets, recovery, supply
from domain.delivery.claim import Work
from domain.delivery.outlets import NoOutlet, Outlet
from domain.returns import watch
from domain.senders import content_templates
from kernel import db, log, outbox
from kernel.settings import get_settings

_REPORTING = frozenset({"sms", "whatsapp"})  # their provider reports; what it does not report it is asked about
_SECONDS = 4.0  # then another tenant's run may begin

MESSAGES = Counter("ariia_messages_total", "Messages that a provider answered.", ["channel", "outcome"])
STOPS = Counter("ariia_sending_stopped_total", "Runs that a provider's answers ended.", ["channel"])

# Set when this process is about to end: runs hand back what they did not begin.
stopping = threading.Event()


def start(tenant_id: UUID, campaign_id: UUID) -> None:
    """Fix the recipients of a started campaign; the sweep then rings for the sending."""
    _look_at_templates(tenant_id, campaign_id)
    with db.tenant_session(tenant_id) as session:
        materialise.materialise(session, campaign_id)


def _look_at_templates(tenant_id: UUID, campaign_id: UUID) -> None:
    """WhatsApp may have paused a template since the campaign was planned: ask, before anybody gets it."""
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        account_id = planned.account_of(session, campaign) if campaign.channel == planned.CHANNEL else None
    if account_id is not None:
        content_templates.freshen(tenant_id, account_id)


def cancel_open(tenant_id: UUID, campaign_id: UUID) -> None:
    """Take back what a cancelled campaign did not hand over."""
    with db.tenant_session(tenant_id) as session:
        recovery.cancel_open(session, campaign_id)


def send(tenant_id: UUID, campaign_id: UUID) -> None:
    """Send what is due of a campaign, for a few seconds; one without a way out is held, or waits for it."""
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        if campaign.status != Status.SENDING:
            return
        try:
            outlet = outlets.of_campaign(session, campaign)
        except NoOutlet as missing:
            if missing.until is None:
                campaigns.hold(session, campaign_id, reason=missing.reason)
            else:  # it passes by itself: the messages wait where they are
                outbox.mark_due(session, "campaigns", missing.until)
            return
        work = supply.work_of(session, campaign)
    _run(tenant_id, work, outlet)


def send_notices(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Send what waits outside campaigns; what has no way out waits, and the log says so."""
    with db.tenant_session(tenant_id) as session:
        ways = []
        for channel, account_id in notices.waiting(session):
            try:
                ways.append((Work(None, channel, account_id, ("de", "en")), outlets.of(session, channel, account_id)))
            except NoOutlet as missing:
                log.get("delivery").warning("notices.held", channel=channel, reason=missing.reason)
    for work, outlet in ways:
        _run(tenant_id, work, outlet)


def _run(tenant_id: UUID, work: Work, outlet: Outlet) -> None:
    lease = get_settings().lease_seconds
    done = engine.send(tenant_id, work, outlet, lease_seconds=lease, seconds=_SECONDS, stop=stopping)
    MESSAGES.labels(outlet.channel, "sent").inc(done.sent)
    MESSAGES.labels(outlet.channel, "failed").inc(done.failed)
    STOPS.labels(outlet.channel).inc(done.stopped_by is not None)
    with db.tenant_session(tenant_id) as session:
        if done.sent and work.campaign_id is not None:
            campaigns.begun(session, work.campaign_id)
            budget.watch(session, work.campaign_id)
        outbox.mark_due(session, "campaigns")
        if outlet.account_id is not None and outlet.channel in _REPORTING:
            watch.expect(session, outlet.account_id)


def write(tenant_id: UUID, run_id: UUID) -> None:
    """Run the agent on a queued run."""
    from agents import run  # noqa: PLC0415 - the graph library is loaded when a draft is first asked for

    run.execute(tenant_id, run_id)
