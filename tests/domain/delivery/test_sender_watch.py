"""A sender that many small campaigns harm, each below what would hold it, is stopped until a person lifts that."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import make
import pytest
from chaos import crowd
from sqlalchemy import select, text

from domain.campaigns import service as campaigns
from domain.delivery import flight, gate, materialise, notices, sender_watch, stop_loss, supply
from domain.identity import tenants as identities
from domain.returns import harm
from domain.senders import stops
from kernel import clock, db
from kernel.errors import Conflict
from kernel.ids import first_id, new_id
from models import Campaign, DomainEvent, Message, Sender, SenderStop

_EVENTS = text("""
INSERT INTO message_event (id, tenant_id, campaign_id, message_id, kind, reason)
SELECT coalesce(CAST(:id AS uuid), new_id()), tenant_id, campaign_id, id, :kind, :reason
FROM message, generate_series(1, :n) WHERE campaign_id = :campaign ORDER BY id LIMIT :n
""")


_OF_NOTICE = text("""
INSERT INTO message_event (id, tenant_id, campaign_id, message_id, kind)
SELECT new_id(), tenant_id, NULL, id, :kind FROM message WHERE id = :message
""")


def small(tenant_id: UUID, handed_over: int, *, audience: int = 12) -> UUID:
    """A campaign that is being sent, a few of its mails handed over; the members are made by the first one."""
    with db.tenant_session(tenant_id) as session:
        if session.execute(select(Sender.id)).first() is None:
            make.sender(session)
            crowd.gather(session, audience)
        campaign = make.started(session)
        materialise.materialise(session, campaign.id)
    happened(tenant_id, campaign.id, "sent", handed_over)
    return campaign.id


def happened(tenant_id: UUID, campaign_id: UUID, kind: str, n: int, *, reason: str | None = None) -> None:
    with db.tenant_session(tenant_id) as session:
        session.execute(_EVENTS, {"campaign": campaign_id, "kind": kind, "n": n, "reason": reason, "id": None})


def long_ago(tenant_id: UUID, campaign_id: UUID, kind: str) -> None:
    """One event of eight days ago."""
    then = first_id(clock.now() - timedelta(days=8))
    with db.tenant_session(tenant_id) as session:
        session.execute(_EVENTS, {"campaign": campaign_id, "kind": kind, "n": 1, "reason": None, "id": then})


def watched(tenant_id: UUID, campaign_id: UUID, kind: str = "complained") -> bool:
    with db.tenant_session(tenant_id) as session:
        return harm.stop_harmful(session, campaign_id, kind)


def status(tenant_id: UUID, campaign_id: UUID) -> tuple[str, str | None]:
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        return campaign.status, campaign.hold_reason


@pytest.fixture
def studios(tenants):
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            crowd.no_quiet_hours(session)
    return tenants


def test_two_complaints_here_and_two_there_stop_the_sender_and_all_that_it_sends(studios):
    ours = [small(studios.a, 200) for _ in range(3)]
    theirs = small(studios.b, 200)
    for campaign_id, complaints in zip(ours, (2, 2, 0), strict=True):
        happened(studios.a, campaign_id, "complained", complaints)
        assert not watched(studios.a, campaign_id)
    long_ago(studios.a, ours[2], "complained")  # outside the window
    assert not watched(studios.a, ours[2])
    happened(studios.a, ours[2], "complained", 1)
    assert watched(studios.a, ours[2])
    assert [status(studios.a, each) for each in ours] == [("held", "sender_stopped")] * 3
    assert not watched(studios.a, ours[2])  # once is enough
    assert status(studios.b, theirs) == ("sending", None)
    with db.tenant_session(studios.a) as session:
        [stop] = session.execute(select(SenderStop)).scalars()
        assert (stop.key, stop.reason, stop.harmed) == ("domain:studio.example", "complained", 5)
        assert stop.harmed >= stop_loss.COMPLAINTS * stop.handed_over
        told = session.execute(select(DomainEvent.payload).where(DomainEvent.type == stops.STOPPED)).scalar_one()
        assert (told["key"], told["harmed"]) == (stop.key, 5)
        assert "sender_stopped" in flight.check(session, campaigns.get(session, ours[0])).problems
    with db.tenant_session(studios.b) as session:
        assert session.execute(select(SenderStop.id)).all() == []


def test_nothing_is_claimed_while_it_is_stopped_and_what_was_before_the_lifting_counts_no_more(studios):
    first, second = small(studios.a, 10), small(studios.a, 10)
    happened(studios.a, first, "complained", 2)
    happened(studios.a, second, "complained", 2)
    with db.tenant_session(studios.a) as session:
        third = make.started(session)
        materialise.materialise(session, third.id)
        sender = session.execute(select(Sender)).scalar_one()
        assert stops.stop(session, sender, reason="complained", harmed=5, handed_over=20)
        assert not stops.stop(session, sender, reason="complained", harmed=6, handed_over=20)
    with db.tenant_session(studios.a) as session:
        campaign = campaigns.get(session, third.id)
        assert gate.obstacle(session, campaign) == "sender_stopped"
        assert supply.slice_of(session, campaign, owner=new_id(), lease_seconds=60, size=10).messages == []
        assert (campaign.status, campaign.hold_reason) == ("held", "sender_stopped")
        [stop] = session.execute(select(SenderStop)).scalars()
        stops.lift(session, stop.id, note="cleaned", actor="user:1")
    with db.tenant_session(studios.a) as session, pytest.raises(Conflict):
        stops.lift(session, stop.id, note="again", actor="user:1")
    with db.tenant_session(studios.a) as session:
        campaigns.resume(session, third.id, actor="user:1")
        taken = supply.slice_of(session, campaigns.get(session, third.id), owner=new_id(), lease_seconds=60, size=10)
        assert len(taken.messages) == 10
    happened(studios.a, second, "complained", 1)
    with db.tenant_session(studios.a) as session:  # five in seven days, but one since it was lifted
        assert not sender_watch.stop_if_harmful(session, second, "complained")


@pytest.mark.parametrize(("handed_over", "faults", "stopped"), [(500, 10, False), (500, 11, True), (1_500, 29, False)])
def test_refusals_of_all_campaigns_count_against_what_all_of_them_handed_over(studios, handed_over, faults, stopped):
    ours = [small(studios.a, handed_over // 5) for _ in range(5)]
    for n in range(faults):
        happened(studios.a, ours[n % 5], *(("sender_fault",) if n % 2 else ("failed",)), 1,
                 reason=None if n % 2 else "refused")  # fmt: skip
    found = [watched(studios.a, each, "sender_fault") for each in ours]
    assert found == [stopped, False, False, False, False]
    assert any(status(studios.a, each)[0] == "held" for each in ours) is stopped


def noticed(tenant_id: UUID, key: str, **fields: Any) -> UUID:
    """A notice that was handed over."""
    given = {"kind": "reply", "purpose": "transactional", "channel": "email", "address": f"{key}@x.example"} | fields
    with db.tenant_session(tenant_id) as session:
        message_id = notices.send(session, key=key, body="Hallo", **given)
        session.execute(_OF_NOTICE, {"message": message_id, "kind": "sent"})
    return message_id


def complained_about(tenant_id: UUID, message_id: UUID) -> bool:
    with db.tenant_session(tenant_id) as session:
        message = session.get_one(Message, (tenant_id, message_id))
        where = {"channel": message.channel, "account_id": message.account_id}
        session.execute(_OF_NOTICE, {"message": message_id, "kind": "complained"})
        return sender_watch.stop_for_notice(session, kind="complained", **where)


def test_complaints_about_notices_count_like_those_about_campaigns(studios):
    """Confirmations and answers leave from the same domain: their complaints are the sender's too."""
    ours, theirs = small(studios.a, 100), small(studios.b, 100)
    happened(studios.a, ours, "complained", 2)
    assert not watched(studios.a, ours)
    written = [noticed(studios.a, f"n{n}") for n in range(3)]
    assert [complained_about(studios.a, each) for each in written] == [False, False, True]
    assert status(studios.a, ours) == ("held", "sender_stopped")
    assert status(studios.b, theirs) == ("sending", None)
    with db.tenant_session(studios.a) as session:
        [stop] = session.execute(select(SenderStop)).scalars()
        assert (stop.key, stop.harmed, stop.handed_over) == ("domain:studio.example", 5, 103)


