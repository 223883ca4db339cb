"""What comes back from people: unsubscribes, and sending again what failed."""

from datetime import timedelta
from uuid import UUID

import make
import pytest
from chaos import crowd
from sqlalchemy import select, text

from domain.consent import service as consents
from domain.delivery import materialise, queries, service
from kernel import clock, db
from kernel.errors import Conflict
from models import AuditEntry, Consent, Message, MessageEvent, Suppression


@pytest.fixture
def sent(tenants) -> UUID:
    """One tracked message that was accepted a minute ago; returns its id."""
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, 1, tracking=True)
        campaign = make.started(session)
        materialise.materialise(session, campaign.id)
        message = session.execute(select(Message)).scalar_one()
        message.state, message.accepted_at = "sent", clock.now() - timedelta(minutes=1)
        return message.id


def events(tenant_id: UUID) -> list[tuple[str, str, str | None]]:
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            select(MessageEvent.kind, MessageEvent.actor, MessageEvent.reason).order_by(MessageEvent.id)
        )
        return [tuple(row) for row in rows]


def message_of(tenant_id: UUID) -> Message:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(Message)).scalar_one()


def test_an_unsubscribe_suppresses_withdraws_and_is_written_down_once(sent, tenants):
    for _ in range(2):
        with db.tenant_session(tenants.a) as session:
            assert service.unsubscribe(session, sent, source="one_click")
    with db.tenant_session(tenants.a) as session:
        row = session.execute(select(Suppression)).scalar_one()
        assert (row.address_norm, row.channel, row.purpose, row.reason) == (
            "crowd-1@example.org", "email", "marketing", "unsubscribed",
        )  # fmt: skip
        states = session.execute(select(Consent.purpose, Consent.state).order_by(Consent.purpose))
        assert [tuple(state) for state in states] == [("marketing", "withdrawn"), ("tracking", "granted")]
        actions = session.execute(select(AuditEntry.action)).scalars().all()
        assert actions.count("suppression.add") == 1
        with pytest.raises(Conflict):
            consents.lift(session, row.id, actor="user:x", reason="please")
    assert events(tenants.a) == [("unsubscribed", "human", "one_click")]
    assert message_of(tenants.a).unsubscribed_at is not None


def test_the_other_studio_cannot_unsubscribe_it(sent, tenants):
    with db.tenant_session(tenants.b) as session:
        assert not service.unsubscribe(session, sent, source="one_click")
    assert events(tenants.a) == []


def test_only_what_failed_is_sent_again_and_nothing_else(sent, tenants):
    campaign_id = message_of(tenants.a).campaign_id
    with db.tenant_session(tenants.a) as session, pytest.raises(Conflict):
        service.retry_failed(session, campaign_id, actor="t")
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE message SET state = 'failed', reason = 'refused', attempt = 3"))
        session.execute(text("UPDATE campaign SET status = 'sent'"))
    with db.tenant_session(tenants.a) as session:
        assert service.retry_failed(session, campaign_id, actor="t") == 1
        assert queries.counts(session, campaign_id) == {"pending": 1}
    assert (message_of(tenants.a).attempt, message_of(tenants.a).reason) == (0, None)
