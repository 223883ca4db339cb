"""Letting the rest of a comparison go: which variant each waiting message gets, and when it is due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SmallInteger, cast, func, literal, null, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from domain.campaigns import best_times, schedule, zones
from domain.experiments import allocation, rules
from kernel import clock
from models import Campaign, Experiment, Member, Message

_SEND_NONE = text("""
WITH over AS (
  UPDATE message SET state = 'skipped', reason = :no_winner, updated_at = clock_timestamp()
  WHERE tenant_id = :tenant AND campaign_id = :campaign AND state = 'deferred' AND reason = :waits
  RETURNING id
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
SELECT :tenant, :campaign, id, 'skipped', :no_winner FROM over RETURNING id
""")


@dataclass(frozen=True, slots=True)
class Course:
    """What follows from a decision: which variant the rest gets, or none, or an even split, or a question."""

    outcome: str
    winner: int | None = None


COURSES = {
    "send_a": Course("send", 0),
    "send_none": Course("send_none"),
    "split": Course("split"),
    "ask": Course("ask"),
}


def let_go(session: Session, campaign: Campaign, experiment: Experiment, course: Course, *, arms: int) -> int:
    """Give the messages that wait their variant, in one statement, or end them; returns how many it was."""
    keys = {"tenant": campaign.tenant_id, "campaign": campaign.id, "waits": rules.WAITS, "no_winner": rules.NO_WINNER}
    if course.outcome == "ask":
        return 0
    if course.outcome == "send_none":
        return len(session.execute(_SEND_NONE, keys).all())
    place = func.row_number().over(order_by=allocation.order_of(experiment.seed, Message.id)) - 1
    variant = literal(course.winner) if course.winner is not None else func.mod(place, arms)
    freed = (
        select(
            Message.id,
            Message.member_id,
            Member.time_zone.label("zone"),
            cast(variant, SmallInteger).label("variant"),
        )
        .outerjoin(Member, (Member.tenant_id == campaign.tenant_id) & (Member.id == Message.member_id))
        .where(
            Message.tenant_id == campaign.tenant_id,
            Message.campaign_id == campaign.id,
            Message.state == "deferred",
            Message.reason == rules.WAITS,
        )
        .cte("freed")
        .prefix_with("MATERIALIZED")
    )
    done = session.execute(
        update(Message)
        .where(Message.tenant_id == campaign.tenant_id, Message.id == freed.c.id)
        .values(
            state="pending", reason=null(), variant=freed.c.variant, not_before=_due(session, campaign, freed),
        )
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    return len(done.all())


def _due(session: Session, campaign: Campaign, freed: CTE) -> ColumnElement[datetime]:
    """The rest gets it at once; where each member's own clock counts, in the next round of the plan.

    A round begins when a clock next shows the planned time; where the plan wants the best time, that of each member
    lies so many hours later.
    """
    wish = campaign.schedule or {}
    if not wish.get("per_member"):
        return func.clock_timestamp()
    begins = next_round(wish, [None, *zones.names(session)], clock.now())
    rounds = {
        n: {name: _instant(wish, name, at + timedelta(hours=n)) for name, at in begins.items()}
        for n in range((schedule.window(wish) or 0) + 1)
    }
    return best_times.chosen(session, campaign, rounds, freed.c.zone, freed.c.member_id, at=begins[None])


def next_round(wish: Mapping[str, Any], names: Sequence[str | None], now: datetime) -> dict[str | None, datetime]:
    """Return, per zone, the wall time at which a clock there next shows the planned time of day."""
    wall, _zone, _per_member = schedule.read(wish)
    first = (now - timedelta(days=1)).date()
    days = [datetime.combine(first + timedelta(days=n), wall.time()) for n in range(4)]
    return {name: next(at for at in days if _instant(wish, name, at) >= now) for name in names}


def _instant(wish: Mapping[str, Any], name: str | None, at: datetime) -> datetime:
    return schedule.instants({**wish, "at": at.isoformat()}, [name])[name]
