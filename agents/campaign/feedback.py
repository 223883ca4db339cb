"""Feedback in people's words, read by rule: what it asks for, and what it says that no rule understands."""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Style:
    """How a draft is written; kept in the revision, so that the next one goes on from it."""

    form: Literal["du", "sie"] = "du"
    short: bool = False
    exclamation: bool = True
    tone: Literal["neutral", "personal", "formal", "friendly"] = "neutral"
    subject: int = 0
    offer: int = 0
    variation: int = 0

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, values: dict[str, Any] | None) -> "Style":
        known = {name: value for name, value in (values or {}).items() if name in cls.__slots__}
        return cls(**known)


def _address(pronoun: str) -> str:
    """Return what asks for a form of address: the pronoun as an item of its own, after a preposition, or in a pair."""
    item = rf"(?:^|(?<=[;,.!:]))\s*(?:(?:und|and|bitte|please)\s+)*{pronoun}\s*(?=[;,.!]|$)"
    named = rf"\b(?:per|mit|auf|anrede:?|verwende|nutze|use|as)\s+{pronoun}\b|\b{pronoun}\s+(?:verwenden|nutzen)\b"
    pair = rf"\b{pronoun}\s+(?:statt|instead of)(?:\s+(?:du|sie))?\b"
    return rf"{item}|{named}|{pair}|(?:\bin\s+der\s+)?\b{pronoun}-form\b"


_RULES: tuple[tuple[str, str], ...] = (
    ("shorter", r"k[üu]rzer|k[üu]rzen|knapper|zu lang|weniger text|shorter|shorten|too long|more concise|brief(?:er)?"),
    ("longer", r"l[äa]nger|ausf[üu]hrlicher|mehr text|longer|more detail"),
    (
        "no_exclamation",
        (
            r"(?:ohne|keine?|weniger)\s+ausrufezeichen(?:\s+mehr)?|ausrufezeichen\s+(?:raus|weg\w*)|"
            r"(?:no|without|fewer|drop|remove)\s+(?:the\s+|any\s+)?exclamation\w*(?:\s+(?:marks?|points?))?"
        ),
    ),
    ("sie", _address("sie") + r"|\bsie(?:zt|zen?)\b|\bformal (?:you|address)\b"),
    ("du", _address("du") + r"|\bdu(?:zt|zen?)\b|\binformal(?: you| address)?\b"),
    ("personal", r"pers[öo]nlicher|w[äa]rmer|more personal|warmer"),
    ("formal", r"f[öo]rmlicher|formeller|seri[öo]ser|more formal"),
    ("friendly", r"freundlicher|lockerer|friendlier|more friendly|casual"),
    ("other_offer", r"ander(?:es|em)\s+angebot|(?:an)?other offer|different offer"),
    ("other_subject", r"ander(?:er|en)\s+betreff|betreff\s+[äa]ndern|(?:an)?other subject|different subject"),
    ("again", r"noch einmal anders|nochmal anders|ganz anders|something different|try again"),
)  # fmt: skip
_PLACES: tuple[tuple[str, dict[str, str]], ...] = (
    (r"(?:nur|only)\s+(?:den|der|im|the|in the)?\s*(?:betreff|subject)(?: line)?", {"field": "subject"}),
    (r"(?:nur|only)\s+(?:die|der|the)?\s*(?:vorschauzeile|preheader|preview line)", {"field": "preheader"}),
    (r"(?:nur|only)\s+(?:die|der|auf|the)?\s*(?:deutsche[nr]?|german)(?: fassung| version| text)?", {"language": "de"}),
    (
        r"(?:nur|only)\s+(?:die|der|auf|the)?\s*(?:englische[nr]?|english)(?: fassung| version| text)?",
        {"language": "en"},
    ),
    (r"(?:nur|only)\s+(?:die|der|das|the)?\s*(?:sms|whatsapp|telegram|e-?mail|mail)", {}),
)
# Which standing rule a wish suggests for all later drafts.
STANDING = {
    "shorter": "short", "no_exclamation": "no_exclamation", "sie": "form_sie", "du": "form_du",
    "personal": "tone_personal", "formal": "tone_formal", "friendly": "tone_friendly",
}  # fmt: skip
_FILLERS = re.compile(
    r"\b(?:bitte|und|etwas|ein bisschen|mal|den text|die mail|die e-mail|please|and|a bit|make it|it|the text|"
    r"schreib\w*|noch|mach\w*|es|das|viel|deutlich|much|a|little|with|mit|per|aber|but)\b|[\s,.;:!&+/-]+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """The style that feedback leads to.

    `changed` names what it touched, `other` what was not understood, `places` what it is confined to.
    """

    style: Style
    changed: tuple[str, ...]
    other: str
    places: tuple[dict[str, str], ...] = ()


def read(texts: list[str], before: Style) -> Wish:
    """Return what the texts ask for, on top of the style before."""
    found: list[str] = []
    rest = " ; ".join(texts)
    places = []
    for pattern, place in _PLACES:
        rest, hits = re.subn(pattern, " ", rest, flags=re.IGNORECASE)
        if hits and place:
            places.append(place)
    for name, pattern in _RULES:
        shorter, hits = re.subn(pattern, " ", rest, flags=re.IGNORECASE)
        if hits:
            found.append(name)
            rest = shorter
    style = before
    for name in found:
        style = _apply(style, name)
    return Wish(style, tuple(found), _FILLERS.sub(" ", rest).strip(), tuple(places))


def _apply(style: Style, wish: str) -> Style:
    changes: dict[str, dict[str, Any]] = {
        "shorter": {"short": True},
        "longer": {"short": False},
        "no_exclamation": {"exclamation": False},
        "sie": {"form": "sie"},
        "du": {"form": "du"},
        "personal": {"tone": "personal"},
        "formal": {"tone": "formal"},
        "friendly": {"tone": "friendly"},
        "other_offer": {"offer": style.offer + 1},
        "other_subject": {"subject": style.subject + 1},
        "again": {"variation": style.variation + 1},
    }
    return replace(style, **changes[wish])
