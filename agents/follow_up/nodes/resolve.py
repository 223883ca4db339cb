"""The time that the words mean, seen from when they were written, on the member's clock; computed, never guessed."""

from typing import Any
from zoneinfo import ZoneInfo

from agents.follow_up import deciding, reading
from agents.follow_up.state import State


def resolve(state: State) -> dict[str, Any]:
    turn = state["turn"]
    ref = turn.at.astimezone(ZoneInfo(turn.zone))
    return {"time": deciding.resolve(turn.text[: reading.LONGEST], state["reading"], ref=ref)}
