"""The cheap look: without a time and without a word that asks, moves or cancels, no model is called."""

from typing import Any
from zoneinfo import ZoneInfo

from agents.follow_up import reading
from agents.follow_up.reading import Decision, Reading
from agents.follow_up.state import State


def gate(state: State) -> dict[str, Any]:
    turn = state["turn"]
    ref = turn.at.astimezone(ZoneInfo(turn.zone))
    seen = reading.signs(turn.text[: reading.LONGEST], language=state["language"], ref=ref)
    if seen.any or turn.proposed:
        return {"signs": seen}
    return {"signs": seen, "reading": Reading(Decision.NONE, language=state["language"])}
