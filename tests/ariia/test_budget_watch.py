"""The run that sends a campaign looks at its budget."""

from decimal import Decimal

import make
import pytest
from chaos import crowd
from fakes.smtp_sink import SmtpSink
from sqlalchemy import select, update

from ariia.tasks import campaigns as tasks
from kernel import db, settings
from models import DomainEvent, Tenant


@pytest.fixture
def sink(database):
    before = settings.get_settings()
    with SmtpSink() as running:
        settings.use(before.model_copy(update={"smtp_url": running.url, "smtp_sessions": 2}))
        yield running
    settings.use(before)


def test_what_was_sent_is_held_against_the_budget(sink, tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(email_price=Decimal(1_000)))
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, 5)
        campaign_id = make.started(session, budget_minor=6).id
    tasks.start(tenants.a, campaign_id)
    tasks.send(tenants.a, campaign_id)
    assert len(sink.messages) == 5
    with db.tenant_session(tenants.a) as session:
        told = session.execute(select(DomainEvent.payload).where(DomainEvent.type == "crm.campaign.budget_warned"))
        assert told.scalars().all() == [{"spent_minor": 5, "limit_minor": 6, "currency": "EUR"}]
