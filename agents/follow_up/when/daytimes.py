"""Times of day, and all that one stretch of text says about a time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import Dated, Span, midnight


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day, from `start` to `end` o'clock; the end may lie behind midnight."""

    name: Literal["early", "morning", "noon", "afternoon", "evening", "night"]
    start: int
    end: int
    adverb: bool = False  # "abends": alone it tells a habit


EARLY = Part("early", 5, 9)
MORNING = Part("morning", 6, 12)
FORENOON = Part("morning", 8, 12)
NOON = Part("noon", 12, 14)
AFTERNOON = Part("afternoon", 12, 18)
EVENING = Part("evening", 18, 24)
NIGHT = Part("night", 22, 28)
ENGLISH_NIGHT = Part("night", 18, 28)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day. `both` marks one that may be meant before or after noon; `days` counts over midnight."""

    hour: int
    minute: int = 0
    second: int = 0
    both: bool = False
    grain: Grain = Grain.HOUR
    span: bool = False  # the first of a stretch of hours
    sure: bool = False  # says a.m. or p.m. itself
    midnight: bool = False
    other: tuple[int, int] | None = None  # a second reading, "9 oder 10"

    def at(self, day: date, hour: int) -> datetime:
        return midnight(day) + timedelta(hours=hour, minutes=self.minute, seconds=self.second)


@dataclass(frozen=True, slots=True)
class Zone:
    """Minutes east of UTC, or an IANA name."""

    minutes: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Exact:
    """An offset from now; `other` is the far end of "2 to 3 weeks"."""

    length: Span
    other: Span | None = None


@dataclass(frozen=True, slots=True)
class Slots:
    """What one stretch of text says about a time; every slot is said at most once."""

    wday: int | None = None
    date: Dated | None = None
    clock: Clock | None = None
    part: Part | None = None
    zone: Zone | None = None
    exact: Exact | None = None
    past: str | None = None
    now: str | None = None

    @property
    def mask(self) -> int:
        said = (self.wday, self.date, self.clock, self.part, self.zone, self.exact, self.past, self.now)
        return sum(1 << bit for bit, value in enumerate(said) if value is not None)
