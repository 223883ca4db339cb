"""Follow-ups that a person of the team makes: a wall time, a member, a channel that the member agreed to."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy.orm import Session

from domain.audience import service as audience
from domain.campaigns import schedule
from domain.follow_ups import store, turns
from domain.follow_ups.rules import CHANNELS, LANGUAGES, Due
from domain.follow_ups.store import Scheduled, Wish
from domain.identity import tenants
from kernel.errors import Conflict, Invalid


def zone_of(session: Session, member_id: UUID) -> str:
    """Return the zone of a member's clock. Raises NotFound."""
    return audience.get(session, member_id).time_zone or tenants.current(session).time_zone


def known_zone(name: str) -> str:
    """Return the name of a zone that exists. Raises Invalid."""
    if name not in available_timezones():
        raise Invalid("time_zone", "use an IANA name such as Europe/Berlin")
    return name


def due_of(at: str, zone: str) -> Due:
    """Return the moment of a wall time; in a gap of the clock the first moment after it. Raises Invalid."""
    try:
        wall = datetime.fromisoformat(at)
        return Due.of(schedule.instant(wall.replace(tzinfo=None), ZoneInfo(known_zone(zone))), zone)
    except (ValueError, OverflowError):
        raise Invalid("at", "is no wall time; write it as 2026-12-04T10:00") from None


def plan(
    session: Session,
    member_id: UUID,
    *,
    at: str,
    time_zone: str | None,
    topic: str,
    channel: str | None,
    language: str | None,
    purpose: str,
    unless_active: bool,
    actor: str,
) -> Scheduled:
    """Promise a message for a person of the team; one about the same topic is moved.

    Without a channel it is the first that the member agreed to. Raises Conflict where there is none, and what
    `store.schedule` raises.
    """
    member = audience.get(session, member_id)
    wanted = (channel,) if channel else CHANNELS
    usable = next((name for name in wanted if turns.may_use(session, member_id, name)), None)
    if usable is None and purpose == "marketing":
        raise Conflict(
            "The member agreed to no such channel, or cannot be reached there. Record the consent first.",
            code="no_consent",
        )
    own = member.language if member.language in LANGUAGES else tenants.current(session).language
    wish = Wish(
        member_id=member_id,
        topic=topic,
        reason="planned",
        intent="person",
        language=language or own,
        channel=usable or channel or CHANNELS[-1],
        purpose=purpose,
        unless_active=unless_active,
        context={"reason": "planned", "topic": topic, "summary": f"planned · {topic}", "turn_ids": []},
    )
    return store.schedule(session, wish, due_of(at, time_zone or zone_of(session, member_id)), actor=actor)
