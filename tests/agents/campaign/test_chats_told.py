"""What chats told, from quarantine to one sentence: agreed to, fresh, right or absent, and at a cost that is fixed."""

import itertools
from dataclasses import asdict
from uuid import UUID

import make
import pytest
from chaos.crowd import no_quiet_hours
from sqlalchemy import delete, select, text, update

from agents.campaign.feedback import Style
from agents.llm.builtin import lines as builtin
from bench.agent_metrics import texts as written
from domain.campaigns import cohorts, drafting, frame, revisions
from domain.campaigns import service as campaigns
from domain.content import checks, diff, line_checks, lines
from domain.content.cohorts import Bounds, Group, choose, main_insight, matcher
from domain.conversations import insights
from domain.delivery import materialise, render, supply
from kernel import clock, db
from kernel.ids import new_id
from models import Consent, Member, MemberInsight, Tenant
from tests.agents.campaign.crowds import crowd
from tests.agents.campaign.test_run import GOAL, current, generated, offer, studio  # noqa: F401 - a fixture
from tests.agents.campaign.test_with_a_model import calls, model  # noqa: F401 - a fixture
from tests.fakes import openai_steps
from tests.fakes.openai_personas import Ask

_TOLD = text("""
INSERT INTO member_insight (id, tenant_id, member_id, key, value, evidence_message_id, source, confidence, expires_at)
SELECT gen_random_uuid(), :tenant, m.id, k.key, k.words[1 + m.n % array_length(k.words, 1)], m.id, 'rules', 0.6,
  clock_timestamp() + CASE WHEN m.n % 7 = 6 THEN interval '-1 hour' ELSE interval '9 days' END
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM member WHERE tenant_id = :tenant) m
CROSS JOIN (VALUES ('objection', ARRAY['price', 'price', 'time']), ('topic', ARRAY['payment']),
  ('intent', ARRAY['complain', 'return'])) AS k(key, words) WHERE m.n % 3 <> 0
""")
_AGREED = text("""
INSERT INTO consent (id, tenant_id, member_id, channel, purpose, state, legal_basis, source, expires_at)
SELECT gen_random_uuid(), :tenant, m.id, 'email', 'profiling', CASE m.n % 5 WHEN 1 THEN 'withdrawn' ELSE 'granted' END,
  'consent', 'test', CASE m.n % 5 WHEN 2 THEN clock_timestamp() - interval '1 day' END
FROM (SELECT id, row_number() OVER (ORDER BY id DESC) AS n FROM member WHERE tenant_id = :tenant) m WHERE m.n % 5 <> 0
""")


def chatty(tenant_id: UUID, size: int = 240) -> None:
    """A crowd of which two thirds said something, and two fifths agreed that it is used."""
    crowd(tenant_id, size, stages=2)
    with db.tenant_session(tenant_id) as session:
        session.execute(_TOLD, {"tenant": tenant_id})
        session.execute(_AGREED, {"tenant": tenant_id})
        offer(session)


def level(tenant_id: UUID, *, tier: str = "enterprise", egress: str = "insights") -> None:
    with db.tenant_session(tenant_id) as session:
        tenant = session.get_one(Tenant, tenant_id)
        tenant.tier, tenant.ai_egress = tier, egress


def told_one(session, *words: str, agreed: bool = True, **fields) -> Member:
    """One member who said these words."""
    member = make.member(session, f"{new_id().hex}@example.org", language="de", **fields)
    for word in words:
        key, _, value = word.partition(":")
        insights.put(session, member.id, [insights.Insight(key, value, member.id, 0.9)], source="rules")
    if agreed:
        session.add(Consent(tenant_id=member.tenant_id, member_id=member.id, channel="email", purpose="profiling",
                            state="granted", legal_basis="consent", source="test"))  # fmt: skip
        session.flush()
    return member


def facts(session, member: Member):
    return frame.member_facts(member, insights.spoken(session, [member.id], "email").get(member.id, frozenset()))


def test_the_count_of_the_database_is_the_match_of_every_member(studio, tenants):  # noqa: F811
    chatty(studio, 900)
    with db.tenant_session(studio) as session:
        made = make.campaign(session, goal=GOAL)
        told = cohorts.told(session, made, ["de", "en"])
        found = cohorts.of_audience(session, made, ["de", "en"], told)
        items = [cohort.as_json() for cohort in found]
        match = matcher({"cohorts": {"bounds": asdict(Bounds()), "items": items}})
        rows = session.query(Member).all()
        spoken = insights.spoken(session, [row.id for row in rows], "email")
        people = [frame.member_facts(row, spoken.get(row.id, frozenset())) for row in rows]
        counted = [match.of(person, person.language, clock.now()) for person in people]
        granted = select(Consent.member_id).where(Consent.purpose == "profiling", Consent.state == "granted")
        agreed = set(session.execute(granted.where(Consent.expires_at.is_(None))).scalars())
        fresh = set(session.execute(select(MemberInsight.member_id).where(
            MemberInsight.expires_at > clock.now())).scalars())  # fmt: skip
    assert {cohort.id: cohort.size for cohort in found} == {cohort.id: counted.count(cohort.id) for cohort in found}
    assert {cohort.insight for cohort in found} > {None, "objection:price"}
    assert set(spoken) == agreed & fresh
    assert not {word for words in spoken.values() for word in words} & {"topic:payment", "intent:complain"}
    assert sum(target.size for target in told.targets) == len(spoken)
    with db.tenant_session(tenants.b) as session:
        assert insights.spoken(session, [row.id for row in rows], "email") == {}
        assert cohorts.told(session, make.campaign(session, goal=GOAL), ["de"]) == cohorts.NOTHING


