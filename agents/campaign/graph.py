"""The campaign graph: wires only. Code holds control, writers fill forms; a run ends when the draft is stored."""

from functools import lru_cache
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from agents.campaign.context import Context
from agents.campaign.nodes.adapt import adapt
from agents.campaign.nodes.ask import ask
from agents.campaign.nodes.audience import audience
from agents.campaign.nodes.base import base
from agents.campaign.nodes.brief import brief
from agents.campaign.nodes.check import LIMIT, blockers, check
from agents.campaign.nodes.load import load
from agents.campaign.nodes.repair import repair
from agents.campaign.nodes.retrieve import retrieve
from agents.campaign.nodes.scope import scope
from agents.campaign.nodes.store import store
from agents.campaign.state import BaseTask, State


def _after_brief(state: State) -> list[Send] | str:
    """Ask first where something is open; else write every language beside the others."""
    if state["questions"]:
        return "ask"
    return [
        Send(
            "base",
            BaseTask(
                channel=state["channel"],
                language=language,
                plan=state["plan"],
                sources=state["sources"],
                style=state["style"],
                feedback=state["feedback"],
            ),
        )
        for language in state["languages"]
    ]


def _after_check(state: State) -> str:
    """Mend twice at the most; what is left is shown to the person. Templates cannot mend themselves."""
    mendable = bool(blockers(state)) and state["content"]["origin"] == "model"
    return "repair" if mendable and state["repairs"] < LIMIT else "store"


@lru_cache(maxsize=1)
def compiled() -> Any:
    """Return the graph, compiled once per process."""
    graph = StateGraph(State, context_schema=Context)
    nodes: tuple[Any, ...] = (load, audience, retrieve, scope, brief, ask, base, adapt, check, repair, store)
    for node in nodes:
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "load")
    graph.add_edge("load", "audience")
    graph.add_edge("audience", "retrieve")
    graph.add_edge("retrieve", "scope")
    graph.add_edge("scope", "brief")
    graph.add_conditional_edges("brief", _after_brief, ["ask", "base"])
    graph.add_edge("ask", END)
    graph.add_edge("base", "adapt")
    graph.add_edge("adapt", "check")
    graph.add_conditional_edges("check", _after_check, ["repair", "store"])
    graph.add_edge("repair", "adapt")
    graph.add_edge("store", END)
    return graph.compile()
