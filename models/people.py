"""Members, how to reach them, what they did, and what they agreed to."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, owned_key

DRAWS = 2**14
_DRAW = "(get_byte(uuid_send(id), 14) * 64 + get_byte(uuid_send(id), 15) / 4)::smallint"


def _of_member(**options: Any) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="CASCADE", **options
    )


class Member(Owned, Base):
    """`draw` is random, from 0 to DRAWS - 1: those below a number are a sample that stays the same."""

    __tablename__ = "member"
    __table_args__ = (
        owned_key("member"),
        UniqueConstraint("tenant_id", "external_id"),
        Index("ix_member_tenant_last_visit", "tenant_id", "last_visit_at"),
        Index("ix_member_status", "tenant_id", "status", "id", postgresql_where="status <> 'active'"),
        Index("ix_member_draw", "tenant_id", "draw", postgresql_include=["id"]),
        Index(
            "ix_member_tenant_import",
            "tenant_id",
            "import_batch_id",
            postgresql_where="import_batch_id IS NOT NULL",
        ),
        CheckConstraint("status IN ('active', 'paused', 'left', 'prospect')", name="status_known"),
    )
    external_id: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    salutation: Mapped[str | None]
    language: Mapped[str | None]
    time_zone: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="active")
    joined_on: Mapped[date | None]
    left_on: Mapped[date | None]
    tags: Mapped[list[str]] = mapped_column(JSONB, default=list)
    attributes: Mapped[Json] = mapped_column(default=dict)
    favourite_course: Mapped[str | None]
    last_visit_at: Mapped[datetime | None]
    restricted: Mapped[bool] = mapped_column(default=False)
    import_batch_id: Mapped[UUID | None]
    draw: Mapped[int] = mapped_column(SmallInteger, Computed(_DRAW, persisted=True), deferred=True)


class ContactPoint(Owned, Base):
    """One address of a member on one channel; rules compare `address_norm`."""

    __tablename__ = "contact_point"
    __table_args__ = (
        _of_member(),
        UniqueConstraint("tenant_id", "member_id", "channel", "address_norm"),
        Index("ix_contact_point_address", "tenant_id", "channel", "address_norm"),
        Index(
            "ix_contact_point_primary",
            "tenant_id",
            "member_id",
            "channel",
            unique=True,
            postgresql_where="is_primary",
        ),
    )
    member_id: Mapped[UUID]
    channel: Mapped[str]
    address: Mapped[str]
    address_norm: Mapped[str]
    is_primary: Mapped[bool] = mapped_column(default=True)


class Activity(Owned, Base):
    __tablename__ = "activity"
    __table_args__ = (
        _of_member(),
        Index("ix_activity_member", "tenant_id", "member_id", "at", postgresql_include=["kind"]),
        Index("ix_activity_at", "tenant_id", "at", postgresql_include=["member_id"]),
        UniqueConstraint("tenant_id", "external_id"),
    )
    member_id: Mapped[UUID]
    external_id: Mapped[str | None]
    kind: Mapped[str]
    at: Mapped[datetime]
    subject: Mapped[str | None]
    import_batch_id: Mapped[UUID | None]


class Purchase(Owned, Base):
    __tablename__ = "purchase"
    __table_args__ = (
        _of_member(),
        Index("ix_purchase_member", "tenant_id", "member_id", "at", postgresql_include=["amount_minor", "currency"]),
        Index("ix_purchase_at", "tenant_id", "at", postgresql_include=["member_id", "currency", "amount_minor"]),
        UniqueConstraint("tenant_id", "external_id"),
    )
    member_id: Mapped[UUID]
    external_id: Mapped[str | None]
    product: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    at: Mapped[datetime]
    import_batch_id: Mapped[UUID | None]


class ImportBatch(Owned, Base):
    __tablename__ = "import_batch"
    __table_args__ = (owned_key("import_batch"),)
    kind: Mapped[str]
    file_name: Mapped[str]
    dry_run: Mapped[bool]
    status: Mapped[str]
    mapping: Mapped[Json]
    options: Mapped[Json]
    counts: Mapped[Json]
    attested_by: Mapped[str | None]
    undone_at: Mapped[datetime | None]


class ImportFile(Owned, Base):
    """The bytes of a large file until its import is over; `attempts` counts the begun ones."""

    __tablename__ = "import_file"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "batch_id"], ["import_batch.tenant_id", "import_batch.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "batch_id"),
    )
    batch_id: Mapped[UUID]
    data: Mapped[bytes]
    attempts: Mapped[int] = mapped_column(server_default="0")


class ImportRow(Owned, Base):
    """What became of one row of a file; `before` is what undo puts back."""

    __tablename__ = "import_row"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "batch_id"], ["import_batch.tenant_id", "import_batch.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "batch_id", "line"),
        Index("ix_import_row_member", "tenant_id", "member_id", postgresql_where="member_id IS NOT NULL"),
    )
    batch_id: Mapped[UUID]
    line: Mapped[int]
    outcome: Mapped[str]
    member_id: Mapped[UUID | None]
    problems: Mapped[list[Any]]
    before: Mapped[Json | None]


class Consent(Owned, Base):
    """The present state of one consent: member × channel × purpose."""

    __tablename__ = "consent"
    __table_args__ = (
        _of_member(),
        UniqueConstraint("tenant_id", "member_id", "channel", "purpose"),
        CheckConstraint("state IN ('pending', 'granted', 'withdrawn', 'expired')", name="state_known"),
    )
    member_id: Mapped[UUID]
    channel: Mapped[str]
    purpose: Mapped[str]
    state: Mapped[str]
    legal_basis: Mapped[str]
    source: Mapped[str]
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    expires_at: Mapped[datetime | None]


class ConsentEvent(Owned, Base):
    """Append-only history of a consent with its evidence."""

    __tablename__ = "consent_event"
    __table_args__ = (_of_member(), Index("ix_consent_event_member", "tenant_id", "member_id", "id"))
    member_id: Mapped[UUID]
    channel: Mapped[str]
    purpose: Mapped[str]
    state: Mapped[str]
    source: Mapped[str]
    actor: Mapped[str]
    evidence: Mapped[Json]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Suppression(Owned, Base):
    """An address that must not be written to; lifted only by a person with a reason."""

    __tablename__ = "suppression"
    __table_args__ = (
        Index(
            "uq_suppression_active",
            "tenant_id",
            "channel",
            "address_norm",
            "purpose",
            unique=True,
            postgresql_where="lifted_at IS NULL",
        ),
        owned_key("suppression"),
    )
    channel: Mapped[str]
    address_norm: Mapped[str]
    purpose: Mapped[str]
    reason: Mapped[str]
    source: Mapped[str]
    evidence: Mapped[Json]
    expires_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
