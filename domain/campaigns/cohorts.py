"""Counting an audience by language, life-cycle stage and main interest; the grouping itself is `content.cohorts`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Case, ColumnElement, Select, and_, case, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.content import lines
from domain.content.cohorts import KEY, SMALLEST, Bounds, Cohort, Group, choose, main_insight
from domain.content.lines import Target
from domain.content.member_values import usable_interest
from domain.conversations import insights
from kernel import clock
from models import Campaign, Consent, Member, MemberInsight


@dataclass(frozen=True, slots=True)
class Told:
    """What chats told of an audience: by stage, interest and main insight for cohorts, and for personal lines."""

    groups: tuple[Group, ...] = ()
    targets: tuple[Target, ...] = ()


NOTHING = Told()
_MOST_ALIKE = 5_000


def of_audience(session: Session, campaign: Campaign, languages: Sequence[str], told: Told = NOTHING) -> list[Cohort]:
    """Return the cohorts of a campaign's audience; members who read none of the languages count to the first one."""
    rows = _members(session, campaign, languages).subquery()
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
    return choose(groups, told=told.groups)


def told(session: Session, campaign: Campaign, languages: Sequence[str]) -> Told:
    """Return what chats told of the audience: only fresh words that a text may rest on, of members who agreed to it."""
    alike = session.execute(_told_statement(session, campaign, languages)).all()
    groups, sizes = [], Counter[tuple[str, tuple[str, ...]]]()
    for language, stage, interest, words, n in alike:
        known = tuple(sorted(words))
        sizes[language, known] += n
        if (main := main_insight(known)) is not None:
            groups.append(Group(language, stage, usable_interest(interest) or None, n, main))
    ranked = sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))[: lines.MOST]
    return Told(tuple(groups), tuple(sorted((Target(*key, n) for key, n in ranked), key=lambda t: t.id)))


def targets(told: Told, cohorts: Sequence[Cohort]) -> list[Target]:
    """Return whom a personal line may be written for; what a cohort of the language speaks of is not said twice."""
    spoken = {(cohort.language, cohort.insight) for cohort in cohorts}
    sizes = Counter[tuple[str, tuple[str, ...]]]()
    for target in told.targets:
        left = tuple(word for word in target.insights if (target.language, word) not in spoken)
        if left:
            sizes[target.language, left] += target.size
    return [Target(*key, n) for key, n in sorted(sizes.items())]


def _told_statement(session: Session, campaign: Campaign, languages: Sequence[str]) -> Select[Any]:
    rows = _members(session, campaign, languages).subquery()
    word = MemberInsight.key + ":" + MemberInsight.value
    agreed = exists().where(
        Consent.tenant_id == campaign.tenant_id,
        Consent.member_id == MemberInsight.member_id,
        Consent.channel == campaign.channel,
        Consent.purpose == "profiling",
        Consent.state == "granted",
        or_(Consent.expires_at.is_(None), Consent.expires_at > func.clock_timestamp()),
    )
    words = (
        select(MemberInsight.member_id, func.array_agg(aggregate_order_by(word, word)).label("words"))
        .where(
            MemberInsight.tenant_id == campaign.tenant_id,
            MemberInsight.expires_at > func.clock_timestamp(),
            word.in_(insights.spoken_words()),
            agreed,
        )
        .group_by(MemberInsight.member_id)
        .subquery()
    )
    size = func.count()
    alike = (rows.c.language, rows.c.stage, rows.c.interest, words.c.words)
    return (
        select(*alike, size)
        .join(words, words.c.member_id == rows.c.id)
        .group_by(*alike)
        .order_by(size.desc(), *alike)
        .limit(_MOST_ALIKE)
    )


def stage_of(bounds: Bounds) -> Case[str]:
    """Return the life-cycle stage of a member, as `Bounds.stage` tells it."""
    now = clock.now()
    return case(
        (Member.joined_on > (now - timedelta(days=bounds.new)).date(), "new"),
        (Member.last_visit_at.is_(None), ""),
        (Member.last_visit_at > now - timedelta(days=bounds.active), "active"),
        (Member.last_visit_at > now - timedelta(days=bounds.quiet), "quiet"),
        else_="away",
    )


def members_like(content: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return the conditions of the members of each cohort of a content, the largest cohort first."""
    given = content.get(KEY) or {}
    stage = stage_of(Bounds(**given["bounds"])) if given else None
    found = []
    for each in sorted(given.get("items", ()), key=lambda item: (-item["size"], item["id"])):
        like = and_(Member.language == each["language"], stage == each["stage"])
        if each["interest"]:
            like = and_(like, Member.favourite_course == each["interest"])
        if each.get("insight"):
            key, _, value = each["insight"].partition(":")
            said = exists().where(
                MemberInsight.tenant_id == Member.tenant_id,
                MemberInsight.member_id == Member.id,
                MemberInsight.key == key,
                MemberInsight.value == value,
                MemberInsight.expires_at > func.clock_timestamp(),
            )
            like = and_(like, said)
        found.append(like)
    return found


def _members(session: Session, campaign: Campaign, languages: Sequence[str]) -> Select[Any]:
    """Return the audience with the language, the stage and the interest of each."""
    chosen = selection.members_of(campaign.audience, tenant_id=campaign.tenant_id, session=session).subquery()
    language = case((Member.language.in_(languages), Member.language), else_=literal(languages[0]))
    return (
        select(
            Member.id,
            language.label("language"),
            stage_of(Bounds()).label("stage"),
            func.btrim(func.coalesce(Member.favourite_course, "")).label("interest"),
        )
        .join(chosen, chosen.c.id == Member.id)
        .where(Member.tenant_id == campaign.tenant_id)
    )
