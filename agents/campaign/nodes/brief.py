"""Plan the campaign: message, offer, proof; and what has to be asked first."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.state import State

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
_WITHOUT = ("ohne angebot", "without an offer", "no offer")


def brief(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    plan = runtime.context.writer.plan(state["goal"], state["sources"], state["style"], state["feedback"])
    questions = []
    if not any(words in state["goal"].casefold() for words in _WITHOUT):
        german = state["languages"][0] == "de"
        for code in plan.open_questions:
            de, en = QUESTIONS.get(code, (code, code))
            questions.append({"code": code, "text": de if german else en})
    return {"plan": plan, "questions": questions}
