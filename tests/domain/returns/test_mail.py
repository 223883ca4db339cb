from datetime import UTC, datetime, timedelta

import make
import pytest
from sqlalchemy import select, text, update

from domain.delivery import address_health, materialise
from domain.returns import mail
from kernel import db
from kernel.tokens import Signed
from models import AddressHealth, Consent, InboundMail, Message, MessageEvent, Suppression
from tests.channels.reports import samples
from tests.domain.returns.conftest import sent

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


def come_back(tenant_id, message_id, raw: bytes) -> str:
    with db.tenant_session(tenant_id) as session:
        kept = mail.keep(session, Signed(tenant_id, message_id, 0), envelope_from="", raw=raw)
        return mail.read(session, kept)


def suppressions(tenant_id) -> list[tuple[str, str]]:
    with db.tenant_session(tenant_id) as session:
        return [(row.address_norm, row.reason) for row in session.execute(select(Suppression)).scalars()]


def events(tenant_id, message_id) -> list[str]:
    with db.tenant_session(tenant_id) as session:
        statement = select(MessageEvent.kind).where(MessageEvent.message_id == message_id)
        return list(session.execute(statement).scalars())


def again(tenant_id, message_id) -> None:
    """The same message stands for the next mail to the same address."""
    with db.tenant_session(tenant_id) as session:
        session.execute(update(Message).where(Message.id == message_id).values(state="sent", accepted_at=None))


SOFT = samples.SOFT["full"][0]


def test_five_soft_refusals_over_two_weeks_suppress_for_a_while(tenants, frozen_clock):
    (message,) = sent(tenants.a, "anna@kunde.example")
    for n in range(4):
        frozen_clock(NOW + timedelta(days=4 * n))
        assert come_back(tenants.a, message.id, SOFT) == "soft"
        assert come_back(tenants.a, message.id, SOFT) == "soft"  # a second report about the same mail counts once
        again(tenants.a, message.id)
        assert suppressions(tenants.a) == []
    frozen_clock(NOW + timedelta(days=16))
    come_back(tenants.a, message.id, SOFT)
    assert suppressions(tenants.a) == [("anna@kunde.example", "soft_bounces")]
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Suppression.expires_at)).scalar_one() == NOW + timedelta(days=106)
        assert session.execute(select(AddressHealth)).all() == []
    assert suppressions(tenants.b) == []


def test_soft_refusals_within_two_weeks_suppress_nobody(tenants, frozen_clock):
    (message,) = sent(tenants.a, "anna@kunde.example")
    for n in range(9):
        frozen_clock(NOW + timedelta(days=n))
        come_back(tenants.a, message.id, SOFT)
        again(tenants.a, message.id)
    assert suppressions(tenants.a) == []


def test_a_success_between_begins_the_count_anew(tenants, frozen_clock):
    (message,) = sent(tenants.a, "anna@kunde.example")
    for n in range(4):
        frozen_clock(NOW + timedelta(days=4 * n))
        come_back(tenants.a, message.id, SOFT)
        again(tenants.a, message.id)
    with db.tenant_session(tenants.a) as session:
        values = {"state": "delivered", "accepted_at": NOW + timedelta(days=13)}
        session.execute(update(Message).where(Message.id == message.id).values(**values))
    frozen_clock(NOW + timedelta(days=16))
    with db.tenant_session(tenants.a) as session:
        member = session.execute(select(Message.member_id)).scalar_one()
        counted = address_health.soft(
            session, member_id=member, channel="email", address_norm="anna@kunde.example", source="dsn", evidence={}
        )
        assert not counted
        assert session.execute(select(AddressHealth.softs)).scalar_one() == 1


def test_a_second_rest_after_the_first_expired_is_in_force(tenants, frozen_clock):
    with db.tenant_session(tenants.a) as session:
        for days in (0, 200):
            frozen_clock(NOW + timedelta(days=days))
            assert address_health.suppress(
                session,
                channel="email",
                address_norm="a@k.example",
                source="dsn",
                evidence={},
                now=NOW + timedelta(days=days),
            )
        assert session.execute(select(Suppression.expires_at)).scalar_one() == NOW + timedelta(days=290)