def test_groups_of_chats_come_first_and_never_crowd_out_the_count():
    words = [f"objection:{value}" for value in insights.VALUES["objection"]] + ["preferred_time:noon", "intent:book"]
    told = [
        Group("de", stage, interest, 30 + n, main_insight([word]))
        for n, (stage, word, interest) in enumerate(
            itertools.product(("new", "active", "quiet", "away"), words, (None, "Yoga"))
        )
    ]
    totals = [Group("de", stage, None, 9_000) for stage in ("new", "active", "quiet", "away")]
    fine = [Group("de", stage, f"Kurs {n}", 60) for n in range(40) for stage in ("new", "active", "quiet", "away")]
    found = choose([*totals, *fine, *(Group("de", g.stage, "Yoga", 35) for g in totals)], told=told)
    assert len(found) == 60
    assert sum(cohort.insight is not None for cohort in found) == 20
    assert not any(cohort.insight == "intent:book" for cohort in found)
    assert sum(cohort.size for cohort in found if cohort.interest is None) <= 36_000
    assert len({cohort.id for cohort in found}) == 60


def test_a_line_reaches_who_said_it_and_agreed_and_nobody_else(studio, model):  # noqa: F811
    level(studio)
    chatty(studio)
    revision = current(studio, generated(studio))
    items = revision.content_json[lines.KEY]["items"]
    assert [f for f in revision.findings_json if f["severity"] == "block"] == []
    assert all(each["insights"] and len(each["text"]) <= lines.LONGEST for each in items)
    with db.tenant_session(studio) as session:
        rendering = render.prepare(session, campaigns.get(session, revision.campaign_id), revision)
        said = told_one(session, "intent:return", first_name="Jo")
        quiet, shy = told_one(session), told_one(session, "intent:return", agreed=False)
        mine, never, not_agreed = (rendering.preview(facts(session, each), "de") for each in (said, quiet, shy))
        session.execute(update(Consent).where(Consent.member_id == said.id, Consent.purpose == "profiling")
                        .values(state="withdrawn"))  # fmt: skip
        after = rendering.preview(facts(session, said), "de")
    line = next(each["text"] for each in items if each["insights"] == ["intent:return"] and each["language"] == "de")
    assert line in mine.text
    assert line in mine.html
    assert [line in each.text for each in (never, not_agreed, after)] == [False, False, False]
    assert after.text.count("\n") == mine.text.count("\n")
    requests = [request for request in model.requests if request.schema == "PersonalBatch"]
    assert len(requests) == 1
    assert "intent:return" in str(requests[0].body)


def test_the_calls_do_not_grow_with_members(studio, model):  # noqa: F811
    level(studio)
    chatty(studio)
    generated(studio)
    crowd(studio, 800, stages=2)
    with db.tenant_session(studio) as session:
        session.execute(delete(MemberInsight))
        session.execute(delete(Consent).where(Consent.purpose == "profiling"))
        session.execute(_TOLD, {"tenant": studio})
        session.execute(_AGREED, {"tenant": studio})
    generated(studio, f"{GOAL} bitte")
    assert [request.schema for request in model.requests].count("PersonalBatch") == 2


@pytest.mark.parametrize(("tier", "egress"), [("business", "insights"), ("enterprise", "no_member_data")])
def test_without_the_plan_or_the_leave_nothing_of_chats_reaches_a_model(studio, model, tier, egress):  # noqa: F811
    level(studio, tier=tier, egress=egress)
    chatty(studio)
    content = current(studio, generated(studio)).content_json
    assert lines.KEY not in content
    assert not any("insight" in each for each in content["cohorts"]["items"])
    sent = str([request.body for request in model.requests])
    assert [word for word in insights.spoken_words() if word in sent] == []
    assert "PersonalBatch" not in {request.schema for request in model.requests}


def _loud(ask: Ask) -> dict:
    from tests.fakes import openai_campaign  # noqa: PLC0415 - registers its handlers

    answer = openai_campaign.lines(ask)
    answer["items"][0]["line"] = "Heute ist alles halb so teuer: www.evil.example"
    return answer


