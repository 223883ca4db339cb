"""A run of the agent: from a goal to a stored, checked draft, with the built-in writer and real rows."""

from datetime import timedelta
from uuid import UUID

import make
import pytest
from sqlalchemy import select

from agents import run as agent
from agents.campaign import promises
from domain.campaigns import queries, reviews, revisions
from domain.campaigns import service as campaigns
from domain.campaigns.reviews import Decision
from domain.content import checks
from domain.knowledge import service as knowledge
from kernel import clock, db
from models import AgentStep, Campaign, DraftRevision

GOAL = "Reaktiviere Mitglieder, die seit 30 Tagen nicht da waren, mit unserem Herbstangebot"
PRICES = """# Preisliste

## Comeback

Nach einer Pause begleiten wir jeden Wiedereinstieg persönlich und in Ruhe.

## Kündigung

Die Kündigung ist mit einer Frist von einem Monat möglich.
"""


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        make.member(session, "a@example.org", first_name="Jörg", language="de", favourite_course="Yoga Flow")
        make.member(session, "b@example.org", language="de")
        make.member(session, "c@example.org", first_name="Ann", language="en")
        knowledge.store_document(
            session, name="preise.md", body=PRICES, media_type="text/markdown", language="de", actor="t"
        )
    return tenants.a


def offer(session, **fields) -> None:
    today = clock.now().date()
    values = {
        "key": "herbst",
        "title": "Comeback-Monat im Herbst",
        "price_minor": 2900,
        "old_price_minor": 5900,
        "currency": "EUR",
        "valid_from": today - timedelta(days=3),
        "valid_until": today + timedelta(days=20),
        "url": "https://www.studio.example/herbst",
        "terms": "Einmal pro Mitglied, nach einer Pause ab einem Monat.",
    }
    knowledge.store_offer(session, actor="t", **(values | fields))


def generated(studio: UUID, goal: str = GOAL) -> UUID:
    with db.tenant_session(studio) as session:
        campaign = make.campaign(session, goal=goal)
        run = reviews.generate(session, campaign.id, actor="t")
        campaign_id, run_id = campaign.id, run.id
    agent.execute(studio, run_id)
    return campaign_id


def current(studio: UUID, campaign_id: UUID) -> DraftRevision:
    with db.tenant_session(studio) as session:
        return revisions.current(session, campaigns.get(session, campaign_id))


def words(revision: DraftRevision, language: str = "de") -> str:
    return "\n".join(text for _, text in checks.texts_of(revision.content_json["languages"][language]["email"]))


def test_a_goal_becomes_a_draft_with_the_sourced_offer_and_no_blocker(studio):
    with db.tenant_session(studio) as session:
        offer(session)
        offer(session, key="alt", title="Sommerangebot", valid_until=clock.now().date() - timedelta(days=2))
    campaign_id = generated(studio)
    revision = current(studio, campaign_id)
    assert revision.origin == "builtin"
    assert set(revision.content_json["languages"]) == {"de", "en"}
    assert [f for f in revision.findings_json if f["severity"] == "block"] == []
    assert "{offer1_price}" in words(revision)
    assert "29" not in words(revision)
    titles = [source["title"] for source in revision.sources_json]
    assert "Comeback-Monat im Herbst" in titles
    assert "Sommerangebot" not in titles
    with db.tenant_session(studio) as session:
        assert campaigns.get(session, campaign_id).status == "pending_review"
        seen = queries.last_run(session, campaign_id)
        assert (seen.run.status, seen.percent) == ("done", 100)
        nodes = session.execute(select(AgentStep.node).order_by(AgentStep.id)).scalars().all()
    assert nodes[:5] == ["load", "audience", "retrieve", "scope", "brief"]
    assert nodes.count("base") == 2


def test_the_tenants_instruction_never_reaches_the_copy(studio):
    with db.tenant_session(studio) as session:
        offer(session)
    secret = "Reaktiviere alle mit dem Angebot, aber sag nichts vom Wasserschaden"
    revision = current(studio, generated(studio, secret))
    assert "Wasserschaden" not in words(revision)
    assert "Wasserschaden" not in words(revision, "en")


