"""From what a turn asks for to a dated step; the time is computed here, and where it is in doubt, people are asked."""

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from agents.follow_up import when
from agents.follow_up.reading import Decision, Intent, Reading
from agents.follow_up.when import Placed, Policy, Resolution
from domain.follow_ups.rules import LEAST, LONGEST, Due

_A_WEEK = timedelta(days=7)
_SHORT = timedelta(days=3)  # whoever misses a day is not asked when to be written to
_DATED = frozenset({Decision.SCHEDULE, Decision.MOVE})
RESOLVER_VERSION = 1


class Action(StrEnum):
    """What is done about a turn. `ask` names two dates, `past` and `too_far` are said, `none` is silent."""

    SCHEDULE = "schedule"
    ASK = "ask"
    MOVE = "move"
    CANCEL = "cancel"
    ACCEPT = "accept"
    DECLINE = "decline"
    PAST = "past"
    TOO_FAR = "too_far"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Decided:
    """The step, its moments (two where people are asked), and which rules read the time."""

    action: Action
    dues: tuple[Due, ...] = ()
    rule_ids: tuple[str, ...] = ()
    why: str | None = None


def policy_of(
    zone: str, *, now: datetime, day_time: str = "10:00", quiet: tuple[str, str] = ("20:00", "08:00")
) -> Policy:
    """Return when messages may go out on a member's clock."""
    return Policy(
        now=now,
        zone=ZoneInfo(zone),
        day_time=time.fromisoformat(day_time),
        quiet=(time.fromisoformat(quiet[0]), time.fromisoformat(quiet[1])),
        lead=LEAST,
        horizon=LONGEST,
    )


def resolve(turn: str, reading: Reading, *, ref: datetime) -> Resolution | when.Abstention | None:
    """Return the time that the turn's words mean, seen from when they were written; None where it names none.

    A time that is the whole turn is that of an absence: the first day after it.
    """
    if reading.time_text is None:
        return None
    if reading.intent == Intent.ABSENCE:
        return when.absence(turn, ref=ref, lang=reading.language)
    if reading.time_text == turn.strip():
        told = when.absence(turn, ref=ref, lang=reading.language)
        if isinstance(told, Resolution):
            return told
    return when.resolve(reading.time_text, ref=ref, lang=reading.language)


def decide(reading: Reading, found: Resolution | when.Abstention | None, policy: Policy) -> Decided:
    """Return the step. Absences and times with more than one reading are asked about, never simply scheduled."""
    simple = {Decision.CANCEL: Action.CANCEL, Decision.DECLINE: Action.DECLINE}
    if reading.decision in simple:
        return Decided(simple[reading.decision])
    if reading.decision == Decision.ACCEPT and reading.time_text is None:
        return Decided(Action.ACCEPT)
    if reading.decision not in _DATED | {Decision.ACCEPT} or found is None:
        return Decided(Action.NONE, why=str(reading.decision))
    if isinstance(found, when.Abstention):
        explicit = reading.intent == Intent.EXPLICIT and found.reason == "past"
        return Decided(Action.PAST if explicit else Action.NONE, why=found.reason)
    return _dated(reading, found, policy)


def _dated(reading: Reading, found: Resolution, policy: Policy) -> Decided:
    placed = when.place(found, policy)
    if not isinstance(placed, Placed):
        said = {"past": Action.PAST, "too_far": Action.TOO_FAR}[placed.reason]
        return Decided(
            said if reading.intent != Intent.ABSENCE else Action.NONE, rule_ids=found.rule_ids, why=placed.reason
        )
    first = Due.of(placed.at, placed.zone)
    if reading.intent == Intent.ABSENCE and first.at - policy.now < _SHORT:
        return Decided(Action.NONE, rule_ids=found.rule_ids, why="short_absence")
    if reading.intent == Intent.ABSENCE:
        return Decided(Action.ASK, (first, _week_after(found, policy, first)), found.rule_ids)
    others = [_due(replace(found, value=value), policy) for value in found.alternatives]
    second = next((due for due in others if due is not None and due.at != first.at), None)
    if second is not None and reading.decision != Decision.ACCEPT and reading.intent != Intent.PROMISE:
        return Decided(Action.ASK, tuple(sorted((first, second), key=lambda due: due.at)), found.rule_ids)
    actions = {Decision.SCHEDULE: Action.SCHEDULE, Decision.MOVE: Action.MOVE, Decision.ACCEPT: Action.ACCEPT}
    return Decided(actions[reading.decision], (first,), found.rule_ids)


def _due(found: Resolution, policy: Policy) -> Due | None:
    placed = when.place(found, policy)
    return Due.of(placed.at, placed.zone) if isinstance(placed, Placed) else None


def _week_after(found: Resolution, policy: Policy, first: Due) -> Due:
    """The second date offered after an absence: a week later on the same clock."""
    later = _due(replace(found, value=found.value + _A_WEEK), policy)
    return later or Due.of(first.at + _A_WEEK, first.zone)
