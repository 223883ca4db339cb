"""What people write when they want no more messages, again some, or to know who writes. Pure, no model.

A word counts when it is the whole message, after case, accents, punctuation, emoji and invisible characters are taken
away (CTIA messaging principles; 47 CFR 64.1200(a)(10): any reasonable means). Sentences are read by phrase rules, in
German, English and French, that err to stop: whoever is stopped by mistake is told how to go on.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.consent import opt_out_phrases as phrases


class Wish(StrEnum):
    """What a message asks for."""

    STOP = "stop"  # no more on this channel
    STOP_ALL = "stop_all"  # no more on any
    START = "start"
    YES = "yes"  # START, unless it answers a question
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Reading:
    """`exact`: the whole message is the word; otherwise a sentence says so."""

    wish: Wish
    exact: bool


_STOP = """
stop stopp stoppen unsubscribe unsub cancel end ende quit revoke optout remove removeme nomore
abmelden abmeldung abbestellen abbestellung austragen widerruf widerrufen widerspruch nichtmehr
keinewerbung keinewerbungmehr keinenachrichten keinenachrichtenmehr keinesms keinesmsmehr keinemails
arret arreter arrete arretez desabonner desabonnement desabonnez desinscrire desinscription desinscrivez
"""
_STOP_ALL = """
stopall stopeverything endall endeverything cancelall quitall unsubscribeall nothinganymore
stopalles stoppalles allesstop allesstopp allesabbestellen allesabmelden alleabmelden allesbeenden
stoptout arrettout arretertout toutarreter desabonnertout
"""
_START = "start starten unstop resume subscribe"
_YES = "yes ja oui"
_HELP = "help info hilfe aide"
# What may stand around a word without changing it.
_POLITE = """
bitte please pls plz danke dankeschon thanks thank you thx merci svp s sil il vous plait jetzt now sofort immediately
hi hallo hello hey bonjour moin servus mfg lg vielen dank ok okay
"""

_ELISION = re.compile(r"\b([cdjlmnst]|qu)['’`´]")
_RUNS = re.compile(r"(.)\1+")
_LETTERS_WITH_ZERO = re.compile(r"(?<=[a-z])0|0(?=[a-z])")


def plain(text: str) -> str:
    """Return lower-case words with single spaces: no accents, punctuation, emoji or invisible characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = unicodedata.normalize("NFKD", _ELISION.sub(r"\1 ", folded))
    kept = []
    for character in folded:
        category = unicodedata.category(character)
        if category[0] in "LN":
            kept.append(character)
        elif category not in {"Mn", "Me", "Cf"} and character not in "'’`´":
            kept.append(" ")
    return _LETTERS_WITH_ZERO.sub("o", " ".join("".join(kept).split()))


def _key(words: str) -> str:
    """Letters alone, and each of a run once: STOOOP, s t o p and stopp are one word."""
    return _RUNS.sub(r"\1", words.replace(" ", ""))


_FILLERS = frozenset(_POLITE.split())
_LONGEST_SENTENCE, _MOST_SENTENCES = 400, 20  # whoever writes a novel gets a person's answer
_WORDS: dict[str, Wish] = {
    _key(word): wish
    for wish, listed in (
        (Wish.HELP, _HELP),
        (Wish.YES, _YES),
        (Wish.START, _START),
        (Wish.STOP, _STOP),
        (Wish.STOP_ALL, _STOP_ALL),
    )
    for word in listed.split()
}


def read(text: str, *, extra: Collection[str] = ()) -> Reading | None:
    """Return what a message asks for, None for any other. `extra` are a tenant's own words that stop."""
    words = plain(text)
    if not words:
        return None
    own = {_key(plain(word)) for word in extra}
    for candidate in _candidates(words):
        wish = Wish.STOP if candidate in own else _WORDS.get(candidate)
        if wish is not None:
            return Reading(wish, exact=True)
    wish = _sentence(text, words)
    return Reading(wish, exact=False) if wish else None


def _candidates(words: str) -> Iterable[str]:
    yield _key(words)
    rest = [word for word in words.split() if word not in _FILLERS]
    if rest:
        yield _key(" ".join(rest))
        if len(set(map(_key, rest))) == 1:  # stop stop stop
            yield _key(rest[0])


def _sentence(text: str, words: str) -> Wish | None:
    """Sentence by sentence, so that "I will stop by. No more rain, please." is two."""
    parts = [plain(part) for part in re.split(r"[.!?;\n]+", text[: _LONGEST_SENTENCE * _MOST_SENTENCES])]
    for part in [*parts[:_MOST_SENTENCES], words] if len(parts) > 1 else [words]:
        if _asks_to_stop(part[:_LONGEST_SENTENCE]):
            return Wish.STOP_ALL if phrases.EVERYWHERE.search(words[:_LONGEST_SENTENCE]) else Wish.STOP
    return None


def _asks_to_stop(words: str) -> bool:
    if not words or phrases.WANTS_MORE.search(words):
        return False
    rest = phrases.HARMLESS.sub(" ", words)
    if any(rule.search(rest) for rule in phrases.ALWAYS):
        return True
    if phrases.ABOUT_SOMETHING_ELSE.search(rest) and not phrases.MESSAGES.search(rest):
        return False
    return any(rule.search(rest) for rule in phrases.UNLESS_ABOUT_SOMETHING_ELSE) or bool(
        phrases.CEASE.search(rest) and phrases.MESSAGES.search(rest)
    )
