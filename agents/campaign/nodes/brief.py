"""Plan the campaign: message, offer, proof; and what has to be asked first."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign import promises
from agents.campaign.context import Context
from agents.campaign.replies import BriefPlan
from agents.campaign.state import State, desk_of

QUESTIONS = {
    "offer_missing": (
        (
            "Im Auftrag ist von einem Angebot die Rede, aber heute gilt keines. Welches ist gemeint? "
            "Lege es unter „Angebote“ an, oder antworte „ohne Angebot“."
        ),
        (
            "The goal speaks of an offer, but none is stored that is valid today. Which one is meant? "
            "Add it under offers, or answer 'without an offer'."
        ),
    ),
}
_OPTIONS = {"offer_missing": (["ohne Angebot"], ["without an offer"])}
_WITHOUT = ("ohne angebot", "without an offer", "no offer")


def brief(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Decide anew where the run asks for it, else go on with the plan of the draft before."""
    found = [*state["findings"], *_unsourced(state)]
    if not state["todo"].plan and "plan" in state:
        return {"plan": state["plan"].model_copy(update={"address": state["style"].form}), "findings": found}
    plan = runtime.context.writer.plan(desk_of(state))
    if any(words in state["goal"].casefold() for words in _WITHOUT):
        return {"plan": plan, "findings": found}
    german = state["languages"][0] == "de"
    if state["unattended"]:
        open_ = [_unanswered(code) for code in plan.open_questions]
        return {"plan": _without_offers(plan) if open_ else plan, "findings": [*found, *open_]}
    questions = [_question(code, german=german) for code in plan.open_questions]
    return {"plan": plan, "questions": questions, "findings": found}


def _unsourced(state: State) -> list[dict[str, Any]]:
    """Say which price of the goal nothing carries: a draft must not state it, and people must not miss that."""
    amounts = promises.unsourced(state["goal"], [source.text for source in state["sources"]])
    return [
        {
            "code": "goal_unsourced",
            "severity": "warn",
            "path": "brief",
            "excerpt": amount.excerpt,
            "reason_de": f"Im Auftrag steht „{amount.excerpt}“, aber kein geltendes Angebot und kein Dokument belegt "
            "das: Es steht nicht im Text. Soll es hinein, hinterlege es als Angebot.",
            "reason_en": f"The goal says '{amount.excerpt}', but no valid offer and no document carries it: it is "
            "not in the text. Store it as an offer if it should be.",
            "source_ids": [],
        }
        for amount in amounts
    ]


def _question(code: str, *, german: bool) -> dict[str, Any]:
    de, en = QUESTIONS.get(code, (code, code))
    options = _OPTIONS.get(code, ([], []))[0 if german else 1]
    return {"code": code, "text": de if german else en, "options": options}


def _without_offers(plan: BriefPlan) -> BriefPlan:
    """Go on without the claim that nobody could confirm."""
    return plan.model_copy(update={"offer_ids": [], "open_questions": []})


def _unanswered(code: str) -> dict[str, Any]:
    de, en = QUESTIONS.get(code, (code, code))
    return {
        "code": "question_open",
        "severity": "warn",
        "path": "brief",
        "excerpt": code,
        "reason_de": f"Ohne Antwort weitergeschrieben, die Aussage fehlt: {de}",
        "reason_en": f"Written on without an answer, the claim is left out: {en}",
        "source_ids": [],
    }
