"""Links that tie a Telegram chat to a member."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.schemas.chats import ChatLinkIn, ChatLinkMade, ChatLinkOut
from api.threads import ThreadRoute
from domain.identity.service import Principal
from domain.returns import telegram as chats
from models import ChatLink

# Without Idempotency-Key: a kept answer would hold the token of the link.
router = APIRouter(prefix="/members/{member_id}/chat-links", tags=["members"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("members:read")]
Writer = Annotated[Principal, requires("members:write")]
Consenter = Annotated[Principal, requires("consent:write")]


@router.post("", status_code=201)
def create_chat_link(
    member_id: UUID, payload: ChatLinkIn, session: TenantSession, _who: Writer, who: Consenter
) -> ChatLinkMade:
    """Make a link for one member; whoever opens it and presses start is that member from then on."""
    deep = chats.link(
        session,
        member_id=member_id,
        account_id=payload.account_id,
        wording=payload.wording,
        days=payload.days,
        actor=who.actor,
    )
    session.refresh(deep.link)
    return ChatLinkMade.made(deep)


@router.get("")
def list_chat_links(member_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[ChatLinkOut]:
    """List the links that were made for a member, newest first, without their tokens."""
    rows, cursor = page_of(session, chats.of_member(session, member_id), ChatLink.id, paging)
    return Page(items=[ChatLinkOut.of(row) for row in rows], next_cursor=cursor)
