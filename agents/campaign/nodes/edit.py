"""Write single texts anew, all of them in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.replies import Claim
from agents.campaign.state import Spot, State, desk_of
from domain.content import places


def edit(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Rewrite what the feedback is confined to."""
    texts = places.texts(state["previous"] or {}, state["channel"])
    spots = [Spot(path, texts[path]) for path in state["todo"].places if path in texts]
    return written(state, runtime, spots)


def written(state: State, runtime: Runtime[Context], spots: list[Spot]) -> dict[str, Any]:
    """Return the new texts on top of those of this run, with their claims by language."""
    if not spots:
        return {}
    return kept(state, *runtime.context.writer.edit(state["plan"], spots, desk_of(state)))


def kept(state: State, texts: Mapping[str, str], claims: Sequence[Claim]) -> dict[str, Any]:
    """Return new texts on top of those of this run, with their claims by language."""
    known: Mapping[str, str] = state["edits"]
    languages = sorted({places.read(path).language for path in texts})
    made = [{"language": language, **claim.model_dump()} for claim in claims for language in languages]
    return {"edits": {**known, **texts}, "edit_claims": [*state["edit_claims"], *made]}
