"""Segments keep themselves: who changed joins or leaves, time turns answers, and it is the same as asking everybody."""

import threading
from datetime import UTC, datetime, timedelta
from random import Random

import make
import pytest
from conftest import settled
from sqlalchemy import func, select, text

from ariia import relay
from ariia.tasks.table import TASKS
from domain.audience import service as audience
from domain.changes import service as changes
from domain.segments import membership, refresh, resolve, rules
from domain.segments import service as segments
from domain.segments.moment import of as moment_of
from kernel import clock, db
from kernel.errors import Conflict, NotFound
from kernel.ids import new_id
from models import Activity, DomainEvent, Member, MemberChange, Purchase, Segment, SegmentDay, SegmentMember, TenantDue

YOGA = {"type": "tag", "any_of": ["yoga"]}
QUIET = {"type": "recent", "field": "last_visit_at", "op": "before_last_days", "days": 30}


@pytest.fixture
def ours(tenants):
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            make.member(session, "yoga@example.org", tags=["yoga"])
            make.member(session, "box@example.org", tags=["box"])
    return tenants.a


def segment(tenant_id, rule=YOGA, kind="dynamic", name="S"):
    with db.tenant_session(tenant_id) as session:
        return segments.create(session, name=name, kind=kind, rule=rule, actor="t").id


def run(tenant_id):
    settled()
    looked = refresh.run(tenant_id)
    settled()
    return looked + refresh.run(tenant_id)


def rest(tenant_id):
    """Run until nothing rings: a transaction elsewhere on the server keeps a ring for as long as it is open."""
    rings = text("SELECT count(*) FROM change_bell WHERE tenant_id = :tenant")
    for _ in range(500):
        run(tenant_id)
        with db.all_tenants_session("test") as session:
            if not session.execute(rings, {"tenant": tenant_id}).scalar_one():
                return


def inside(tenant_id, segment_id):
    with db.tenant_session(tenant_id) as session:
        places = segments.places_of(segments.get(session, segment_id))
        return {place.member_id for place in session.execute(places).scalars()}


def told(tenant_id, segment_id, *kinds):
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            select(DomainEvent).where(DomainEvent.aggregate_id == segment_id).order_by(DomainEvent.seq)
        ).scalars()
        return [(row.type.removeprefix("crm.segment."), row.payload) for row in rows if row.type.split(".")[2] in kinds]


def ids(tenant_id):
    with db.tenant_session(tenant_id) as session:
        return list(session.execute(select(Member.id).order_by(Member.id)).scalars())


def test_who_changes_joins_and_leaves_and_it_is_told(ours, tenants):
    segment_id = segment(ours)
    run(ours)
    yoga, box = ids(ours)
    assert inside(ours, segment_id) == {yoga}
    with db.tenant_session(ours) as session:
        audience.change(session, box, actor="t", contact=None, changes={"tags": ["yoga", "box"]})
        fresh = make.member(session, "new@example.org", tags=["yoga"]).id
        audience.change(session, yoga, actor="t", contact=None, changes={"tags": []})
    with db.tenant_session(tenants.b) as session:
        make.member(session, "foreign@example.org", tags=["yoga"])
    assert run(ours) > 0
    assert inside(ours, segment_id) == {box, fresh}
    by_rules = {"by": "rules"}
    assert told(ours, segment_id, "member_added", "member_removed") == [
        ("member_added", by_rules | {"member_ids": [str(yoga)]}),
        ("member_added", by_rules | {"member_ids": sorted([str(box), str(fresh)])}),
        ("member_removed", by_rules | {"member_ids": [str(yoga)]}),
    ]
    with db.tenant_session(ours) as session:
        row = segments.get(session, segment_id)
        assert row.member_count == 2
        day = session.execute(select(SegmentDay)).scalar_one()
        assert (day.joined, day.left) == (3, 1)
        assert session.execute(select(func.count()).select_from(MemberChange)).scalar_one() == 0


