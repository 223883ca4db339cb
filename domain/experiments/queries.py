"""Reads about comparisons: the figures of their arms, the log, and what who is held out tells about the effect."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.experiments import rules, statistics
from domain.experiments.rules import Arm, Settings
from domain.experiments.statistics import Interval, Moments
from kernel import db
from kernel.errors import NotFound
from models import Experiment, ExperimentDecision, ExperimentLook, Tenant

# Opens of a mail provider's proxy are none of a person, so the events are asked about those that were opened.
_RESPONDED = {
    "opens": """m.tracked AND m.first_opened_at IS NOT NULL AND EXISTS (SELECT FROM message_event e
      WHERE e.tenant_id = m.tenant_id AND e.message_id = m.id AND e.kind = 'opened' AND e.actor = 'human')""",
    "clicks": "m.tracked AND m.first_clicked_at IS NOT NULL",
}
_ARMS = """
SELECT m.variant, count(*) AS allocated, count(m.accepted_at) AS sent,
  count(m.accepted_at) FILTER (WHERE m.tracked) AS tracked,
  count(*) FILTER (WHERE m.state IN ('pending', 'deferred', 'claimed', 'sending')) AS open,
  max(m.accepted_at) AS last, count(m.accepted_at) FILTER (WHERE {responded}) AS responded
FROM message m WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign AND m.tested
GROUP BY m.variant
"""
_SQL_ARMS = {metric: text(_ARMS.format(responded=rule)) for metric, rule in _RESPONDED.items()}
_SQL_ALL = text(_ARMS.format(responded="false"))

# What every recipient of the test brought; conversions that nobody attributes to a message are no arm's.
_BUYERS = text("""
SELECT m.variant, m.id, sum(c.value_minor) FILTER (WHERE c.currency = :currency) AS amount, min(c.created_at) AS first
FROM conversion c JOIN message m ON m.tenant_id = :tenant AND m.id = c.message_id
WHERE c.tenant_id = :tenant AND c.campaign_id = :campaign AND c.attribution <> 'none' AND m.tested
  AND m.accepted_at IS NOT NULL
GROUP BY m.variant, m.id
""")

_LIFT = """
WITH person AS (
  SELECT m.member_id, m.reason IS NOT DISTINCT FROM :holdout AS held FROM message m
  WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign AND m.member_id IS NOT NULL
    AND (m.variant IS NOT NULL OR m.reason = :holdout)
), brought AS (
  SELECT x.member_id, sum(x.amount) AS amount FROM {source} GROUP BY x.member_id
)
SELECT p.held, count(*) AS n, count(b.member_id) AS acted, coalesce(sum(b.amount), 0) AS total,
  coalesce(sum(b.amount * b.amount), 0) AS squares
FROM person p LEFT JOIN brought b ON b.member_id = p.member_id
GROUP BY p.held
"""
_SOURCES = {
    "conversions": """(SELECT member_id, CASE WHEN currency = :currency THEN value_minor ELSE 0 END AS amount
      FROM conversion WHERE tenant_id = :tenant AND member_id IS NOT NULL AND at >= :begin AND at < :end) AS x""",
    "purchases": """(SELECT member_id, CASE WHEN currency = :currency THEN amount_minor ELSE 0 END AS amount
      FROM purchase WHERE tenant_id = :tenant AND at >= :begin AND at < :end) AS x""",
}
_SQL_LIFT = {measure: text(_LIFT.format(source=source)) for measure, source in _SOURCES.items()}


def find(session: Session, campaign_id: UUID, *, lock: bool = False) -> Experiment | None:
    """Return the comparison of a campaign, None before its recipients are fixed and where nothing is compared."""
    statement = select(Experiment).where(
        Experiment.tenant_id == db.tenant_of(session), Experiment.campaign_id == campaign_id
    )
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.execute(statement).scalar_one_or_none()


def get(session: Session, campaign_id: UUID, *, lock: bool = False) -> Experiment:
    """Return the comparison of a campaign; raises NotFound."""
    found = find(session, campaign_id, lock=lock)
    if found is None:
        raise NotFound("A/B test")
    return found


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody who converted: in which arm, for how much, and when that was first known."""

    variant: int
    amount: int
    first: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """The figures of a test now: its arms, how many of its messages are open, and when the last was handed over."""

    arms: tuple[Arm, ...]
    open: int
    last: datetime | None
    buyers: tuple[Buyer, ...] = field(default=())


