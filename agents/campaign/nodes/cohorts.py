"""Write ten cohorts in one call. A batch that fails leaves its members with the base copy, and says so."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.state import CohortTask
from agents.llm.errors import CallStopped, Fault, Outcome

_ENDS_THE_RUN = {Fault.AUTH.value, Fault.QUOTA_EXHAUSTED.value}


def cohorts(task: CohortTask, runtime: Runtime[Context]) -> dict[str, Any]:
    writer = runtime.context.writer
    try:
        found = writer.cohorts(task["plan"], task["cohorts"], task["desk"], channel=task["channel"], base=task["base"])
    except CallStopped as stopped:
        if ends_the_run(stopped):
            raise
        return {"problems": [cohort.id for cohort in task["cohorts"]]}
    return {"snippets": {each.cohort_id: each for each in found}}


def ends_the_run(stopped: CallStopped) -> bool:
    """Say whether a call that stopped means that no other one can go on either."""
    return stopped.outcome is not Outcome.FAILED or stopped.code in _ENDS_THE_RUN