def test_a_complaint_about_a_campaign_counts_those_about_notices_before_it(studios):
    ours = small(studios.a, 100)
    for n in range(4):
        assert not complained_about(studios.a, noticed(studios.a, f"n{n}"))
    happened(studios.a, ours, "complained", 1)
    assert watched(studios.a, ours)


def test_notices_of_another_sender_do_not_count(studios):
    """What a campaign's sender of another domain draws, the default sender's notices have no part in."""
    with db.tenant_session(studios.a) as session:
        crowd.gather(session, 12)
        make.sender(session)
        other = identities.add_sender(
            session, from_name="Other", from_address="post@other.example", reply_to=None, is_default=False, actor="t"
        )
        campaign = make.started(session, sender_id=other.id)
        materialise.materialise(session, campaign.id)
    happened(studios.a, campaign.id, "sent", 100)
    for n in range(3):
        assert not complained_about(studios.a, noticed(studios.a, f"n{n}"))
    happened(studios.a, campaign.id, "complained", 4)
    with db.tenant_session(studios.a) as session:
        assert not sender_watch.stop_if_harmful(session, campaign.id, "complained")


def test_the_counts_are_served_by_the_indexes_of_events(studios, analyse):
    ours = small(studios.a, 0)
    happened(studios.a, ours, "sent", 4_000)
    happened(studios.a, ours, "complained", 3)
    for tenant_id in (studios.a, studios.a, studios.a, studios.a, studios.b):
        happened(tenant_id, small(tenant_id, 0), "sent", 4_000)  # to be told apart by their campaign
    analyse("message_event")
    keys = {"tenant": studios.a, "since": first_id(clock.now() - timedelta(days=7)), "enough": 100}
    keys |= {"channel": "email", "account": None, "by_default": True}
    with db.tenant_session(studios.a) as session:
        keys["senders"] = list(session.execute(select(Campaign.sender_id)).scalars())
        session.execute(sender_watch._WHOLE_READS, {"value": "off"})
        plans = [
            "\n".join(row[0] for row in session.execute(text(f"EXPLAIN {statement.text}"), keys))
            for statement in (*sender_watch._HARMED["complained"], *sender_watch._HANDED_OVER)
        ]
    assert "ix_message_event_rare" in plans[0]
    assert "ix_message_event_rare" in plans[1], plans[1]
    assert "ix_message_event_campaign" in plans[2], plans[2]
    assert "ix_message_event_campaign" in plans[3], plans[3]
    for plan in (plans[1], plans[3]):
        assert "pk_message" in plan, plan
