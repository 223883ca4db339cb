"""Decide what needs no reading: an answer to our own question, an empty turn, an order that only people may give."""

from typing import Any

from agents import guards
from agents.lead import skills
from agents.lead.state import State
from domain.agent_tasks.service import says_yes


def guard(state: State) -> dict[str, Any]:
    text = state["text"]
    found: dict[str, Any] = {"suspicious": bool(guards.suspicions([text]))}
    if state["asked"] is not None and says_yes(text) is not None:
        return {**found, "intent": "confirm", "arguments": {}, "by": "code"}
    if not text:
        return {**found, "intent": "clarify", "arguments": {}, "by": "code"}
    if skills.is_order(text):
        return {**found, "intent": "handoff", "arguments": {"reason": "people_decide"}, "by": "code"}
    return found