def test_a_wrong_line_is_dropped_and_a_lost_batch_leaves_none(studio, model):  # noqa: F811
    level(studio)
    chatty(studio)
    whole = current(studio, generated(studio)).content_json[lines.KEY]["items"]
    model.register("PersonalBatch", _loud)
    revision = current(studio, generated(studio, f"{GOAL}!"))
    assert "evil" not in str(revision.content_json)
    assert len(revision.content_json[lines.KEY]["items"]) == len(whole) - 1
    assert [f["severity"] for f in revision.findings_json if f["code"] == "line_dropped"] == ["info"]
    model.script("PersonalBatch", *[openai_steps.wrong_shape() for _ in range(6)])
    lost = current(studio, generated(studio, f"{GOAL}!!"))
    assert lines.KEY not in lost.content_json
    assert [f["excerpt"] for f in lost.findings_json if f["code"] == "line_dropped"] == [str(len(whole))]
    assert [f for f in lost.findings_json if f["severity"] == "block"] == []
    assert any(call.purpose == "campaign.lines" for call in calls(studio))


def test_a_persons_edit_keeps_the_lines_whose_place_stays(studio):  # noqa: F811
    level(studio)
    chatty(studio)
    revision = current(studio, generated(studio))
    kept = {key: revision.content_json[key] for key in ("form", "offers", "cta_url", "languages")}
    assert revision.origin == "builtin"
    assert lines.CLAUSE in str(kept["languages"]["en"]["email"])
    for each in kept["languages"]["en"]["email"]["blocks"]:
        if "text" in each:
            each["text"] = each["text"].replace(f" {lines.CLAUSE}", "")
    with db.tenant_session(studio) as session:
        edited = drafting.write(session, revision.campaign_id, content=kept, parent_id=revision.id, actor="t")
        items = edited.content_json[lines.KEY]["items"]
        assert {each["language"] for each in items} == {"de"}
        gone = {path for path, words in diff.compare(revision.content_json, edited.content_json) if ".lines." in path}
        assert {path.partition(".")[0] for path in gone} == {"en"}
        bad = {**edited.content_json, lines.KEY: {"items": [{**items[0], "insights": []}, {**items[1], "text": "{x}"}]}}
        found = checks.check_revision(
            bad, frame.material(session, campaigns.get(session, revision.campaign_id), bad, [])
        )
    assert [f.code for f in found if ".lines." in f.path] == ["shape", "unresolved_placeholder"]
    assert lines.reader(bad).of(frozenset(items[0]["insights"]), "de") == ""


def test_whoever_is_sent_to_gets_the_line_from_the_claim(studio):  # noqa: F811
    level(studio)
    chatty(studio)
    revision = current(studio, generated(studio))
    with db.tenant_session(studio) as session:
        no_quiet_hours(session)
        agreed = told_one(session, "preferred_time:evening", "intent:return")
        shy = told_one(session, "intent:return", agreed=False)
        ids = {agreed.id: frozenset({"preferred_time:evening", "intent:return"}), shy.id: frozenset()}
        campaign = campaigns.get(session, revision.campaign_id)
        make.approve(session, campaign.id, revisions.current(session, campaign))
        campaigns.start(session, campaign.id, actor="t")
        materialise.materialise(session, campaign.id)
    with db.tenant_session(studio) as session:
        campaign = campaigns.get(session, campaign.id)
        taken = supply.slice_of(session, campaign, owner=new_id(), lease_seconds=30, size=500)
    seen = {each.member.id: each.member.insights for each in taken.messages}
    assert {member_id: seen[member_id] for member_id in ids} == ids


def test_every_sentence_of_the_templates_passes_every_check():
    for form, language, word in itertools.product(("du", "sie"), ("de", "en"), insights.spoken_words()):
        target = lines.Target(language, (word,), 30)
        reply = builtin.line_for(target, Style(form=form))
        assert reply.used == [word]
        items = [lines.item(target, reply.line, reply.used)]
        content = {"form": form, "languages": {language: {}}, lines.KEY: {"items": items}}
        assert line_checks.check(content, language, "email", written.material("email")) == [], reply.line


def test_lines_pick_the_one_that_rests_on_most():
    def line(text: str, *used: str) -> dict:
        return {"id": text, "language": "de", "insights": list(used), "size": 1, "text": text}

    reader = lines.reader({lines.KEY: {"items": [line("a", "x:1"), line("b", "x:1", "y:2"), line("none")]}})
    for known, said in ((("x:1",), "a"), (("x:1", "y:2"), "b"), (("x:1", "z:3"), "a"), (("y:2",), ""), ((), "")):
        assert reader.of(frozenset(known), "de") == said
    assert reader.of(frozenset({"x:1"}), "en") == ""
