"""Editing a live sequence neither repeats nor skips: members against an oracle that knows lists, not the product."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from walking import delay, message, of

from domain.sequences import course
from domain.sequences.course import Exit, Facts, Position, Send
from domain.sequences.definition import Definition

START = datetime(2026, 10, 22, 8, 0, tzinfo=UTC)  # three days before clocks go back in Berlin
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
KEYS = [f"k{n}" for n in range(7)]
HOUR = timedelta(hours=1)
Step = dict[str, Any]


def asks(key: str, yes: str | None) -> Step:
    rule = {"type": "rule", "rule": {"type": "tag", "any_of": [key]}}
    return {"type": "condition", "key": key, "test": rule, **({"yes": yes} if yes else {})}


def joined(steps: list[Step]) -> list[Step]:
    """Let every condition lead to the last step of the list, or to the end where it is the last one."""
    last = steps[-1]["key"]
    return [asks(each["key"], last if each["key"] != last else "end") if each["type"] == "condition" else each
            for each in steps]  # fmt: skip


steps_of = (
    st.lists(
        st.sampled_from(KEYS).flatmap(
            lambda key: st.sampled_from([
                message(key), message(key), delay(key, hours=5), delay(key, hours=30), delay(key, days=1),
                delay(key, days=2), asks(key, None),
            ])
        ),
        min_size=1, max_size=7, unique_by=lambda step: step["key"],
    )
    .filter(lambda steps: any(step["type"] == "message" for step in steps))
    .map(joined)
)  # fmt: skip


@dataclass
class Member:
    """One member: what is true of them, and what each of the two says they got."""

    zone: ZoneInfo
    holds: bool
    goal: bool = False
    got: list[tuple[str, datetime]] = field(default_factory=list)


class Product:
    """The members as the service moves them: the pure function, and the mapping of a publication."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.version = of(*steps)
        self.places: list[tuple[Member, Position, datetime | None]] = []

    def enter(self, member: Member, now: datetime) -> None:
        self.places.append((member, Position(self.version.steps[0].key, now), now))

    def run(self, now: datetime, until: datetime) -> None:
        self.places = [self._run(*place, now, until) for place in self.places]

    def _run(
        self, member: Member, at: Position, due: datetime | None, now: datetime, until: datetime
    ) -> tuple[Member, Position, datetime | None]:
        while due is not None and due <= until:
            now = max(now, due)
            holds = {each.key: member.holds for each in self.version.conditions()}
            ready = frozenset(each.key for each in self.version.messages())
            facts = Facts(member.zone, holds, ready, Exit.GOAL if member.goal else None)
            done = course.advance(self.version, at, facts, now)
            member.got += [(action.step, now) for action in done.actions if isinstance(action, Send)]
            at, due = done.at, None if done.over else done.again
        return member, at, due

    def publish(self, steps: Sequence[Step], now: datetime) -> None:
        new: Definition = of(*steps)
        moved, changed = course.moved(self.version, new), course.changed(self.version, new)
        places = []
        for member, at, due in self.places:
            if due is not None and at.step in moved:
                places.append((member, Position(moved[at.step], now, at.done), now))
            else:
                places.append((member, at, now if due is not None and at.step in changed else due))
        self.places, self.version = places, new


