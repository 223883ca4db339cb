"""A comparison through a real relay: everybody gets one mail, the right one, whatever dies in between."""

import email
import email.policy
from collections import Counter
from uuid import UUID

import comparing as own
import make
import pytest
from sqlalchemy import event, select, text, update

from ariia.embedded.mailbox import Mailbox
from channels.email import settings as relays
from domain.campaigns import service as campaigns
from domain.delivery import engine, outlets, recovery, supply
from domain.delivery import service as delivery
from domain.delivery.claim import Work
from domain.experiments import queries, service
from kernel import clock, db, outbox
from kernel.ids import new_id
from models import Message

PEOPLE = 60
A_SUBJECT = "dein Platz ist frei"


@pytest.fixture
def mailbox(tmp_path):
    with Mailbox(tmp_path / "mail") as running:
        yield running


@pytest.fixture
def studio(tenants, frozen_clock):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        own.people(session, PEOPLE)
    yield tenants.a
    clock.set_source(None)


def send(tenant_id: UUID, campaign_id: UUID, mailbox: Mailbox) -> engine.Outcome:
    outlet = outlets.through(relays.parse(mailbox.url), 4)
    return engine.send(tenant_id, Work(campaign_id, "email"), outlet, lease_seconds=20)


def received(mailbox: Mailbox) -> dict[str, list[str]]:
    """Subjects by recipient."""
    found: dict[str, list[str]] = {}
    for raw in mailbox.messages():
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        found.setdefault(mail["Delivered-To"], []).append(str(mail["Subject"]))
    return found


def b_is_better(session, campaign_id):
    """Let nobody of A and everybody of B click, long ago, and the time be up."""
    clicked = (Message.campaign_id == campaign_id, Message.tested, Message.variant == 1)
    session.execute(update(Message).where(*clicked).values(first_clicked_at=clock.now()))
    own.later(25)


def test_the_test_is_sent_the_winner_follows_and_nobody_gets_two(studio, tenants, mailbox):
    with db.tenant_session(studio) as session:
        campaign_id = own.compared(session, own.B, test_percent=50, holdout_percent=10).id
    assert send(studio, campaign_id, mailbox).sent == 30
    first = received(mailbox)
    assert Counter("wieder" in subjects[0] for subjects in first.values()) == {True: 15, False: 15}
    assert send(studio, campaign_id, mailbox).sent == 0
    with db.tenant_session(studio) as session:
        b_is_better(session, campaign_id)
        assert service.look(session, campaign_id).winner == 1
    assert send(studio, campaign_id, mailbox).sent == 24
    with db.tenant_session(studio) as session:
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)
        assert campaigns.get(session, campaign_id).status == "sent"
        rows = session.execute(select(Message.address, Message.variant, Message.state)).all()
    every = received(mailbox)
    assert len(every) == 54
    assert all(len(subjects) == 1 for subjects in every.values())
    for address, variant, state in rows:
        if state == "skipped":
            assert address not in every
        else:
            assert ("wieder" in every[address][0]) == (variant == 1)
            assert (A_SUBJECT in every[address][0]) == (variant == 0)
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(Message.id)).first() is None


def test_a_death_in_the_middle_of_the_decision_leaves_nothing_decided(studio, mailbox):
    with db.tenant_session(studio) as session:
        campaign_id = own.compared(session, own.B, test_percent=50).id
    send(studio, campaign_id, mailbox)
    with db.tenant_session(studio) as session:
        b_is_better(session, campaign_id)

    def die(_session):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), db.tenant_session(studio) as session:
        assert service.look(session, campaign_id).winner == 1
        event.listen(session, "before_commit", die)
    with db.tenant_session(studio) as session:
        assert own.cells(session, campaign_id)["deferred", "waits_for_winner", None, False] == 30
        experiment = queries.get(session, campaign_id)
        assert (experiment.status, experiment.looks, list(queries.decisions(session, experiment))) == ("testing", 0, [])
        assert service.look(session, campaign_id).winner == 1
    assert send(studio, campaign_id, mailbox).sent == 30
    assert set(map(len, received(mailbox).values())) == {1}
    assert len(received(mailbox)) == PEOPLE


def test_a_worker_that_dies_after_the_decision_loses_nobody_and_doubles_nobody(studio, mailbox):
    with db.tenant_session(studio) as session:
        campaign_id = own.compared(session, own.B, test_percent=50).id
    send(studio, campaign_id, mailbox)
    with db.tenant_session(studio) as session:
        b_is_better(session, campaign_id)
        service.look(session, campaign_id)
    with db.tenant_session(studio) as session:  # it takes a slice and is never heard of again
        campaign = campaigns.get(session, campaign_id)
        taken = supply.slice_of(session, campaign, owner=new_id(), lease_seconds=0, size=20)
        assert {message.variant for message in taken.messages} == {1}
        assert len(taken.messages) == 20
    with db.tenant_session(studio) as session:
        assert service.look(session, campaign_id) is None
        outbox.mark_due(session, "campaigns")
        assert recovery.sweep(session) == [campaign_id]
    assert send(studio, campaign_id, mailbox).sent == 30
    assert set(map(len, received(mailbox).values())) == {1}
    assert len(received(mailbox)) == PEOPLE


def test_what_failed_is_sent_again_with_its_own_variant(studio, mailbox):
    with db.tenant_session(studio) as session:
        campaign_id = own.compared(session, own.B, test_percent=50).id
        session.execute(text("UPDATE message SET state = 'failed', reason = 'refused' WHERE state = 'pending'"))
        before = dict(session.execute(select(Message.address, Message.variant).where(Message.tested)).all())
        assert delivery.retry_failed(session, campaign_id, actor="t") == 30
    assert send(studio, campaign_id, mailbox).sent == 30
    subjects = received(mailbox)
    assert {address: "wieder" in each[0] for address, each in subjects.items()} == {
        address: variant == 1 for address, variant in before.items()
    }
