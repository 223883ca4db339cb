"""What a tenant knows: documents, their chunks, and offers as typed rows; what chats said."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, owned_key


class Document(Owned, Base):
    __tablename__ = "document"
    __table_args__ = (owned_key("document"), UniqueConstraint("tenant_id", "name"))
    name: Mapped[str]
    title: Mapped[str]
    media_type: Mapped[str]
    language: Mapped[str]
    body: Mapped[str]
    content_hash: Mapped[str]


class Chunk(Owned, Base):
    """A searchable piece of a document; a number stays with its subject."""

    __tablename__ = "chunk"
    __table_args__ = (
        owned_key("chunk"),
        ForeignKeyConstraint(["tenant_id", "document_id"], ["document.tenant_id", "document.id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "document_id", "position"),
        Index("ix_chunk_language", "tenant_id", "language"),
    )
    document_id: Mapped[UUID]
    position: Mapped[int]
    heading: Mapped[str]
    text: Mapped[str]
    language: Mapped[str]
    content_hash: Mapped[str]
    search: Mapped[str] = mapped_column(
        TSVECTOR,
        Computed(
            "setweight(to_tsvector(CASE language WHEN 'de' THEN 'german'::regconfig WHEN 'en' THEN "
            "'english'::regconfig ELSE 'simple'::regconfig END, heading), 'A') || "
            "to_tsvector(CASE language WHEN 'de' THEN 'german'::regconfig WHEN 'en' THEN "
            "'english'::regconfig ELSE 'simple'::regconfig END, text)",
            persisted=True,
        ),
        deferred=True,
    )


class Offer(Owned, Base):
    __tablename__ = "offer"
    __table_args__ = (
        owned_key("offer"),
        UniqueConstraint("tenant_id", "key"),
        CheckConstraint("price_minor >= 0", name="price_not_negative"),
        CheckConstraint(
            "valid_until IS NULL OR valid_from IS NULL OR valid_until >= valid_from", name="dates_in_order"
        ),
    )
    key: Mapped[str]
    title: Mapped[str]
    description: Mapped[str | None]
    price_minor: Mapped[int]
    old_price_minor: Mapped[int | None]
    currency: Mapped[str]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    url: Mapped[str | None]
    terms: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(default=list)


class Conversation(Owned, Base):
    __tablename__ = "conversation"
    __table_args__ = (
        owned_key("conversation"),
        UniqueConstraint("tenant_id", "external_id"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="CASCADE"),
        Index("ix_conversation_member", "tenant_id", "member_id"),
    )
    member_id: Mapped[UUID | None]
    channel: Mapped[str]
    external_id: Mapped[str | None]
    last_message_at: Mapped[datetime | None]


class ConversationMessage(Owned, Base):
    __tablename__ = "conversation_message"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "conversation_id"],
            ["conversation.tenant_id", "conversation.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("tenant_id", "conversation_id", "external_id"),
        Index("ix_conversation_message_order", "tenant_id", "conversation_id", "at"),
        CheckConstraint("author IN ('member', 'studio', 'agent')", name="author_known"),
    )
    conversation_id: Mapped[UUID]
    external_id: Mapped[str | None]
    author: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]
    metadata_json: Mapped[Json] = mapped_column(default=dict)
