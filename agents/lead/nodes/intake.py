"""Read the turn: cleaned, its language, and what this conversation waits for."""

import re
from typing import Any

from langgraph.runtime import Runtime

from agents import guards
from agents.lead.context import Context
from agents.lead.state import State
from domain.agent_tasks.actions import tenant_of
from domain.agent_tasks.service import TaskService
from domain.agent_tasks.states import State as TaskState
from domain.agent_tasks.views import CONFIRM

LONGEST = 2_000
_LOOKED_AT = 10
_GERMAN = r"\b(?:ich|und|der|die|das|ist|wie|was|bitte|mir|mich|eine?n?|nicht|ja|nein|für|mit)\b|[äöüß]"
_ENGLISH = r"\b(?:i|and|the|is|how|what|please|me|my|an?|not|yes|no|for|with|you|do|to)\b"


def intake(_state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    text = guards.clean(context.text, limit=LONGEST)
    with context.open_session() as session:
        service, tenant = TaskService(session), tenant_of(session)
        rows = service.list(context.requester, limit=_LOOKED_AT, context_id=context.conversation)
        mine = [row for row in rows if row.requester == context.requester.actor]
        waiting = [row for row in mine if row.state == TaskState.WAITING_INPUT]
        asked = [row for row in waiting if _is_to_confirm(service, context, row.id)]
        reviewed = [row for row in mine if row.state == TaskState.WAITING_REVIEW]
        return {
            "text": text,
            "language": language_of(text, tenant.language),
            "zone": tenant.time_zone,
            "asked": str(asked[0].id) if asked else None,
            "review": str(reviewed[0].id) if reviewed else None,
            "latest": str(mine[0].id) if mine else None,
        }


def _is_to_confirm(service: TaskService, context: Context, task_id: Any) -> bool:
    return any(question.code == CONFIRM for question in service.get(task_id, context.requester).questions)


def language_of(text: str, usual: str) -> str:
    """Return the language with more of its little words, the tenant's where they are even."""
    german, english = (len(re.findall(words, text, re.IGNORECASE)) for words in (_GERMAN, _ENGLISH))
    if german == english:
        return usual
    return "de" if german > english else "en"
