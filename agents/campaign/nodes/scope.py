"""What of the draft is to be written: all of it, or what the feedback touches; the rest stays byte for byte."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign import feedback
from agents.campaign.context import Context
from agents.campaign.feedback import Wish
from agents.campaign.nodes.load import UNCLEAR
from agents.campaign.replies import Scope
from agents.campaign.state import State, Todo
from domain.brand import service as brands
from domain.content import places

_BY_HAND = {"human", "mixed"}
_NEW_PLAN = {"other_offer", "again"}
_NOT_WRITING = {"audience", "schedule", "other"}
_ASK = {
    "de": "Das kann ich nicht am Text ändern: „{}“. Was soll im Text anders werden? "
    "(Zielgruppe und Zeit stellst du in der Kampagne ein.)",
    "en": "This is nothing that I can change in the text: '{}'. What should the text say instead? "
    "(Audience and time are set in the campaign.)",
}


def scope(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    given = state["feedback"]
    everything = Todo(True, tuple(state["languages"]), tuple(cohort.id for cohort in state["cohorts"]))
    previous = state["previous"]
    if not given or previous is None:
        return {"todo": everything, "changed": [], "findings": []}
    wish = feedback.read(given, state["style"])
    _propose(runtime.context, wish)
    chosen = [dict(place) for place in (*state["places"], *wish.places)]
    asked = None if chosen or not wish.other or wish.changed else runtime.context.writer.scope(given)
    if asked is not None and set(asked.touches) and set(asked.touches) <= _NOT_WRITING:
        return _not_for_a_writer(state, asked, everything)
    chosen = chosen or _confined(asked)
    understood = asked is not None or not wish.other
    return {
        "style": state["style"] if chosen and not _only_languages(chosen) else wish.style,
        "todo": _todo(state, wish, asked, chosen, everything),
        "changed": list(wish.changed),
        "findings": [] if understood or not wish.other else [_not_understood(wish.other)],
    }


def _todo(state: State, wish: Wish, asked: Scope | None, chosen: list[dict[str, str]], everything: Todo) -> Todo:
    previous, channel = state["previous"] or {}, state["channel"]
    if not chosen and wish.changed == ("other_subject",) and channel == "email":
        chosen = [{"field": "subject"}]
    by_hand = previous.get("origin") in _BY_HAND
    if chosen and (by_hand or not _only_languages(chosen)):
        return Todo(plan=False, places=tuple(places.meant(previous, channel, chosen)))
    if by_hand and not set(wish.changed) & _NEW_PLAN:
        return Todo(plan=False, places=tuple(places.meant(previous, channel, [{}])))
    anew = bool(set(wish.changed) & _NEW_PLAN) or "plan" not in state
    anew = anew or (asked is not None and bool({"offer", "facts"} & set(asked.touches)))
    languages = {place["language"] for place in chosen} or set(everything.languages)
    return Todo(
        anew,
        tuple(language for language in everything.languages if language in languages),
        tuple(cohort.id for cohort in state["cohorts"] if cohort.language in languages),
    )


def _only_languages(chosen: list[dict[str, str]]) -> bool:
    return all(set(place) == {"language"} for place in chosen)


def _confined(asked: Scope | None) -> list[dict[str, str]]:
    """Return the places that a reading of the feedback is confined to; none where it means the whole draft."""
    if asked is None:
        return []
    fields = {"subject": "subject", "preheader": "preheader"}
    named = [fields[name] for name in asked.fields if name in fields]
    if not asked.fields:
        return [{"language": language} for language in asked.languages]
    if len(named) < len(asked.fields):
        return []
    languages: list[dict[str, str]] = [{"language": language} for language in asked.languages] or [{}]
    return [{**language, "field": name} for language in languages for name in named]


def _not_for_a_writer(state: State, asked: Scope, everything: Todo) -> dict[str, Any]:
    """Ask what is meant; where nobody is there to answer, keep the draft as it is and say so."""
    text = asked.unclear or "; ".join(state["feedback"])[:200]
    if state["unattended"]:
        return {"todo": Todo(plan=False), "changed": [], "findings": [_not_understood(text)]}
    question = _ASK["de" if state["languages"][0] == "de" else "en"].format(text)
    return {
        "todo": everything,
        "changed": [],
        "findings": [],
        "questions": [{"code": UNCLEAR, "text": question, "options": []}],
    }


def _propose(context: Context, wish: Wish) -> None:
    """Offer what was wished as a rule for later drafts; it acts only when a person ticks it."""
    codes = [feedback.STANDING[name] for name in wish.changed if name in feedback.STANDING]
    if not codes:
        return
    with context.open_session() as session:
        brands.propose(session, codes, feedback_id=None, actor=f"agent:{context.run_id}")


def _not_understood(text: str) -> dict[str, Any]:
    return {
        "code": "feedback_not_understood",
        "severity": "info",
        "path": "feedback",
        "excerpt": text[:200],
        "reason_de": f"Nicht als Regel verstanden: „{text[:200]}“. Bitte am Text prüfen.",
        "reason_en": f"Not understood as a rule: '{text[:200]}'. Please check it in the text.",
        "source_ids": [],
    }
