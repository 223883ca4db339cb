"""The graph writes for SMS, WhatsApp and Telegram: short, sourced, one link, and it passes its own checks."""

from typing import Any
from uuid import UUID

import make
import pytest

from agents import run as agent
from agents.campaign.feedback import Style
from agents.campaign.layout import message
from agents.campaign.state import Source
from agents.llm.builtin import writer
from channels.sms import segments
from domain.campaigns import reviews
from domain.content import checks
from domain.content.compile_text import compile_text
from domain.content.findings import Material
from domain.content.member_values import MemberFacts, values_for
from kernel import db
from models import DraftRevision
from tests.agents.campaign.test_run import GOAL, current, offer, studio  # noqa: F401 - a fixture
from tests.agents.campaign.test_with_a_model import calls, model, run_of  # noqa: F401 - a fixture
from tests.domain.content.test_texts import LAYOUT, NOW, OFFER, TARGET
from tests.fakes import openai_campaign
from tests.fakes.openai_personas import Ask

GOALS = {
    "reactivation": "Reaktiviere Mitglieder mit dem Comeback-Angebot", "offer": "Angebot: Comeback-Monat",
    "event": "Einladung zum Sommerfest", "newsletter": "Newsletter mit Neuigkeiten", "welcome": "Willkommen an Neue",
    "birthday": "Geburtstag feiern", "reminder": "Erinnerung an den Termin", "feedback": "Feedback einholen",
    "information": "Information zu Öffnungszeiten",
}  # fmt: skip
PRICED = Source(str(OFFER.id), "offer", OFFER.title, "Comeback-Monat 29 €", "h", "de")


def drafted(tenant_id: UUID, channel: str, goal: str = GOAL) -> tuple[UUID, DraftRevision]:
    with db.tenant_session(tenant_id) as session:
        campaign = make.campaign(session, goal=goal, channel=channel)
        run_id = reviews.generate(session, campaign.id, actor="t").id
        campaign_id = campaign.id
    agent.execute(tenant_id, run_id)
    return campaign_id, current(tenant_id, campaign_id)


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
@pytest.mark.parametrize("form", ["du", "sie"])
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_language_form_and_channel_passes_every_check(channel, form, language, goal):
    style = Style(form=form)
    plan = writer.plan(GOALS[goal], [PRICED], style).model_copy(update={"objective": goal, "offer_ids": [PRICED.id]})
    variant = message(writer.text(plan, language, style, channel), channel, has_target=True)
    content = {"form": form, "offers": [PRICED.id], "cta_url": TARGET, "languages": {language: {channel: variant}}}
    members = [
        MemberFacts(UUID(int=1), "Maximiliane", "Müller-Lüdenscheidt", favourite_course="Rücken-Fit"),
        MemberFacts(UUID(int=2)),
    ]
    material = Material(
        [OFFER], {PRICED.id: PRICED.text}, LAYOUT, NOW.date(), NOW, "Europe/Berlin", members=members, channel=channel,
        link=TARGET,
    )  # fmt: skip
    found = [f for f in checks.check_revision(content, material) if f.code != "template_needed"]
    assert found == []
    made = compile_text(
        variant, channel=channel, language=language, form=form, offers=[OFFER], cta_url=TARGET, facts=LAYOUT
    )
    for member in members:
        values = values_for(member, language=language, form=form, time_zone="Europe/Berlin", now=NOW)
        said = made.fill(values | made.plain_links())
        assert said.count(TARGET) == 1
        assert ("29 €" if language == "de" else "€29") in said
        if channel == "sms":
            assert said.endswith("STOP")
            assert "Studio Alpha" in said
            assert segments.cost(said).segments <= 2


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
def test_a_goal_becomes_a_text_with_its_sourced_price(studio, channel):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    _, revision = drafted(studio, channel)
    assert set(revision.content_json["languages"]) == {"de", "en"}
    for variant in revision.content_json["languages"].values():
        assert set(variant) == {channel}
        assert variant[channel]["text"].count("{cta_url}") == 1
        assert "{offer1_price}" in variant[channel]["text"]
        assert variant[channel]["claims"][0]["source_ids"] == revision.content_json["offers"]
    assert [f for f in revision.findings_json if f["severity"] == "block"] == []
    assert revision.origin == "builtin"


def test_feedback_shortens_a_chat_and_keeps_its_form(studio):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id, first = drafted(studio, "telegram")
    with db.tenant_session(studio) as session:
        decision = reviews.Decision(
            actor="t",
            revision_id=first.id,
            content_hash=first.content_hash,
            comment="kürzer, per Sie, ohne Ausrufezeichen",
        )
        run_id = reviews.request_changes(session, campaign_id, decision).id
    agent.execute(studio, run_id)
    second = current(studio, campaign_id)
    before, after = (r.content_json["languages"]["de"]["telegram"]["text"] for r in (first, second))
    assert len(after) < len(before)
    assert "Sie" in after
    assert "!" not in after


