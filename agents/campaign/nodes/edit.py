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
    made = [each for claim in claims for each in _claimed(claim, texts)]
    return {"edits": {**known, **texts}, "edit_claims": [*state["edit_claims"], *made]}


def _claimed(claim: Claim, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a claim for the languages and cohorts whose new texts make it; a personal line makes none."""
    open_to = {path: text for path, text in texts.items() if not places.is_line(path)}
    own = [path for path, text in open_to.items() if claim.sentence in text] or list(open_to)
    owners = sorted({(place.language, place.cohort) for place in map(places.read, own)})
    return [
        {"language": language, **({"cohort": cohort} if cohort else {}), **claim.model_dump()}
        for language, cohort in owners
    ]
