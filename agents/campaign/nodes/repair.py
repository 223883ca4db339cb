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
    anew = {spot.path for spot in found}
    findings = [each for each in state["findings"] if each["code"] != "text_cut" or each["path"] not in anew]
    return {**written(state, runtime, found), "repairs": state["repairs"] + 1, "findings": findings}


def spots(state: State) -> list[Spot]:
    """Return the texts with blockers."""
    return of_findings(state, blockers(state))


def in_scope(state: State, path: str) -> bool:
    """Say whether this run writes a text; what it does not write stays byte for byte, and a line is never mended."""
    todo, place = state["todo"], places.read(path)
    if places.is_line(path):
        return False
    if state["previous"] is None or path in todo.places:
        return True
    return place.cohort in todo.cohorts if place.cohort else place.language in todo.languages


def of_findings(state: State, findings: Sequence[Mapping[str, Any]]) -> list[Spot]:
    """Return the texts of this run that findings are about; one on a whole message means every text of it."""
    orders: dict[str, list[str]] = {}
    texts = {p: t for p, t in places.texts(state["content"], state["channel"]).items() if in_scope(state, p)}
    for finding in findings:
        path, order = str(finding["path"]), f"{finding['reason_en']} {finding['excerpt']}".strip()
        hit = [each for each in texts if each == path or each.startswith(f"{path}.")]
        for each in hit:
            orders.setdefault(each, []).append(order)
    return [Spot(path, texts[path], tuple(dict.fromkeys(found))) for path, found in orders.items()]
