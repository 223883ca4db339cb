"""Segments hear of opens, clicks and deliveries from the ledger: of whoever did it alone, and nobody writes for it."""

import threading
from datetime import timedelta
from random import Random

import pytest
from conftest import settled
from sqlalchemy import func, select, text, update

from ariia import relay
from ariia.tasks.table import TASKS
from domain.changes import behaviour
from domain.changes import service as changes
from domain.delivery import proof
from domain.segments import membership, refresh, resolve, rules
from domain.segments import service as segments
from domain.segments.moment import of as moment_of
from kernel import clock, db, outbox
from models import ChangePosition, Conversion, MemberChange, Message, MessageEvent, Segment, TenantDue
from tests.domain.tracking.conftest import prepare

DID = ("received", "opened", "clicked", "converted")


@pytest.fixture
def sent(tenants):
    prepare(tenants.b, 2)
    return prepare(tenants.a, 4)


def segment(tenant_id, did, name=None, **more):
    rule = {"type": "campaign", "did": did} | more
    with db.tenant_session(tenant_id) as session:
        return segments.create(session, name=name or did, kind="dynamic", rule=rule, actor="t").id


def caught_up(tenant_id):
    settled()
    return refresh.behave(tenant_id)


def begin(tenant_id):
    """Fill what was made, until nothing is waited for."""
    for _ in range(2):
        settled()
        refresh.run(tenant_id)


def inside(tenant_id, segment_id):
    with db.tenant_session(tenant_id) as session:
        places = segments.places_of(segments.get(session, segment_id))
        return {place.member_id for place in session.execute(places).scalars()}


def asked(tenant_id, segment_id):
    """Who is meant when everybody is asked."""
    with db.tenant_session(tenant_id) as session:
        rule = rules.read(segments.get(session, segment_id).rules)
        condition = resolve.Resolver(session, moment_of(session)).condition(rule)
        return set(session.execute(resolve.members(session, condition)).scalars())


def due(tenant_id):
    with db.tenant_session(tenant_id) as session:
        row = session.get(TenantDue, (tenant_id, refresh.BEHAVIOUR))
        return row.next_due_at if row else None


def test_who_opens_clicks_or_converts_joins_at_once_and_only_they_are_asked(sent, tenants, monkeypatch):
    made = {did: segment(sent.tenant_id, did) for did in DID}
    begin(sent.tenant_id)
    members = [row.member_id for row in sent.messages()]
    assert inside(sent.tenant_id, made["received"]) == set(members)
    looked = []
    real = membership.refresh
    monkeypatch.setattr(membership, "refresh", lambda *args: looked.append((args[1].name, args[2])) or real(*args))
    sent.keep(sent.hit(n=1), sent.hit("clicked", n=2), sent.hit(n=3, agent="python-requests/2.32"))
    with db.tenant_session(sent.tenant_id) as session:
        session.add(
            Conversion(
                tenant_id=sent.tenant_id, member_id=members[0], campaign_id=sent.campaign_id, external_id="1", goal="x",
                currency="EUR", source="api", attribution="message", at=clock.now(),
            )
        )  # fmt: skip
    assert caught_up(sent.tenant_id) > 0
    assert inside(sent.tenant_id, made["opened"]) == {members[1]}
    assert inside(sent.tenant_id, made["clicked"]) == {members[2]}
    assert inside(sent.tenant_id, made["converted"]) == {members[0]}
    assert sorted(looked) == [("clicked", [members[2]]), ("converted", [members[0]]), ("opened", [members[1]])]
    assert inside(tenants.b, segment(tenants.b, "opened")) == set()
    assert caught_up(sent.tenant_id) == 0


def test_a_burst_that_was_a_machines_takes_its_member_out_again(sent):
    opened = segment(sent.tenant_id, "opened")
    begin(sent.tenant_id)
    sent.keep(sent.hit(after=20), sent.hit("clicked", link=0, after=21))
    caught_up(sent.tenant_id)
    assert len(inside(sent.tenant_id, opened)) == 1
    sent.keep(sent.hit("clicked", link=1, after=22), sent.hit("clicked", link=2, after=22.5))
    caught_up(sent.tenant_id)
    assert inside(sent.tenant_id, opened) == asked(sent.tenant_id, opened) == set()


def test_an_unknown_message_that_arrived_after_all_is_received(sent):
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(update(Message).values(state="unknown", accepted_at=None))
    received = segment(sent.tenant_id, "received")
    begin(sent.tenant_id)
    assert inside(sent.tenant_id, received) == set()
    with db.tenant_session(sent.tenant_id) as session:
        assert proof.prove(session, sent.ids[2], "delivered", source="t")
    caught_up(sent.tenant_id)
    assert inside(sent.tenant_id, received) == {sent.messages()[2].member_id}


def test_who_sends_and_tracks_writes_nothing_for_it(sent):
    """With a segment of opens followed, a hit and a mark of sending leave no row beside the ledger's."""

    def rows():
        with db.tenant_session(sent.tenant_id) as session:
            bells = session.execute(
                text("SELECT count(*) FROM change_bell WHERE tenant_id = :t"), {"t": sent.tenant_id}
            )
            return session.execute(select(func.count()).select_from(MemberChange)).scalar_one(), bells.scalar_one()

    assert due(sent.tenant_id) is None
    with db.tenant_session(sent.tenant_id) as session:
        outbox.nudge(session, refresh.BEHAVIOUR)
    assert due(sent.tenant_id) is None
    opened = segment(sent.tenant_id, "opened")
    begin(sent.tenant_id)
    before = rows()
    sent.keep(sent.hit(), sent.hit("clicked", n=1))
    with db.tenant_session(sent.tenant_id) as session:
        assert proof.prove(session, sent.ids[0], "delivered", source="t")
    assert rows() == before
    with db.tenant_session(sent.tenant_id) as session:
        segments.remove(session, opened, actor="t")
        assert session.get(ChangePosition, (sent.tenant_id, changes.SEGMENTS)) is None
    caught_up(sent.tenant_id)
    assert due(sent.tenant_id) is None


