"""Write one language; the branches of several languages run beside each other."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.state import BaseTask


def base(task: BaseTask, runtime: Runtime[Context]) -> dict[str, Any]:
    copy = runtime.context.writer.base(task["plan"], task["language"], task["sources"], task["style"], task["feedback"])
    return {"parts": {task["language"]: copy}}
