"""Conversations: what members and the studio wrote to each other, kept in order and once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from domain.audience import service as audience
from kernel import clock, db, outbox
from kernel.errors import Invalid
from models import Conversation, ConversationMessage

CHANNELS = ("whatsapp", "telegram", "sms", "email", "web")
AUTHORS = ("member", "studio", "agent")
LONGEST_TEXT = 8_000
_READ = "follow_ups.read"


def open_conversation(
    session: Session, *, channel: str, external_id: str | None, member_id: UUID | None, actor: str
) -> Conversation:
    """Return the conversation with this external id, made if it is new. Raises NotFound for the member."""
    if channel not in CHANNELS:
        raise Invalid("channel", f"use one of {', '.join(CHANNELS)}")
    if member_id is not None:
        audience.get(session, member_id)
    tenant_id = db.tenant_of(session)
    if external_id is not None:
        known = session.execute(
            select(Conversation).where(Conversation.tenant_id == tenant_id, Conversation.external_id == external_id)
        ).scalar_one_or_none()
        if known is not None:
            return known
    conversation = Conversation(
        tenant_id=tenant_id, channel=channel, external_id=external_id, member_id=member_id, created_by=actor
    )
    session.add(conversation)
    session.flush()
    return conversation


def get(session: Session, conversation_id: UUID) -> Conversation:
    return db.own(session, Conversation, conversation_id, "conversation")


def add_message(
    session: Session,
    conversation_id: UUID,
    *,
    author: str,
    text: str,
    at: datetime | None,
    external_id: str | None,
    actor: str,
    metadata: dict[str, Any] | None = None,
) -> ConversationMessage:
    """Append a message; a second delivery of the same external id changes nothing.

    What a known member or the studio writes is read for follow-ups, unless it was a word that stops, starts or helps.
    """
    if author not in AUTHORS:
        raise Invalid("author", f"use one of {', '.join(AUTHORS)}")
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise Invalid("text", f"write 1 to {LONGEST_TEXT} characters")
    conversation = get(session, conversation_id)
    if external_id is not None:
        known = session.execute(
            select(ConversationMessage).where(
                ConversationMessage.tenant_id == conversation.tenant_id,
                ConversationMessage.conversation_id == conversation.id,
                ConversationMessage.external_id == external_id,
            )
        ).scalar_one_or_none()
        if known is not None:
            return known
    message = ConversationMessage(
        tenant_id=conversation.tenant_id,
        conversation_id=conversation.id,
        external_id=external_id,
        author=author,
        text=text,
        at=at or clock.now(),
        metadata_json=metadata or {},
        created_by=actor,
    )
    session.add(message)
    if conversation.last_message_at is None or message.at > conversation.last_message_at:
        conversation.last_message_at = message.at
    session.flush()
    if author != "agent" and conversation.member_id is not None and "wish" not in message.metadata_json:
        outbox.enqueue(session, _READ, id=message.id)
    return message


def matching(session: Session, *, member_id: UUID | None = None, channel: str | None = None) -> Select[Conversation]:
    """Return the statement of the tenant's conversations that fit the filters."""
    statement = select(Conversation).where(Conversation.tenant_id == db.tenant_of(session))
    if member_id is not None:
        statement = statement.where(Conversation.member_id == member_id)
    if channel is not None:
        statement = statement.where(Conversation.channel == channel)
    return statement


def messages(session: Session, conversation_id: UUID) -> Select[ConversationMessage]:
    return select(ConversationMessage).where(
        ConversationMessage.tenant_id == db.tenant_of(session),
        ConversationMessage.conversation_id == conversation_id,
    )
