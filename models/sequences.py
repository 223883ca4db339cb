"""Sequences: what was published, and who is where in it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, newest_first, owned_key


def _of_sequence() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "sequence_id"], ["sequence.tenant_id", "sequence.id"], ondelete="CASCADE")


class Sequence(Owned, Base):
    """`draft` is what may be published next, `campaigns` its message steps' campaigns; `published` counts versions.

    `draft_version` counts how often people changed it, so that none of two writes over the other.

    `scanned_at`: up to when a date trigger looked for members; `spans`: when it was live (domain/sequences/spans.py).
    """

    __tablename__ = "sequence"
    __table_args__ = (
        owned_key("sequence"),
        newest_first("sequence"),
        UniqueConstraint("tenant_id", "name"),
        Index("ix_sequence_live", "tenant_id", "trigger", postgresql_where="status = 'live'"),
        CheckConstraint("status IN ('draft', 'live', 'paused', 'archived')", name="status_known"),
    )
    name: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="draft")
    trigger: Mapped[str]
    draft: Mapped[Json]
    campaigns: Mapped[Json]
    draft_version: Mapped[int] = mapped_column(default=1, server_default="1")
    published: Mapped[int] = mapped_column(SmallInteger, default=0)
    stop_reason: Mapped[str | None]
    started_at: Mapped[datetime | None]
    scanned_at: Mapped[datetime | None]
    spans: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")


class SequenceVersion(Owned, Base):
    """One immutable version: its steps, and the campaign behind each message step."""

    __tablename__ = "sequence_version"
    __table_args__ = (_of_sequence(), UniqueConstraint("tenant_id", "sequence_id", "n"))
    sequence_id: Mapped[UUID]
    n: Mapped[int] = mapped_column(SmallInteger)
    definition: Mapped[Json]
    campaigns: Mapped[Json]


class SequenceCampaign(Base):
    """Which campaign was ever behind which step of a sequence."""

    __tablename__ = "sequence_campaign"
    __table_args__ = (
        _of_sequence(),
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
        Index("ix_sequence_campaign_sequence", "tenant_id", "sequence_id", "step"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence_id: Mapped[UUID]
    step: Mapped[str]


class EnrolmentCount(Base):
    """How many passes of a sequence are where, summed over shards; the database counts them.

    `state` is active, held (active, until the step's message may be sent), completed, exited, or passed: how many went
    on from the step so far. `step` is where they are or were, empty behind the last one.
    """

    __tablename__ = "enrolment_count"
    __table_args__ = (_of_sequence(),)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence_id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    n: Mapped[int]


class Enrolment(Owned, Base):
    """One pass of a member through a sequence.

    `step` NULL is behind the last one; `since` is when the step began, `due_at` when to look again (NULL: when the
    message that it waits at is approved), `done` are the messages it had.
    """

    __tablename__ = "enrolment"
    __table_args__ = (
        owned_key("enrolment"),
        _of_sequence(),
        ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="SET NULL (member_id)"
        ),
        CheckConstraint("state IN ('active', 'completed', 'exited')", name="state_known"),
        CheckConstraint("(state = 'exited') = (reason IS NOT NULL)", name="reason_of_exit"),
        UniqueConstraint("tenant_id", "sequence_id", "member_id", "pass_n"),
        Index("ix_enrolment_list", "tenant_id", "sequence_id", "id"),
        Index("ix_enrolment_member", "tenant_id", "member_id", "id"),
        Index("ix_enrolment_due", "tenant_id", "sequence_id", "due_at", "id", postgresql_where="state = 'active'"),
        Index(
            "uq_enrolment_active",
            "tenant_id",
            "sequence_id",
            "member_id",
            unique=True,
            postgresql_where="state = 'active'",
        ),
        Index(
            "uq_enrolment_occasion",
            "tenant_id",
            "sequence_id",
            "member_id",
            "occasion",
            unique=True,
            postgresql_where="occasion IS NOT NULL",
        ),
        Index(
            "ix_enrolment_erased",
            "tenant_id",
            "sequence_id",
            postgresql_where="state = 'active' AND member_id IS NULL",
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )
    sequence_id: Mapped[UUID]
    member_id: Mapped[UUID | None]
    pass_n: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[str] = mapped_column(default="active")
    reason: Mapped[str | None]
    step: Mapped[str | None]
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    due_at: Mapped[datetime | None]
    done: Mapped[list[str]] = mapped_column(default=list)
    why: Mapped[str]
    occasion: Mapped[str | None]
    ended_at: Mapped[datetime | None]
