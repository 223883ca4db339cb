"""A second reader of a finished draft: a model that may leave notes for people, and can do nothing else.

It runs where the plan has it and the run asked for it, once per language. Its answer is a form without any field that
could change a text, a status or a finding; its words are shown as they stand, without addresses. No answer is no note.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agents import guards
from domain.content import facts
from domain.content.findings import Finding

CODE = "judge_note"
MOST = 6
LONGEST = 200
_REACHES = frozenset({"url", "email", "phone", "iban"})
_LEFT_OUT = "[…]"
Aspect = Literal["goal", "clarity", "tone", "repetition", "pressure", "claim", "language"]
_ASPECTS: dict[str, tuple[str, str]] = {
    "goal": ("Auftrag", "the goal"),
    "clarity": ("Verständlichkeit", "clarity"),
    "tone": ("Ton", "tone"),
    "repetition": ("Wiederholung", "repetition"),
    "pressure": ("Druck", "pressure"),
    "claim": ("Aussage", "a claim"),
    "language": ("Sprache", "language"),
}


class Note(BaseModel):
    """What a person should look at; `ref` is the text that it is about."""

    model_config = ConfigDict(extra="forbid")

    ref: str = Field(max_length=8)
    aspect: Aspect
    severity: Literal["info", "warn"]
    comment: str = Field(min_length=1, max_length=LONGEST)


class Verdict(BaseModel):
    """The notes on one language; none where nothing is to be said."""

    model_config = ConfigDict(extra="forbid")

    notes: list[Note] = Field(max_length=MOST)


def listed(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the paths of texts by the names that the model calls them."""
    return {f"t{n}": path for n, path in enumerate(texts, start=1)}


def shown(texts: Mapping[str, str]) -> list[str]:
    """Return the texts as they stand in the prompt, one per line."""
    return [
        json.dumps({"ref": ref, "place": path, "text": texts[path]}, ensure_ascii=False)
        for ref, path in listed(texts).items()
    ]


def wrong(verdict: Verdict, refs: Sequence[str]) -> list[str]:
    """Return what is wrong with a well-formed verdict."""
    return [f"'{note.ref}' is no ref of a listed text" for note in verdict.notes if note.ref not in refs]


def findings(verdict: Verdict, texts: Mapping[str, str]) -> list[Finding]:
    """Return the notes as findings that never block: words of the model as an excerpt, ours as the reason."""
    known = listed(texts)
    found: dict[tuple[str, str], Finding] = {}
    for note in verdict.notes:
        words, path = inert(note.comment), known.get(note.ref)
        if not words or path is None:
            continue
        de, en = _ASPECTS[note.aspect]
        severity: Literal["info", "warn"] = "warn" if note.severity == "warn" else "info"
        reason_de = f"Ein zweites Modell hat den Entwurf gelesen und merkt an ({de}); es ändert nichts."
        reason_en = f"A second model read the draft and notes this ({en}); it changes nothing."
        found.setdefault((path, words), Finding(CODE, severity, path, words, reason_de, reason_en))
    return list(found.values())


def inert(text: str) -> str:
    """Return words of a model as plain text on one line: nothing invisible, no markup, nowhere to go, call or pay."""
    plain = " ".join(guards.clean(text).replace("<", "‹").replace(">", "›").split())
    for fact in facts.facts(plain):
        if fact.kind in _REACHES:
            plain = plain.replace(fact.excerpt, _LEFT_OUT)
    return plain[:LONGEST]
