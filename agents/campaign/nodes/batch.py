"""Put the cohorts that are to be written into batches of ten, once the base copies stand."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign import layout
from agents.campaign.context import Context
from agents.campaign.nodes.adapt import target_of
from agents.campaign.state import CohortTask, LineTask, State, desk_of

SIZE = 10
LINES = 25


def batch(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Wait for every language and place it, so that the batches know what they may replace."""
    context = runtime.context
    return {"content": layout.placed(state, context.writer.name, target_of(context, state["plan"]))}


def tasks(state: State) -> list[CohortTask]:
    """Return one task per call: ten cohorts each, those of a language together."""
    wanted = [cohort for cohort in state["cohorts"] if cohort.id in set(state["todo"].cohorts)]
    base, channel = _base(state), state["channel"]
    wanted = [cohort for cohort in wanted if cohort.language in base]
    return [
        CohortTask(
            channel=channel,
            cohorts=wanted[start : start + SIZE],
            plan=state["plan"],
            desk=desk_of(state),
            base=base,
        )
        for start in range(0, len(wanted), SIZE)
    ]


def line_tasks(state: State) -> list[LineTask]:
    """Return one task per call: 25 targets of the languages that are written anew."""
    base = _base(state)
    wanted = [target for target in state["targets"] if target.language in state["todo"].languages]
    return [
        LineTask(targets=wanted[start : start + LINES], plan=state["plan"], desk=desk_of(state), base=base)
        for start in range(0, len(wanted), LINES)
    ]


def _base(state: State) -> dict[str, dict[str, str]]:
    """Return by language what cohorts may replace, as the base copy says it."""
    base, channel = {}, state["channel"]
    for language, channels in state["content"]["languages"].items():
        fields = layout.replaceable(channels[channel], channel)
        if fields:
            base[language] = layout.shown(channels[channel], fields)
    return base
