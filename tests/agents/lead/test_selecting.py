"""What a turn asks for, by rules: German and English, and nothing that only people do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.lead import skills
from agents.lead.nodes.intake import language_of
from agents.lead.nodes.knowledge import extract

EVERYTHING = (
    "draft_campaign", "estimate_audience", "revise_campaign", "propose_followup", "list_followups", "search_knowledge",
    "task_status", "handoff", "clarify",
)  # fmt: skip


def chosen(text, intents=EVERYTHING, *, in_review=False):
    return skills.RuleSelector().choose(text, intents, in_review=in_review)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Entwirf bitte eine Kampagne für alle, die 30 Tage nicht da waren", "draft_campaign"),
        ("Schreib einen Newsletter über unser Herbstangebot", "draft_campaign"),
        ("Mach eine SMS an alle Mitglieder", "draft_campaign"),
        ("Draft a campaign to win back inactive members", "draft_campaign"),
        ("please write an email to all our members about yoga", "draft_campaign"),
        ("Wie viele Mitglieder waren seit zwei Monaten nicht da?", "estimate_audience"),
        ("How many people haven't been here for three weeks?", "estimate_audience"),
        ("Wie weit ist der Entwurf?", "task_status"),
        ("Is it ready?", "task_status"),
        ("Gib die Kampagne frei", "handoff"),
        ("Schick die Kampagne sofort los", "handoff"),
        ("Approve it and send it now", "handoff"),
        ("Ich möchte mit einem Menschen sprechen", "handoff"),
        ("Can I talk to a human?", "handoff"),
        ("Melde dich in zwei Wochen bei mir", "propose_followup"),
        ("Erinnere mich am Freitag", "propose_followup"),
        ("Remind me next week", "propose_followup"),
        ("Welche Erinnerungen gibt es?", "list_followups"),
        ("Wie lange ist die Kündigungsfrist?", "search_knowledge"),
        ("Do you have a sauna", "search_knowledge"),
        ("Hallo", "clarify"),
        ("blau", "clarify"),
    ],
)
def test_a_turn_is_read_by_rules(text, intent):
    assert chosen(text).intent == intent


def test_words_about_a_draft_are_feedback_only_while_one_is_up_for_review():
    assert chosen("kürzer und ohne Ausrufezeichen", in_review=True).intent == "revise_campaign"
    assert chosen("kürzer und ohne Ausrufezeichen").intent == "clarify"


@pytest.mark.parametrize(
    ("text", "audience"),
    [
        ("alle, die seit 30 Tagen nicht da waren", {"kind": "all_members", "inactive_days": 30}),
        ("wer zwei Monate nicht mehr gekommen ist", {"kind": "all_members", "inactive_days": 60}),
        ("members who haven't been here for six weeks", {"kind": "all_members", "inactive_days": 42}),
        ("alle, in zwei Wochen", {"kind": "all_members"}),
        ("our members", {"kind": "all_members"}),
    ],
)
def test_whom_the_words_mean(text, audience):
    assert skills.audience_of(text) == audience


@given(st.text(max_size=200))
def test_any_text_has_an_intent_that_was_offered(text):
    offered = ("search_knowledge", "task_status", "handoff", "clarify")
    assert chosen(text, offered).intent in offered
    assert skills.audience_of(text)["kind"] == "all_members"
    assert language_of(text, "de") in {"de", "en"}


def test_what_is_not_held_goes_to_a_person():
    assert chosen("Entwirf eine Kampagne", ("search_knowledge", "handoff", "clarify")).intent == "handoff"


PASSAGES = [
    {
        "title": "AGB: Kündigung", "source_id": "1",
        "text": "Die Kündigungsfrist beträgt vier Wochen zum Monatsende. Die Kündigung ist in Textform möglich.",
    },
    {"title": "Hausordnung", "source_id": "2", "text": "Die Sauna ist von 10 bis 21 Uhr geöffnet. Mit Handtuch."},
]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "quote", "source"),
    [
        ("Wie lange ist die Kündigungsfrist?", "Die Kündigungsfrist beträgt vier Wochen zum Monatsende.", "1"),
        ("Wann ist die Sauna geöffnet?", "Die Sauna ist von 10 bis 21 Uhr geöffnet.", "2"),
    ],
)
def test_an_answer_is_a_sentence_of_a_passage(question, quote, source):
    found = extract(question, PASSAGES)
    assert (found["quote"], found["source_id"]) == (quote, source)


@pytest.mark.parametrize("question", ["Habt ihr Parkplätze?", "Wie heißt der Chef?", "?", "und was noch"])
def test_what_no_passage_says_is_not_known(question):
    assert extract(question, PASSAGES) == {"found": False}
    assert extract(question, []) == {"found": False}


@given(st.text(max_size=80), st.lists(st.text(max_size=200), max_size=4))
def test_an_answer_is_always_verbatim(question, texts):
    passages = [{"title": "T", "source_id": str(n), "text": text} for n, text in enumerate(texts)]
    found = extract(question, passages)
    if found["found"]:
        source = next(passage["text"] for passage in passages if passage["source_id"] == found["source_id"])
        assert all(part in source for part in found["quote"].split())
