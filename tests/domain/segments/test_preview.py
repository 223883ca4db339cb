"""Rules that are being written: counted, about or exactly, and told what no member has."""

import zlib
from datetime import timedelta
from random import Random
from uuid import UUID

import make
import pytest
from sqlalchemy import select, text
from walking import ACTOR, live, message, ready

from domain.segments import named, preview, rules
from domain.segments import service as segments
from domain.sequences import service, uses
from kernel import db
from kernel.errors import Invalid
from models import Member
from models.people import DRAWS
from tests.domain.segments.test_agreement import MOMENT, anybody, store

TAGGED = {"type": "tag", "any_of": ["x"]}
BOUGHT = {"type": "purchase", "measure": "sum", "amount": 100, "currency": "EUR"}


PEOPLE = text("""
INSERT INTO member (id, tenant_id, status, restricted, attributes, tags)
SELECT id, :tenant, 'active', false, '{}', CASE WHEN n % :every = 1 THEN '["x"]'::jsonb ELSE '[]' END
FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS u(id, n)
""")
BUYS = text("""
INSERT INTO purchase (id, tenant_id, member_id, product, amount_minor, currency, at)
SELECT new_id(), :tenant, id, 'p', 60, 'EUR', now() FROM unnest(CAST(:ids AS uuid[])) AS u(id), generate_series(1, 2)
""")


def crowd(tenant_id, size, every, seed):
    """Members whose ids, and so whose draws, are the same in every run."""
    pick = Random(seed)
    ids = [UUID(int=(seed << 112) + (n << 80) + (7 << 76) + (2 << 62) + pick.getrandbits(62)) for n in range(size)]
    with db.tenant_session(tenant_id) as session:
        session.execute(PEOPLE, {"tenant": tenant_id, "every": every, "ids": ids})
        session.execute(BUYS, {"tenant": tenant_id, "ids": ids[::every]})
    return ids


@pytest.fixture
def large(tenants, monkeypatch, request):
    """A tenant of 3,000 that is too large to ask everybody, beside one of others."""
    monkeypatch.setattr(preview, "FEW", 1_000)
    monkeypatch.setattr(preview, "SAMPLED", 1_500)
    seed = zlib.crc32(request.node.name.encode()) % 1_000
    crowd(tenants.b, 300, 1, 10 + seed)
    crowd(tenants.a, 3_000, 3, 2_000 + seed)
    return tenants.a


def test_of_many_members_a_sample_is_asked_and_says_how_sure_it_is(large):
    with db.tenant_session(large) as session:
        former = [session.execute(text(f"SHOW {name}")).scalar_one() for name in ("enable_nestloop", "work_mem")]
        looks = {name: preview.look(session, rule) for name, rule in (("tag", TAGGED), ("sum", BOUGHT))}
        assert former == [
            session.execute(text(f"SHOW {name}")).scalar_one() for name in ("enable_nestloop", "work_mem")
        ]
        everybody = preview.look(session, {"type": "status", "any_of": ["active"]})
    for found in looks.values():
        assert (found.exact, len(found.sample)) == (False, preview.SHOWN)
        assert found.count % 10 == 0
        assert found.low < found.count < found.high
        assert found.low <= 1_000 <= found.high  # so with these ids: a draw of others may say otherwise in 5 of 100
        assert all(member.tags == ["x"] for member in found.sample)
        ids = [member.id for member in found.sample]
        assert ids == sorted(ids, reverse=True)
    assert looks["tag"].count == looks["sum"].count  # the same sample, so that rules compare
    assert everybody.low <= 3_000 <= everybody.high


def test_what_nearly_everybody_is_may_be_more_than_how_many_seem_to_be_there(large, monkeypatch):
    """How many there are is itself estimated of a very large tenant; the bounds of a rule include that."""
    monkeypatch.setattr(preview, "_TALLIED", 400)
    with db.tenant_session(large) as session:
        chosen = preview.draw(session)
        found = preview.look(session, {"type": "status", "any_of": ["active"]})
    assert chosen.error > 0
    assert found.low < chosen.everybody * (1 - chosen.error)
    assert found.high > chosen.everybody * (1 + chosen.error)


