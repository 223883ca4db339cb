"""How well the resolver reads a file of labelled phrases."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from agents.follow_up.when.resolving import resolve
from agents.follow_up.when.spotting import find
from agents.follow_up.when.types import Abstention, Resolution

TOLERANCE = timedelta(seconds=60)
SHAPE = '{"reference": ISO time, "phrases": [{"lang", "text", "value" or null, "grain"}]}'
_DEFAULT_ZONE = timezone(timedelta(hours=-2))
_NEEDED = ("lang", "text", "value", "grain")


class PhraseFileError(ValueError):
    """A file of phrases cannot be scored; the message names the place and the way out."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A labelled phrase; `value` None says that the right answer is none.

    A `turn` is a whole message: the first time `find` spots in it counts.
    """

    lang: str
    text: str
    value: datetime | None
    grain: str
    turn: bool = False


@dataclass(frozen=True, slots=True)
class Labelled:
    reference: datetime
    phrases: tuple[Phrase, ...]


@dataclass(slots=True)
class Score:
    """The figures of one language."""

    right: int = 0
    wrong: int = 0
    abstained: int = 0
    false_schedules: int = 0  # answers where none is right; they count as wrong, too
    nothing: int = 0  # phrases for which no answer is right
    mistakes: list[dict[str, str]] = field(default_factory=list)
    missed: list[dict[str, str]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.abstained

    def percent(self, count: int) -> float:
        return round(100 * count / self.total, 1) if self.total else 0.0

    def as_dict(self) -> dict[str, object]:
        """Return the figures as JSON holds them."""
        counts = {"right": self.right, "wrong": self.wrong, "abstained": self.abstained}
        shares = {f"{name}_percent": self.percent(count) for name, count in counts.items()}
        invented = {"nothing_wanted": self.nothing, "false_schedules": self.false_schedules}
        return {
            "phrases": self.total,
            **counts,
            **shares,
            **invented,
            "wrong_phrases": self.mistakes,
            "missed": self.missed,
        }


def load(file: Path) -> Labelled:
    """Read a file of labelled phrases; `PhraseFileError` when it is none.

    A reference without a zone is a clock at UTC-2, as in the published set.
    """
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PhraseFileError(
            f"{file}: cannot be read ({error}); name a UTF-8 JSON file of the shape {SHAPE}"
        ) from None
    except ValueError as error:
        raise PhraseFileError(f"{file}: no JSON ({error}); wanted {SHAPE}") from None
    if not isinstance(held, dict) or not isinstance(held.get("phrases"), list):
        raise PhraseFileError(f"{file}: has no list `phrases`; wanted {SHAPE}")
    reference = _time(held.get("reference"), f"{file}: `reference`")
    phrases = tuple(_phrase(entry, f"{file}: phrase {number}") for number, entry in enumerate(held["phrases"], 1))
    return Labelled(reference if reference.tzinfo else reference.replace(tzinfo=_DEFAULT_ZONE), phrases)


def _time(value: object, place: str) -> datetime:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise PhraseFileError(f"{place} is {value!r}; write an ISO 8601 time such as 2013-02-12T04:30:00") from None


def _phrase(entry: object, place: str) -> Phrase:
    if not isinstance(entry, dict):
        raise PhraseFileError(f"{place} is no object; wanted {SHAPE}")
    missing = [name for name in _NEEDED if name not in entry]
    if missing:
        raise PhraseFileError(f"{place} has no {', '.join(missing)}; wanted {SHAPE}")
    if entry["lang"] not in {"de", "en"}:
        raise PhraseFileError(f"{place} has the language {entry['lang']!r}; the resolver reads de and en")
    value = None if entry["value"] is None else _time(entry["value"], f"{place}: `value`").replace(tzinfo=None)
    return Phrase(entry["lang"], str(entry["text"]), value, str(entry["grain"]), entry.get("turn") is True)


def score(labelled: Labelled) -> dict[str, Score]:
    """Return the figures per language.

    Right is the same date at day grain and coarser, within `TOLERANCE` otherwise, and no answer where none is
    right. Any other answer is wrong, no answer is abstained.
    """
    found: dict[str, Score] = {}
    for phrase in labelled.phrases:
        _count(found.setdefault(phrase.lang, Score()), phrase, labelled.reference)
    return dict(sorted(found.items()))


def _count(figures: Score, phrase: Phrase, reference: datetime) -> None:
    answer = _answer(phrase, reference)
    wanted = "nothing" if phrase.value is None else phrase.value.isoformat()
    figures.nothing += phrase.value is None
    if not isinstance(answer, Resolution):
        if phrase.value is None:
            figures.right += 1
        else:
            figures.abstained += 1
            figures.missed.append({"text": phrase.text, "wanted": wanted, "reason": answer.reason})
        return
    value = answer.value.replace(tzinfo=None)
    if phrase.value is not None and _agrees(value, phrase.value, phrase.grain):
        figures.right += 1
        return
    figures.wrong += 1
    figures.false_schedules += phrase.value is None
    rules = ", ".join(answer.rule_ids)
    figures.mistakes.append({"text": phrase.text, "wanted": wanted, "got": value.isoformat(), "rules": rules})


def _answer(phrase: Phrase, reference: datetime) -> Resolution | Abstention:
    if not phrase.turn:
        return resolve(phrase.text, ref=reference, lang=phrase.lang)
    spotted = find(phrase.text, lang=phrase.lang, ref=reference)
    return resolve(spotted[0].text, ref=reference, lang=phrase.lang) if spotted else Abstention("nothing")


def _agrees(value: datetime, wanted: datetime, grain: str) -> bool:
    if grain in {"day", "week", "month", "quarter", "year"}:
        return value.date() == wanted.date()
    return abs(value - wanted) <= TOLERANCE
