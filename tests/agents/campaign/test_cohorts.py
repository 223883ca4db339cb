"""Cohorts from the audience to the message: as many calls for a hundred members as for a hundred thousand."""

from datetime import timedelta
from uuid import UUID

import make
import pytest
from sqlalchemy import select, text, update

from agents import run as agent
from domain.campaigns import cohorts, drafting, frame, previews, reviews, revisions
from domain.campaigns import service as campaigns
from domain.content.cohorts import Bounds, matcher
from domain.delivery import render, texts
from domain.knowledge import service as knowledge
from kernel import clock, db
from models import Member, Tenant
from tests.agents.campaign.crowds import crowd
from tests.agents.campaign.test_run import GOAL, current, generated, offer, studio, words  # noqa: F401 - a fixture
from tests.agents.campaign.test_with_a_model import calls, model, run_of  # noqa: F401 - a fixture
from tests.fakes import openai_campaign, openai_steps
from tests.fakes.openai_personas import Ask


def cohorts_of(revision) -> list[dict]:
    return (revision.content_json.get("cohorts") or {}).get("items", [])


def test_the_count_of_the_database_is_the_match_of_every_member(studio):  # noqa: F811
    crowd(studio, 900, courses=4)
    with db.tenant_session(studio) as session:
        made = make.campaign(session, goal=GOAL)
        found = cohorts.of_audience(session, made, ["de", "en"])
        bounds = Bounds()
        content = {"cohorts": {
            "bounds": {"new": bounds.new, "active": bounds.active, "quiet": bounds.quiet},
            "items": [cohort.as_json() for cohort in found],
        }}  # fmt: skip
        match = matcher(content)
        people = [frame.member_facts(row) for row in session.query(Member).all()]
    counted = [match.of(person, person.language, clock.now()) for person in people]
    assert {cohort.id: cohort.size for cohort in found} == {cohort.id: counted.count(cohort.id) for cohort in found}
    assert {cohort.stage for cohort in found} == {"new", "active", "quiet", "away"}
    assert {cohort.language for cohort in found} == {"de", "en"}


def test_every_member_reads_the_copy_of_their_cohort_and_the_rest_the_base_copy(studio, model):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
    revision = current(studio, generated(studio))
    items = cohorts_of(revision)
    assert {each["id"] for each in items} == {
        f"{lang}-{stage}" for lang in ("de", "en") for stage in ("new", "active", "quiet", "away")
    }
    assert [f for f in revision.findings_json if f["severity"] == "block"] == []
    with db.tenant_session(studio) as session:
        made = campaigns.get(session, revision.campaign_id)
        rendering = render.prepare(session, made, revision)
        jo = make.member(session, "jo@example.org", first_name="Jo", language="de", favourite_course="Rad",
                         last_visit_at=clock.now() - timedelta(days=300))  # fmt: skip
        facts, base = frame.member_facts(jo), frame.member_facts(make.member(session, "x@example.org", language="de"))
        mine, plain = rendering.preview(facts, "de"), rendering.preview(base, "de")
        sent = rendering.message(UUID(int=1), "jo@example.org", facts, "de", tracked=False).decode()
    assert "schön, dass du bei uns bist. Rad!" in mine.text
    assert "Los geht es" in mine.text
    assert "29 €" in mine.text
    assert "schön, dass du bei uns bist." not in plain.text
    assert "Los geht es" in sent


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
def test_texts_have_cohorts_too(studio, model, channel):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
        made = make.campaign(session, goal=GOAL, channel=channel)
        run_id = reviews.generate(session, made.id, actor="t").id
    agent.execute(studio, run_id)
    revision = current(studio, made.id)
    with db.tenant_session(studio) as session:
        rendering = texts.prepare(session, campaigns.get(session, made.id), revision)
        member = make.member(session, None, first_name="Jo", language="de",
                             last_visit_at=clock.now() - timedelta(days=300))  # fmt: skip
        said = rendering.preview(frame.member_facts(member), "de")
    assert cohorts_of(revision)
    assert "schön, dass du bei uns bist." in said
    assert "29 €" in said


