"""A way out that is closed for a while loses nothing: what waits stays where it is, and nothing is held."""

from datetime import timedelta
from uuid import UUID

import make
import pytest
from chaos import crowd
from fakes.smtp_sink import SmtpSink
from sqlalchemy import select, text

from ariia.tasks import campaigns as tasks
from domain.campaigns import service as campaigns
from domain.delivery import materialise, notices, outlets, queries
from domain.delivery.outlets import NoOutlet
from domain.senders import accounts, domains
from domain.senders import service as senders
from kernel import clock, db, egress, settings
from models import Message, Sender, SenderDomain


@pytest.fixture
def studio(tenants) -> tuple[UUID, UUID, UUID]:
    """A tenant with a campaign of three mails through a relay of its own, and that relay's account."""
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, 3)
        account = accounts.create(session, kind="smtp", label="R", settings={"host": "relay.studio.example"}, secret="",
                                  actor="t")  # fmt: skip
        sender = session.execute(select(Sender)).scalar_one()
        senders.send_through(session, sender.id, account.id, actor="t")
        domains.add(session, domain="studio.example", dkim_by="relay", actor="t")
        row = session.execute(select(SenderDomain)).scalar_one()
        row.aligned, row.checked_at = True, clock.now()
        made = make.started(session, kind="transactional").id
        materialise.materialise(session, made)
        return tenants.a, account.id, made


def state(tenant_id: UUID, campaign_id: UUID) -> tuple[str, dict[str, int]]:
    with db.tenant_session(tenant_id) as session:
        return campaigns.get(session, campaign_id).status, queries.counts(session, campaign_id)


def test_a_relay_whose_name_has_no_address_now_is_waited_for(studio, monkeypatch):
    tenant_id, account_id, campaign_id = studio

    def away(host: str, port: int) -> list[str]:
        raise egress.Unreachable(f"no address was found for {host}")

    monkeypatch.setattr(egress, "look_up", away)
    with db.tenant_session(tenant_id) as session:
        with pytest.raises(NoOutlet, match="relay_away") as found:
            outlets.of(session, "email", account_id)
        assert found.value.until is not None
        assert timedelta(0) < found.value.until - clock.now() <= outlets.AGAIN_AFTER
        notice = notices.send(session, kind="reply", purpose="transactional", channel="email", address="jo@example.org",
                              key="k", body="x", subject="x", account_id=account_id)  # fmt: skip
    tasks.send(tenant_id, campaign_id)
    tasks.send_notices(tenant_id, tenant_id)
    assert state(tenant_id, campaign_id) == ("sending", {"pending": 3})
    with db.tenant_session(tenant_id) as session:
        assert session.execute(select(Message.state).where(Message.id == notice)).scalar_one() == "pending"
        assert accounts.get(session, account_id).state == "active"
    with SmtpSink() as sink:
        port = int(sink.url.rpartition(":")[2].strip("/"))
        monkeypatch.setattr(egress, "look_up", lambda _host, _port: ["127.0.0.1"])
        settings.use(settings.get_settings().model_copy(update={"relay_networks": "127.0.0.0/8"}))
        with db.tenant_session(tenant_id) as session:
            account = accounts.get(session, account_id)
            account.settings = account.settings | {"port": port, "security": "plain"}
        tasks.send(tenant_id, campaign_id)
        tasks.send_notices(tenant_id, tenant_id)
        assert sink.count == 4
    assert state(tenant_id, campaign_id)[1] == {"sent": 3}


def test_an_account_that_pauses_for_a_time_holds_nothing_and_one_that_waits_for_a_person_does(studio):
    tenant_id, account_id, campaign_id = studio
    with db.tenant_session(tenant_id) as session:
        accounts.pause(session, account_id, "slow down", clock.now() + timedelta(minutes=5))
    tasks.send(tenant_id, campaign_id)
    assert state(tenant_id, campaign_id) == ("sending", {"pending": 3})
    with db.tenant_session(tenant_id) as session:
        session.execute(text("UPDATE provider_account SET paused_until = NULL"))
    tasks.send(tenant_id, campaign_id)
    assert state(tenant_id, campaign_id) == ("held", {"pending": 3})