def test_a_change_wakes_the_worker_for_its_tenant_alone(ours, tenants):
    def rung():
        heard = []
        relay.sweep(lambda task, tenant_id, *_: heard.append((task, tenant_id)))
        return {tenant_id for task, tenant_id in heard if task == "segments.refresh"} & {ours, tenants.b}

    segment_id = segment(ours)
    segment(tenants.b)
    for tenant_id in (ours, tenants.b):
        rest(tenant_id)
    assert rung() == set()
    with db.tenant_session(ours) as session:
        make.member(session, "new@example.org", tags=["yoga"])
    assert rung() == {ours}
    settled()
    TASKS["segments.refresh"](ours, ours)
    assert len(inside(ours, segment_id)) == 2
    rest(ours)
    assert rung() == set()


def test_those_who_follow_members_hear_of_joins_and_leaves_by_rules(ours):
    segment_id = segment(ours)
    run(ours)
    yoga, box = ids(ours)
    with db.tenant_session(ours) as session:
        changes.follow(session, changes.SEQUENCES)
        session.get_one(Member, box).tags = ["yoga"]
        session.get_one(Member, yoga).tags = []
    run(ours)
    settled()
    with db.tenant_session(ours) as session:
        batch = changes.read(session, changes.SEQUENCES, 100)
    places = {(each.member_id, each.kind) for each in batch.changes if each.detail == str(segment_id)}
    assert places == {(box, "segment_joined"), (yoga, "segment_left")}
    with db.tenant_session(ours) as session:
        segments.remove(session, segment_id, actor="t")
        assert len(changes.read(session, changes.SEQUENCES, 100).changes) == len(batch.changes)


def test_an_erased_member_is_counted_no_more(ours):
    segment_id, hand = segment(ours), segment(ours, None, "static", "H")
    yoga, _ = ids(ours)
    with db.tenant_session(ours) as session:
        membership.add(session, hand, [yoga], actor="t")
    run(ours)
    with db.tenant_session(ours) as session:
        audience.delete(session, yoga, actor="t")
    run(ours)
    with db.tenant_session(ours) as session:
        counts = [segments.get(session, each).member_count for each in (segment_id, hand)]
    assert counts == [0, 0]


def test_nobody_follows_members_without_a_segment_that_keeps_itself(ours):
    segment_id = segment(ours)
    with db.tenant_session(ours) as session:
        segments.change(session, segment_id, actor="t", status="inactive")
        make.member(session, "new@example.org", tags=["yoga"])
        assert session.execute(select(func.count()).select_from(MemberChange)).scalar_one() == 0
    run(ours)
    assert len(inside(ours, segment_id)) == 1
    with db.tenant_session(ours) as session:
        segments.change(session, segment_id, actor="t", status="active")
    run(ours)
    assert len(inside(ours, segment_id)) == 2


def test_a_change_under_way_when_a_segment_is_made_is_not_missed(ours):
    with db.tenant_session(ours) as late:
        late.add(Member(id=new_id(), tenant_id=ours, tags=["yoga"]))
        late.flush()
        segment_id = segment(ours)
        refresh.run(ours)
        assert len(inside(ours, segment_id)) == 1
    run(ours)
    assert len(inside(ours, segment_id)) == 2


def test_time_turns_answers_when_it_is_due(ours, frozen_clock):
    start = datetime(2026, 3, 27, 12, tzinfo=UTC)
    frozen_clock(start)
    yoga, box = ids(ours)
    with db.tenant_session(ours) as session:
        session.get_one(Member, yoga).last_visit_at = start - timedelta(days=29)
        session.get_one(Member, box).last_visit_at = start - timedelta(days=31)
    segment_id = segment(ours, QUIET)
    run(ours)
    assert inside(ours, segment_id) == {box}
    midnights = [datetime(2026, 3, day, 23, tzinfo=UTC) for day in (27, 28)]
    with db.tenant_session(ours) as session:
        due = segments.get(session, segment_id).due_at
        mark = session.get_one(TenantDue, (ours, membership.DUE)).next_due_at
    assert start < due == mark <= midnights[0]
    for at, expected in ((midnights[0], {box}), (midnights[1], {box, yoga})):
        frozen_clock(at + timedelta(seconds=1))
        run(ours)
        assert inside(ours, segment_id) == expected


