"""One selector call, or the rules: what is asked, with typed arguments."""

from typing import Any

from langgraph.runtime import Runtime

from agents.lead import skills
from agents.lead.context import Context
from agents.lead.state import State


def route(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    if "intent" in state:
        return {}
    context = runtime.context
    intents = skills.open_to(context.requester)
    choice = context.selector.choose(state["text"], intents, in_review=state["review"] is not None)
    intent = choice.intent if choice.intent in intents else "handoff"
    if intent == "revise_campaign" and state["review"] is None:
        intent = "clarify"
    return {"intent": intent, "arguments": choice.arguments, "by": choice.by}
