"""From a question to the stems of the tenant's own vocabulary that may answer it, with how near each is.

A word of the question is one concept. It is met by its own stem, by inflections and compounds of it (Beitrag,
Mitgliedschaftsbeitrag), by what it is a compound of (Studententarif, Student), and by words that mean the same.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import lru_cache

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.knowledge import synonyms, vocabulary, word_forms
from domain.knowledge.vocabulary import fold
from kernel import db

_WORD = re.compile(r"[^\W\d_]{2,}|\d+")
_MOST_WORDS = 32
_SHORTEST_STEM = 4
_SHORTEST_PART = 5
_LONGEST_PART = 24
_INFLECTED_BY = 3
_WORTH_THE_WORD = 0.6
_ENDINGS = ("ungen", "ung", "ten", "est", "et", "te", "en", "er", "es", "em", "st", "e", "n", "s", "t")
_TO_UMLAUT = (("ae", "ä"), ("oe", "ö"), ("ue", "ü"))
CONFIGS = {"de": "german", "en": "english"}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words of questions that say nothing about their subject, beside the stop words of the server.
_ASKING = {
    "de": _words("""
        wer wen wem wessen was wann wo wohin woher wie warum wieso weshalb welche welcher welches welchem
        welchen wieviel gibt gibts geben kann kannst können könnte könnt darf darfst dürfen muss musst
        müssen müsst soll sollte sollen will wollen möchte möchten habe habt haben hätte hat bin bist seid
        sind ist sein war wäre werde wird werden wurde bekomme bekommt bekommen brauche brauchen braucht
        mache macht machen passiert geht gehen ginge läuft lasse lassen stelle stellt komme kommt finde
        findet stattfinden bietet anbieten lautet heißt viel viele wenig lange lang hoch oft noch nur auch
        schon denn eigentlich bitte mal gerne gern mir mich mein meine meinen meiner meinem euch eure euer
        ihr ihre uns unser unsere man jemand etwas nun jetzt dann ab
    """),
    "en": _words("""
        who whom whose what when where why how which much many long often there here can could may might
        must shall should will would do does did done have has had get gets got getting need needs want take
        takes happen happens come give gives go goes is are was were be been please also any some something
        someone everything your yours mine our ours my me you we they it if while whether
    """),
}


class Tier(IntEnum):
    """How a stem answers a word, nearest first."""

    EXACT = 1
    NEAR = 2
    SYNONYM = 3


@dataclass(frozen=True, slots=True)
class Match:
    """A stem of the vocabulary that meets a concept. `weight` from 0 to 1; `chunks` is how many hold it."""

    lexeme: str
    tier: Tier
    weight: float
    chunks: int


@dataclass(slots=True)
class Concept:
    """One word of the question: its stems, those of its synonyms, and what the vocabulary has for both.

    `folded`, `asked` and `meant` are the stems, stems and words, and synonyms as the vocabulary spells them.
    """

    stems: set[str]
    words: set[str] = field(default_factory=set)
    related: set[str] = field(default_factory=set)
    folded: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    meant: set[str] = field(default_factory=set)
    matches: list[Match] = field(default_factory=list)


def concepts(session: Session, query: str, language: str) -> list[Concept]:
    """Return what the question asks for; words that mean nothing by themselves are left out."""
    asking = _ASKING.get(language, frozenset())
    said = dict.fromkeys(word.lower() for word in _WORD.findall(query))
    words = [word for word in said if word not in asking][:_MOST_WORDS]
    further = word_forms.german(query) if language == "de" else {}
    forms = {word: {form for each in (word, *further.get(word, ())) for form in _forms(each)} for word in words}
    groups = [*(list(group) for group in synonyms.BUILT_IN.get(language, ())), *vocabulary.synonyms(session, language)]
    stems = _stems(session, {form for word in words for form in forms[word]} | _words_of(groups), language)
    found: list[Concept] = []
    for word in words:
        own = {stem for form in forms[word] for stem in stems.get(form, ())}
        if own and not any(own & other.stems for other in found):
            found.append(Concept(own, {fold(form) for form in forms[word]}))
    _relate(found, groups, stems)
    _match(session, found, language)
    return [part for concept in found for part in _taken_apart(concept) if part.matches]


def _taken_apart(concept: Concept) -> list[Concept]:
    """Return a compound that the vocabulary knows only by its parts as two concepts: how it begins, and the rest."""
    if any(match.tier == Tier.EXACT for match in concept.matches):
        return [replace(concept, matches=_promoted(concept.matches))]
    words = {fold(stem) for stem in concept.stems} | concept.words
    begins = [match for match in concept.matches if any(_common(word, fold(match.lexeme)) for word in words)]
    rest = [match for match in concept.matches if match not in begins]
    return [replace(concept, matches=_promoted(part)) for part in (begins, rest)]


def _common(word: str, folded: str) -> bool:
    """Whether two compounds begin with the same word."""
    return word[: len(folded)] == folded or word[:_SHORTEST_PART] == folded[:_SHORTEST_PART]


def _forms(word: str) -> set[str]:
    """Return a word as it is, with or without umlauts, and in the number that the stemmer takes for another word."""
    spelt = word
    for plain, umlaut in _TO_UMLAUT:
        spelt = spelt.replace(plain, umlaut)
    written = word.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
    return {form for each in (word, spelt, written) for form in (each, *_other_number(each))}


def _other_number(word: str) -> list[str]:
    """Kurs, Kurse: the German stemmer cuts the s of the one and keeps that of the other."""
    if word.endswith("s"):
        return [word + "e"]
    return [word.removesuffix("n").removesuffix("e")] if word.endswith(("se", "sen")) else []


def _words_of(groups: Iterable[Sequence[str]]) -> set[str]:
    return {part for group in groups for member in group for part in _WORD.findall(member.lower())}


def _stems(session: Session, words: set[str], language: str) -> dict[str, set[str]]:
    rows = session.execute(
        text(
            "SELECT w.word, t.lexeme FROM unnest(CAST(:words AS text[])) AS w (word), "
            "unnest(to_tsvector(CAST(:config AS regconfig), w.word)) AS t"
        ),
        {"words": sorted(words), "config": CONFIGS.get(language, "simple")},
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.word, set()).add(row.lexeme)
    return found


def _relate(found: list[Concept], groups: list[list[str]], stems: dict[str, set[str]]) -> None:
    """Give every concept the stems of the groups that one of their words belongs to."""
    asked = {fold(stem) for concept in found for stem in concept.stems}
    for group in groups:
        members = [_member(member, stems) for member in group]
        named = [member for member in members if member and all(_is_asked(stem, asked) for stem in member)]
        if not named:
            continue
        said = {stem for member in named for stem in member}
        for concept in found:
            if any(_is_asked(stem, {fold(own) for own in concept.stems}) for stem in said):
                concept.related |= {stem for member in members for stem in member} - concept.stems


def _member(words: str, stems: dict[str, set[str]]) -> set[str]:
    return {stem for part in _WORD.findall(words.lower()) for stem in stems.get(part, ())}


def _is_asked(stem: str, asked: set[str]) -> bool:
    """Whether a word of the question is this stem, or a compound that ends or begins with it."""
    folded = fold(stem)
    if folded in asked:
        return True
    long_enough = len(folded) >= _SHORTEST_PART
    return long_enough and any(word.endswith(folded) or word.startswith(folded) for word in asked)


def _match(session: Session, found: list[Concept], language: str) -> None:
    bases = {_base(fold(stem)) for concept in found for stem in concept.stems | concept.related}
    bases |= {word for concept in found for word in concept.words}
    inside = sorted(base for base in bases if len(base) >= _SHORTEST_STEM)
    inside += sorted({"^" + word[:_SHORTEST_PART] for concept in found for word in concept.words if _is_long(word)})
    whole = {fold(stem) for concept in found for stem in concept.stems | concept.related}
    parts = {part for concept in found for stem in concept.stems for part in _parts(fold(stem))}
    rows = session.execute(
        text(
            "SELECT lexeme, folded, chunks FROM kb_term WHERE tenant_id = :tenant AND language = :language "
            "AND (folded = ANY (CAST(:whole AS text[])) OR (:inside <> '' AND folded ~ :inside))"
        ),
        {
            "tenant": db.tenant_of(session),
            "language": language,
            "whole": sorted(whole | parts | bases),
            "inside": "|".join(inside),
        },
    ).all()
    for concept in found:
        concept.folded = {fold(stem) for stem in concept.stems}
        concept.asked = {fold(stem) for stem in concept.stems | concept.words}
        concept.meant = {fold(stem) for stem in concept.related}
        concept.matches = [
            Match(row.lexeme, *judged, row.chunks)
            for row in rows
            if (judged := _judge(concept, row.lexeme, row.folded)) is not None
        ]


def _promoted(matches: list[Match]) -> list[Match]:
    """Let the nearest that the vocabulary has for a word count as if it were the word itself."""
    sure = [match for match in matches if match.weight >= _WORTH_THE_WORD or match.tier == Tier.SYNONYM]
    if not sure:
        return matches
    nearest = min(match.tier for match in sure)
    most = max(match.weight for match in sure if match.tier == nearest)
    return [
        replace(match, tier=Tier.EXACT if match.tier <= nearest else match.tier, weight=min(1.0, match.weight / most))
        for match in matches
    ]


def _judge(concept: Concept, lexeme: str, folded: str) -> tuple[Tier, float] | None:
    if lexeme in concept.stems or folded in concept.folded:
        return Tier.EXACT, 1.0
    near = max((_nearness(stem, folded) for stem in concept.asked), default=0.0)
    if near:
        return Tier.NEAR, near
    if lexeme in concept.related:
        return Tier.SYNONYM, 0.5
    related = max((_nearness(stem, folded, parts=False) for stem in concept.meant), default=0.0)
    return (Tier.SYNONYM, 0.4 * related) if related else None


def _nearness(stem: str, folded: str, *, parts: bool = True) -> float:
    """Return how near a stem of the vocabulary is to one that was asked for, 0 where it is another word."""
    base = _base(stem)
    if len(base) >= _SHORTEST_STEM:
        if folded.startswith(base):
            rest = folded[len(base) :]
            return 0.9 if not rest or rest in _ENDINGS else 0.7 if len(rest) > _INFLECTED_BY else 0.5
        if base in folded:
            return 0.7 if folded.endswith((stem, base)) else 0.5
    if parts and folded in _parts(stem):
        return 0.6
    if parts and _is_long(stem) and _is_long(folded) and stem[:_SHORTEST_PART] == folded[:_SHORTEST_PART]:
        return 0.4
    return 0.0


def _is_long(word: str) -> bool:
    """Whether a word may be a compound whose first part is worth a look by itself."""
    return len(word) >= _SHORTEST_PART + _SHORTEST_STEM


@lru_cache(maxsize=8_192)
def _base(stem: str) -> str:
    """Return a stem without an ending that the stemmer left on it."""
    for ending in _ENDINGS:
        if stem.endswith(ending) and len(stem) - len(ending) >= _SHORTEST_STEM:
            return stem[: -len(ending)]
    return stem


@lru_cache(maxsize=1_024)
def _parts(stem: str) -> frozenset[str]:
    """Return what a compound may be made of: long parts anywhere, shorter ones at its ends."""
    length = len(stem)
    if length > 4 * _LONGEST_PART:
        return frozenset()
    inside = {
        stem[start:end]
        for start in range(length)
        for end in range(start + _SHORTEST_PART, min(length, start + _LONGEST_PART) + 1)
    }
    ends = {stem[:_SHORTEST_STEM], stem[-_SHORTEST_STEM:]} if length >= 2 * _SHORTEST_STEM else set()
    return frozenset((inside | ends) - {stem})
