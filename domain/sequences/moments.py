"""When a delay is over, and when the days of members come round. Pure; wall times as in the schedule of campaigns."""

from calendar import isleap
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.campaigns import schedule
from domain.sequences.definition import DateReached, Delay

# A step that is later than this counts from when it happened: after an outage nobody gets everything at once.
LATE = timedelta(hours=1)


def over(delay: Delay, since: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which a delay that began at `since` is over on the member's clock."""
    if delay.hours is not None:
        return schedule.later(since, zone, hours=delay.hours)
    local = since.astimezone(zone).replace(tzinfo=None)
    if delay.days is not None:
        if delay.at is None:
            return schedule.later(since, zone, days=delay.days)
        day = local.date() + timedelta(days=delay.days)
        return schedule.instant(datetime.combine(day, time.fromisoformat(delay.at)), zone)
    wanted = set(delay.weekdays or ())
    wall = time.fromisoformat(delay.wall)
    for ahead in range(8):
        day = local.date() + timedelta(days=ahead)
        moment = schedule.instant(datetime.combine(day, wall), zone)
        if day.weekday() in wanted and moment > since:
            return moment
    raise AssertionError("every weekday comes within eight days")


def counted_from(nominal: datetime, now: datetime) -> datetime:
    """Return from when the next delay counts: the planned moment, or now where that is long ago."""
    return nominal if now - nominal <= LATE else now


def at(trigger: DateReached, day: date, zone: ZoneInfo) -> datetime:
    """Return the instant of a trigger's wall time on a day."""
    return schedule.instant(datetime.combine(day, time.fromisoformat(trigger.at)), zone)


def days_due(trigger: DateReached, zone: ZoneInfo, after: datetime, until: datetime) -> list[date]:
    """Return the days in `zone` whose wall time of the trigger lies in (after, until]."""
    day = after.astimezone(zone).date() - timedelta(days=1)
    last = until.astimezone(zone).date()
    found = []
    while day <= last:
        if after < at(trigger, day, zone) <= until:
            found.append(day)
        day += timedelta(days=1)
    return found


def anniversaries(day: date) -> list[str]:
    """Return the days of the year, such as 02-28, whose anniversary is this day; 02-29 falls on 02-28 between."""
    found = [f"{day:%m-%d}"]
    return [*found, "02-29"] if found == ["02-28"] and not isleap(day.year) else found