@pytest.mark.parametrize("name", ["spam", "spf", "block list", "reverse", "relay", "sender", "too big"])
def test_what_the_sender_caused_never_counts_against_the_person(tenants, name):
    (message,) = sent(tenants.a, "anna@kunde.example")
    assert come_back(tenants.a, message.id, samples.SOFT[name][0]) == "sender_fault"
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(AddressHealth)).all() == []
        assert session.execute(select(Message.state)).scalar_one() == "bounced"
    assert suppressions(tenants.a) == []


def test_a_complaint_stops_marketing_takes_the_consent_back_and_is_noted(tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    assert come_back(tenants.a, message.id, samples.COMPLAINT) == "complained"
    assert come_back(tenants.a, message.id, samples.COMPLAINT) == "repeated"
    assert suppressions(tenants.a) == [("anna@kunde.example", "complained")]
    with db.tenant_session(tenants.a) as session:
        states = dict(session.execute(select(Consent.purpose, Consent.state)).all())
    assert states["marketing"] == "withdrawn"
    assert events(tenants.a, message.id).count("complained") == 1


def test_at_the_complaint_address_the_message_id_decides_and_only_complaints_count(tenants):
    anna, ben = sent(tenants.a, "anna@kunde.example", "ben@kunde.example")
    raw = samples.COMPLAINT.replace(b"0190a2b4-1111-7222-8333-444455556666", str(ben.id).encode())
    bounce = samples.POSTFIX.replace(b"0190a2b4-1111-7222-8333-444455556666", str(anna.id).encode())
    assert come_back(tenants.a, tenants.a, raw) == "complained"
    assert come_back(tenants.a, tenants.a, bounce) == "unbound"
    assert come_back(tenants.b, tenants.b, raw) == "unbound"
    assert suppressions(tenants.a) == [("ben@kunde.example", "complained")]


def test_answers_of_machines_and_of_people_change_nothing(tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    assert come_back(tenants.a, message.id, samples.VACATION) == "auto_reply"
    assert come_back(tenants.a, message.id, samples.PERSON) == "kept"
    assert come_back(tenants.a, message.id, samples.DELAYED) == "delayed"
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Message.state)).scalar_one() == "sent"
    assert suppressions(tenants.a) == []
    assert {"auto_reply", "delayed"} <= set(events(tenants.a, message.id))


def test_a_bounce_proves_that_an_unknown_message_was_accepted(tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Message).values(state="unknown"))
    come_back(tenants.a, message.id, samples.POSTFIX)
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Message.state)).scalar_one() == "bounced"


def test_a_mail_is_acted_on_once(tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    with db.tenant_session(tenants.a) as session:
        kept = mail.keep(session, Signed(tenants.a, message.id, 0), envelope_from="", raw=samples.POSTFIX)
    for _ in range(3):
        with db.tenant_session(tenants.a) as session:
            assert mail.read(session, kept) == "hard"
    assert len(suppressions(tenants.a)) == 1
    assert events(tenants.a, message.id).count("bounced") == 1


def test_bodies_are_emptied_after_thirty_days_and_the_verdict_stays(tenants, frozen_clock):
    (message,) = sent(tenants.a, "anna@kunde.example")
    frozen_clock(NOW)
    come_back(tenants.a, message.id, samples.POSTFIX)
    frozen_clock(NOW + timedelta(days=29))
    with db.tenant_session(tenants.a) as session:
        mail.empty_old(session)
        assert session.execute(select(InboundMail.raw)).scalar_one() is not None
    frozen_clock(NOW + timedelta(days=31))
    with db.tenant_session(tenants.a) as session:
        mail.empty_old(session)
        assert session.execute(select(InboundMail.raw, InboundMail.outcome)).one() == (None, "hard")


def test_a_suppressed_address_gets_no_later_mail(tenants):
    (message,) = sent(tenants.a, "anna@kunde.example")
    come_back(tenants.a, message.id, samples.POSTFIX)
    with db.tenant_session(tenants.a) as session:
        newest = make.started(session).id
        materialise.materialise(session, newest)
        rows = session.execute(text("SELECT state FROM message WHERE campaign_id = :c"), {"c": newest}).scalars().all()
    assert set(rows) <= {"suppressed"}