def by_model(ask: Ask) -> dict[str, Any]:
    """What a faithful model answers; it sees channel and language under Now."""
    german = '"de"' in ask.text.rpartition("Language")[2] or "de" in ask.text.rpartition("Language")[2][:6]
    words = "den {offer1_title} gibt es für {offer1_price}." if german else "the {offer1_title} is {offer1_price}."
    ids = [line[1:37] for line in ask.text.splitlines() if line.startswith("[") and "] offer:" in line]
    claims = [{"sentence": words, "kind": "price", "source_ids": ids[:1]}]
    lang = "de" if german else "en"
    return {"lang": lang, "text": words, "cta_label": "Platz sichern", "alternative": None, "claims": claims}


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "telegram"])
def test_a_model_writes_the_words_and_code_places_the_rest(studio, model, channel):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    model.register("TextBase", by_model)
    campaign_id, revision = drafted(studio, channel)
    assert revision.origin == "model"
    assert [f["code"] for f in revision.findings_json if f["severity"] == "block"] == []
    texts = {lang: each[channel]["text"] for lang, each in revision.content_json["languages"].items()}
    assert "den {offer1_title}" in texts["de"]
    assert "the {offer1_title}" in texts["en"]
    assert all(text.count("{cta_url}") == 1 and "{greeting}" in text for text in texts.values())
    assert sorted(request.schema for request in model.requests) == ["BriefPlan", "TextBase", "TextBase"]
    assert all("Channel" in str(request.body) for request in model.asked("TextBase"))
    assert run_of(studio, campaign_id).spent_tokens == model.billed
    assert len(calls(studio)) == 3


def test_a_model_that_places_link_and_greeting_itself_is_told_once(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    asked: list[str] = []

    def twice(ask: Ask) -> dict[str, Any]:
        asked.append(ask.text)
        answer = by_model(ask)
        if "cannot be used" not in ask.messages[-1]["content"]:
            answer["text"] = "{greeting} " + answer["text"] + " {cta_url}"
        return answer

    model.register("TextBase", twice)
    _, revision = drafted(studio, "sms")
    text = revision.content_json["languages"]["de"]["sms"]["text"]
    assert (text.count("{greeting}"), text.count("{cta_url}")) == (1, 1)
    assert len(asked) == 4


FILLER = {"de": "Wir haben so viel vor, und du bist dabei. ", "en": "We have so much to do, and you are part of it. "}


def _wordy(ask) -> dict:
    answer = openai_campaign.text(ask)
    answer["text"] += " " + FILLER[answer["lang"]] * 9
    return answer


def _brief(ask) -> dict:
    answer = openai_campaign.unchanged(ask)
    for each in answer["items"]:
        each["text"] = each["text"].replace(FILLER["de"], "").replace(FILLER["en"], "")
    return answer


def test_a_text_that_is_too_long_is_shortened_once_in_one_call_and_then_cut(studio, model):  # noqa: F811
    model.register("TextBase", _wordy)
    with db.tenant_session(studio) as session:
        offer(session)
    for handler, left in ((_brief, []), (openai_campaign.unchanged, ["text_cut"])):
        model.register("Edits", handler)
        before = len(model.requests)
        with db.tenant_session(studio) as session:
            made = make.campaign(session, goal=f"{GOAL} {len(left)}", channel="sms")
            run_id = reviews.generate(session, made.id, actor="t").id
        agent.execute(studio, run_id)
        revision = current(studio, made.id)
        asked = [request.schema for request in model.requests[before:]]
        assert asked.count("Edits") == 1
        cuts = [f for f in revision.findings_json if f["code"] in {"sms_segments", "length_hard", "text_cut"}]
        assert [f["code"] for f in cuts] == left * 2
        assert [f["path"] for f in cuts] == ["de.sms.text", "en.sms.text"][: len(cuts)]
        text = revision.content_json["languages"]["de"]["sms"]["text"]
        assert (FILLER["de"].strip() in text) is bool(left)
        assert text.startswith("{studio}: {greeting} wir freuen uns auf dich. Den {offer1_title} gibt es für")
        assert text.endswith(" {cta_url}")
        for each in cuts:
            language = each["path"][:2]
            whole = revision.content_json["languages"][language]["sms"]["text"].count(FILLER[language].strip())
            assert whole + each["excerpt"].count(FILLER[language].strip()) == 9


def test_what_cannot_be_cut_at_the_end_of_a_sentence_stays_a_blocker(studio, model):  # noqa: F811
    def endless(ask) -> dict:
        answer = openai_campaign.text(ask)
        answer["text"] = answer["text"].rstrip(".") + " und immer weiter" * 30
        return answer

    model.register("TextBase", endless)
    model.register("Edits", openai_campaign.unchanged)
    with db.tenant_session(studio) as session:
        offer(session)
    _, revision = drafted(studio, "sms")
    told = [(f["code"], f["severity"]) for f in revision.findings_json if f["path"] == "de.sms.text"]
    assert ("sms_segments", "warn") in told
    assert not [each for each in told if each[0] == "text_cut"]
    assert " und immer weiter" * 30 in revision.content_json["languages"]["de"]["sms"]["text"]


def test_a_subject_is_cut_too(studio, model):  # noqa: F811
    more = " Wir haben lange darauf hingearbeitet, und jetzt ist es so weit, endlich." * 2

    def long_subject(ask) -> dict:
        answer = openai_campaign.base(ask)
        if answer["lang"] == "de":
            answer["email"]["subject"] = f"Komm wieder.{more}"
        return answer

    model.register("CampaignBase", long_subject)
    model.register("Edits", openai_campaign.unchanged)
    with db.tenant_session(studio) as session:
        offer(session)
    _, revision = drafted(studio, "email")
    assert revision.content_json["languages"]["de"]["email"]["subject"].startswith("Komm wieder.")
    assert len(revision.content_json["languages"]["de"]["email"]["subject"]) <= checks.SUBJECT_HARD
    assert [f["path"] for f in revision.findings_json if f["code"] == "text_cut"] == ["de.email.subject"]
    assert [f for f in revision.findings_json if f["code"] == "length_hard"] == []
