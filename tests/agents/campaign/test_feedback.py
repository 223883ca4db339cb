"""Feedback costs what it touches, everything else stays byte for byte; questions instead of guesses; standing rules."""

import copy
from typing import Any
from uuid import UUID

import make
import pytest
from sqlalchemy import select

from agents import run as agent
from agents.campaign.feedback import Style, read
from domain.brand import service as brands
from domain.campaigns import drafting, queries, reviews, revisions
from domain.campaigns import service as campaigns
from domain.campaigns.reviews import Decision, Options
from domain.content import checks, lines, places
from kernel import db
from kernel.errors import Conflict, Invalid, PlanLimit
from models import AgentRun, BrandRule, Tenant
from tests.agents.campaign.crowds import crowd
from tests.agents.campaign.test_cohorts import cohorts_of
from tests.agents.campaign.test_run import GOAL, current, generated, offer, studio, words  # noqa: F401 - a fixture
from tests.agents.campaign.test_with_a_model import calls, model, run_of  # noqa: F401 - a fixture
from tests.fakes import openai_campaign


def revised(studio: UUID, campaign_id: UUID, comment: str, scope: Any = None):  # noqa: F811
    first = current(studio, campaign_id)
    with db.tenant_session(studio) as session:
        decision = Decision(
            actor="t", revision_id=first.id, content_hash=first.content_hash, comment=comment,
            scope={"places": scope} if scope else {},
        )  # fmt: skip
        run_id = reviews.request_changes(session, campaign_id, decision).id
    agent.execute(studio, run_id)
    return first, current(studio, campaign_id)


@pytest.fixture
def written(studio, model):  # noqa: F811
    crowd(studio, 240)
    with db.tenant_session(studio) as session:
        offer(session)
    return generated(studio)


def difference(first, second) -> set[str]:
    old, new = places.texts(first.content_json, "email"), places.texts(second.content_json, "email")
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def test_a_clicked_field_costs_one_call_and_changes_nothing_else(studio, model, written):  # noqa: F811
    before = len(model.requests)
    first, second = revised(studio, written, "klingt zu steif", [{"field": "subject", "language": "de"}])
    assert len(model.requests) - before == 1
    assert difference(first, second) == {"de.email.subject"}
    assert second.content_json["cohorts"] == first.content_json["cohorts"]
    kept = {k: v for k, v in second.content_json.items() if k != "languages"}
    assert kept == {k: v for k, v in first.content_json.items() if k != "languages"}
    assert second.content_json["languages"]["en"] == first.content_json["languages"]["en"]
    assert second.claims_json == first.claims_json


def test_one_language_costs_its_base_copy_and_its_cohorts(studio, model, written):  # noqa: F811
    before = len(model.requests)
    first, second = revised(studio, written, "nur die englische Fassung etwas kürzer")
    made = [request.schema for request in model.requests[before:]]
    assert sorted(made) == ["CampaignBase", "CohortBatch"]
    assert second.content_json["languages"]["de"] == first.content_json["languages"]["de"]
    german = [each for each in cohorts_of(first) if each["language"] == "de"]
    assert [each for each in cohorts_of(second) if each["language"] == "de"] == german
    assert second.plan_json == first.plan_json


