"""Find and pin the sources: every valid offer and the best chunks per language. A second try sees the same ones."""

from typing import Any

from langgraph.runtime import Runtime

from agents import guards
from agents.campaign.context import Context
from agents.campaign.state import Source, State
from domain.knowledge import service as knowledge
from domain.knowledge.sources import of_offer
from models import AgentRun

_CHUNKS = 6


def retrieve(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        run = session.get_one(AgentRun, context.run_id)
        if run.inputs_json is not None:
            return {"sources": [_read(source) for source in run.inputs_json["sources"]]}
        found = []
        for offer in knowledge.valid_offers(session):
            pinned = of_offer(offer)
            found.append(Source(str(pinned.id), "offer", pinned.title, pinned.text, pinned.hash, ""))
        for language in state["languages"]:
            for hit in knowledge.search(session, state["goal"], language=language, limit=_CHUNKS):
                text = guards.clean(hit.text)
                title = f"{hit.document_title}: {hit.heading}" if hit.heading else hit.document_title
                found.append(Source(str(hit.chunk_id), "chunk", title, text, hit.hash, language))
        run.inputs_json = {"sources": [source.as_json() for source in found], "languages": state["languages"]}
        session.flush()
        return {"sources": found}


def _read(row: dict[str, Any]) -> Source:
    return Source(row["id"], row["kind"], row["title"], row["excerpt"], row["hash"], row["language"])
