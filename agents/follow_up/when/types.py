"""What the resolver takes and gives back."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo


class Grain(StrEnum):
    """How exactly a text names its time, finest first."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    PART = "part"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The time a text means: the start of its grain, in the zone of the reference.

    `alternatives` are other readings a person may have meant, each in the future; whoever schedules asks
    when there are any. `spans` are the (start, end) offsets in the text the answer rests on, `rule_ids` the
    rules that made it.
    """

    value: datetime
    grain: Grain
    alternatives: tuple[datetime, ...]
    rule_ids: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Abstention:
    """No answer, and why: `nothing`, `leftover`, `disagree`, `past`, `habit`, `weak`, `ambiguous` or `overflow`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch of a chat turn that names a future time: `turn[start:end] == text`."""

    text: str
    start: int
    end: int


_PART_HOURS = MappingProxyType({"morning": 8, "noon": 12, "afternoon": 15, "evening": 18})


@dataclass(frozen=True, slots=True)
class Policy:
    """When a tenant lets messages go out; times are local to `zone`.

    `quiet` is the (start, end) of the hours without messages, which may run over midnight; equal ends mean
    none. `weekends` says whether Saturday and Sunday are sending days. `now` is zone-aware.
    """

    now: datetime
    zone: ZoneInfo
    day_time: time = time(10)
    quiet: tuple[time, time] = (time(20), time(8))
    weekends: bool = True
    lead: timedelta = timedelta(minutes=15)
    horizon: timedelta = timedelta(days=400)
    part_hours: MappingProxyType[str, int] = field(default_factory=lambda: _PART_HOURS)


Shift = Literal["lead", "quiet", "weekend", "gap"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A send time: `at` in UTC, `local` in the zone named by `zone`, `shifts` what moved it off the asked time."""

    at: datetime
    local: datetime
    zone: str
    shifts: tuple[Shift, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """No send time, and why: the asked time is over (`past`) or beyond the horizon (`too_far`)."""

    reason: Literal["past", "too_far"]
