"""Whether a turn may lead to anything: whose it is, consent, words to say, room in the plan."""

from typing import Any

from langgraph.runtime import Runtime

from agents.follow_up.context import Context
from agents.follow_up.phrases import language_of
from agents.follow_up.state import State
from domain.follow_ups import turns


def eligible(_state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    with runtime.context.open_session() as session:
        found = turns.load(session, runtime.context.turn_id)
    if isinstance(found, str):
        return {"outcome": found}
    return {"turn": found, "language": language_of(found.text, found.language)}
