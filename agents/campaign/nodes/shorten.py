"""Shorten what is too long for its channel: all such texts in one call, once per run; people see what is left."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.nodes.edit import kept
from agents.campaign.nodes.repair import of_findings
from agents.campaign.state import Spot, State, desk_of

CODES = {"length_hard", "sms_segments"}


def shorten(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    texts, claims = runtime.context.writer.shorten(state["plan"], too_long(state), desk_of(state))
    return {**kept(state, texts, claims), "shortened": True}


def too_long(state: State) -> list[Spot]:
    """Return the texts that pass a limit of their channel, with the finding that says by how much."""
    return of_findings(state, [finding for finding in state["findings"] if finding["code"] in CODES])
