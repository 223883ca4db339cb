"""Conversations with members and their messages."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.knowledge import ConversationIn, ConversationOut, MessageIn, MessageOut
from domain.conversations import inbox
from domain.conversations import service as conversations
from domain.identity.service import Principal
from models import Conversation, ConversationMessage

router = APIRouter(prefix="/conversations", tags=["conversations"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("conversations:read")]
Writer = Annotated[Principal, requires("conversations:write")]


@router.post("", status_code=201)
def open_conversation(payload: ConversationIn, session: TenantSession, who: Writer) -> ConversationOut:
    """Open a conversation; one with the same external id is returned as it is."""
    return ConversationOut.of(conversations.open_conversation(session, actor=who.actor, **payload.model_dump()))


@router.get("")
def list_conversations(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    member_id: Annotated[UUID | None, Query()] = None,
    channel: Annotated[Literal["whatsapp", "telegram", "sms", "email", "web"] | None, Query()] = None,
) -> Page[ConversationOut]:
    """List conversations, newest first."""
    statement = conversations.matching(session, member_id=member_id, channel=channel)
    rows, cursor = page_of(session, statement, Conversation.id, paging)
    return Page(items=[ConversationOut.of(row) for row in rows], next_cursor=cursor)


@router.get("/{conversation_id}")
def get_conversation(conversation_id: UUID, session: TenantSession, _who: Reader) -> ConversationOut:
    """Show one conversation."""
    return ConversationOut.of(conversations.get(session, conversation_id))


@router.post("/{conversation_id}/messages", status_code=201)
def add_message(conversation_id: UUID, payload: MessageIn, session: TenantSession, who: Writer) -> MessageOut:
    """Append a message; a repeated external id changes nothing.

    What a member writes is read at once for words that stop, and then for follow-ups, as in the chats of our own.
    """
    conversation = conversations.get(session, conversation_id)
    return MessageOut.of(inbox.take(session, conversation, actor=who.actor, **payload.model_dump()))


@router.get("/{conversation_id}/messages")
def list_messages(conversation_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[MessageOut]:
    """List the messages of a conversation, newest first."""
    conversations.get(session, conversation_id)
    statement = conversations.messages(session, conversation_id)
    rows, cursor = page_of(session, statement, ConversationMessage.id, paging)
    return Page(items=[MessageOut.of(row) for row in rows], next_cursor=cursor)
