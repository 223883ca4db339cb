"""What would be done about a text, without a member, a row or a model: the rules of the worker, from the outside."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from agents.follow_up import deciding, reading, when
from agents.follow_up.deciding import Action, Decided
from agents.follow_up.phrases import language_of
from agents.follow_up.reading import Reading
from agents.follow_up.wording import say

_SAID = {
    Action.SCHEDULE: "scheduled",
    Action.MOVE: "moved",
    Action.ACCEPT: "scheduled",
    Action.CANCEL: "cancelled",
    Action.DECLINE: "declined",
    Action.PAST: "past",
    Action.TOO_FAR: "too_far",
}


@dataclass(frozen=True, slots=True)
class Understood:
    """The form, the time it means where it names one, the step, and what would be answered."""

    reading: Reading
    time: when.Resolution | when.Abstention | None
    decided: Decided
    answer: str | None


def understand(
    text: str,
    *,
    ref: datetime,
    zone: str,
    language: str | None = None,
    day_time: str = "10:00",
    quiet: tuple[str, str] = ("20:00", "08:00"),
    pending: bool = False,
    proposed: bool = False,
) -> Understood:
    """Read a member's text written at `ref`; `pending` and `proposed` say what is open for the member.

    `language` is the one to fall back to where the words do not tell; German without one.
    """
    text = text[: reading.LONGEST]
    spoken = language_of(text, language or "de")
    local = ref.astimezone(ZoneInfo(zone))
    signs = reading.signs(text, language=spoken, ref=local)
    form = reading.read(text, signs, language=spoken, pending=pending, proposed=proposed)
    found = deciding.resolve(text, form, ref=local)
    decided = deciding.decide(form, found, deciding.policy_of(zone, now=ref, day_time=day_time, quiet=quiet))
    return Understood(form, found, decided, _answer(form, decided, ref))


def _answer(form: Reading, decided: Decided, now: datetime) -> str | None:
    if decided.action == Action.ASK:
        what = "ask_absence" if form.intent == reading.Intent.ABSENCE else "ask"
        return say(what, form.language, decided.dues, now=now)
    if decided.action not in _SAID or (decided.action == Action.ACCEPT and not decided.dues):
        return None
    return say(_SAID[decided.action], form.language, decided.dues, now=now)
