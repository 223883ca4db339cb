"""Let a second reader leave notes on the finished draft, once per language; without an answer there is no note."""

from typing import Any

from langgraph.runtime import Runtime

from agents import judge as reading
from agents.campaign.context import Context
from agents.campaign.nodes.repair import in_scope
from agents.campaign.state import State, desk_of
from agents.llm.errors import CallStopped
from domain.content import places


def judge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    found, told = [], {}
    for language, texts in _read(state).items():
        try:
            verdict = runtime.context.writer.judge(state["plan"], language, texts, desk_of(state))
        except CallStopped as stopped:  # also at the end of a budget: the draft is finished, and it is kept
            told[language] = stopped.code
            continue
        notes = reading.findings(verdict, texts)
        told[language] = f"{len(notes)} notes"
        found += [finding.as_json() for finding in notes]
    return {"findings": [*state["findings"], *found], "notes": told}


def wanted(state: State) -> bool:
    """Say whether anybody asked for a second reader, the plan has one, and there is something new to read."""
    return state["judged"] and state["level"].judge and state["mends"] and bool(_read(state))


def _read(state: State) -> dict[str, dict[str, str]]:
    """Return the texts of the base copies by language, of those languages that this run wrote something in."""
    texts = places.texts(state["content"], state["channel"])
    written = {places.read(path).language for path in texts if in_scope(state, path)}
    found: dict[str, dict[str, str]] = {}
    for path, text in texts.items():
        place = places.read(path)
        if place.language in written and not place.cohort and not places.is_line(path):
            found.setdefault(place.language, {})[path] = text
    return found
