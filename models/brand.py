"""How a tenant speaks: versions of its brand profile, and standing rules that act once a person ticked them."""

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, owned_key


class BrandProfile(Owned, Base):
    """One immutable version; the highest `n` is in force."""

    __tablename__ = "brand_profile"
    __table_args__ = (
        owned_key("brand_profile"),
        UniqueConstraint("tenant_id", "n"),
        CheckConstraint("form IN ('du', 'sie')", name="form_known"),
        CheckConstraint("tone IN ('neutral', 'personal', 'formal', 'friendly')", name="tone_known"),
    )
    n: Mapped[int]
    form: Mapped[str] = mapped_column(default="du")
    tone: Mapped[str] = mapped_column(default="neutral")
    emoji: Mapped[bool] = mapped_column(default=False)
    most_exclamations: Mapped[int] = mapped_column(default=1)
    forbidden: Mapped[list[str]] = mapped_column(default=list)
    required: Mapped[list[str]] = mapped_column(default=list)
    sign_off: Mapped[str | None]
    samples: Mapped[list[Any]] = mapped_column(default=list)


class BrandRule(Owned, Base):
    """What feedback suggests for all later drafts. Only an active rule acts; `value` is read by its code."""

    __tablename__ = "brand_rule"
    __table_args__ = (
        owned_key("brand_rule"),
        Index("uq_brand_rule_open", "tenant_id", "code", unique=True, postgresql_where="state <> 'retired'"),
        CheckConstraint("state IN ('proposed', 'active', 'retired')", name="state_known"),
    )
    code: Mapped[str]
    state: Mapped[str] = mapped_column(default="proposed")
    value: Mapped[Json] = mapped_column(default=dict)
    from_feedback: Mapped[UUID | None]
    decided_by: Mapped[str | None]