def test_whom_next_to_nobody_of_the_sample_is_like_everybody_is_asked(large, tenants, monkeypatch):
    with db.tenant_session(large) as session:
        rare = session.execute(select(Member).where(Member.draw > DRAWS * 3 // 4).limit(3)).scalars().all()
        for member in rare:
            member.tags = ["rare"]
        session.flush()
        found = preview.look(session, {"type": "tag", "any_of": ["rare"]})
        assert (found.count, found.exact, found.low, found.high) == (3, True, 3, 3)
        assert {member.id for member in found.sample} == {member.id for member in rare}
        hasty = preview.look(session, {"type": "tag", "any_of": ["rare"]}, quick=True)
        assert (hasty.exact, hasty.low, hasty.count) == (False, 0, 0)
        assert 3 < hasty.high < 100
        monkeypatch.setattr(preview, "SAMPLED", 1)
    with db.tenant_session(tenants.b) as session:
        assert preview.look(session, {"type": "tag", "any_of": ["rare"]}).count == 0


@pytest.mark.parametrize("size", [300, 3_000])
def test_a_count_that_takes_too_long_ends_and_says_so(tenants, monkeypatch, size):
    monkeypatch.setattr(preview, "FEW", 1_000)
    monkeypatch.setattr(preview, "RARE", 10_000)

    def slow(session, _):
        session.execute(text("SELECT pg_sleep(60)"))

    monkeypatch.setattr(preview, "_exact", slow)
    crowd(tenants.b, 30, 1, size)
    crowd(tenants.a, size, 3, size + 1)
    with db.tenant_session(tenants.a) as session:
        former = session.execute(text("SHOW statement_timeout")).scalar_one()
        found = preview.look(session, TAGGED, patience=timedelta(milliseconds=20))
        assert session.execute(text("SHOW statement_timeout")).scalar_one() == former
    assert len(found.sample) == preview.SHOWN
    assert found.low <= size // 3 <= found.high
    assert found.exact == (size <= preview.FEW)


def test_the_draw_is_the_same_everywhere_and_covers_all_of_its_numbers(tenants):
    ids = crowd(tenants.a, 200, 3, 99)
    with db.tenant_session(tenants.a) as session:
        drawn = {row.id: row.draw for row in session.execute(select(Member.id, Member.draw))}
    assert drawn == {each: (each.int >> 2) % DRAWS for each in ids}
    assert len(set(drawn.values())) > 100


def test_the_sample_says_of_its_members_what_everybody_is_told(tenants, monkeypatch):
    """Asked alone, members are meant exactly as when everybody is asked, whatever the rule."""
    monkeypatch.setattr(preview, "FEW", 0)
    pick = Random(3)
    with db.tenant_session(tenants.a) as session:
        campaigns = {}
        for _ in range(40):
            facts = anybody(pick)
            facts.messages, facts.converted = [], []
            store(session, tenants.a, facts, campaigns)
        draws = sorted(session.execute(select(Member.draw)).scalars())
        chosen = preview.Draw(draws[20], 0, 0, 0)
        half = set(session.execute(select(Member.id).where(Member.draw < chosen.width)).scalars())
        for rule in (
            {"type": "not", "rule": {"type": "activity", "kind": "a"}},
            {"type": "purchase", "measure": "sum", "op": "at_most", "amount": 100, "currency": "EUR"},
            {"type": "any", "rules": [{"type": "contact", "channel": "sms"}, {"type": "not", "rule": BOUGHT}]},
        ):
            read = rules.read(rule)
            condition = preview.resolve.Resolver(session, MOMENT).condition(read)
            everybody = set(session.execute(preview.resolve.members(session, condition)).scalars())
            assert set(preview._drawn(session, read, MOMENT, chosen)) == everybody & half


def of(name, kind="number", **more):
    return {"type": "attribute", "name": name, "kind": kind, "op": "known"} | more


def test_an_attribute_that_nobody_has_is_refused_with_the_names_that_are_near(tenants):
    with db.tenant_session(tenants.b) as session:
        segments.create(session, name="Früh", kind="dynamic", rule=of("anything"), actor="t")  # no member yet
        make.member(session, "b@example.org", attributes={"foreign": 1})
    with db.tenant_session(tenants.a) as session:
        make.member(session, "a@example.org", attributes={"level": 3, "Studio": "S1", "since": "2026-01-02"})
        for good in (of("level"), of("Studio", "text"), of("since", "day"), of("since", "text")):
            named.check(session, rules.read(good))
        for wrong, words in (
            (of("levle"), "did you mean 'level'?"),
            (of("studio", "text"), "did you mean 'Studio'?"),
            (of("foreign"), "there are 'Studio', 'level', 'since'"),
            (of("level", "text"), "attribute 'level' is a text; choose the kind"),
            (of("Studio", "day"), "is a day"),
        ):
            nested = {"type": "all", "rules": [of("level"), {"type": "not", "rule": wrong}]}
            with pytest.raises(Invalid, match="attribute") as refused:
                segments.create(session, name="x", kind="dynamic", rule=nested, actor="t")
            assert words in str(refused.value)
        kept = segments.create(session, name="Gut", kind="dynamic", rule=of("level"), actor="t")
        with pytest.raises(Invalid, match="did you mean 'level'"):
            segments.change(session, kept.id, actor="t", rules=of("Level"))
        assert preview.look(session, of("levle")).count == 0  # who still types is not stopped


def test_sequences_that_use_a_segment_are_named_and_pause_when_it_is_gone(tenants):
    for tenant_id in (tenants.a, tenants.b):
        ready(tenant_id)
    with db.tenant_session(tenants.a) as session:
        used = segments.create(session, name="X", kind="dynamic", rule=TAGGED, actor=ACTOR)
        other = segments.create(session, name="Y", kind="dynamic", rule=TAGGED, actor=ACTOR)
        inside = {"type": "not", "rule": {"type": "segment", "segment_id": str(used.id)}}
        test = {"type": "rule", "rule": inside}
        steps = ({"type": "condition", "key": "c", "test": test}, message("a"))
        trigger = {"type": "segment_joined", "segment_id": str(used.id)}
        entering = live(session, message("a"), name="T", trigger=trigger, goals=[test])
        asking = live(session, *steps, name="C")
        live(session, message("a"), name="O", trigger={"type": "segment_joined", "segment_id": str(other.id)})
        draft = service.create(session, name="D", wanted={"trigger": trigger, "steps": [message("a")]}, actor=ACTOR).id
        found = [(each.id, each.places, each.published) for each in uses.of_segment(session, used.id)]
        assert found == [
            (entering, ["trigger", "goal"], True),
            (asking, ["condition c"], True),
            (draft, ["trigger"], False),
        ]
        segments.remove(session, used.id, actor=ACTOR)
        paused = uses.pause(session, used.id, "the segment 'X' was deleted", actor=ACTOR)
        assert [each.status for each in paused] == ["paused", "paused", "draft"]
        reasons = {service.get(session, each).stop_reason for each in (entering, asking)}
        assert reasons == {"the segment 'X' was deleted; choose another one and publish again"}
        still = [row.name for row in session.execute(service.listed(session)).scalars() if row.status == service.LIVE]
        assert still == ["O"]
    with db.tenant_session(tenants.b) as session:
        assert uses.of_segment(session, used.id) == []


def test_a_campaign_that_there_is_not_is_refused_and_never_means_everybody(tenants):
    with db.tenant_session(tenants.b) as session:
        foreign = make.campaign(session).id
    with db.tenant_session(tenants.a) as session:
        own = make.campaign(session).id
        for campaign_id, wrong in ((own, False), (foreign, True), (UUID(int=7), True)):
            asked = {"type": "campaign", "did": "received", "campaign_id": str(campaign_id)}
            for rule in (asked, {"type": "not", "rule": asked}):
                read = rules.read({"type": "all", "rules": [TAGGED, rule]})
                told = [f"there is no campaign {campaign_id}; choose another one, or none for any"]
                assert list(named.problems(session, read)) == (told if wrong else [])
                if wrong:
                    with pytest.raises(Invalid, match="there is no campaign"):
                        segments.create(session, name="x", kind="dynamic", rule=rule, actor="t")


def test_a_connection_that_has_asked_often_still_plans_for_the_tenant_and_the_rule(tenants):
    """Regression: from the tenth time on the plan was one for any values, four times as slow over a million members."""
    crowd(tenants.a, 30, 3, 7)
    with db.tenant_session(tenants.a) as session:
        condition = preview.resolve.Resolver(session, preview.moment.of(session)).condition(rules.read(BOUGHT))
        counted = [preview.count(session, condition) for _ in range(12)]
        generic = text("SELECT coalesce(sum(generic_plans), 0) FROM pg_prepared_statements WHERE statement LIKE :what")
        asked = {"what": "%anon%purchase%"}
        kept = session.execute(text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE :what"), asked)
        assert kept.scalar_one() > 0
        assert set(counted) == {10}
        assert session.execute(generic, asked).scalar_one() == 0
        assert session.execute(text("SHOW plan_cache_mode")).scalar_one() == "auto"
