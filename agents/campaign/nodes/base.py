"""Write one language; the branches of several languages run beside each other."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context, Writer
from agents.campaign.replies import Copy
from agents.campaign.state import BaseTask


def base(task: BaseTask, runtime: Runtime[Context]) -> dict[str, Any]:
    return {"parts": {task["language"]: written(runtime.context.writer, task)}}


def written(writer: Writer, task: BaseTask) -> Copy:
    """Return the copy of one language in the form that its channel needs."""
    plan, language, sources, style = task["plan"], task["language"], task["sources"], task["style"]
    if task["channel"] == "email":
        return writer.base(plan, language, sources, style, task["feedback"])
    return writer.text(plan, language, sources, style, task["feedback"], channel=task["channel"])
