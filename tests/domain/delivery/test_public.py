"""What comes back from people and machines: opens, clicks, unsubscribes, and sending again what failed."""

from datetime import timedelta
from uuid import UUID

import make
import pytest
from chaos import crowd
from sqlalchemy import select, text

from domain.consent import service as consents
from domain.delivery import materialise, queries, service
from domain.delivery.service import Visit
from kernel import clock, db
from kernel.errors import Conflict
from models import AuditEntry, Consent, Message, MessageEvent, Suppression

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"


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


def visit(agent: str = PHONE, method: str = "GET", **headers: str) -> Visit:
    return Visit(method, {"user-agent": agent, **headers})


def events(tenant_id: UUID) -> list[tuple[str, str, str | None]]:
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            select(MessageEvent.kind, MessageEvent.actor, MessageEvent.reason).order_by(MessageEvent.id)
        )
        return [tuple(row) for row in rows]


def message_of(tenant_id: UUID) -> Message:
    with db.tenant_session(tenant_id) as session:
        return session.execute(select(Message)).scalar_one()


def test_a_persons_first_open_and_click_are_dated_and_later_ones_only_counted(sent, tenants):
    for _ in range(2):
        with db.tenant_session(tenants.a) as session:
            service.record_open(session, sent, visit())
            assert service.record_click(session, sent, 0, visit()) == "https://www.studio.example/kurse?a=1&b=2"
    message = message_of(tenants.a)
    assert message.first_opened_at is not None
    assert message.first_clicked_at is not None
    assert message.first_opened_at <= message.first_clicked_at
    assert [kind for kind, actor, _ in events(tenants.a) if actor == "human"] == ["opened", "clicked"] * 2


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (visit(method="HEAD"), "method"),
        (visit(**{"sec-purpose": "prefetch;prerender"}), "prefetch"),
        (visit(purpose="prefetch"), "prefetch"),
        (visit("Mozilla/5.0"), "agent"),
        (visit("python-requests/2.32"), "agent"),
        (visit("Mozilla/5.0 (compatible; bingbot/2.0)"), "agent"),
        (visit(""), "agent"),
    ],
)
def test_a_machine_is_noted_as_one_and_opens_and_clicks_nothing(sent, tenants, seen, reason):
    with db.tenant_session(tenants.a) as session:
        service.record_open(session, sent, seen)
        assert service.record_click(session, sent, 0, seen) is not None
    message = message_of(tenants.a)
    assert (message.first_opened_at, message.first_clicked_at) == (None, None)
    assert events(tenants.a) == [("opened", "machine", reason), ("clicked", "machine", reason)]


def test_what_comes_within_seconds_of_the_acceptance_is_a_scanner(sent, tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE message SET accepted_at = clock_timestamp() - interval '1 second'"))
        service.record_click(session, sent, 0, visit())
    assert events(tenants.a) == [("clicked", "machine", "too_soon")]


def test_a_mail_proxy_opens_for_a_person(sent, tenants):
    with db.tenant_session(tenants.a) as session:
        service.record_open(session, sent, visit("Mozilla/5.0 (via ggpht.com GoogleImageProxy)"))
    assert message_of(tenants.a).first_opened_at is not None
    assert events(tenants.a) == [("opened", "proxy", "mail_proxy")]


def test_without_tracking_nothing_is_noted_and_the_link_works(sent, tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE message SET tracked = false"))
        service.record_open(session, sent, visit())
        assert service.record_click(session, sent, 0, visit()) is not None
        assert service.record_click(session, sent, 7, visit()) is None
    assert events(tenants.a) == []


def test_any_hit_proves_that_an_unknown_message_arrived(sent, tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE message SET state = 'unknown', accepted_at = NULL"))
        service.record_open(session, sent, visit(method="HEAD"))
    message = message_of(tenants.a)
    assert message.state == "sent"
    assert message.accepted_at is not None


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


def test_the_other_studio_can_neither_track_nor_unsubscribe_it(sent, tenants):
    with db.tenant_session(tenants.b) as session:
        service.record_open(session, sent, visit())
        assert service.record_click(session, sent, 0, visit()) is None
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
