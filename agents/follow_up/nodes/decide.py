"""The step: promise, ask, move, cancel, say why not, or be silent."""

from typing import Any

from agents.follow_up import deciding
from agents.follow_up.state import State
from kernel import clock


def decide(state: State) -> dict[str, Any]:
    turn = state["turn"]
    policy = deciding.policy_of(turn.zone, now=clock.now(), day_time=turn.day_time, quiet=turn.quiet)
    return {"decided": deciding.decide(state["reading"], state.get("time"), policy)}
