"""Segments as rows: made, changed, referred to, and what their loss does to campaigns."""

import make
import pytest
from sqlalchemy import select

from domain.audience import selection
from domain.campaigns import service as campaigns
from domain.delivery import gate, materialise, queries
from domain.segments import membership, preview, resolve, rules
from domain.segments import service as segments
from kernel import db
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from models import Member, SegmentMember

YOGA = {"type": "tag", "any_of": ["yoga"]}


@pytest.fixture
def studio(tenants):
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            make.sender(session)
            make.member(session, "yoga@example.org", tags=["yoga"])
            make.member(session, "both@example.org", tags=["yoga", "box"])
            make.member(session, "box@example.org", tags=["box"])
    return tenants.a


def dynamic(session, rule=YOGA, name: str = "Yoga"):
    return segments.create(session, name=name, kind="dynamic", rule=rule, actor="t")


def refers(segment_id) -> dict[str, object]:
    return {"type": "segment", "segment_id": str(segment_id)}


def tagged(session, definition) -> list[list[str]]:
    chosen = selection.members_of(definition, tenant_id=db.tenant_of(session), session=session).subquery()
    return sorted(session.execute(select(Member.tags).where(Member.id.in_(select(chosen.c.id)))).scalars())


def test_a_segment_counts_its_own_tenants_members(studio, tenants):
    with db.tenant_session(studio) as session:
        assert dynamic(session).member_count == 2
        assert preview.look(session, {"type": "not", "rule": YOGA}).count == 1
    with db.tenant_session(tenants.b) as session:
        assert dynamic(session).member_count == 2


def test_audiences_take_segments_together_and_leave_others_out(studio):
    with db.tenant_session(studio) as session:
        yoga = dynamic(session)
        box = dynamic(session, {"type": "tag", "any_of": ["box"]}, "Box")
        wanted = {"kind": "segments", "segments": [str(yoga.id)]}
        assert tagged(session, wanted) == [["yoga"], ["yoga", "box"]]
        assert tagged(session, wanted | {"exclude_segments": [str(box.id)]}) == [["yoga"]]
        assert len(tagged(session, {"kind": "segments", "segments": [str(yoga.id), str(box.id)]})) == 3
        assert tagged(session, {"kind": "all_members", "exclude_segments": [str(yoga.id)]}) == [["box"]]


@pytest.mark.parametrize(
    "definition",
    [
        {"kind": "segments"},
        {"kind": "segments", "segments": []},
        {"kind": "all_members", "segments": [str(new_id())]},
        {"kind": "segments", "segments": ["x"]},
        {"kind": "segments", "segments": [str(new_id())] * 21},
    ],
)
def test_an_audience_that_means_nobody_or_too_many_segments_is_refused(definition):
    with pytest.raises(Invalid):
        selection.read(definition)


def test_an_audience_without_segments_is_sealed_as_before():
    assert "segments" not in selection.read({"kind": "all_members"}).as_json()


def test_a_foreign_or_unknown_segment_means_no_one_but_an_error(studio, tenants):
    with db.tenant_session(tenants.b) as session:
        theirs = dynamic(session).id
    with db.tenant_session(studio) as session:
        for segment_id in (theirs, new_id()):
            with pytest.raises(Invalid, match="no segment"):
                selection.count(session, {"kind": "segments", "segments": [str(segment_id)]})
            with pytest.raises(Invalid, match="no segment"):
                dynamic(session, refers(segment_id), f"an {segment_id}")


def test_segments_refer_to_each_other_but_never_in_a_circle(studio):
    with db.tenant_session(studio) as session:
        first = dynamic(session)
        second = dynamic(session, {"type": "not", "rule": refers(first.id)}, "Andere")
        assert second.member_count == 1
        with pytest.raises(Invalid, match="refers to itself"):
            segments.change(session, first.id, actor="t", rules=refers(second.id))
        with pytest.raises(Conflict, match="'Andere' refers to this one"):
            segments.remove(session, first.id, actor="t")
        with pytest.raises(Conflict, match="refers to this one"):
            segments.change(session, first.id, actor="t", status="archived")


def test_references_have_a_depth(studio):
    with db.tenant_session(studio) as session:
        last = dynamic(session)
        for n in range(resolve.DEEPEST - 1):
            last = dynamic(session, refers(last.id), f"S{n}")
        with pytest.raises(Invalid, match="more than 5 deep"):
            dynamic(session, refers(last.id), "zu tief")


