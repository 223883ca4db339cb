"""What a tenant knows: documents, their chunks, and offers as typed rows; what chats said."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, BIT, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, newest_first, owned_key


class Document(Owned, Base):
    """What a tenant wrote down, as text; outside its days it is neither found nor may it be cited."""

    __tablename__ = "document"
    __table_args__ = (
        owned_key("document"),
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint(
            "valid_until IS NULL OR valid_from IS NULL OR valid_until >= valid_from", name="dates_in_order"
        ),
    )
    name: Mapped[str]
    title: Mapped[str]
    media_type: Mapped[str]
    language: Mapped[str]
    body: Mapped[str]
    content_hash: Mapped[str]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]


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


class Sketch(Base):
    """The signs of a chunk's vector, small enough to look through all of a tenant's; None where the model refused it.

    `model` names the model as it was asked for, `content_hash` the text that it read.
    """

    __tablename__ = "chunk_sketch"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "chunk_id"], ["chunk.tenant_id", "chunk.id"], ondelete="CASCADE"),
        Index("ix_chunk_sketch_space", "tenant_id", "language", "model", "dimensions"),
        CheckConstraint(
            "length(signs) = dimensions OR (signs IS NULL AND dimensions = 0)", name="a_sign_per_dimension"
        ),
    )
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    chunk_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_id: Mapped[UUID]
    language: Mapped[str]
    content_hash: Mapped[str]
    model: Mapped[str]
    dimensions: Mapped[int]
    signs: Mapped[str | None] = mapped_column(BIT(varying=True))
    made_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Vector(Base):
    """The numbers of a chunk's vector, one signed byte each, and the length of these bytes as a vector."""

    __tablename__ = "chunk_vector"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "chunk_id"], ["chunk.tenant_id", "chunk.id"], ondelete="CASCADE"),
    )
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    chunk_id: Mapped[UUID] = mapped_column(primary_key=True)
    numbers: Mapped[bytes]
    norm: Mapped[float]


class EmbeddingState(Base):
    """Why the vectors of a tenant are not made any further, and when that is tried again."""

    __tablename__ = "embedding_state"
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    problem: Mapped[str | None]
    retry_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Posting(Base):
    """In which chunks of a document a stem stands, by their positions; `headings` those that name it in a heading.

    An index of our own: a full-text index cannot serve a table under row-level security, whose policy must be asked
    before any operator that might leak, and equality of texts is one that does not.
    """

    __tablename__ = "kb_posting"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "document_id"], ["document.tenant_id", "document.id"], ondelete="CASCADE"),
        Index("ix_kb_posting_document", "tenant_id", "document_id"),
    )
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    lexeme: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[UUID] = mapped_column(primary_key=True)
    chunks: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    headings: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class Term(Base):
    """A stem of the tenant's own vocabulary; `folded` spells umlauts as plain letters, `chunks` is how many hold it."""

    __tablename__ = "kb_term"
    __table_args__ = (Index("ix_kb_term_folded", "tenant_id", "language", "folded"),)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    lexeme: Mapped[str] = mapped_column(primary_key=True)
    folded: Mapped[str]
    chunks: Mapped[int]


class SynonymGroup(Owned, Base):
    """Words that mean the same to the people of one tenant."""

    __tablename__ = "kb_synonym"
    __table_args__ = (Index("ix_kb_synonym_language", "tenant_id", "language"),)
    language: Mapped[str]
    words: Mapped[list[str]]


class DocumentUpload(Owned, Base):
    """A file that is read in the background; `data` is forgotten once it is read or given up."""

    __tablename__ = "document_upload"
    __table_args__ = (
        newest_first("document_upload"),
        ForeignKeyConstraint(
            ["tenant_id", "document_id"],
            ["document.tenant_id", "document.id"],
            ondelete="SET NULL (document_id)",
        ),
        CheckConstraint("status IN ('queued', 'running', 'done', 'failed')", name="status_known"),
    )
    name: Mapped[str]
    title: Mapped[str | None]
    media_type: Mapped[str]
    language: Mapped[str]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    status: Mapped[str]
    counts: Mapped[Json]
    problem: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    document_id: Mapped[UUID | None]
    data: Mapped[bytes | None] = mapped_column(deferred=True)


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