def test_what_ends_with_a_campaign_is_asked_again_after_an_hour_and_other_rules_never(ours, frozen_clock):
    start = datetime(2026, 3, 27, 12, tzinfo=UTC)
    frozen_clock(start)
    opened = segment(ours, {"type": "campaign", "did": "opened"}, name="O")
    plain = segment(ours, YOGA, name="P")
    nested = segment(ours, {"type": "not", "rule": {"type": "segment", "segment_id": str(opened)}}, name="N")
    run(ours)
    with db.tenant_session(ours) as session:
        due = [segments.get(session, each).due_at for each in (opened, plain, nested)]
    assert due == [start + timedelta(hours=1), None, start + timedelta(hours=1)]


def test_a_hybrid_segment_is_its_rules_and_what_people_said(ours):
    segment_id = segment(ours, YOGA, "hybrid")
    outer = segment(ours, {"type": "not", "rule": {"type": "segment", "segment_id": str(segment_id)}}, name="Outer")
    yoga, box = ids(ours)
    run(ours)
    assert (inside(ours, segment_id), inside(ours, outer)) == ({yoga}, {box})
    with db.tenant_session(ours) as session:
        assert membership.add(session, segment_id, [box, yoga], actor="mara") == 1
        membership.take(session, segment_id, yoga, actor="mara")
        with pytest.raises(NotFound):
            membership.take(session, segment_id, yoga, actor="mara")
    for _ in range(2):  # by hand at once and in others soon; asking the rules again changes nothing of it
        assert inside(ours, segment_id) == {box}
        run(ours)
        assert inside(ours, outer) == {yoga}
        with db.tenant_session(ours) as session:
            segments.recount(session, segment_id)
            condition = resolve.Resolver(session, moment_of(session)).of(segment_id)
            assert set(session.execute(resolve.members(session, condition)).scalars()) == {box}
    with db.tenant_session(ours) as session:
        kept = session.execute(
            select(SegmentMember).where(SegmentMember.member_id == yoga, SegmentMember.segment_id == segment_id)
        ).scalar_one()
        assert kept.by_rule
        assert (kept.by_hand, kept.hand_by, kept.present) == ("removed", "mara", False)
        for each in (yoga, box):
            membership.let_rules_decide(session, segment_id, each, actor="t")
        with pytest.raises(Conflict):
            membership.add(session, outer, [box], actor="t")
    assert inside(ours, segment_id) == {yoga}
    run(ours)
    assert inside(ours, outer) == {box}
    hand = [(what, payload["by"]) for what, payload in told(ours, segment_id, "member_added", "member_removed")]
    assert hand == [
        ("member_added", "rules"),
        ("member_added", "hand"),
        ("member_removed", "hand"),
        ("member_added", "hand"),
        ("member_removed", "hand"),
    ]


KEPT = {
    "tag": YOGA,
    "not": {"type": "not", "rule": {"type": "any", "rules": [YOGA, {"type": "known", "field": "first_name"}]}},
    "visits": {"type": "activity", "kind": "visit", "op": "exactly", "count": 0},
    "spent": {"type": "purchase", "measure": "sum", "op": "at_least", "amount": 200, "currency": "EUR"},
    "mail": {"type": "contact", "channel": "email", "domains": ["x.example"]},
    "agreed": {"type": "consent", "channel": "email", "purpose": "marketing", "state": "granted"},
    "mixed": {
        "type": "all",
        "rules": [{"type": "not", "rule": {"type": "purchase"}}, {"type": "status", "any_of": ["active", "left"]}],
    },
}