def test_a_nudge_brings_the_next_look_forward_and_a_quiet_tenant_is_left_alone(sent, tenants):
    def rung():
        heard = []
        relay.sweep(lambda task, tenant_id, *_: heard.append((task, tenant_id)))
        return ("segments.behave", sent.tenant_id) in heard

    opened = segment(sent.tenant_id, "opened")
    begin(sent.tenant_id)
    for _ in range(2):  # the first look may still find what was under way
        settled()
        TASKS["segments.behave"](sent.tenant_id, sent.tenant_id)
    later = due(sent.tenant_id)
    assert later > clock.now() + timedelta(seconds=5)
    with db.tenant_session(sent.tenant_id) as session:
        outbox.nudge(session, refresh.BEHAVIOUR)
    assert due(sent.tenant_id) < later
    assert rung()
    sent.keep(sent.hit())
    settled()
    TASKS["segments.behave"](sent.tenant_id, sent.tenant_id)
    assert len(inside(sent.tenant_id, opened)) == 1
    assert due(sent.tenant_id) < later  # soon again: something happens
    assert due(tenants.b) is None


def test_a_restored_server_has_everybody_asked_again(sent):
    opened = segment(sent.tenant_id, "opened")
    begin(sent.tenant_id)
    with db.tenant_session(sent.tenant_id) as session:
        session.execute(update(ChangePosition).values(events_xid=2**60))
        session.execute(update(Segment).values(due_at=None))
    sent.keep(sent.hit())
    caught_up(sent.tenant_id)
    with db.tenant_session(sent.tenant_id) as session:
        assert segments.get(session, opened).due_at is not None
    begin(sent.tenant_id)
    assert len(inside(sent.tenant_id, opened)) == 1
    sent.keep(sent.hit(n=1))
    caught_up(sent.tenant_id)
    assert len(inside(sent.tenant_id, opened)) == 2


def test_a_hit_under_way_when_a_segment_is_made_is_not_missed(sent):
    with db.tenant_session(sent.tenant_id) as late:
        late.execute(update(Message).where(Message.id == sent.ids[0]).values(first_opened_at=func.clock_timestamp()))
        late.add(MessageEvent(tenant_id=sent.tenant_id, campaign_id=sent.campaign_id, message_id=sent.ids[0],
                              kind="opened", actor="human", details={}))  # fmt: skip
        late.flush()
        opened = segment(sent.tenant_id, "opened")
        refresh.run(sent.tenant_id)
        assert inside(sent.tenant_id, opened) == set()
    begin(sent.tenant_id)
    assert len(inside(sent.tenant_id, opened)) == 1


def test_keeping_up_with_several_writers_says_the_same_as_asking_everybody(tenants, monkeypatch):
    """Writers that end late and out of order, readers that take small batches: nothing is missed or doubled."""
    sent = prepare(tenants.a, 12)
    monkeypatch.setattr(refresh, "MOST_ACTS", 3)
    nested = {"type": "campaign", "did": "clicked", "in_last_days": 0}
    made = [segment(sent.tenant_id, "opened"), segment(sent.tenant_id, "clicked")]
    with db.tenant_session(sent.tenant_id) as session:
        rule = {"type": "not", "rule": {"type": "any", "rules": [nested, {"type": "campaign", "did": "opened"}]}}
        made.append(segments.create(session, name="quiet", kind="dynamic", rule=rule, actor="t").id)
    begin(sent.tenant_id)

    def write(seed, own):
        pick = Random(seed)
        for _ in range(5):
            some = [
                sent.hit(pick.choice(["opened", "clicked"]), own + pick.randrange(6), link=pick.randrange(4), after=30)
                for _ in range(pick.randint(1, 3))
            ]
            sent.keep(*some)

    workers = [threading.Thread(target=write, args=(seed, seed * 6)) for seed in range(2)]
    workers.append(threading.Thread(target=lambda: [refresh.behave(sent.tenant_id) for _ in range(5)]))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    settled()
    refresh.behave(sent.tenant_id)
    for segment_id in made:
        assert inside(sent.tenant_id, segment_id) == asked(sent.tenant_id, segment_id)
        with db.tenant_session(sent.tenant_id) as session:
            assert segments.get(session, segment_id).member_count == len(inside(sent.tenant_id, segment_id))


def test_a_batch_is_whole_transactions_and_who_does_not_follow_reads_nothing(sent, tenants):
    with db.tenant_session(sent.tenant_id) as session:
        assert behaviour.read(session, "one", ["opened"], 10) is None
        changes.follow(session, "one")
        assert behaviour.read(session, "one", ["opened"], 10) is None
        behaviour.follow(session, "one")
    sent.keep(sent.hit(n=0), sent.hit(n=1))
    sent.keep(sent.hit(n=2))
    settled()
    members = [row.member_id for row in sent.messages()]
    found = []
    for _ in range(2):
        with db.tenant_session(sent.tenant_id) as session:
            acts = behaviour.read(session, "one", ["opened", "clicked"], 1)
            behaviour.advance(session, "one", acts)
            found.append((acts.members, acts.more))
    both, one = {("opened", members[0]), ("opened", members[1])}, {("opened", members[2])}
    assert found == [(both, True), (one, False)]