def test_calls_do_not_grow_with_members(tenants, model):  # noqa: F811
    made = []
    for size in (1_600, 6_400):
        tenant_id = tenants.a if size == 1_600 else tenants.b
        crowd(tenant_id, size, courses=6)
        with db.tenant_session(tenant_id) as session:
            offer(session)
        before = len(model.requests)
        revision = current(tenant_id, generated(tenant_id))
        made.append((len(model.requests) - before, [each["id"] for each in cohorts_of(revision)]))
    assert made[0] == made[1]
    assert made[0][0] == 1 + 2 + -(-len(made[0][1]) // 10)
    assert made[0][0] <= 12


def test_all_writing_calls_begin_with_the_same_words(studio, model):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
    generated(studio)
    asked = [request.body["messages"] for request in model.requests if request.schema != "BriefPlan"]
    assert len(asked) == 3
    assert len({messages[0]["content"] for messages in asked}) == 1
    starts = {messages[1]["content"].partition("## Task")[0] for messages in asked}
    assert len(starts) == 1
    assert "## Plan" in starts.pop()


@pytest.mark.parametrize("step", [openai_steps.refusal, openai_steps.malformed_json])
def test_a_batch_that_fails_leaves_the_base_copy_and_says_so(studio, model, step):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
    model.script("CohortBatch", *[step() for _ in range(6)])
    campaign_id = generated(studio)
    assert run_of(studio, campaign_id).status == "done"
    revision = current(studio, campaign_id)
    assert cohorts_of(revision) == []
    assert len([f for f in revision.findings_json if f["code"] == "cohort_missing"]) == 8
    assert [f for f in revision.findings_json if f["severity"] == "block"] == []


def test_an_invented_fact_in_one_cohort_is_mended_or_the_cohort_falls_back(studio, model):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)

    def inventing(ask: Ask) -> dict:
        answer = openai_campaign.cohorts(ask)
        answer["items"][0]["opener"] = "Heute 70 Prozent sparen, und dazu 12 Kurse geschenkt."
        return answer

    model.register("CohortBatch", inventing)
    model.register("Edits", openai_campaign.unchanged)
    revision = current(studio, generated(studio))
    assert len(cohorts_of(revision)) == 7
    assert [f for f in revision.findings_json if f["severity"] == "block"] == []
    assert [f["code"] for f in revision.findings_json if f["code"] == "cohort_missing"] == ["cohort_missing"]
    assert len(model.asked("Edits")) == 2


@pytest.mark.parametrize(("tier", "has"), [("professional", False), ("business", True), ("enterprise", True)])
def test_cohorts_and_knowledge_belong_to_business(studio, model, tier, has):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
        session.get(Tenant, studio).tier = tier
        body = "# Herbst\n\nDas Herbstangebot begleitet Mitglieder nach einer langen Wanderung."
        knowledge.store_document(
            session, name="herbst.md", body=body, media_type="text/markdown", language="de", actor="t"
        )
    revision = current(studio, generated(studio))
    assert bool(cohorts_of(revision)) is has
    assert any(request.schema == "CohortBatch" for request in model.requests) is has
    assert ("Wanderung" in str([request.body for request in model.asked("CampaignBase")])) is has


def test_the_level_of_a_run_is_that_of_its_beginning(studio, model):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
        made = make.campaign(session, goal=GOAL)
        run_id = reviews.generate(session, made.id, actor="t").id
        session.get(Tenant, studio).tier = "professional"
    agent.execute(studio, run_id)
    assert cohorts_of(current(studio, made.id))


def test_no_value_that_few_members_share_reaches_the_model(studio, model):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
        for n in range(24):
            make.member(session, None, favourite_course="Geheimkurs", last_visit_at=clock.now(), external_id=f"g{n}")
    generated(studio)
    assert "Geheimkurs" not in str([request.body for request in model.requests])


def test_the_built_in_writer_has_cohorts_without_any_call(studio):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
    revision = current(studio, generated(studio))
    assert len(cohorts_of(revision)) == 8
    assert [f for f in revision.findings_json if f["severity"] == "block"] == []
    said = {each["id"]: each["texts"]["blocks.1.text"] for each in cohorts_of(revision)}
    assert said["de-away"].startswith("wir haben dich lange nicht gesehen")
    assert calls(studio) == []


def test_an_edit_by_hand_keeps_the_cohorts_that_it_does_not_hide(studio):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id = generated(studio)
    first = current(studio, campaign_id)
    content = {key: first.content_json[key] for key in ("form", "offers", "cta_url", "languages")}
    content["languages"]["en"]["email"]["blocks"][1]["text"] = "we have something to tell you."
    with db.tenant_session(studio) as session:
        drafting.write(session, campaign_id, content=content, parent_id=first.id, actor="t")
        second = revisions.current(session, campaigns.get(session, campaign_id))
    assert {each["language"] for each in cohorts_of(second)} == {"de"}


def test_the_preview_shows_one_of_each_large_cohort(studio, model):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
        session.execute(text(
            "INSERT INTO consent (id, tenant_id, member_id, channel, purpose, state, legal_basis, source) SELECT "
            "gen_random_uuid(), tenant_id, id, 'email', 'marketing', 'granted', 'consent', 'test' FROM member "
            "WHERE first_name = 'Kim'"))  # fmt: skip
        session.execute(update(Member).values(last_name="Noack"))
    revision = current(studio, generated(studio))
    with db.tenant_session(studio) as session:
        link = previews.create(session, revision.campaign_id, actor="t").link
        ids = [UUID(each) for each in link.member_ids]
        rows = session.execute(select(Member).where(Member.id.in_(ids))).scalars()
        match = matcher(revision.content_json)
        groups = {match.of(frame.member_facts(row), row.language, clock.now()) for row in rows}
    assert len(ids) == len(set(ids)) == previews.MOST_PEOPLE
    largest = sorted(cohorts_of(revision), key=lambda each: (-each["size"], each["id"]))
    room = previews.MOST_PEOPLE - previews.MOST_DIFFERENT
    assert {each["id"] for each in largest[:room]} <= groups