def happen(tenant_id, pick):
    """One random thing, in a transaction of its own."""
    with db.tenant_session(tenant_id) as session:
        known = session.execute(select(Member.id).order_by(Member.id)).scalars().all()
        member_id = pick.choice(known)
        own = {"tenant_id": tenant_id, "member_id": member_id}
        at = datetime(2026, 1, 1, tzinfo=UTC)
        act = pick.randrange(8)
        if act == 0:
            make.member(session, f"{new_id()}@{pick.choice('xy')}.example", consent=pick.random() < 0.5)
        elif act == 1:
            session.get_one(Member, member_id).tags = pick.choice([["yoga"], [], ["box", "yoga"]])
        elif act == 2:
            session.get_one(Member, member_id).first_name = pick.choice([None, "A"])
        elif act == 3:
            session.get_one(Member, member_id).status = pick.choice(["active", "left", "paused"])
        elif act == 4:
            session.add(Activity(**own, kind=pick.choice(["visit", "booking"]), at=at))
        elif act == 5:
            session.add(Purchase(**own, product="p", amount_minor=150, currency=pick.choice(["EUR", "CHF"]), at=at))
        elif act == 6 and len(known) > 3:
            audience.delete(session, member_id, actor="t")
        else:
            address = f"{new_id()}@{pick.choice('xy')}.example"
            audience.set_address(session, session.get_one(Member, member_id), "email", address, actor="t")


def test_keeping_up_says_the_same_as_asking_everybody(ours):
    """Random things happen, some are looked at together; then each segment is what its rules say."""
    pick = Random(7)
    made = {name: segment(ours, rule, name=name) for name, rule in KEPT.items()}
    run(ours)
    for _ in range(4):
        for _ in range(12):
            happen(ours, pick)
        run(ours)
        for name, segment_id in made.items():
            with db.tenant_session(ours) as session:
                row = segments.get(session, segment_id)
                condition = resolve.Resolver(session, moment_of(session)).condition(rules.read(row.rules))
                asked = set(session.execute(resolve.members(session, condition)).scalars())
            assert inside(ours, segment_id) == asked, name
            assert row.member_count == len(asked), name


