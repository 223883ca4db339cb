"""Write the languages with blockers again, with their findings as the order."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.nodes.base import written
from agents.campaign.nodes.check import blockers
from agents.campaign.state import BaseTask, State


def repair(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    mended = dict(state.get("mended", {}))
    for language in state["languages"]:
        orders = [
            f"{finding['path']}: {finding['reason_en']}"
            for finding in blockers(state)
            if finding["path"].startswith(f"{language}.")
        ]
        if orders:
            task = BaseTask(
                channel=state["channel"],
                language=language,
                plan=state["plan"],
                sources=state["sources"],
                style=state["style"],
                feedback=[*state["feedback"], *orders],
            )
            mended[language] = written(runtime.context.writer, task)
    return {"mended": mended, "repairs": state["repairs"] + 1}
