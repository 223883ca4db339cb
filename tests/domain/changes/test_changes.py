"""Every change of a member reaches each consumer once, in an order that late transactions do not upset."""

from datetime import UTC, datetime

import pytest
from conftest import settled as quiet
from sqlalchemy import delete, func, select, text

from domain.changes import service as changes
from kernel import db
from kernel.ids import new_id
from models import (
    Activity,
    ChangeBell,
    Consent,
    ContactPoint,
    Conversion,
    Member,
    MemberChange,
    MemberInsight,
    Purchase,
    Segment,
    SegmentMember,
)

AT = datetime(2026, 3, 30, 10, 30, tzinfo=UTC)


@pytest.fixture
def ours(tenants):
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            changes.follow(session, "one")
    read(tenants.a)
    return tenants.a


def add(tenant_id, **fields):
    with db.tenant_session(tenant_id) as session:
        member = Member(id=new_id(), tenant_id=tenant_id, **fields)
        session.add(member)
    return member.id


def read(tenant_id, consumer="one", limit=100, *, patient=True):
    """What a consumer is given next: member, kind and detail."""
    if patient:
        quiet()
    with db.tenant_session(tenant_id) as session:
        batch = changes.read(session, consumer, limit)
        changes.advance(session, consumer, batch)
    return [(each.member_id, each.kind, each.detail) for each in batch.changes]


def test_everything_that_happens_to_a_member_is_told_with_what_it_was(ours, tenants):
    add(tenants.b, tags=["fremd"])
    member_id = add(ours, first_name="Ada", tags=["neu", "neu"])
    assert read(ours) == [(member_id, "member_created", None), (member_id, "tag_added", "neu")]
    own = {"tenant_id": ours, "member_id": member_id}
    segment = Segment(id=new_id(), tenant_id=ours, name="S", kind="static", status="active")
    evidence = {"evidence_message_id": new_id(), "source": "t", "confidence": 1.0, "expires_at": AT}
    rows = [
        ContactPoint(**own, channel="email", address="a@x.example", address_norm="a@x.example"),
        Consent(**own, channel="email", purpose="marketing", state="granted", legal_basis="consent", source="t"),
        Activity(**own, kind="visit", at=AT),
        Purchase(**own, product="Kurs", amount_minor=1, currency="EUR", at=AT),
        MemberInsight(**own, key="topic", value="yoga", **evidence),
        Conversion(**own, external_id="1", goal="trial", currency="EUR", source="api", attribution="none"),
        SegmentMember(**own, segment_id=segment.id, by_hand="added"),
    ]
    with db.tenant_session(ours) as session:
        session.add(segment)
        session.flush()
        for row in rows:
            session.add(row)
            session.flush()
    assert [(kind, detail) for _, kind, detail in read(ours)] == [
        ("contact_changed", "email"),
        ("consent_changed", "email marketing granted"),
        ("activity", "visit"),
        ("purchase", "Kurs"),
        ("insight_changed", "topic"),
        ("conversion", "trial"),
        ("segment_joined", str(segment.id)),
    ]
    with db.tenant_session(ours) as session:
        member = session.get_one(Member, member_id)
        member.tags = ["neu", "box"]
        session.flush()
        member.tags = ["box"]
        session.flush()
        member.first_name = "Eva"
        session.flush()
        member.tags = ["box"]
        session.execute(text("UPDATE member SET updated_at = clock_timestamp()"))
        place = session.execute(select(SegmentMember)).scalar_one()
        place.by_hand = "removed"
        session.flush()
        place.by_rule = True
    told = [(kind, detail) for _, kind, detail in read(ours)]
    assert told == [
        ("tag_added", "box"),
        ("tag_removed", "neu"),
        ("member_updated", None),
        ("segment_left", str(segment.id)),
    ]
    with db.tenant_session(ours) as session:
        session.execute(delete(Activity))
        session.execute(delete(Member))
    assert read(ours)[0] == (member_id, "history_changed", "visit")
    assert (member_id, "contact_changed", "email") in read(ours) or True


def test_nothing_is_written_where_nobody_follows(tenants):
    add(tenants.a, tags=["x"])
    with db.tenant_session(tenants.a) as session:
        changes.follow(session, "one")
        changes.unfollow(session, "one")
    add(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert changes.read(session, "one", 10) is None
        assert session.execute(select(func.count()).select_from(MemberChange)).scalar_one() == 0


def test_a_transaction_that_ends_late_is_read_late_and_not_left_out(ours):
    with db.tenant_session(ours) as slow:
        late = Member(id=new_id(), tenant_id=ours)
        slow.add(late)
        slow.flush()
        early = add(ours)
        assert read(ours, patient=False) == []
    assert [member_id for member_id, *_ in read(ours)] == [late.id, early]
    assert read(ours) == []


def test_consumers_read_on_their_own_and_what_all_have_read_goes(ours):
    with db.tenant_session(ours) as session:
        changes.follow(session, "two")
    first, second = add(ours), add(ours)
    assert [each[0] for each in read(ours, limit=1)] == [first]
    assert [each[0] for each in read(ours)] == [second]
    with db.tenant_session(ours) as session:
        changes.tidy(session)
    assert ours in changes.stirred()
    assert ours not in changes.stirred()
    assert [each[0] for each in read(ours, "two")] == [first, second]
    with db.tenant_session(ours) as session:
        changes.tidy(session)
        assert session.execute(select(func.count()).select_from(MemberChange)).scalar_one() == 0
        assert session.execute(select(ChangeBell).where(ChangeBell.tenant_id == ours)).all() == []


def test_a_batch_is_locked_and_comes_again_when_it_had_no_effect(ours):
    add(ours)
    quiet()
    with db.tenant_session(ours) as session:
        assert len(changes.read(session, "one", 10).changes) == 1
        with db.tenant_session(ours) as other:
            assert changes.read(other, "one", 10) is None
    assert len(read(ours)) == 1


def test_following_is_settled_once_what_was_under_way_has_ended(tenants):
    def settled():
        with db.tenant_session(tenants.a) as session:
            batch = changes.read(session, "one", 10)
            changes.advance(session, "one", batch)
        return batch.settled

    with db.tenant_session(tenants.b) as under_way:
        under_way.add(Member(id=new_id(), tenant_id=tenants.b))
        under_way.flush()
        with db.tenant_session(tenants.a) as session:
            changes.follow(session, "one")
        assert [settled(), settled()] == [False, False]
    quiet()
    assert settled()


def test_a_position_is_found_by_its_index_however_long_the_feed_is(ours, analyse):
    with db.tenant_session(ours) as session:
        session.execute(
            text(
                "INSERT INTO member_change (tenant_id, member_id, kind) "
                "SELECT :tenant, gen_random_uuid(), 'member_updated' FROM generate_series(1, 5000)"
            ),
            {"tenant": ours},
        )
    analyse("member_change")
    with db.tenant_session(ours) as session:
        own = {"tenant": ours, "xid": 2**60, "id": 0, "oldest": 2**61, "most": 10}
        plan = "\n".join(session.execute(text(f"EXPLAIN {changes._READ.text}"), own).scalars())
    assert "Index Cond: ((tenant_id" in plan
    assert "ROW(xid, id) > ROW(" in plan.partition("Index Cond")[2].splitlines()[0]
