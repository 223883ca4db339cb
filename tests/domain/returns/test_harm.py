"""A campaign is held for what comes back after its mails were handed over."""

from uuid import UUID

import make
import pytest
from chaos import crowd
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from domain.campaigns import service as campaigns
from domain.delivery import materialise, stop_loss
from domain.returns import harm, mail
from kernel import db
from kernel.tokens import Signed
from models import Message, MessageEvent, Outbox
from tests.channels.reports import samples

_SENT = text("UPDATE message SET state = 'sent' WHERE campaign_id = :campaign AND id IN ("
             "SELECT id FROM message WHERE campaign_id = :campaign ORDER BY id LIMIT :n)")  # fmt: skip
_EVENTS = text("""
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, actor)
SELECT tenant_id, campaign_id, id, :kind, 'test' FROM message WHERE campaign_id = :campaign ORDER BY id DESC LIMIT :n
""")


def sending(tenant_id: UUID, audience: int, handed_over: int) -> UUID:
    """A campaign that is being sent."""
    with db.tenant_session(tenant_id) as session:
        make.sender(session)
        crowd.gather(session, audience)
        campaign = make.started(session)
        materialise.materialise(session, campaign.id)
        session.execute(_SENT, {"campaign": campaign.id, "n": handed_over})
        session.execute(_EVENTS, {"campaign": campaign.id, "kind": "sent", "n": handed_over})
        return campaign.id


def plant(tenant_id: UUID, campaign_id: UUID, kind: str, n: int) -> None:
    with db.tenant_session(tenant_id) as session:
        session.execute(_EVENTS, {"campaign": campaign_id, "kind": kind, "n": n})


def come_back(tenant_id: UUID, message_id: UUID, raw: bytes) -> str:
    with db.tenant_session(tenant_id) as session:
        kept = mail.keep(session, Signed(tenant_id, message_id, 0), envelope_from="", raw=raw)
        return mail.read(session, kept)


def first_messages(tenant_id: UUID, campaign_id: UUID, n: int) -> list[UUID]:
    with db.tenant_session(tenant_id) as session:
        statement = select(Message.id).where(Message.campaign_id == campaign_id).order_by(Message.id).limit(n)
        return list(session.execute(statement).scalars())


def status(tenant_id: UUID, campaign_id: UUID) -> tuple[str, str | None]:
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        return campaign.status, campaign.hold_reason


def test_six_complaints_on_two_thousand_mails_hold_the_campaign(tenants):
    ours, theirs = sending(tenants.a, 2_000, 2_000), sending(tenants.b, 20, 20)
    plant(tenants.a, ours, "complained", 4)
    first, second, third = first_messages(tenants.a, ours, 3)
    assert come_back(tenants.a, first, samples.COMPLAINT) == "complained"
    assert status(tenants.a, ours) == ("sending", None)
    assert come_back(tenants.a, first, samples.COMPLAINT) == "repeated"
    assert status(tenants.a, ours) == ("sending", None)
    assert come_back(tenants.a, second, samples.COMPLAINT) == "complained"
    assert status(tenants.a, ours) == ("held", "stop_loss")
    assert come_back(tenants.a, third, samples.COMPLAINT) == "complained"
    assert status(tenants.a, ours) == ("held", "stop_loss")
    assert status(tenants.b, theirs) == ("sending", None)
    with db.tenant_session(tenants.a) as session:
        told = session.execute(select(Outbox.id)).all()
    assert told


def test_refusals_that_are_the_senders_come_back_later_and_count_too(tenants):
    ours = sending(tenants.a, 600, 400)
    people = first_messages(tenants.a, ours, 12)
    for message in people[:10]:
        assert come_back(tenants.a, message, samples.SOFT["block list"][0]) == "sender_fault"
    assert come_back(tenants.a, people[0], samples.SOFT["block list"][0]) == "sender_fault"
    assert status(tenants.a, ours) == ("sending", None)
    assert come_back(tenants.a, people[10], samples.SOFT["spf"][0]) == "sender_fault"
    assert status(tenants.a, ours) == ("held", "stop_loss")
    with db.tenant_session(tenants.a) as session:
        kinds = list(session.execute(select(MessageEvent.kind).where(MessageEvent.kind == harm.SENDER_FAULT)).scalars())
    assert len(kinds) == 11


@pytest.mark.parametrize(("planted", "held"), [(19, False), (20, True)])
def test_of_many_mails_two_percent_must_come_back(tenants, planted, held):
    ours = sending(tenants.a, 1_100, 1_000)
    plant(tenants.a, ours, harm.SENDER_FAULT, planted)
    (message,) = first_messages(tenants.a, ours, 1)
    come_back(tenants.a, message, samples.SOFT["reverse"][0])
    assert (status(tenants.a, ours)[0] == "held") is held


def test_people_who_are_gone_do_not_hold_a_campaign(tenants):
    ours = sending(tenants.a, 60, 60)
    for message in first_messages(tenants.a, ours, 20):
        assert come_back(tenants.a, message, samples.POSTFIX) == "hard"
    assert status(tenants.a, ours) == ("sending", None)


def test_a_campaign_that_is_over_stays_over(tenants):
    ours = sending(tenants.a, 10, 10)
    with db.tenant_session(tenants.a) as session:
        campaigns.complete(session, ours)
    for message in first_messages(tenants.a, ours, 5):
        assert come_back(tenants.a, message, samples.COMPLAINT) == "complained"
    assert status(tenants.a, ours)[0] == "sent"


def test_the_counts_are_served_by_an_index(tenants, analyse):
    ours = sending(tenants.a, 1_000, 1_000)
    plant(tenants.a, ours, "complained", 3)
    analyse("message_event")
    with db.tenant_session(tenants.a) as session:
        statement = (
            "EXPLAIN SELECT count(*) FROM message_event "
            "WHERE tenant_id = :tenant AND campaign_id = :campaign AND kind = 'complained'"
        )
        keys = {"tenant": tenants.a, "campaign": ours}
        plan = "\n".join(row[0] for row in session.execute(text(statement), keys))
    assert "ix_message_event_rare" in plan


@given(st.integers(0, 5_000), st.integers(0, 1_000_000))
def test_the_share_decides_and_a_few_never_do(harmed, handed_over):
    if stop_loss.too_many_complaints(harmed, handed_over):
        assert harmed >= 3
        assert harmed * 1_000 >= handed_over * 3 - 1
        assert stop_loss.too_many_complaints(harmed + 1, handed_over)
    if stop_loss.too_many_faults(harmed, handed_over):
        assert harmed >= 10
        assert harmed * 50 > max(500, handed_over) - 1
        assert stop_loss.too_many_faults(harmed + 1, handed_over)
