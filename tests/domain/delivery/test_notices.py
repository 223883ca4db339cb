"""Messages outside campaigns: once, through the same gate, in no statistics."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import make
import pytest
from chaos import crowd
from fakes.smtp_sink import Fault, SmtpSink
from sqlalchemy import func, select, text

from ariia import relay
from ariia.embedded.mailbox import Mailbox
from ariia.tasks import campaigns as tasks
from channels.email import settings as relays
from domain.consent import service as consents
from domain.delivery import engine, materialise, notices, outlets, proof, queries, recovery, service
from domain.delivery.claim import Work
from domain.identity import service as identity
from domain.identity.rules import Role
from kernel import db, outbox, settings
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from models import CampaignCount, Message, MessageEvent, Suppression


@pytest.fixture
def studio(tenants) -> UUID:
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            crowd.no_quiet_hours(session)
            make.sender(session)
    return tenants.a


def ask(tenant_id: UUID, key: str, **fields: object) -> UUID:
    about = {"kind": "confirmation", "purpose": "transactional", "channel": "email", "address": "jo@example.org",
             "subject": "Abgemeldet", "body": "Du bekommst nichts mehr.\n\nDein Studio"}  # fmt: skip
    with db.tenant_session(tenant_id) as session:
        return notices.send(session, key=key, **(about | fields))


def run(tenant_id: UUID, url: str) -> engine.Outcome:
    work = Work(None, "email")
    return engine.send(tenant_id, work, outlets.through(relays.parse(url), 2), lease_seconds=20)


def state(tenant_id: UUID, message_id: UUID) -> tuple[str, str | None]:
    with db.tenant_session(tenant_id) as session:
        row = session.execute(select(Message.state, Message.reason).where(Message.id == message_id)).one()
        return row.state, row.reason


def test_a_notice_that_is_asked_for_twice_is_sent_once(studio):
    first, second = ask(studio, "stop:1"), ask(studio, "stop:1")
    assert first == second
    with SmtpSink() as sink:
        assert run(studio, sink.url).sent == sink.count == 1
        assert run(studio, sink.url).sent == 0
        mail = email.message_from_bytes(sink.messages[0].data, policy=email.policy.default)
    assert (mail["Subject"], mail["Auto-Submitted"]) == ("Abgemeldet", "auto-generated")
    assert mail["List-Unsubscribe"] is None  # nothing would change by it
    assert "nichts mehr" in mail.get_body(("plain",)).get_content()
    assert state(studio, first) == ("sent", None)


def test_the_gate_judges_a_notice_like_everything_else(studio):
    with db.tenant_session(studio) as session:
        consents.suppress(session, channel="email", address_norm="gone@example.org", reason="hard_bounce",
                          source="t", actor="t", purpose="all")  # fmt: skip
        nobody = make.member(session, "no@example.org", consent=False).id
    bounced = ask(studio, "a", address="gone@example.org")
    marketing = ask(studio, "b", address="no@example.org", purpose="marketing", member_id=nobody)
    with SmtpSink() as sink:
        run(studio, sink.url)
        assert sink.count == 0
    assert state(studio, bounced) == ("suppressed", "suppressed")
    assert state(studio, marketing) == ("skipped", "no_consent")


def test_the_sweep_rings_for_notices_and_the_task_sends_them(studio, tenants, tmp_path):
    ask(studio, "x")
    ask(tenants.b, "x")
    rung: list[tuple[str, UUID]] = []
    with SmtpSink() as sink:
        settings.use(settings.get_settings().model_copy(update={"smtp_url": sink.url}))
        relay.sweep(lambda task, tenant_id, *_: rung.append((task, tenant_id)))
        assert {("notices.send", studio), ("notices.send", tenants.b)} <= set(rung)
        tasks.send_notices(studio, studio)
        assert sink.count == 1
    with db.tenant_session(studio) as session:
        recovery.sweep(session)
        assert notices.waiting(session) == []


def test_a_notice_that_got_no_answer_is_sent_again_because_the_person_asked_for_it(studio):
    message_id = ask(studio, "y")
    with SmtpSink([Fault("dot", stored=True, times=1)]) as sink:
        run(studio, sink.url)
        assert state(studio, message_id)[0] == "unknown"  # the answer was lost while we were there to see it
    with db.tenant_session(studio) as session:
        session.execute(
            text("UPDATE message SET state = 'sending', owner = :owner, lease_until = clock_timestamp() "
                 "- interval '1 second' WHERE id = :id"), {"id": message_id, "owner": new_id()}
        )  # fmt: skip
        recovery.recover(session)
    assert state(studio, message_id)[0] == "pending"


def test_a_test_goes_to_the_team_with_a_members_data_and_counts_nowhere(studio, tmp_path: Path):
    with db.tenant_session(studio) as session:
        member = make.member(session, "jo@example.org", first_name="Jörg", last_name="Öz")
        campaign, _ = make.drafted(session)
        identity.add_user(session, name="Mara", email="mara@studio.example", role=Role.EDITOR, password=None, actor="t")
    with db.tenant_session(studio) as session:
        made = notices.send_test(session, campaign.id, member_id=member.id, to="mara@studio.example", actor=make.ACTOR)
        with pytest.raises(Invalid, match="people of your team"):
            notices.send_test(session, campaign.id, member_id=member.id, to="jo@example.org", actor=make.ACTOR)
        with pytest.raises(NotFound):
            notices.send_test(session, campaign.id, member_id=new_id(), to="mara@studio.example", actor=make.ACTOR)
    with Mailbox(tmp_path / "mail") as mailbox:
        assert run(studio, mailbox.url).sent == 1
        mail = email.message_from_bytes(next(iter(mailbox.messages())), policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert mail["Subject"] == "[Test] Jörg, dein Platz ist frei"
    assert "mara@studio.example" in mail["To"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert state(studio, made) == ("sent", None)
    with db.tenant_session(studio) as session:
        assert queries.counts(session, campaign.id) == {}
        counted = select(func.count()).select_from(CampaignCount).where(CampaignCount.campaign_id == campaign.id)
        assert session.execute(counted).scalar_one() == 0
        service.unsubscribe(session, made, source="one_click")
        assert session.execute(select(Suppression.address_norm)).scalars().all() == ["mara@studio.example"]


def test_proofs_go_forward_only_whatever_their_order(studio):
    message_id = ask(studio, "z")
    with SmtpSink() as sink:
        run(studio, sink.url)
    with db.tenant_session(studio) as session:
        assert proof.prove(session, message_id, "read", source="t")
        assert not proof.prove(session, message_id, "delivered", source="t")
        assert not proof.prove(session, message_id, "bounced", source="t")
        assert not proof.prove(session, message_id, "read", source="t")
        assert not proof.prove(session, new_id(), "read", source="t")
        kinds = session.execute(select(MessageEvent.kind).order_by(MessageEvent.id)).scalars().all()
        assert kinds == ["sent", "read"]
        with pytest.raises(ValueError, match="pending"):
            proof.prove(session, message_id, "pending", source="t")


def test_a_refused_address_is_suppressed_for_everything(studio, tenants):
    message_id = ask(studio, "w")
    with SmtpSink() as sink:
        run(studio, sink.url)
    with db.tenant_session(tenants.b) as session:
        assert not proof.refuse_person(session, message_id, reason="hard_bounce", source="dsn")
    with db.tenant_session(studio) as session:
        assert proof.refuse_person(session, message_id, reason="hard_bounce", source="dsn", code="5.1.1")
        assert not proof.refuse_person(session, message_id, reason="hard_bounce", source="dsn", code="5.1.1")
        row = session.execute(select(Suppression)).scalar_one()
        assert (row.address_norm, row.purpose, row.reason) == ("jo@example.org", "all", "hard_bounce")
    assert state(studio, message_id)[0] == "bounced"


def unknown_campaign(tenant_id: UUID) -> UUID:
    with db.tenant_session(tenant_id) as session:
        crowd.gather(session, 6)
        campaign = make.started(session, kind="transactional")
        materialise.materialise(session, campaign.id)
        session.execute(text("UPDATE message SET state = 'unknown', phase = 'dot' WHERE campaign_id = :id"),
                        {"id": campaign.id})  # fmt: skip
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)
        return campaign.id


def test_what_is_unknown_is_sent_again_only_by_a_persons_decision(studio):
    campaign_id = unknown_campaign(studio)
    with SmtpSink() as sink:
        outlet = outlets.through(relays.parse(sink.url), 2)
        engine.send(studio, Work(campaign_id, "email"), outlet, lease_seconds=20)
        assert sink.count == 0
        with db.tenant_session(studio) as session:
            assert service.resend_unknown(session, campaign_id, actor=make.ACTOR) == 6
        engine.send(studio, Work(campaign_id, "email"), outlet, lease_seconds=20)
        assert sink.count == 6
    with db.tenant_session(studio) as session, pytest.raises(Conflict, match="unknown"):
        service.resend_unknown(session, campaign_id, actor=make.ACTOR)


def test_giving_up_ends_it_and_an_absent_message_comes_back(studio):
    campaign_id = unknown_campaign(studio)
    with db.tenant_session(studio) as session:
        first = session.execute(select(Message.id).where(Message.campaign_id == campaign_id)).scalars().first()
        assert first is not None
        assert proof.absent(session, first, "twilio")
        assert service.give_up_unknown(session, campaign_id, actor=make.ACTOR) == 5
        assert queries.counts(session, campaign_id) == {"pending": 1, "cancelled": 5}
