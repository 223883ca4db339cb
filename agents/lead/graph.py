"""The lead graph: wires only. One turn in, one reply out; the working nodes do not know each other."""

from functools import lru_cache
from typing import Any

from langgraph.graph import END, START, StateGraph

from agents.lead.context import Context
from agents.lead.nodes.campaign import campaign
from agents.lead.nodes.clarify import clarify
from agents.lead.nodes.follow_up import follow_up
from agents.lead.nodes.guard import guard
from agents.lead.nodes.handoff import handoff
from agents.lead.nodes.intake import intake
from agents.lead.nodes.knowledge import knowledge
from agents.lead.nodes.respond import respond
from agents.lead.nodes.route import route
from agents.lead.state import State

_OF_INTENT = {
    "draft_campaign": "campaign",
    "revise_campaign": "campaign",
    "estimate_audience": "campaign",
    "task_status": "campaign",
    "confirm": "campaign",
    "propose_followup": "follow_up",
    "list_followups": "follow_up",
    "search_knowledge": "knowledge",
    "clarify": "clarify",
    "handoff": "handoff",
}


def _worker(state: State) -> str:
    return _OF_INTENT[state["intent"]]


@lru_cache(maxsize=1)
def compiled() -> Any:
    """Return the graph, compiled once per process."""
    graph = StateGraph(State, context_schema=Context)
    workers: tuple[Any, ...] = (campaign, follow_up, knowledge, clarify, handoff)
    for node in (intake, guard, route, *workers, respond):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "intake")
    graph.add_edge("intake", "guard")
    graph.add_edge("guard", "route")
    graph.add_conditional_edges("route", _worker, [node.__name__ for node in workers])
    for node in workers:
        graph.add_edge(node.__name__, "respond")
    graph.add_edge("respond", END)
    return graph.compile()
