"""Write the texts with blockers again, only those, each with its findings as the order; one call for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.nodes.check import blockers
from agents.campaign.nodes.edit import written
from agents.campaign.state import Spot, State
from domain.content import places

_AGAIN = "The last try was still wrong: say it in another way, or leave it out."


def repair(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    found = spots(state)
    if state["repairs"]:
        found = [replace(spot, orders=(*spot.orders, _AGAIN)) for spot in found]
    return {**written(state, runtime, found), "repairs": state["repairs"] + 1}


def spots(state: State) -> list[Spot]:
    """Return the texts with blockers."""
    return of_findings(state, blockers(state))


def of_findings(state: State, findings: Sequence[Mapping[str, Any]]) -> list[Spot]:
    """Return the texts that findings are about; one on a whole message means every text of it."""
    orders: dict[str, list[str]] = {}
    texts = places.texts(state["content"], state["channel"])
    for finding in findings:
        path, order = str(finding["path"]), f"{finding['reason_en']} {finding['excerpt']}".strip()
        hit = [each for each in texts if each == path or each.startswith(f"{path}.")]
        for each in hit:
            orders.setdefault(each, []).append(order)
    return [Spot(path, texts[path], tuple(dict.fromkeys(found))) for path, found in orders.items()]