def test_feedback_on_the_only_channel_of_one_language_is_one_call(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
        made = make.campaign(session, goal=GOAL, channel="sms")
        run_id = reviews.generate(session, made.id, actor="t").id
    agent.execute(studio, run_id)
    before = len(model.requests)
    revised(studio, made.id, "nur die SMS kürzer", [{"language": "de"}])
    assert len(model.requests) - before == 1


def test_one_cohort_can_be_meant(studio, model, written):  # noqa: F811
    cohort = cohorts_of(current(studio, written))[0]["id"]
    before = len(model.requests)
    first, second = revised(studio, written, "freundlicher", [{"cohort": cohort}])
    assert len(model.requests) - before == 1
    assert difference(first, second) <= {path for path in places.texts(first.content_json, "email") if cohort in path}
    assert difference(first, second)


def test_a_new_subject_is_one_call_for_all_languages(studio, model, written):  # noqa: F811
    before = len(model.requests)
    first, second = revised(studio, written, "anderer Betreff")
    assert len(model.requests) - before == 1
    assert difference(first, second) == {"de.email.subject", "en.email.subject"}


def test_the_built_in_writer_changes_the_clicked_field_too(studio):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id = generated(studio)
    first, second = revised(studio, campaign_id, "anderer Betreff", [{"field": "subject", "language": "de"}])
    assert difference(first, second) == {"de.email.subject"}
    third_before, third = revised(studio, campaign_id, "ohne Ausrufezeichen", [{"language": "de", "field": "blocks.1"}])
    assert difference(third_before, third) == {"de.email.blocks.1.text"}
    assert second.origin == third.origin == "builtin"


def test_words_of_a_person_are_the_base_of_what_the_agent_changes(studio, model, written):  # noqa: F811
    first = current(studio, written)
    content = {key: first.content_json[key] for key in ("form", "offers", "cta_url", "languages")}
    content["languages"]["de"]["email"]["blocks"][1]["text"] = "das hier hat eine Person geschrieben!"
    with db.tenant_session(studio) as session:
        drafting.write(session, written, content=content, parent_id=first.id, actor="t")
    _, second = revised(studio, written, "ohne Ausrufezeichen")
    assert second.content_json["languages"]["de"]["email"]["blocks"][1]["text"] == (
        "das hier hat eine Person geschrieben."
    )
    assert second.origin == "mixed"


@pytest.mark.parametrize(
    "scope", [[{"field": "nothing"}], [{}], [{"language": "fr"}], [{"somewhere": "x"}], [{"field": 3}], "subject",
              [{"cohort": "de-nobody"}], [{"field": "subject"}] * 21]
)  # fmt: skip
def test_a_scope_that_means_nothing_is_refused(studio, written, scope):  # noqa: F811
    first = current(studio, written)
    decision = Decision(
        actor="t", revision_id=first.id, content_hash=first.content_hash, comment="kürzer", scope={"places": scope}
    )
    with db.tenant_session(studio) as session, pytest.raises(Invalid):
        reviews.request_changes(session, written, decision)


def test_feedback_that_no_text_can_follow_is_asked_about_and_the_answer_goes_on(studio, model, written):  # noqa: F811
    first = current(studio, written)
    before = len(model.requests)
    decision = Decision(
        actor="t", revision_id=first.id, content_hash=first.content_hash, comment="die Zielgruppe passt so nicht"
    )
    with db.tenant_session(studio) as session:
        run_id = reviews.request_changes(session, written, decision).id
    agent.execute(studio, run_id)
    assert [request.schema for request in model.requests[before:]] == ["Scope"]
    with db.tenant_session(studio) as session:
        assert campaigns.get(session, written).status == "needs_input"
        question = queries.questions(session, written)[-1]
        assert question.code == "feedback_unclear"
        run = reviews.answer(session, written, question.id, text="kürzer, nur der Betreff", actor="t")
        answer_run = run.id
        assert run.brief_version == 2
        with pytest.raises(Conflict):
            reviews.answer(session, written, question.id, text="doch nicht", actor="t")
    agent.execute(studio, answer_run)
    second = current(studio, written)
    assert difference(first, second) == {"de.email.subject", "en.email.subject"}


def test_nobody_there_to_answer_means_no_claim_and_a_finding(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        made = make.campaign(session, goal=GOAL)
        run_id = reviews.generate(session, made.id, actor="t", options=Options(unattended=True)).id

    def without(ask):
        return {
            "lang": "de" if "Language: de" in ask.text else "en",
            "email": {
                "subject": "Komm wieder" if "Language: de" in ask.text else "Come back",
                "preheader": "Wir freuen uns auf dich, komm einfach vorbei und mach mit."
                if "Language: de" in ask.text else "We look forward to you, just come by and join in.",
                "paragraphs": ["wir freuen uns auf dich." if "Language: de" in ask.text else "we look forward to you."],
                "bullets": [], "cta_label": "Los", "sign_off": "Bis bald",
            },
            "alternative": None, "claims": [],
        }  # fmt: skip

    model.register("CampaignBase", without)
    agent.execute(studio, run_id)
    revision = current(studio, made.id)
    assert [f["severity"] for f in revision.findings_json if f["code"] == "question_open"] == ["warn"]
    assert revision.content_json["offers"] == []
    with db.tenant_session(studio) as session:
        assert queries.questions(session, made.id) == []


def test_a_question_offers_its_answers(studio):  # noqa: F811
    campaign_id = generated(studio)
    with db.tenant_session(studio) as session:
        assert queries.questions(session, campaign_id)[0].options == ["ohne Angebot"]


def test_a_wish_is_offered_as_a_rule_and_acts_only_when_ticked(studio, tenants):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id = generated(studio)
    revised(studio, campaign_id, "kürzer, ohne Ausrufezeichen, per Sie")
    with db.tenant_session(studio) as session:
        found = {rule.code: rule for rule in brands.rules(session)}
        assert set(found) == {"short", "no_exclamation", "form_sie"}
        assert {rule.state for rule in found.values()} == {"proposed"}
        assert brands.current(session).form == "du"
    other = current(studio, generated(studio))
    assert other.content_json["form"] == "du"
    with db.tenant_session(studio) as session:
        brands.decide(session, found["form_sie"].id, state="active", actor="t")
        brands.decide(session, found["short"].id, state="retired", actor="t")
        assert brands.current(session).form == "sie"
    third = current(studio, generated(studio))
    assert third.content_json["form"] == "sie"
    with db.tenant_session(tenants.b) as session:
        assert brands.rules(session) == []
        assert brands.current(session) == brands.UNSAVED


def test_rules_that_exclude_each_other_replace_each_other(studio):  # noqa: F811
    with db.tenant_session(studio) as session:
        brands.propose(session, ["form_sie", "form_du", "nonsense"], feedback_id=None, actor="t")
        for _ in range(12):  # also once the driver has prepared the statement
            brands.propose(session, ["form_sie"], feedback_id=None, actor="t")
        first, second = session.execute(select(BrandRule).order_by(BrandRule.id)).scalars().all()
        brands.decide(session, first.id, state="active", actor="t")
        brands.decide(session, second.id, state="active", actor="t")
        assert [rule.code for rule in brands.rules(session)] == ["form_du"]
        with pytest.raises(Conflict):
            brands.decide(session, first.id, state="active", actor="t")


def test_the_profile_binds_words_and_findings(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
        brands.save(session, actor="t", values={"required": ["Dein Lindenhof"], "forbidden": ["wiedersehen"],
                                                "most_exclamations": 0})  # fmt: skip
        brands.save(session, actor="t", values={"tone": "formal", "forbidden": ["wieder"]})
        assert brands.current(session).version == 2
        with pytest.raises(Invalid):
            brands.save(session, actor="t", values={"required": ["Wieder"]})
    revision = current(studio, generated(studio))
    found = {(f["code"], f["severity"]) for f in revision.findings_json}
    assert ("required_phrase_missing", "block") in found
    assert ("forbidden_phrase", "warn") in found
    asked = str([request.body for request in model.asked("CampaignBase")])
    assert "Dein Lindenhof" in asked
    assert "never say: wieder" in asked


def test_alternatives_come_in_the_same_reply_and_only_where_the_plan_has_them(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
        made = make.campaign(session, goal=GOAL)
        run_id = reviews.generate(session, made.id, actor="t", options=Options(alternatives=True)).id
    agent.execute(studio, run_id)
    revision = current(studio, made.id)
    assert len(model.asked("CampaignBase")) == 2
    assert set(revision.content_json["alternatives"]) == {"de", "en"}
    assert revision.content_json["alternatives"]["de"]["email"] != revision.content_json["languages"]["de"]["email"]
    with db.tenant_session(studio) as session:
        session.get(Tenant, studio).tier = "professional"
    with db.tenant_session(studio) as session, pytest.raises(PlanLimit):
        reviews.generate(session, made.id, actor="t", options=Options(alternatives=True))


def test_nothing_leaves_where_the_tenant_lets_nothing_leave(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
        session.get(Tenant, studio).ai_egress = "none"
    revision = current(studio, generated(studio))
    assert revision.origin == "builtin"
    assert model.requests == []


def test_the_revision_says_what_wrote_it(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    revision = current(studio, generated(studio))
    known = revision.prompt_versions
    assert (known["writer"], known["model"]) == ("model", "fake-model")
    assert {"brief", "base", "rules"} <= set(known)
    assert revision.plan_json["objective"] == "reactivation"
    with db.tenant_session(studio) as session:
        run = session.execute(select(AgentRun)).scalars().first()
        assert set(run.inputs_json) == {"brand", "languages", "cohorts", "sources", "search"}
    assert checks.texts_of(revision.content_json["languages"]["de"]["email"])


def line_of(revision) -> dict[str, str]:
    items = (revision.content_json.get("lines") or {}).get("items", ())
    return {f"{each['language']}.email.lines.{each['id']}": each["text"] for each in items}


def with_lines(tenant_id: UUID, campaign_id: UUID) -> dict[str, str]:
    """Give the current draft personal lines, as a run on the level with chats leaves them."""
    first = current(tenant_id, campaign_id)
    content = copy.deepcopy(first.content_json)
    for language in content["languages"]:
        content["languages"][language]["email"]["blocks"][1]["text"] += f" {lines.CLAUSE}"
    texts = {"evening": "Such dir gern eine Zeit am Abend aus!", "morning": "Der Morgen gehört dir!"}
    targets = {key: lines.Target("de", (f"preferred_time:{key}",), 30) for key in texts}
    items = [lines.item(target, texts[key], target.insights) for key, target in targets.items()]
    content.pop("cohorts", None)
    with db.tenant_session(tenant_id) as session:
        made = revisions.store(
            session, campaign_id, content_json=content | {lines.KEY: {"items": items}}, origin="model",
            author="agent:t", parent_id=first.id, sources=first.sources_json, claims=first.claims_json, findings=[],
            plan=first.plan_json,
        )  # fmt: skip
        return line_of(made)


@pytest.mark.parametrize("by_model", [True, False])
def test_a_personal_line_can_be_meant_and_nothing_else_changes(request, studio, by_model):  # noqa: F811
    server = request.getfixturevalue("model") if by_model else None
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id = generated(studio)
    path = min(with_lines(studio, campaign_id))
    before = len(server.requests) if server else 0
    place = {"language": "de", "channel": "email", "field": path.partition(".email.")[2]}
    first, second = revised(studio, campaign_id, "ohne Ausrufezeichen", [place])
    assert difference(first, second) == {path}
    assert line_of(second)[path] == line_of(first)[path].replace("!", ".")
    kept = {key: value for key, value in second.content_json.items() if key != "lines"}
    assert kept == {key: value for key, value in first.content_json.items() if key != "lines"}
    if server:
        assert [r.schema for r in server.requests[before:]] == ["Edits"]
    with pytest.raises(Invalid):
        revised(studio, campaign_id, "kürzer", [{"field": "lines.de-nobody"}])
    third_before, third = revised(studio, campaign_id, "ohne Ausrufezeichen", [{"field": "lines"}])
    assert difference(third_before, third) == set(line_of(first)) - {path}


def test_a_line_that_feedback_spoilt_is_told_once_and_then_left_out(studio, model):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id = generated(studio)
    path = min(with_lines(studio, campaign_id))

    def digits(ask) -> dict[str, Any]:
        answer = openai_campaign.unchanged(ask)
        for each in answer["items"]:
            each["text"] = "Um 18 Uhr ist Platz für dich."
        return answer | ({"items": openai_campaign.unchanged(ask)["items"]} if len(model.asked("Edits")) > 1 else {})

    model.register("Edits", digits)
    first, second = revised(studio, campaign_id, "freundlicher", [{"field": path.partition(".email.")[2]}])
    assert len(model.asked("Edits")) == 2
    assert line_of(second) == line_of(first)


def test_claims_of_a_group_s_new_words_stay_with_the_group(studio, model, written):  # noqa: F811
    ids = [str(each) for each in current(studio, written).content_json["offers"]]
    cohort = next(each for each in cohorts_of(current(studio, written)) if each["language"] == "de")["id"]

    def claiming(ask) -> dict[str, Any]:
        answer = openai_campaign.unchanged(ask)
        answer["items"][0]["text"] = "den {offer1_title} gibt es für {offer1_price}."
        claim = {"sentence": answer["items"][0]["text"], "kind": "price", "source_ids": ids}
        return answer | {"claims": [claim]}

    model.register("Edits", claiming)
    first, second = revised(studio, written, "nenne den Preis", [{"cohort": cohort}])
    assert second.content_json["languages"] == first.content_json["languages"]
    new = {each["id"]: each for each in cohorts_of(second)}
    assert new[cohort]["claims"][-1]["source_ids"] == ids
    told = [each for each in second.claims_json if each.get("cohort") == cohort]
    assert [each["sentence"] for each in told] == ["den {offer1_title} gibt es für {offer1_price}."]
    others = [each for each in cohorts_of(first) if each["id"] != cohort]
    assert [each for each in cohorts_of(second) if each["id"] != cohort] == others


def test_what_is_wrong_outside_of_the_scope_is_told_and_left_as_it_is(studio, model, written):  # noqa: F811
    place = {"field": "subject", "language": "de"}
    first = current(studio, written)
    content = copy.deepcopy(first.content_json)
    spoilt = "Alles kostet heute nur 1 €, und " + "immer weiter " * 8 + "gibt es 90 % Rabatt."
    content["languages"]["de"]["email"]["blocks"][1]["text"] = spoilt
    with db.tenant_session(studio) as session:
        revisions.store(
            session, written, content_json=content, origin="model", author="agent:t", parent_id=first.id,
            sources=first.sources_json, claims=first.claims_json, findings=[], plan=first.plan_json,
        )  # fmt: skip
    before = len(model.requests)
    old, new = revised(studio, written, "klingt zu steif", [place])
    assert [r.schema for r in model.requests[before:]] == ["Edits"]
    assert difference(old, new) <= {f"{place['language']}.email.{place['field']}"}
    assert "fact_ungrounded" in {f["code"] for f in new.findings_json if f["severity"] == "block"}


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_once_more_in_another_way_raises_the_variation_and_is_another_question(studio, model, channel):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
        made = make.campaign(session, goal=GOAL, channel=channel)
        run_id = reviews.generate(session, made.id, actor="t").id
    agent.execute(studio, run_id)
    asked = []
    for n in (1, 2):
        before = len(model.requests)
        first, second = revised(studio, made.id, "Noch einmal anders")
        asked.append([r.schema for r in model.requests[before:]])
        assert first.content_json["style"]["variation"] == n - 1
        assert second.content_json["style"]["variation"] == n
    assert asked[0] == asked[1] != []  # the same words of feedback, and yet no answer comes from the ledger
    assert "BriefPlan" in asked[0]


@pytest.mark.parametrize("channel", ["email", "telegram"])
def test_templates_have_other_words_too(studio, channel):  # noqa: F811
    with db.tenant_session(studio) as session:
        offer(session)
        made = make.campaign(session, goal=GOAL, channel=channel)
        run_id = reviews.generate(session, made.id, actor="t").id
    agent.execute(studio, run_id)
    first, second = revised(studio, made.id, "Noch einmal anders")
    field = "subject" if channel == "email" else "text"
    for language in ("de", "en"):
        old, new = (each.content_json["languages"][language][channel][field] for each in (first, second))
        assert old != new


@pytest.mark.parametrize("said", [
    "Shorter, no exclamation marks, du", "kürzer, ohne Ausrufezeichen, du", "Kürzer. Keine Ausrufezeichen. Du.",
    "kürzer ohne Ausrufezeichen und du", "bitte kürzen, Ausrufezeichen raus, du statt Sie",
    "shorter, fewer exclamation points, informal you",
])  # fmt: skip
def test_a_list_of_wishes_is_read_to_its_last_word(said):
    wish = read([said], Style(form="sie"))
    assert (set(wish.changed), wish.other) == ({"shorter", "no_exclamation", "du"}, "")
    assert (wish.style.form, wish.style.short, wish.style.exclamation) == ("du", True, False)


@pytest.mark.parametrize("said", ["Sie", "etwas förmlicher, Sie", "Sie statt du", "bitte siezen", "formal address"])
def test_the_formal_address_is_heard_too(said):
    wish = read([said], Style(form="du"))
    assert (wish.style.form, wish.other) == ("sie", "")


@pytest.mark.parametrize("said", ["sag ihnen, dass du sie magst", "Was bietest du an?", "dass Sie willkommen sind"])
def test_a_pronoun_inside_a_sentence_asks_for_no_form(said):
    wish = read([said], Style(form="du"))
    assert (wish.changed, wish.style.form, bool(wish.other)) == ((), "du", True)
