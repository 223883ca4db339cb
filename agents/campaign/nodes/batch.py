"""Put the cohorts that are to be written into batches of ten, once the base copies stand."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign import layout
from agents.campaign.context import Context
from agents.campaign.nodes.adapt import target_of
from agents.campaign.state import CohortTask, State, desk_of

SIZE = 10


def batch(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Wait for every language and place it, so that the batches know what they may replace."""
    context = runtime.context
    return {"content": layout.placed(state, context.writer.name, target_of(context, state["plan"]))}


def tasks(state: State) -> list[CohortTask]:
    """Return one task per call: ten cohorts each, those of a language together."""
    wanted = [cohort for cohort in state["cohorts"] if cohort.id in set(state["todo"].cohorts)]
    base, channel = {}, state["channel"]
    for language, channels in state["content"]["languages"].items():
        fields = layout.replaceable(channels[channel], channel)
        if fields:
            base[language] = layout.shown(channels[channel], fields)
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
