"""Write personal lines, 25 in one call. A batch that fails leaves its members without one, and says so."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.nodes.cohorts import ends_the_run
from agents.campaign.state import LineTask
from agents.llm.errors import CallStopped


def lines(task: LineTask, runtime: Runtime[Context]) -> dict[str, Any]:
    try:
        found = runtime.context.writer.lines(task["plan"], task["targets"], task["desk"], base=task["base"])
    except CallStopped as stopped:
        if ends_the_run(stopped):
            raise
        return {"lost_lines": len(task["targets"])}
    return {"personal": found}
