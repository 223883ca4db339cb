"""The campaign graph: wires only. Code holds control, writers fill forms; a run ends when the draft is stored."""

from functools import lru_cache
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from agents.campaign.context import Context
from agents.campaign.nodes import batch as batches
from agents.campaign.nodes.adapt import adapt
from agents.campaign.nodes.ask import ask
from agents.campaign.nodes.audience import audience
from agents.campaign.nodes.base import base
from agents.campaign.nodes.batch import batch
from agents.campaign.nodes.brief import brief
from agents.campaign.nodes.check import LIMIT, check
from agents.campaign.nodes.cohorts import cohorts
from agents.campaign.nodes.cut import MOST, cut, cuttable
from agents.campaign.nodes.edit import edit
from agents.campaign.nodes.judge import judge, wanted
from agents.campaign.nodes.lines import lines
from agents.campaign.nodes.load import load
from agents.campaign.nodes.repair import repair, spots
from agents.campaign.nodes.retrieve import retrieve
from agents.campaign.nodes.scope import scope
from agents.campaign.nodes.shorten import shorten, too_long
from agents.campaign.nodes.store import store
from agents.campaign.state import BaseTask, State, desk_of


def _after_scope(state: State) -> str:
    return "ask" if state["questions"] else "brief"


def _after_brief(state: State) -> list[Send] | str:
    """Ask first where something is open; else write what is to be written, every language beside the others."""
    if state["questions"]:
        return "ask"
    todo = state["todo"]
    if todo.languages:
        return [Send("base", _task(state, language)) for language in todo.languages]
    if todo.cohorts:
        return "batch"
    return "edit" if todo.places else "adapt"


def _task(state: State, language: str) -> BaseTask:
    return BaseTask(
        channel=state["channel"],
        language=language,
        plan=state["plan"],
        desk=desk_of(state),
        alternative=state["alternatives"] and state["level"].alternatives,
    )


def _after_batch(state: State) -> list[Send] | str:
    groups = [Send("cohorts", task) for task in batches.tasks(state)]
    return [*groups, *(Send("lines", task) for task in batches.line_tasks(state))] or "adapt"


def _after_check(state: State) -> str:
    """Shorten once, then cut; mend twice at the most; what is left is shown. Templates cannot mend themselves."""
    if state["mends"] and not state["shortened"] and too_long(state):
        return "shorten"
    if state["cuts"] < MOST and cuttable(state):
        return "cut"
    if state["mends"] and state["repairs"] < LIMIT and spots(state):
        return "repair"
    return "judge" if wanted(state) else "store"


@lru_cache(maxsize=1)
def compiled() -> Any:
    """Return the graph, compiled once per process."""
    graph = StateGraph(State, context_schema=Context)
    nodes: tuple[Any, ...] = (
        load, audience, retrieve, scope, brief, ask, base, batch, cohorts, lines, edit, adapt, check, shorten,
        cut, repair, judge, store,
    )  # fmt: skip
    for node in nodes:
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "load")
    graph.add_edge("load", "audience")
    graph.add_edge("audience", "retrieve")
    graph.add_edge("retrieve", "scope")
    graph.add_conditional_edges("scope", _after_scope, ["ask", "brief"])
    graph.add_conditional_edges("brief", _after_brief, ["ask", "base", "batch", "edit", "adapt"])
    graph.add_edge("ask", END)
    graph.add_edge("base", "batch")
    graph.add_conditional_edges("batch", _after_batch, ["cohorts", "lines", "adapt"])
    graph.add_edge("cohorts", "adapt")
    graph.add_edge("lines", "adapt")
    graph.add_edge("edit", "adapt")
    graph.add_edge("adapt", "check")
    graph.add_conditional_edges("check", _after_check, ["shorten", "cut", "repair", "judge", "store"])
    graph.add_edge("shorten", "adapt")
    graph.add_edge("cut", "adapt")
    graph.add_edge("repair", "adapt")
    graph.add_edge("judge", "store")
    graph.add_edge("store", END)
    return graph.compile()
