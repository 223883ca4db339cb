"""Find and pin the sources: every valid offer and, where the plan has it, the best chunks per language."""

from typing import Any

from langgraph.runtime import Runtime
from sqlalchemy.orm import Session

from agents import embedding, guards
from agents.campaign import pins
from agents.campaign.context import Context
from agents.campaign.state import Source, State
from domain.knowledge import service as knowledge
from domain.knowledge.sources import of_offer
from domain.knowledge.vectors import UNASKED, Understood
from models import AgentRun

_CHUNKS = 6


def retrieve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    asked = _understood(state, context)
    with context.open_session() as session:
        run = session.get_one(AgentRun, context.run_id)
        found = pins.pinned(session, run, "sources", lambda: [row.as_json() for row in _found(session, state, asked)])
        search = pins.pinned(session, run, "search", asked.as_json)
    return {"sources": [_read(row) for row in found], "search": search}


def _understood(state: State, context: Context) -> Understood:
    """Ask what the goal means, before any transaction, where chunks are searched and not yet pinned."""
    with context.open_session() as session:
        run = session.get_one(AgentRun, context.run_id)
        pinned = "sources" in (run.inputs_json or {})
    if pinned or not state["level"].knowledge or context.writer.name != "model":
        return UNASKED
    return embedding.understand(state["goal"], context.open_session, run_id=context.run_id)


def _found(session: Session, state: State, asked: Understood) -> list[Source]:
    found = []
    for offer in knowledge.valid_offers(session):
        pinned = of_offer(offer)
        found.append(Source(str(pinned.id), "offer", pinned.title, pinned.text, pinned.hash, ""))
    for language in state["languages"] if state["level"].knowledge else ():
        hits = knowledge.search(session, state["goal"], language=language, limit=_CHUNKS, meaning=asked.meaning)
        for hit in hits:
            text = guards.clean(hit.text)
            title = f"{hit.document_title}: {hit.heading}" if hit.heading else hit.document_title
            found.append(Source(str(hit.chunk_id), "chunk", title, text, hit.hash, language))
    return found


def _read(row: dict[str, Any]) -> Source:
    return Source(row["id"], row["kind"], row["title"], row["excerpt"], row["hash"], row["language"])
