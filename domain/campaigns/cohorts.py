"""Counting an audience by language, life-cycle stage and main interest; the grouping itself is `content.cohorts`."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import case, func, literal, select
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.content.cohorts import SMALLEST, Bounds, Cohort, Group, choose
from domain.content.member_values import usable_interest
from kernel import clock
from models import Campaign, Member


def of_audience(session: Session, campaign: Campaign, languages: Sequence[str]) -> list[Cohort]:
    """Return the cohorts of a campaign's audience; members who read none of the languages count to the first one."""
    bounds, now = Bounds(), clock.now()
    chosen = selection.members_of(campaign.audience, tenant_id=campaign.tenant_id, session=session).subquery()
    stage = case(
        (Member.joined_on > (now - timedelta(days=bounds.new)).date(), "new"),
        (Member.last_visit_at.is_(None), ""),
        (Member.last_visit_at > now - timedelta(days=bounds.active), "active"),
        (Member.last_visit_at > now - timedelta(days=bounds.quiet), "quiet"),
        else_="away",
    )
    language = case((Member.language.in_(languages), Member.language), else_=literal(languages[0]))
    rows = (
        select(
            language.label("language"),
            stage.label("stage"),
            func.btrim(func.coalesce(Member.favourite_course, "")).label("interest"),
        )
        .join(chosen, chosen.c.id == Member.id)
        .where(Member.tenant_id == campaign.tenant_id)
        .subquery()
    )
    size = func.count()
    totals = session.execute(select(rows.c.language, rows.c.stage, size).group_by(rows.c.language, rows.c.stage))
    fine = session.execute(
        select(rows.c.language, rows.c.stage, rows.c.interest, size)
        .where(rows.c.interest != "")
        .group_by(rows.c.language, rows.c.stage, rows.c.interest)
        .having(size >= SMALLEST)
    )
    groups = [Group(row[0], row[1], None, row[2]) for row in totals]
    groups += [Group(*row) for row in fine if usable_interest(row[2]) == row[2]]
    return choose(groups)
