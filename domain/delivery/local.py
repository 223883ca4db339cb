"""When a message is due on its member's own clock, and reckoning that anew when the rules of time zones change."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, case, func, select, update
from sqlalchemy.orm import Session

from domain.campaigns import schedule, zones
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.delivery import best_times
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
    planned = schedule.instants(wish, names)
    begin = zones.choose(session, planned, zone, member_id)
    hours = schedule.window(wish)
    if hours is None:
        return begin
    offset = best_times.offset(session, campaign, member_id)
    rounds = {n: schedule.instants(schedule.shifted(wish, n), names) for n in range(1, hours + 1)}
    if all(at == planned[name] + timedelta(hours=n) for n, found in rounds.items() for name, at in found.items()):
        return begin + func.make_interval(0, 0, 0, 0, offset)
    by_offset = {n: zones.choose(session, found, zone, member_id) for n, found in rounds.items()}
    return case(by_offset, value=offset, else_=begin)  # a clock is changed meanwhile


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
            Message.not_before > func.clock_timestamp(),
            Member.tenant_id == Message.tenant_id,
            Member.id == Message.member_id,
        )
        .values(not_before=instant_of(session, campaign, Member.time_zone, Message.member_id))
        .execution_options(synchronize_session=False)
    )
