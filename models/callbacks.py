"""What providers report about messages, what they were asked about them, and approved content templates."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, owned_key
from models.delivery import Message

# What waits for a proof of its provider; kept beside the rows that ask for it.
Index(
    "ix_message_unproven",
    Message.tenant_id,
    Message.updated_at,
    postgresql_where=text("state IN ('sent', 'unknown') AND channel IN ('sms', 'whatsapp')"),
)


def _of_account() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "account_id"], ["provider_account.tenant_id", "provider_account.id"], ondelete="CASCADE"
    )


class ProviderCallback(Owned, Base):
    """One report about a message, as it came; `message_id` is what its signed address names.

    `token` is the provider's own mark of one report, the same when it is repeated. `outcome` is what it changed.
    """

    __tablename__ = "provider_callback"
    __table_args__ = (
        _of_account(),
        UniqueConstraint("tenant_id", "account_id", "provider_id", "status"),
        Index("uq_provider_callback_token", "tenant_id", "account_id", "token", unique=True),
        Index("ix_provider_callback_open", "tenant_id", "id", postgresql_where=text("processed_at IS NULL")),
        Index("ix_provider_callback_message", "tenant_id", "message_id"),
        Index("ix_provider_callback_age", "tenant_id", "created_at"),
    )
    account_id: Mapped[UUID]
    message_id: Mapped[UUID]
    provider_id: Mapped[str]
    status: Mapped[str]
    code: Mapped[str | None]
    words: Mapped[str | None]
    token: Mapped[str | None]
    outcome: Mapped[str | None]
    processed_at: Mapped[datetime | None]


class ProviderLook(Base):
    """When a provider was last asked about a message whose report did not come."""

    __tablename__ = "provider_look"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    looked_at: Mapped[datetime]
    looks: Mapped[int]
    found: Mapped[str | None]
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "message_id"], ["message.tenant_id", "message.id"], ondelete="CASCADE"),
    )


class ContentTemplate(Owned, Base):
    """A content template as the provider last showed it; `approval` is WhatsApp's word about it."""

    __tablename__ = "content_template"
    __table_args__ = (
        owned_key("content_template"),
        _of_account(),
        UniqueConstraint("tenant_id", "account_id", "sid"),
    )
    account_id: Mapped[UUID]
    sid: Mapped[str]
    name: Mapped[str]
    language: Mapped[str]
    kind: Mapped[str]
    category: Mapped[str | None]
    body: Mapped[str]
    variables: Mapped[Json]
    approval: Mapped[str]
    rejection: Mapped[str | None]
    checked_at: Mapped[datetime]


class OptOutWord(Owned, Base):
    """A word of a tenant's own that ends its messages, beside those that everybody knows."""

    __tablename__ = "opt_out_word"
    __table_args__ = (UniqueConstraint("tenant_id", "word"),)
    word: Mapped[str]
