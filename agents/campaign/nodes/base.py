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
    plan, language, desk = task["plan"], task["language"], task["desk"]
    channel, alternative = task["channel"], task["alternative"]
    if channel == "email":
        return writer.base(plan, language, desk, alternative=alternative)
    return writer.text(plan, language, desk, channel=channel, alternative=alternative)
