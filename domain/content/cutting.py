"""Cutting a text that is too long: whole sentences go, from the end; what must be said and what code placed stays."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from domain.content import facts, slots

_BRACES = re.compile(r"\{\?[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\{[^{}]*\}|(?:https?://|www\.)\S*[^\s.,;:!?)]")
_FIRST_HOLDER, _LAST_HOLDER = 0xE000, 0xF8FF
_HOLDERS = re.compile(f"[{chr(_FIRST_HOLDER)}-{chr(_LAST_HOLDER)}]")
_ALONE = re.compile(rf"\s*(?P<holder>{_HOLDERS.pattern})(?=\s)")
_END = re.compile(r"(?P<mark>[.!?…]+)[\"'»“”’)\]]*(?=\s|$)|(?=\n)|\Z")
_ABBREVIATIONS = frozenset({
    "abs", "allg", "art", "bsp", "bzgl", "bzw", "ca", "co", "dgl", "dr", "etc", "evtl", "exkl", "fr", "gem", "ggf",
    "hr", "hrsg", "inkl", "int", "max", "min", "mind", "mio", "mr", "mrs", "ms", "mwst", "nr", "prof", "sog", "sr",
    "st", "std", "str", "tel", "usw", "vgl", "vs", "zzgl", "approx", "dept", "e.g", "i.e", "inc", "incl", "no", "vol",
    "z.b", "d.h", "u.a", "o.ä", "s.o", "u.u", "z.t",
})  # fmt: skip
_ORDINAL = 2  # digits of a day: the 4. of December
_STAYS = frozenset({"greeting", "studio", "sender_name", "cta_url", "personal_line"})
_WAY_OUT = re.compile(
    r"\bstopp?\b|\babmeld|\babbestell|\bunsubscrib|\bopt[- ]?out|\bimpressum\b|\bimprint\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Cut:
    """A shorter text, and the sentences that went."""

    text: str
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    words: str
    gap: str


def cut(text: str, fits: Callable[[str], bool], keep: Collection[str] = ()) -> Cut | None:
    """Return the longest beginning of a text, by sentences, that `fits`; None where none does.

    Sentences stay that carry a link, an address, an offer, the greeting, the sender, the way out, the imprint, or one
    of the phrases `keep`. The first sentence always stays. Nothing is cut within a sentence.
    """
    pieces = list(_pieces(text))
    removed: list[str] = []
    for n in range(len(pieces) - 1, 0, -1):
        if _stays(pieces[n].words, keep):
            continue
        removed.insert(0, pieces[n].words)
        pieces[n - 1] = _Piece(pieces[n - 1].words, _wider(pieces[n - 1].gap, pieces[n].gap))
        del pieces[n]
        made = "".join(each.words + each.gap for each in pieces).rstrip()
        if fits(made):
            return Cut(made, tuple(removed))
    return None


def sentences(text: str) -> list[str]:
    """Return the sentences of a text. A slot, a clause or a link is never parted, nor is an abbreviation an end."""
    return [each.words for each in _pieces(text)]


def _stays(words: str, keep: Collection[str]) -> bool:
    try:
        used = slots.names(slots.parse(words))
    except slots.BadSlot:
        return True
    if used & _STAYS or any(name.startswith("offer") for name in used) or _WAY_OUT.search(words):
        return True
    folded = words.casefold()
    if any(phrase.casefold() in folded for phrase in keep if phrase):
        return True
    return any(fact.kind in {"url", "email", "phone", "iban"} for fact in facts.facts(words))


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield sentences with the space behind each; together they are the text."""
    if _HOLDERS.search(text):
        yield _Piece(text, "")
        return
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match.group(0))
        return chr(_FIRST_HOLDER + len(held) - 1)

    plain = _BRACES.sub(hold, text)
    start = 0
    for end in _ends(plain, held):
        gap = len(plain) - len(plain[end:].lstrip()) if plain[end:].strip() else len(plain)
        if plain[start:end].strip():
            yield _Piece(_released(plain[start:end], held), plain[end:gap])
        start = gap
    if plain[start:]:
        yield _Piece(_released(plain[start:], held), "")


def _ends(plain: str, held: list[str]) -> Iterator[int]:
    """Yield where sentences end. A clause that stands for itself between two sentences is one of its own."""
    last = 0
    for match in _END.finditer(plain):
        if match.start() < last:
            continue
        while (alone := _ALONE.match(plain, last)) and alone.end() <= match.start():
            if not _is_sentence(held[ord(alone["holder"]) - _FIRST_HOLDER]):
                break
            last = alone.end()
            yield last
        if match["mark"] is None or _is_end(plain, match):
            last = match.end()
            yield last


def _is_sentence(clause: str) -> bool:
    return clause.startswith("{?") and (clause.rstrip("} ")[-1:] in ".!?" or "personal_line" in clause)


def _is_end(plain: str, match: re.Match[str]) -> bool:
    if set(match["mark"]) & set("!?"):
        return True
    word = re.search(r"\S*$", plain[: match.start()])
    before = (word[0] if word else "").casefold().lstrip("(\"'„“»")
    if len(match["mark"]) == 1 and (
        (before.isdecimal() and len(before) <= _ORDINAL)
        or (len(before) == 1 and before.isalpha())
        or before in _ABBREVIATIONS
    ):
        return False
    following = plain[match.end() :].lstrip()[:1]
    return not following.islower()


def _released(words: str, held: list[str]) -> str:
    return _HOLDERS.sub(lambda match: held[ord(match[0]) - _FIRST_HOLDER], words)


def _wider(before: str, after: str) -> str:
    return after if after.count("\n") > before.count("\n") else before