def test_two_workers_at_once_and_one_that_dies_change_nothing_twice(ours, monkeypatch):
    segment_id = segment(ours)
    run(ours)
    with db.tenant_session(ours) as session:
        for n in range(20):
            make.member(session, f"{n}@example.org", tags=["yoga"])
    settled()
    monkeypatch.setattr(refresh, "MOST", 7)

    def die(*_):
        raise MemoryError

    with monkeypatch.context() as dying:
        dying.setattr(changes, "advance", die)
        with pytest.raises(MemoryError):
            refresh.run(ours)
    assert len(inside(ours, segment_id)) == 1
    workers = [threading.Thread(target=refresh.run, args=(ours,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run(ours)
    assert len(inside(ours, segment_id)) == 21
    named = [each for _, payload in told(ours, segment_id, "member_added") for each in payload["member_ids"]]
    assert len(named) == len(set(named)) == 21


def test_of_a_large_change_only_the_numbers_are_told(ours, monkeypatch):
    monkeypatch.setattr(membership, "MOST_TOLD", 3)
    with db.tenant_session(ours) as session:
        for n in range(5):
            make.member(session, f"{n}@example.org", tags=["yoga"])
    segment_id = segment(ours)
    assert told(ours, segment_id, "member_added") == []
    calculated = told(ours, segment_id, "calculated")
    assert calculated == [("calculated", {"member_count": 6, "added": 6, "removed": 0, "listed": False})]
    monkeypatch.setattr(membership, "MOST_TOLD", 6)
    monkeypatch.setattr(membership, "PER_EVENT", 4)
    with db.tenant_session(ours) as session:
        segments.change(session, segment_id, actor="t", rules={"type": "not", "rule": YOGA})
    sizes = [(what, len(payload["member_ids"])) for what, payload in told(ours, segment_id, "member_removed")]
    assert sizes == []
    assert told(ours, segment_id, "calculated")[1][1]["removed"] == 6


def test_a_segment_turns_with_the_rules_of_those_it_refers_to(ours):
    inner = segment(ours, YOGA, name="I")
    middle = segment(ours, {"type": "segment", "segment_id": str(inner)}, name="M")
    outer = segment(ours, {"type": "not", "rule": {"type": "segment", "segment_id": str(middle)}}, name="O")
    yoga, box = ids(ours)
    run(ours)
    assert inside(ours, outer) == {box}
    with db.tenant_session(ours) as session:
        segments.change(session, inner, actor="t", rules={"type": "tag", "any_of": ["box"]})
    run(ours)
    assert (inside(ours, middle), inside(ours, outer)) == ({box}, {yoga})


def test_a_large_segment_is_filled_in_the_background(ours, monkeypatch):
    monkeypatch.setattr(segments, "MOST_AT_ONCE", 0)
    segment_id = segment(ours)
    with db.tenant_session(ours) as session:
        assert segments.get(session, segment_id).member_count == 1
    assert inside(ours, segment_id) == set()
    run(ours)
    assert len(inside(ours, segment_id)) == 1


def test_rules_that_cannot_be_asked_any_more_say_so_and_others_go_on(ours):
    broken, sound = segment(ours, name="B"), segment(ours, name="S")
    with db.tenant_session(ours) as session:
        session.execute(
            text('UPDATE segment SET rules = \'{"type": "gone"}\', due_at = now() WHERE id = :id'), {"id": broken}
        )
        make.member(session, "new@example.org", tags=["yoga"])
    run(ours)
    with db.tenant_session(ours) as session:
        assert "'gone' is no type of rule" in (segments.get(session, broken).problem or "")
        assert segments.get(session, sound).problem is None
    assert len(inside(ours, sound)) == 2
    with db.tenant_session(ours) as session:
        segments.change(session, broken, actor="t", rules=YOGA)
        assert segments.get(session, broken).problem is None


def test_a_segment_by_hand_does_not_keep_the_worker_awake(ours, frozen_clock):
    """It has no rules that could be due: a mark in the past would ring for it for ever."""
    frozen_clock(datetime(2026, 3, 28, 12, tzinfo=UTC))
    by_hand = segment(ours, None, "static", "Hand")
    segment(ours)
    run(ours)
    with db.tenant_session(ours) as session:
        assert segments.get(session, by_hand).due_at is None
        assert session.get_one(TenantDue, (ours, membership.DUE)).next_due_at == datetime(2026, 3, 28, 23, tzinfo=UTC)


def test_a_quiet_tenant_is_looked_at_once_a_day(ours, frozen_clock):
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    frozen_clock(start)
    segment(ours)
    run(ours)
    with db.tenant_session(ours) as session:
        mark = session.get_one(TenantDue, (ours, membership.DUE)).next_due_at
        days = session.execute(select(SegmentDay.day, SegmentDay.members)).all()
    assert mark == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert [tuple(day) for day in days] == [(start.date(), 1)]
    frozen_clock(mark)
    run(ours)
    assert clock.now() == mark
    with db.tenant_session(ours) as session:
        assert len(session.execute(select(SegmentDay.day)).all()) == 2
        assert session.get_one(TenantDue, (ours, membership.DUE)).next_due_at == mark + timedelta(hours=23)
        session.execute(text("DELETE FROM segment"))
    run(ours)
    with db.tenant_session(ours) as session:
        assert session.get(TenantDue, (ours, membership.DUE)) is None
        assert session.execute(select(Segment)).all() == []
