"""What happens next to a member in a sequence: one pure function, for the live run and for the rehearsal alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from domain.sequences import moments
from domain.sequences.definition import Condition, Definition, Delay, End, Message, Tag


class Exit(StrEnum):
    """Why a member left a sequence before its end."""

    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    BOUNCED = "bounced"
    GOAL = "goal"
    ERASED = "erased"
    MANUAL = "manual"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Position:
    """At which step a member is, since when, and which messages it had; `step` None is behind the last one."""

    step: str | None
    since: datetime
    done: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of the member now.

    `holds` by the key of a condition; `ready` are messages that may be sent; `opens` says of a channel on which it is
    quiet now when that is over.
    """

    zone: ZoneInfo
    holds: Mapping[str, bool] = field(default_factory=dict)
    ready: frozenset[str] = frozenset()
    leaves: Exit | None = None
    opens: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing until then: a delay, or quiet hours before a message.

    At a message that is not approved, until somebody approved it (`until` None).
    """

    step: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Send:
    step: str
    to: Position


@dataclass(frozen=True, slots=True)
class Change:
    """Add and remove tags; what is asked next is asked of the changed member."""

    step: str
    add: tuple[str, ...]
    remove: tuple[str, ...]
    to: Position


@dataclass(frozen=True, slots=True)
class Go:
    """On to another step; `held` is what a condition found."""

    step: str
    to: Position
    held: bool | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    reason: Exit


@dataclass(frozen=True, slots=True)
class Complete:
    pass


Action = Wait | Send | Change | Go | Leave | Complete


def next_action(version: Definition, at: Position, facts: Facts, now: datetime) -> Action:
    """Return the next thing that happens to a member at a position, knowing these facts, at this instant.

    A message that the member had is passed over, so no edit repeats one. Raises KeyError for a condition without a
    fact.
    """
    if facts.leaves is not None:
        return Leave(facts.leaves)
    step = version.step(at.step) if at.step is not None else None
    if step is None or isinstance(step, End):
        return Complete()
    key = step.key
    if isinstance(step, Delay):
        return _delay(version, step, at, facts, now)
    since = moments.counted_from(at.since, now)
    if isinstance(step, Condition):
        held = facts.holds[key]
        wanted = step.yes if held else step.no
        return Go(key, Position(version.after(key, wanted), since, at.done), held)
    if isinstance(step, Tag):
        return Change(key, tuple(step.add), tuple(step.remove), _to(version, at, key, since))
    return _message(version, step, at, facts, now)


def _delay(version: Definition, step: Delay, at: Position, facts: Facts, now: datetime) -> Action:
    until = moments.over(step, at.since, facts.zone)
    if until > now:
        return Wait(step.key, until)
    return Go(step.key, _to(version, at, step.key, moments.counted_from(until, now)))


def _message(version: Definition, step: Message, at: Position, facts: Facts, now: datetime) -> Action:
    since = moments.counted_from(at.since, now)
    if step.key in at.done:
        return Go(step.key, _to(version, at, step.key, since))
    if step.key not in facts.ready:
        return Wait(step.key, None)
    opens = facts.opens.get(step.channel, now)
    if opens > now:
        return Wait(step.key, opens)
    return Send(step.key, Position(version.following(step.key), since, at.done | {step.key}))


def _to(version: Definition, at: Position, key: str, since: datetime) -> Position:
    return Position(version.following(key), since, at.done)


@dataclass(frozen=True, slots=True)
class Advance:
    """What one look at a member brought: actions, the new position, and when to look again.

    `again` None: never, where `over`; else when the step that it waits at is approved.
    """

    actions: tuple[Action, ...]
    at: Position
    again: datetime | None
    over: bool = False
    exit: Exit | None = None


def advance(version: Definition, at: Position, facts: Facts, now: datetime) -> Advance:
    """Follow a member until it waits, leaves, is through, or must be asked about anew because its tags change."""
    actions: list[Action] = []
    while True:
        action = next_action(version, at, facts, now)
        actions.append(action)
        if isinstance(action, Wait):
            return Advance(tuple(actions), at, action.until)
        if isinstance(action, Leave):
            return Advance(tuple(actions), at, None, over=True, exit=action.reason)
        if isinstance(action, Complete):
            return Advance(tuple(actions), at, None, over=True)
        at = action.to
        if isinstance(action, Change):
            return Advance(tuple(actions), at, now)


def successor(old: Definition, new: Definition, key: str) -> str | None:
    """Return where a member goes who is at a step of the old version: there, or at the next one that is left.

    Where a step is gone and new ones stand in its place, between what lay before it and what came behind, they are
    ahead of whoever is there.
    """
    at: str | None = key
    while at is not None and new.step(at) is None:
        at = old.following(at)
    return at if at == key else _in_place(old, new, key, at)


def _in_place(old: Definition, new: Definition, key: str, behind: str | None) -> str | None:
    """Return the first of the new steps that lead to `behind` where a removed step was, else `behind`."""
    before, keys = [step.key for step in old.steps], [step.key for step in new.steps]
    first = last = keys.index(behind) if behind is not None else len(keys)
    while (
        first > 0
        and keys[first - 1] not in before
        and new.following(keys[first - 1]) == (keys[first] if first < len(keys) else None)
    ):
        first -= 1
    place = before.index(key)
    passed = keys[first - 1] if first > 0 else None
    return keys[first] if first < last and passed == (before[place - 1] if place > 0 else None) else behind


def moved(old: Definition, new: Definition) -> dict[str, str | None]:
    """Return where members go from each step that the new version does not have."""
    return {step.key: successor(old, new, step.key) for step in old.steps if new.step(step.key) is None}


def changed(old: Definition, new: Definition) -> list[str]:
    """Return the steps of both versions that say something else now, so that whoever waits there is looked at again."""
    return [step.key for step in new.steps if (was := old.step(step.key)) is not None and was != step]


def channels(version: Definition) -> list[str]:
    return sorted({step.channel for step in version.messages()})
