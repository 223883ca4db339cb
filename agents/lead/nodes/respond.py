"""Put what was found into one reply."""

from typing import Any

from agents.lead.nodes.follow_up import moment
from agents.lead.state import State
from agents.lead.words import say


def respond(state: State) -> dict[str, Any]:
    found, language = state["outcome"], state["language"]
    text = found.get("text", "")
    sources: list[dict[str, str]] = []
    if found["kind"] == "handoff":
        text = say(found["reason"], language)
    elif "due" in found:
        text = say("promised", language, when=moment(found["due"], language))
    elif "found" in found:
        text = say("unknown", language)
        if found["found"]:
            text = say("answer", language, text=found["quote"], source=found["source"])
            sources = [{"source_id": found["source_id"], "title": found["source"]}]
    return {
        "reply": {
            "kind": found["kind"],
            "text": text,
            "task_id": found.get("task_id"),
            "intent": state["intent"],
            "by": state["by"],
            "sources": sources,
            "code": found.get("code"),
        }
    }
