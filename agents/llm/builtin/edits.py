"""Single texts rewritten by rule: shorter, calmer, another subject. What no rule can do stays as it was."""

import re
from collections.abc import Sequence

from agents.campaign import feedback
from agents.campaign.replies import BriefPlan
from agents.campaign.state import Desk, Spot
from agents.llm.builtin import writer
from domain.content import places

_BRACES = re.compile(r"\{\?[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\{[^{}]*\}")
_END = re.compile(r"(?<=[.!?])\s+")
_HOLDER = "\ue000{}\ue001"


def edited(plan: BriefPlan, spots: Sequence[Spot], desk: Desk) -> dict[str, str]:
    """Return the texts that a rule changed, by path."""
    wish = feedback.read(list(desk.feedback), desk.style)
    found = {}
    for spot in spots:
        text = _rewritten(plan, spot, desk, wish)
        if text != spot.text and text.strip():
            found[spot.path] = text
    return found


def _rewritten(plan: BriefPlan, spot: Spot, desk: Desk, wish: feedback.Wish) -> str:
    place, text = places.read(spot.path), spot.text
    if place.field == "subject" and ({"other_subject", "again"} & set(wish.changed)):
        text = _other_subject(plan, text, place.language, desk)
    if "shorter" in wish.changed:
        text = shortened(text)
    if "no_exclamation" in wish.changed:
        text = re.sub(r"!+", ".", text)
    return text


def _other_subject(plan: BriefPlan, text: str, language: str, desk: Desk) -> str:
    said = writer.subjects_for(plan, language, desk.style.form)
    later = said[said.index(text) + 1 :] if text in said else said
    return next((each for each in (*later, *said) if each != text), text)


def shortened(text: str) -> str:
    """Return the first half of the sentences, at least one; a sentence with the only link or price stays."""
    kept: list[str] = []

    def hold(match: re.Match[str]) -> str:
        kept.append(match.group(0))
        return _HOLDER.format(len(kept) - 1)

    sentences = _END.split(_BRACES.sub(hold, text))
    carrying = [n for n, each in enumerate(sentences) if "\ue000" in each and _carries(each, kept)]
    wanted = {*range(-(-len(sentences) // 2)), *carrying}
    short = " ".join(each for n, each in enumerate(sentences) if n in wanted)
    return re.sub("\ue000(\\d+)\ue001", lambda match: kept[int(match.group(1))], short)


def _carries(sentence: str, kept: list[str]) -> bool:
    held = [kept[int(n)] for n in re.findall("\ue000(\\d+)\ue001", sentence)]
    return any("offer" in each or "cta_url" in each or "sender_name" in each for each in held)
