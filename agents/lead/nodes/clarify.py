"""Ask back where it is not plain what is wanted."""

from typing import Any

from langgraph.runtime import Runtime

from agents.lead.context import Context
from agents.lead.state import State
from agents.lead.words import say


def clarify(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    key = "clarify" if runtime.context.requester.member_id is None else "clarify_member"
    return {"outcome": {"kind": "clarify", "text": say(key, state["language"])}}
