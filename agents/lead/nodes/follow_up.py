"""The follow-up worker's desk: a member names a time, code computes it, and asks with the absolute date."""

from typing import Any
from zoneinfo import ZoneInfo

from langgraph.runtime import Runtime

from agents.follow_up import when
from agents.follow_up.when import Placed, Policy, Resolution
from agents.lead.context import Context
from agents.lead.state import State
from agents.lead.words import say
from domain.agent_tasks.service import TaskService
from domain.audience import service as audience
from domain.follow_ups import turns
from domain.follow_ups.rules import CHANNELS, Due, spoken
from kernel import clock
from kernel.errors import AriiaError


def follow_up(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    try:
        return {"outcome": _list(state, context) if state["intent"] == "list_followups" else _propose(state, context)}
    except AriiaError as error:
        return {"outcome": {"kind": "refused", "code": error.code, "text": error.detail}}


def _list(state: State, context: Context) -> dict[str, Any]:
    with context.open_session() as session:
        service = TaskService(session)
        task_id = service.submit("list_followups", {}, context.requester, context.key, context_id=context.conversation)
        rows = service.get(task_id, context.requester).result["follow_ups"]
    dates = "; ".join(moment(row, state["language"]) for row in rows)
    text = say("followups", state["language"], dates=dates) if rows else say("no_followups", state["language"])
    return {"kind": "answer", "task_id": str(task_id), "text": text}


def moment(row: dict[str, Any], language: str) -> str:
    """Say when a follow-up is due, on the member's clock."""
    due = Due.read({"at": row["due_at"], "local": row["due_local"], "zone": row["time_zone"]})
    return spoken(due, language, clock.now())


def _propose(state: State, context: Context) -> dict[str, Any]:
    if context.requester.member_id is None:
        return {"kind": "handoff", "reason": "handoff"}
    with context.open_session() as session:
        member = audience.get(session, context.requester.member_id)
        zone = ZoneInfo(member.time_zone or state["zone"])
        usable = [channel for channel in CHANNELS if turns.may_use(session, member.id, channel)]
    placed = _placed(state, zone)
    if not isinstance(placed, Placed):
        return {"kind": "clarify", "text": say(placed, state["language"])}
    wish = {"at": f"{placed.local:%Y-%m-%dT%H:%M}", "time_zone": zone.key, "channel": usable[0] if usable else "email"}
    date = spoken(Due.of(placed.at, zone.key), state["language"], clock.now())
    text = say("confirm_followup", state["language"], when=date)
    with context.open_session() as session:
        task_id = TaskService(session).submit(
            "propose_followup", wish, context.requester, context.key, context_id=context.conversation, confirm=True
        )
    return {"kind": "question", "task_id": str(task_id), "text": text}


def _placed(state: State, zone: ZoneInfo) -> "Placed | str":
    """Return the one moment that the turn names, or the name of what to say instead."""
    now = clock.now()
    found = when.find(state["text"], lang=state["language"], ref=now.astimezone(zone))
    if len(found) != 1:
        return "when"
    meant = when.resolve(found[0].text, ref=now.astimezone(zone), lang=state["language"])
    if not isinstance(meant, Resolution) or meant.alternatives:
        return "when"
    placed = when.place(meant, Policy(now=now, zone=zone))
    return placed if isinstance(placed, Placed) else "too_far"
