"""Plan the campaign: message, offer, proof; and what has to be asked first."""

from typing import Any

from langgraph.runtime import Runtime

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
    if not state["todo"].plan and "plan" in state:
        return {"plan": state["plan"].model_copy(update={"address": state["style"].form})}
    plan = runtime.context.writer.plan(desk_of(state))
    if any(words in state["goal"].casefold() for words in _WITHOUT):
        return {"plan": plan}
    german = state["languages"][0] == "de"
    if state["unattended"]:
        findings = [_unanswered(code) for code in plan.open_questions]
        return (
            {"plan": _without_offers(plan), "findings": [*state["findings"], *findings]} if findings else {"plan": plan}
        )
    questions = [_question(code, german=german) for code in plan.open_questions]
    return {"plan": plan, "questions": questions}


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
