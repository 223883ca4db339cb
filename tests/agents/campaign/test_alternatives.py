"""The second way to say it: in every language and on every channel, in the same reply, checked like the first."""

from typing import Any
from uuid import UUID

import make
import pytest

from agents import run as agent
from agents.campaign import layout
from agents.campaign.feedback import Style
from agents.llm.builtin import writer
from domain.campaigns import reviews
from domain.campaigns.reviews import Options
from domain.content import checks, versions
from domain.content.findings import Material
from domain.experiments import drafts
from domain.experiments.rules import Settings
from kernel import db
from kernel.errors import Invalid
from models import Campaign
from tests.agents.campaign.test_feedback import revised
from tests.agents.campaign.test_run import GOAL, current, offer, studio  # noqa: F401 - a fixture
from tests.agents.campaign.test_texts import GOALS, PRICED
from tests.agents.campaign.test_with_a_model import model  # noqa: F401 - a fixture
from tests.domain.content.test_texts import LAYOUT, NOW, OFFER, TARGET
from tests.fakes import openai_campaign

CHANNELS = ("email", "sms", "whatsapp", "telegram")


def drafted(tenant_id: UUID, channel: str, options: Options = Options(alternatives=True)):  # noqa: B008 - frozen
    with db.tenant_session(tenant_id) as session:
        campaign = make.campaign(session, goal=GOAL, channel=channel)
        run_id = reviews.generate(session, campaign.id, actor="t", options=options).id
        campaign_id = campaign.id
    agent.execute(tenant_id, run_id)
    return campaign_id, current(tenant_id, campaign_id)


def compared(tenant_id: UUID, campaign_id: UUID, parent_id: UUID):
    with db.tenant_session(tenant_id) as session:
        return drafts.write(
            session, campaign_id, variants=None, settings=Settings(weights=(1,)), parent_id=parent_id, actor="t"
        )


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("by_model", [False, True])
def test_every_language_of_every_channel_has_one_and_it_becomes_b(request, studio, tenants, channel, by_model):  # noqa: F811
    server = request.getfixturevalue("model") if by_model else None
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id, revision = drafted(studio, channel)
    others = revision.content_json[versions.ALTERNATIVES]
    assert set(others) == set(revision.content_json["languages"]) == {"de", "en"}
    for language, spoken in revision.content_json["languages"].items():
        assert others[language][channel] != spoken[channel]
        assert set(others[language][channel]) == set(spoken[channel])
    if server is not None:
        form = "CampaignBase" if channel == "email" else "TextBase"
        assert sorted(r.schema for r in server.requests) == sorted(["BriefPlan", form, form])
    made = compared(studio, campaign_id, revision.id)
    assert versions.others(made.content_json) == [others]
    assert [f for f in made.findings_json if f["severity"] == "block"] == []
    assert versions.ALTERNATIVES not in made.content_json
    with db.tenant_session(tenants.b) as session:
        assert session.get(Campaign, campaign_id) is None


@pytest.mark.parametrize("goal", GOALS)
def test_the_second_texts_of_templates_pass_every_check(goal: str):
    for language, form, channel, sources in (
        (language, form, channel, sources)
        for language in ("de", "en") for form in ("du", "sie") for channel in CHANNELS for sources in ([PRICED], [])
    ):  # fmt: skip
        style = Style(form=form)
        plan = writer.plan(GOALS[goal], sources, style)
        plan = plan.model_copy(update={"objective": goal, "offer_ids": [each.id for each in sources]})
        if channel == "email":
            reply: Any = writer.base(plan, language, sources, style, alternative=True)
        else:
            reply = writer.text(plan, language, style, channel, alternative=True)
        spoken, other = (
            layout.variant(reply, channel, has_offer=bool(sources), target=TARGET, other=each) for each in (False, True)
        )
        content = {
            "form": form, "offers": plan.offer_ids, "cta_url": TARGET, "languages": {language: {channel: spoken}},
            versions.ALTERNATIVES: {language: {channel: other}},
        }  # fmt: skip
        material = Material(
            [OFFER] if sources else [], {PRICED.id: PRICED.text}, LAYOUT, NOW.date(), NOW, "Europe/Berlin",
            channel=channel, link=TARGET,
        )  # fmt: skip
        found = checks.of_alternatives(content, material)[language]
        told = [f for f in found if f.code not in {"template_needed", "length_soft"}]
        assert told == [], (language, form, channel)


def test_one_with_a_blocker_is_left_out_with_its_reason_and_cannot_be_compared(studio, model):  # noqa: F811
    def wrong_in_english(ask) -> dict[str, Any]:
        answer = openai_campaign.text(ask)
        if answer["lang"] == "en" and answer["alternative"]:
            answer["alternative"]["text"] += " 90 % off today."
        return answer

    model.register("TextBase", wrong_in_english)
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id, revision = drafted(studio, "sms")
    assert set(revision.content_json[versions.ALTERNATIVES]) == {"de"}
    told = {f["code"]: f for f in revision.findings_json}
    assert told["alternative_dropped"]["path"] == "en~B.sms"
    assert told["alternative_dropped"]["severity"] == "warn"
    assert "90 %" in told["alternative_dropped"]["excerpt"]
    assert "fact_ungrounded" not in told
    assert "90 %" not in str(revision.content_json)
    with pytest.raises(Invalid, match="no alternative in en"):
        compared(studio, campaign_id, revision.id)


def test_one_that_says_what_a_says_is_left_out(studio, model):  # noqa: F811
    def same(ask) -> dict[str, Any]:
        answer = openai_campaign.text(ask)
        return answer | {"alternative": {name: answer[name] for name in ("text", "cta_label")}}

    model.register("TextBase", same)
    with db.tenant_session(studio) as session:
        offer(session)
    _, revision = drafted(studio, "telegram")
    assert versions.ALTERNATIVES not in revision.content_json
    assert [f["path"] for f in revision.findings_json if f["code"] == "alternative_dropped"] == [
        "de~B.telegram", "en~B.telegram",
    ]  # fmt: skip


def test_what_a_person_should_look_at_in_it_is_shown_at_its_place(studio, model):  # noqa: F811
    def shouting(ask) -> dict[str, Any]:
        answer = openai_campaign.text(ask)
        answer["alternative"]["text"] += " KOMMT ALLE." if answer["lang"] == "de" else " COME ALONG."
        return answer

    model.register("TextBase", shouting)
    with db.tenant_session(studio) as session:
        offer(session)
    _, revision = drafted(studio, "sms")
    assert set(revision.content_json[versions.ALTERNATIVES]) == {"de", "en"}
    assert [f["path"] for f in revision.findings_json if f["code"] == "tone_limits"] == ["de~B.sms", "en~B.sms"]


def test_feedback_writes_it_anew_only_with_its_language_and_costs_no_call_more(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id, _ = drafted(studio, "sms")
    before = len(model.requests)
    first, second = revised(studio, campaign_id, "nur die deutsche Fassung freundlicher")
    assert [r.schema for r in model.requests[before:]] == ["TextBase"]
    assert "Alternative: yes" in str(model.requests[-1].body)
    old, new = (each.content_json[versions.ALTERNATIVES] for each in (first, second))
    assert set(new) == {"de", "en"}
    assert new["en"] == old["en"]


def test_none_is_written_unasked(studio):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id, revision = drafted(studio, "telegram", Options())
    assert versions.ALTERNATIVES not in revision.content_json
    with pytest.raises(Invalid, match="no alternative in de, en"):
        compared(studio, campaign_id, revision.id)