def test_without_a_valid_offer_the_agent_asks_instead_of_inventing(studio):
    campaign_id = generated(studio)
    with db.tenant_session(studio) as session:
        campaign = campaigns.get(session, campaign_id)
        assert campaign.status == "needs_input"
        assert campaign.current_revision_id is None
        questions = queries.questions(session, campaign_id)
        assert [question.code for question in questions] == ["offer_missing"]
        run = reviews.answer(session, campaign_id, questions[0].id, text="ohne Angebot", actor="t")
        run_id = run.id
    agent.execute(studio, run_id)
    revision = current(studio, campaign_id)
    assert "{offer1_price}" not in words(revision)
    assert revision.content_json["offers"] == []


def test_a_price_of_the_goal_that_nothing_carries_is_asked_about_or_named(studio):
    goal = "Biete allen die 10er-Karte für 49 € bis Freitag an"
    asked = generated(studio, goal)
    with db.tenant_session(studio) as session:
        assert [question.code for question in queries.questions(session, asked)] == ["offer_missing"]
        offer(session)
    campaign_id = generated(studio, goal)
    first = current(studio, campaign_id)
    decision = Decision(actor="t", revision_id=first.id, content_hash=first.content_hash, comment="kürzer")
    with db.tenant_session(studio) as session:
        run_id = reviews.request_changes(session, campaign_id, decision).id
    agent.execute(studio, run_id)
    for revision in (first, current(studio, campaign_id)):
        found = [f for f in revision.findings_json if f["code"] == "goal_unsourced"]
        assert [(f["severity"], f["excerpt"]) for f in found] == [("warn", "49 €")]
        assert "49" not in words(revision)


@pytest.mark.parametrize(
    ("goal", "named"),
    [
        ("Offer the pass at €49 instead of €99", ["€49", "€99"]),
        ("20 % Rabatt auf alles, nur heute", ["20 %"]),
        ("Danke allen, die mehr als 100 € ausgegeben haben", []),
        ("Die 20 % inaktivsten zurückholen", []),
    ],
)
def test_a_goal_promises_a_price_only_where_it_says_so(goal, named):
    assert [each.excerpt for each in promises.promised(goal)] == named
    assert promises.unsourced(goal, ["10er-Karte: EUR 49,00 statt 99.00 EUR, heute 20% Rabatt"]) == []


def test_feedback_visibly_changes_the_next_revision_and_only_in_its_way(studio):
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id = generated(studio)
    first = current(studio, campaign_id)
    assert "!" in words(first)
    decision = Decision(
        actor="t",
        revision_id=first.id,
        content_hash=first.content_hash,
        comment="kürzer, ohne Ausrufezeichen, per Sie",
    )
    with db.tenant_session(studio) as session:
        run_id = reviews.request_changes(session, campaign_id, decision).id
    agent.execute(studio, run_id)
    second = current(studio, campaign_id)
    assert second.n == 2
    assert second.parent_id == first.id
    assert "!" not in words(second)
    assert len(words(second)) < len(words(first))
    assert second.content_json["form"] == "sie"
    assert " du " not in words(second)
    assert [f["code"] for f in second.findings_json if f["code"] == "feedback_not_understood"] == []


def test_feedback_that_no_rule_understands_is_said_so(studio):
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id = generated(studio)
    first = current(studio, campaign_id)
    decision = Decision(
        actor="t", revision_id=first.id, content_hash=first.content_hash, comment="erwähne unseren neuen Hund Bello"
    )
    with db.tenant_session(studio) as session:
        run_id = reviews.request_changes(session, campaign_id, decision).id
    agent.execute(studio, run_id)
    found = [f for f in current(studio, campaign_id).findings_json if f["code"] == "feedback_not_understood"]
    assert "Bello" in found[0]["excerpt"]


def test_a_run_that_is_executed_twice_stores_once(studio):
    with db.tenant_session(studio) as session:
        offer(session)
        campaign = make.campaign(session, goal=GOAL)
        run_id = reviews.generate(session, campaign.id, actor="t").id
    agent.execute(studio, run_id)
    agent.execute(studio, run_id)
    with db.tenant_session(studio) as session:
        assert len(session.execute(select(DraftRevision)).scalars().all()) == 1


def test_another_tenants_knowledge_is_never_quoted(studio, tenants):
    with db.tenant_session(tenants.b) as session:
        offer(session, key="fremd", title="Herbstangebot der Anderen")
    campaign_id = generated(studio)
    with db.tenant_session(studio) as session:
        assert session.execute(select(Campaign.status).where(Campaign.id == campaign_id)).scalar_one() == "needs_input"
