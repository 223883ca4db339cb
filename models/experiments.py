"""Comparisons of variants, every look at their figures, and every decision with the figures of its moment."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Float, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, owned_key


def _of_experiment() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "experiment_id"], ["experiment.tenant_id", "experiment.id"], ondelete="CASCADE"
    )


class Experiment(Owned, Base):
    """The comparison of a campaign whose recipients are fixed: settings as approved, and how many each cell got.

    `measuring` compares only with who is held out; `asking` waits for a person. `failures` counts looks in a row that
    ended in an error.
    """

    __tablename__ = "experiment"
    __table_args__ = (
        owned_key("experiment"),
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "campaign_id"),
        Index("ix_experiment_due", "tenant_id", "next_look_at", postgresql_where="status = 'testing'"),
        CheckConstraint("status IN ('testing', 'asking', 'decided', 'measuring', 'stopped')", name="status_known"),
    )
    campaign_id: Mapped[UUID]
    revision_id: Mapped[UUID]
    seed: Mapped[str]
    settings: Mapped[Json]
    allocated: Mapped[list[Any]]
    waiting: Mapped[int]
    held_out: Mapped[int]
    status: Mapped[str]
    began_at: Mapped[datetime]
    test_sent_at: Mapped[datetime | None]
    next_look_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    failed_because: Mapped[str | None]
    winner: Mapped[int | None] = mapped_column(SmallInteger)
    decided_at: Mapped[datetime | None]


class ExperimentLook(Owned, Base):
    """What was seen at one look, and the evidence up to it; append-only."""

    __tablename__ = "experiment_look"
    __table_args__ = (_of_experiment(), UniqueConstraint("tenant_id", "experiment_id", "n"))
    experiment_id: Mapped[UUID]
    n: Mapped[int]
    at: Mapped[datetime]
    arms: Mapped[list[Any]]
    evidence: Mapped[list[Any]]
    sample_ratio_p: Mapped[float] = mapped_column(Float)
    verdict: Mapped[str]


class ExperimentDecision(Owned, Base):
    """One decision: what was found, what follows, who decided and why, and the figures; append-only."""

    __tablename__ = "experiment_decision"
    __table_args__ = (
        _of_experiment(),
        Index("ix_experiment_decision_experiment", "tenant_id", "experiment_id", "id"),
        CheckConstraint("outcome IN ('send', 'send_none', 'split', 'ask', 'stop')", name="outcome_known"),
    )
    experiment_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    verdict: Mapped[str]
    outcome: Mapped[str]
    winner: Mapped[int | None] = mapped_column(SmallInteger)
    actor: Mapped[str]
    reason: Mapped[str | None]
    figures: Mapped[Json]
    released: Mapped[int] = mapped_column(default=0)
