"""When a message may go out on a clock with quiet hours: what the gate does at the claim, foretold. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.campaigns import schedule

_AMERICA = (time(21), time(8))  # calls and texts to +1, whatever the tenant says
_MOST_OPENINGS = 4  # one shuts after the other at most, also where the clocks change
_TEXTS = frozenset({"sms", "whatsapp"})


@dataclass(frozen=True, slots=True)
class Hours:
    """The quiet hours of a tenant; the same twice is none."""

    begin: time
    end: time

    def quiet(self, clock: time) -> bool:
        if self.begin > self.end:
            return clock >= self.begin or clock < self.end
        return self.begin <= clock < self.end


def opening(hours: Hours, channel: str, number: str | None, at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when a message that is ready at `at` goes out; `number` is the address of a text.

    None where the quiet hours and those of North America leave no hour of the day.
    """
    american = Hours(*_AMERICA) if channel in _TEXTS and (number or "").startswith("+1") else None
    for _ in range(_MOST_OPENINGS):
        local = at.astimezone(zone).replace(tzinfo=None)
        shut = next((each for each in (hours, american) if each is not None and each.quiet(local.time())), None)
        if shut is None:
            return at.astimezone(UTC)
        day = local.date() + timedelta(days=int(local.time() >= shut.end))
        at = schedule.instant(datetime.combine(day, shut.end), zone)
    return None
