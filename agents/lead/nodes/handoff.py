"""Pass on to a person: the typed wish, never the history of the chat."""

from typing import Any

from agents.lead.state import State


def handoff(state: State) -> dict[str, Any]:
    return {"outcome": {"kind": "handoff", "reason": state["arguments"].get("reason", "handoff")}}