class Oracle:
    """The same from the lists alone. A member is a pointer into the list, since when, and what they had."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.members: list[dict[str, Any]] = []

    def enter(self, member: Member, now: datetime) -> None:
        self.members.append({"who": member, "at": self.steps[0]["key"], "since": now, "look": now, "got": []})

    def run(self, now: datetime, until: datetime) -> None:
        for each in self.members:
            moment = now
            while each["look"] is not None and each["look"] <= until:
                moment = max(moment, each["look"])
                self._look(each, moment)

    def _look(self, each: dict[str, Any], now: datetime) -> None:
        keys = [step["key"] for step in self.steps]
        while True:
            if each["who"].goal or each["at"] is None:
                each["look"] = None
                return
            place = keys.index(each["at"])
            step = self.steps[place]
            after = keys[place + 1] if place + 1 < len(keys) else None
            ended = each["since"]
            if step["type"] == "delay":
                ended = later(ended, each["who"].zone, step)
                if ended > now:
                    each["look"] = ended
                    return
            elif step["type"] == "condition" and each["who"].holds:
                after = step["yes"] if step["yes"] != "end" else None
            elif step["type"] == "message" and step["key"] not in [key for key, _ in each["got"]]:
                each["got"].append((step["key"], now))
            each["at"], each["since"] = after, ended if now - ended <= HOUR else now

    def publish(self, new: list[Step], now: datetime) -> None:
        old, self.steps = self.steps, new
        for each in self.members:
            if each["look"] is None or each["at"] is None:
                continue
            before = {step["key"]: step for step in old}
            kept = {step["key"]: step for step in new}
            if each["at"] not in kept:
                each["at"], each["since"], each["look"] = placed(list(before), list(kept), each["at"]), now, now
            elif kept[each["at"]] != before[each["at"]]:
                each["look"] = now


def placed(old: list[str], new: list[str], key: str) -> str | None:
    """Where somebody goes on whose step is gone: at what stands in its place, else at what came behind it."""
    here = old.index(key)
    behind = next((each for each in old[here + 1 :] if each in new), None)
    end = new.index(behind) if behind is not None else len(new)
    begin = 0
    if here > 0:
        if old[here - 1] not in new:
            return behind
        begin = new.index(old[here - 1]) + 1
    between = new[begin:end]
    return between[0] if between and not set(between) & set(old) else behind


def later(since: datetime, zone: ZoneInfo, step: Step) -> datetime:
    """A delay by the book: hours are seconds; a day later is the same wall time, or as long after a gap as into it."""
    if "hours" in step:
        return since + step["hours"] * HOUR
    wall = since.astimezone(zone).replace(tzinfo=None) + timedelta(days=step["days"])
    both = [(wall - zone.utcoffset(wall.replace(fold=fold))).replace(tzinfo=UTC) for fold in (0, 1)]  # type: ignore[operator]
    real = [each for each in both if each.astimezone(zone).replace(tzinfo=None) == wall]
    return min(real) if real else max(both)


happenings = st.one_of(
    st.tuples(st.just("enter"), st.sampled_from(ZONES), st.booleans()),
    st.tuples(st.just("wait"), st.integers(1, 60)),
    st.tuples(st.just("publish"), steps_of),
    st.tuples(st.just("pause"), st.integers(1, 60)),
    st.tuples(st.just("goal"), st.integers(0, 5)),
)


@settings(max_examples=150)
@given(steps_of, st.lists(happenings, max_size=14))
def test_whatever_is_edited_nobody_gets_a_step_twice_and_nobody_misses_one_that_lies_ahead(first, story):
    now, members = START, [Member(ZoneInfo(ZONES[0]), holds=False), Member(ZoneInfo(ZONES[1]), holds=True)]
    product, oracle = Product(first), Oracle(first)
    for each in members:
        product.enter(each, now)
        oracle.enter(each, now)
    for what, *more in [*story, ("wait", 24 * 60)]:
        match what:
            case "enter":
                members.append(Member(ZoneInfo(more[0]), more[1]))
                product.enter(members[-1], now)
                oracle.enter(members[-1], now)
            case "publish":
                product.publish(more[0], now)
                oracle.publish(more[0], now)
            case "goal":
                members[more[0] % len(members)].goal = True
            case "pause":
                now += more[0] * HOUR
        until = now + (more[0] * HOUR if what == "wait" else timedelta())
        product.run(now, until)
        oracle.run(now, until)
        now = until
        for member, known in zip(members, oracle.members, strict=True):
            assert member.got == known["got"]
            steps = [key for key, _ in member.got]
            assert len(steps) == len(set(steps))
    assert all(due is None for _, _, due in product.places)
