"""When a message is due on its member's own clock, and reckoning that anew when the rules of time zones change."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select, update
from sqlalchemy.orm import Session

from domain.campaigns import best_times, schedule, zones
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from kernel import db, log
from models import Campaign, Member, Message

_PLANNED = (Status.SCHEDULED, Status.SENDING, Status.PAUSED, Status.HELD)


def instant_of(
    session: Session,
    campaign: Campaign,
    zone: SQLColumnExpression[str | None],
    member_id: SQLColumnExpression[Any],
) -> ColumnElement[datetime]:
    """Return the instant of a plan per member as a part of a statement.

    A member's own zone decides, else the one of the number's country, else the plan's. Where the plan wants the best
    time, it is so many hours later.
    """
    wish = campaign.schedule or {}
    names = [None, *zones.names(session)]
    hours = schedule.window(wish) or 0
    rounds = {n: schedule.instants(schedule.shifted(wish, n), names) for n in range(hours + 1)}
    return best_times.chosen(session, campaign, rounds, zone, member_id)


def reckon_again(session: Session) -> int:
    """Set planned hours anew where the time zone database is newer than the one they were reckoned by.

    What was claimed before, or deferred for another reason, keeps its hour. Returns how many campaigns it was.
    """
    rules = zones.rules()
    rows = session.execute(
        select(Campaign.id, Campaign.zone_rules).where(
            Campaign.tenant_id == db.tenant_of(session),
            Campaign.status.in_(_PLANNED),
            Campaign.schedule.is_not(None),
            Campaign.zone_rules.is_distinct_from(rules),
        )
    ).all()
    old = [row.id for row in rows if zones.is_newer(rules, row.zone_rules)]
    for campaign_id in old:
        campaign = campaigns.lock(session, campaign_id)
        if campaign.materialised_at is None:
            campaigns.reckon_again(session, campaign)
        else:
            _move(session, campaign)
            campaign.zone_rules = rules
        log.get("delivery").info("campaign.reckoned_again", id=str(campaign_id), rules=rules)
    session.flush()
    return len(old)


def _move(session: Session, campaign: Campaign) -> None:
    """Move the messages of a plan per member that nobody has touched yet, in one statement."""
    if not (campaign.schedule or {}).get("per_member"):
        return
    session.execute(
        update(Message)
        .where(
            Message.tenant_id == campaign.tenant_id,
            Message.campaign_id == campaign.id,
            Message.state == "pending",
            Message.attempt == 0,
            Message.reason.is_(None),
            Message.tested.is_distinct_from(False),  # what waited for a winner has its hour from the decision
            Message.not_before > func.clock_timestamp(),
            Member.tenant_id == Message.tenant_id,
            Member.id == Message.member_id,
        )
        .values(not_before=instant_of(session, campaign, Member.time_zone, Message.member_id))
        .execution_options(synchronize_session=False)
    )
