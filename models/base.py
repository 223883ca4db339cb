"""What every table shares: names of constraints, ids, tenant scope, timestamps."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, MetaData, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from kernel.ids import new_id

Json = dict[str, Any]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: DateTime(timezone=True), Json: JSONB, list[str]: JSONB, list[Any]: JSONB}  # noqa: RUF012


class Identified:
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


class Timed:
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), onupdate=func.clock_timestamp())


class Owned(Identified, Timed):
    """A row of one tenant; forced row-level security keeps it there."""

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"))
    created_by: Mapped[str | None]


def owned_key(table: str) -> UniqueConstraint:
    """The key that composite foreign keys `(tenant_id, id)` refer to."""
    return UniqueConstraint("tenant_id", "id", name=f"uq_{table}_tenant_id_id")


def newest_first(table: str) -> Index:
    """The order of every list: newest first, by cursor."""
    return Index(f"ix_{table}_list", "tenant_id", "id")
