"""The follow-up graph: wires only. One turn in, one step out; whoever may not ask, or asks nothing, ends early."""

from functools import lru_cache
from typing import Any

from langgraph.graph import END, START, StateGraph

from agents.follow_up.context import Context
from agents.follow_up.nodes.decide import decide
from agents.follow_up.nodes.eligible import eligible
from agents.follow_up.nodes.extract import extract
from agents.follow_up.nodes.gate import gate
from agents.follow_up.nodes.propose import propose
from agents.follow_up.nodes.resolve import resolve
from agents.follow_up.state import State


def _after_eligible(state: State) -> str:
    return "gate" if "turn" in state else END


def _after_gate(state: State) -> str:
    return "propose" if "reading" in state else "extract"


@lru_cache(maxsize=1)
def compiled() -> Any:
    """Return the graph, compiled once per process."""
    graph = StateGraph(State, context_schema=Context)
    nodes: tuple[Any, ...] = (eligible, gate, extract, resolve, decide, propose)
    for node in nodes:
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "eligible")
    graph.add_conditional_edges("eligible", _after_eligible, ["gate", END])
    graph.add_conditional_edges("gate", _after_gate, ["extract", "propose"])
    graph.add_edge("extract", "resolve")
    graph.add_edge("resolve", "decide")
    graph.add_edge("decide", "propose")
    graph.add_edge("propose", END)
    return graph.compile()