def seen(session: Session, experiment: Experiment, settings: Settings) -> Seen:
    """Count the arms of a test from the messages themselves."""
    keys = {"tenant": experiment.tenant_id, "campaign": experiment.campaign_id}
    rows = {row.variant: row for row in session.execute(_SQL_ARMS.get(settings.metric, _SQL_ALL), keys)}
    buyers = _buyers(session, keys) if settings.metric in {"conversions", "revenue"} else ()
    arms = tuple(_arm(n, experiment, settings, rows.get(n), buyers) for n in range(settings.arms))
    last = max((row.last for row in rows.values() if row.last is not None), default=None)
    return Seen(arms, sum(row.open for row in rows.values()), last, buyers)


def _buyers(session: Session, keys: dict[str, Any]) -> tuple[Buyer, ...]:
    currency = session.get_one(Tenant, keys["tenant"]).currency
    rows = session.execute(_BUYERS, {**keys, "currency": currency})
    return tuple(Buyer(row.variant, int(row.amount or 0), row.first) for row in rows)


def _arm(n: int, experiment: Experiment, settings: Settings, row: Any, buyers: Sequence[Buyer]) -> Arm:
    allocated = int(experiment.allocated[n])
    if row is None:
        return Arm(allocated, 0, 0, 0, Moments(0, 0.0, 0.0))
    if settings.metric in _RESPONDED:
        return Arm(allocated, row.sent, row.tracked, row.responded, Moments(row.tracked, 0.0, 0.0))
    amounts = [buyer.amount for buyer in buyers if buyer.variant == n]
    if settings.metric == "revenue":
        amounts = [amount for amount in amounts if amount > 0]
    revenue = Moments(row.sent, float(sum(amounts)), float(sum(amount * amount for amount in amounts)))
    return Arm(allocated, row.sent, row.sent, len(amounts), revenue)


def last_look(session: Session, experiment: Experiment) -> ExperimentLook | None:
    """Return the newest look at a test."""
    return session.execute(
        select(ExperimentLook).where(
            ExperimentLook.tenant_id == experiment.tenant_id,
            ExperimentLook.experiment_id == experiment.id,
            ExperimentLook.n == experiment.looks,
        )
    ).scalar_one_or_none()


def decisions(session: Session, experiment: Experiment) -> Sequence[ExperimentDecision]:
    """Return the log of decisions, oldest first."""
    statement = (
        select(ExperimentDecision)
        .where(ExperimentDecision.tenant_id == experiment.tenant_id, ExperimentDecision.experiment_id == experiment.id)
        .order_by(ExperimentDecision.id)
    )
    return session.execute(statement).scalars().all()


@dataclass(frozen=True, slots=True)
class Effect:
    """One measure of those who were written to against those who were held out, over the same window.

    Shares are of members; revenue is per member, in minor units. Differences are written to − held out.
    """

    measure: str
    sent: tuple[int, int]
    held_out: tuple[int, int]
    difference: float
    interval: Interval
    p: float
    revenue: tuple[float, float]
    revenue_interval: Interval
    revenue_p: float


def lift(session: Session, experiment: Experiment, *, begin: datetime, end: datetime) -> list[Effect]:
    """Compare everybody who was written to with everybody who was held out, whatever brought them to act.

    Nothing is attributed: all conversions and purchases of members from `begin` to `end` count on both sides.
    """
    tenant = session.get_one(Tenant, experiment.tenant_id)
    keys = {
        "tenant": tenant.id,
        "campaign": experiment.campaign_id,
        "holdout": rules.HOLDOUT,
        "currency": tenant.currency,
        "begin": begin,
        "end": end,
    }
    found = []
    for measure, source in _SQL_LIFT.items():
        rows = {row.held: row for row in session.execute(source, keys)}
        if False in rows and True in rows:
            found.append(_effect(measure, rows[False], rows[True]))
    return found


def _effect(measure: str, sent: Any, held: Any) -> Effect:
    pair, sizes = (held.acted, sent.acted), (held.n, sent.n)
    money = [Moments(row.n, float(row.total), float(row.squares)) for row in (held, sent)]
    revenue_p, revenue_interval = statistics.welch(money[0], money[1])
    return Effect(
        measure,
        (sent.acted, sent.n),
        (held.acted, held.n),
        sent.acted / sent.n - held.acted / held.n,
        statistics.newcombe(pair, sizes),
        statistics.fisher_p(pair, sizes),
        (money[1].mean, money[0].mean),
        revenue_interval,
        revenue_p,
    )
