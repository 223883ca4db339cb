"""Cut what is still too long, at the end of a sentence, and say what went; what cannot be cut there stays a finding."""

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.nodes.repair import in_scope
from agents.campaign.nodes.shorten import CODES
from agents.campaign.state import State
from domain.campaigns import frame
from domain.campaigns import service as campaigns
from domain.content import checks, cutting, places
from domain.content.findings import Finding, Material, warn

CODE = "text_cut"
MOST = 3  # a group's words are told to be too long only when those of the base copy are not


def cut(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        pinned = [source.as_json() for source in state["sources"]]
        material = frame.material(session, campaign, state["content"], pinned)
    made = {path: _shorter(state, path, material) for path in cuttable(state)}
    cuts = {path: each for path, each in made.items() if each is not None}
    told = [_told(path, each).as_json() for path, each in cuts.items()]
    return {
        "edits": {**state["edits"], **{path: each.text for path, each in cuts.items()}},
        "findings": [*state["findings"], *told],
        "cuts": state["cuts"] + 1 if cuts else MOST,
    }


def cuttable(state: State) -> list[str]:
    """Return the paths of texts that this run wrote and that pass a limit of their channel."""
    texts = places.texts(state["content"], state["channel"])
    paths = {str(finding["path"]) for finding in state["findings"] if finding["code"] in CODES}
    return [path for path in texts if path in paths and in_scope(state, path)]


def _shorter(state: State, path: str, material: Material) -> cutting.Cut | None:
    content, place = state["content"], places.read(path)
    known = _blockers(checks.of_place(content, place.language, place.cohort, material))
    field = f"{place.language}.{place.channel}.{place.field}"

    def fits(text: str) -> bool:
        found = checks.of_place(places.changed(content, {path: text}), place.language, place.cohort, material)
        return not any(each.code in CODES and each.path == field for each in found) and _blockers(found) <= known

    return cutting.cut(places.texts(content, state["channel"])[path], fits, _kept(state, place.language, material))


def _blockers(found: list[Finding]) -> set[tuple[str, str]]:
    return {(each.code, each.excerpt) for each in found if each.severity == "block"}


def _kept(state: State, language: str, material: Material) -> list[str]:
    """Return what must still be said: what rests on a source, what the brand requires, and the imprint."""
    claims: list[Mapping[str, Any]] = [claim for claim in state["claims"] if claim.get("language") == language]
    layout = material.layout
    fixed = [layout.postal_address, layout.imprint_url, *material.required]
    return [*(str(claim["sentence"]) for claim in claims if claim.get("source_ids")), *(each for each in fixed if each)]


def _told(path: str, made: cutting.Cut) -> Finding:
    return warn(
        CODE,
        path,
        " ".join(made.removed),
        "Der Text war zu lang und ist am Ende eines Satzes gekürzt; das ist weggefallen.",
        "The text was too long and was cut at the end of a sentence; this went.",
    )