def test_static_members_are_put_and_taken_by_hand(studio, tenants):
    with db.tenant_session(tenants.b) as session:
        foreign = session.execute(select(Member.id).limit(1)).scalar_one()
    with db.tenant_session(studio) as session:
        ids = session.execute(select(Member.id).order_by(Member.id)).scalars().all()
        group = segments.create(session, name="VIP", kind="static", actor="t")
        assert membership.add(session, group.id, ids[:2], actor="mara") == 2
        assert membership.add(session, group.id, ids, actor="mara") == 1
        assert group.member_count == 3
        assert set(session.execute(select(SegmentMember.created_by)).scalars()) == {"mara"}
        membership.take(session, group.id, ids[0], actor="t")
        assert group.member_count == 2
        with pytest.raises(NotFound):
            membership.take(session, group.id, ids[0], actor="t")
        with pytest.raises(NotFound):
            membership.add(session, group.id, [foreign], actor="t")
        with pytest.raises(Conflict, match="dynamic"):
            membership.add(session, dynamic(session).id, ids, actor="t")


@pytest.mark.parametrize(
    ("kind", "rule"), [("dynamic", None), ("static", YOGA), ("dynamic", {"type": "tag", "any_of": "yoga"})]
)
def test_rules_belong_to_dynamic_segments(studio, kind, rule):
    with db.tenant_session(studio) as session, pytest.raises(Invalid):
        segments.create(session, name="x", kind=kind, rule=rule, actor="t")


def approved(session, segment_id):
    made, revision = make.drafted(session, audience_definition={"kind": "segments", "segments": [str(segment_id)]})
    make.approve(session, made.id, revision)
    return made.id


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("delete", "segment_missing"),
        ("archive", "segment_missing"),
        ("rules", "approval_void"),
        ("inner", "approval_void"),
    ],
)
def test_a_campaign_is_held_when_its_segment_is_gone_or_means_others(studio, change, reason):
    with db.tenant_session(studio) as session:
        inner = dynamic(session)
        outer = dynamic(session, refers(inner.id), "Außen")
        campaign_id = approved(session, outer.id)
        campaigns.start(session, campaign_id, actor="t")
        assert gate.obstacle(session, campaigns.get(session, campaign_id)) is None
    with db.tenant_session(studio) as session:
        if change == "delete":
            segments.remove(session, outer.id, actor="t")
        elif change == "archive":
            segments.change(session, outer.id, actor="t", status="archived")
        else:
            wanted = outer.id if change == "rules" else inner.id
            segments.change(session, wanted, actor="t", rules={"type": "tag", "any_of": ["box"]})
    with db.tenant_session(studio) as session:
        assert not materialise.materialise(session, campaign_id)
    with db.tenant_session(studio) as session:
        held = campaigns.get(session, campaign_id)
        assert (held.status, held.hold_reason) == ("held", reason)
        assert queries.counts(session, campaign_id) == {}


def test_a_campaign_goes_to_its_segment_and_to_nobody_else(studio):
    with db.tenant_session(studio) as session:
        campaign_id = approved(session, dynamic(session).id)
        campaigns.start(session, campaign_id, actor="t")
    with db.tenant_session(studio) as session:
        assert materialise.materialise(session, campaign_id)
    with db.tenant_session(studio) as session:
        assert queries.counts(session, campaign_id) == {"pending": 2}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"all": []}, "an object with a `type`"),
        ({"type": "all", "rules": [{"type": "nobody"}]}, "rules.all.rules.0: 'nobody' is no type of rule; use one of"),
    ],
)
def test_a_rule_of_no_known_type_is_refused_with_the_types_that_there_are(wrong, words):
    with pytest.raises(Invalid) as refused:
        rules.read(wrong)
    assert words in str(refused.value)


def test_a_segment_says_itself_which_statuses_it_means(tenants):
    with db.tenant_session(tenants.a) as session:
        for status in ("active", "paused", "left", "prospect"):
            make.member(session, f"{status}@mail.example", status=status, tags=["yoga"])
        yoga = dynamic(session)
        assert yoga.member_count == 4
        of_segment = {"kind": "segments", "segments": [str(yoga.id)]}
        by_hand = {"kind": "selected", "member_ids": [str(id_) for id_ in session.execute(select(Member.id)).scalars()]}
        assert [selection.count(session, each) for each in (of_segment, by_hand)] == [4, 4]
        assert selection.count(session, of_segment | {"statuses": ["left"]}) == 1
        assert selection.count(session, {"kind": "all_members"}) == 2
    assert "Status ehemalig" in selection.sentence(of_segment | {"statuses": ["left"]}, "de")
    assert "tatus" not in selection.sentence(of_segment, "en") + selection.sentence({"kind": "all_members"}, "de")
