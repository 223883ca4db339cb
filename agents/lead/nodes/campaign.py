"""The campaign worker's desk: it only submits tasks and tells how they stand; drafts are written elsewhere."""

from typing import Any
from uuid import UUID

from langgraph.runtime import Runtime

from agents.lead.context import Context
from agents.lead.skills import channels_in
from agents.lead.state import State
from agents.lead.words import say
from domain.agent_tasks.service import TaskService, says_yes
from domain.agent_tasks.states import State as TaskState
from domain.agent_tasks.views import TaskView
from domain.audience import selection
from domain.segments.sentences import CHANNELS
from kernel.errors import AriiaError


def campaign(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    work = {
        "draft_campaign": _draft,
        "revise_campaign": _revise,
        "estimate_audience": _estimate,
        "task_status": _status,
        "confirm": _confirm,
    }[state["intent"]]
    try:
        with context.open_session() as session:
            return {"outcome": work(state, context, TaskService(session))}
    except AriiaError as error:
        return {"outcome": {"kind": "refused", "code": error.code, "text": error.detail}}


def _draft(state: State, context: Context, service: TaskService) -> dict[str, Any]:
    wish = state["arguments"]
    audience = selection.sentence(wish["audience"], state["language"])
    size = selection.count(service.session, wish["audience"])
    text = say(
        "confirm_draft", state["language"], goal=wish["goal"], audience=f"{audience} ({size})",
        channel=spoken(wish["channels"]),
    )  # fmt: skip
    return _asked(context, service, "draft_campaign", wish, text)


def spoken(channels: list[str]) -> str:
    """Return the channels as people call them."""
    return ", ".join(CHANNELS[channel] for channel in channels)


def _asked(context: Context, service: TaskService, skill: str, wish: dict[str, Any], text: str) -> dict[str, Any]:
    """Submit a task that does nothing before a yes."""
    task_id = service.submit(skill, wish, context.requester, context.key, context_id=context.conversation, confirm=True)
    return {"kind": "question", "task_id": str(task_id), "text": text}


def _revise(state: State, context: Context, service: TaskService) -> dict[str, Any]:
    view = service.get(UUID(str(state["review"])), context.requester)
    words = state["arguments"]["feedback"]
    drafts = _drafts(view, words)
    if len(drafts) != 1:
        named = spoken([draft["channel"] for draft in drafts])
        return {"kind": "clarify", "text": say("which_draft", state["language"], channels=named)}
    wish = {name: drafts[0][name] for name in ("campaign_id", "revision_id")} | {"feedback": words}
    return _asked(context, service, "revise_campaign", wish, say("confirm_revise", state["language"], feedback=words))


def _drafts(view: TaskView, words: str) -> list[dict[str, Any]]:
    """Return which drafts under review the words may mean: those on the channels that they name, else all."""
    drafts = [part for part in view.result.get("campaigns", [view.result]) if _in_review(part)]
    named = channels_in(words)
    return [draft for draft in drafts if draft["channel"] in named] or drafts


def _in_review(part: dict[str, Any]) -> bool:
    return part.get("state", TaskState.WAITING_REVIEW) == TaskState.WAITING_REVIEW and "revision_id" in part


def _estimate(state: State, context: Context, service: TaskService) -> dict[str, Any]:
    wish = state["arguments"]
    task_id = service.submit("estimate_audience", wish, context.requester, context.key, context_id=context.conversation)
    found = service.get(task_id, context.requester).result
    text = say(
        "counted", state["language"], audience=selection.sentence(wish["audience"], state["language"]),
        members=found["members"], agreed=found["may_be_written_to"],
    )  # fmt: skip
    return {"kind": "answer", "task_id": str(task_id), "text": text}


def _status(state: State, context: Context, service: TaskService) -> dict[str, Any]:
    if state["latest"] is None:
        return {"kind": "answer", "text": say("no_task", state["language"])}
    view = service.get(UUID(state["latest"]), context.requester)
    text = say("status", state["language"], message=view.status_message, percent=view.percent)
    return {"kind": "task", "task_id": str(view.id), "text": text}


def _confirm(state: State, context: Context, service: TaskService) -> dict[str, Any]:
    task_id = UUID(str(state["asked"]))
    service.answer(task_id, context.requester, question_id=task_id, text=state["text"])
    view = service.get(task_id, context.requester)
    found: dict[str, Any] = {"kind": "task", "task_id": str(task_id)}
    if view.state == TaskState.REFUSED:
        return {**found, "kind": "refused", "code": (view.refusal or {})["code"], "text": view.status_message}
    if not says_yes(state["text"]):
        return {**found, "text": say("dropped", state["language"])}
    promised = view.result.get("follow_up")
    if promised is not None:
        return {**found, "due": promised}
    return {**found, "text": say("begun", state["language"], task=task_id)}
