"""Messages that a connector hands in: words that stop are obeyed at once, before anything else is read."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.consent import opt_out_words, opt_outs
from domain.consent import service as consents
from domain.consent.opt_out_words import Wish
from domain.conversations import service as conversations
from kernel import clock, db
from models import ContactPoint, Conversation, ConversationMessage


def take(
    session: Session,
    conversation: Conversation,
    *,
    author: str,
    text: str,
    at: datetime | None,
    external_id: str | None,
    actor: str,
) -> ConversationMessage:
    """Append a message of a conversation; a member who writes a word that stops is stopped, once.

    On a channel of ours that channel is stopped; in any other chat, or where the word says so, all of them. The
    connector that handed the message in answers it.
    """
    wish = _wish(session, text) if author == "member" else None
    message = conversations.add_message(
        session,
        conversation.id,
        author=author,
        text=text,
        at=at,
        external_id=external_id,
        actor=actor,
        metadata={"wish": str(wish)} if wish else None,
    )
    if wish is not None and conversation.member_id is not None:
        _stop(session, conversation, everything=wish == Wish.STOP_ALL, message=message)
    return message


def _wish(session: Session, text: str) -> Wish | None:
    reading = opt_out_words.read(text, extra=opt_outs.words(session))
    return reading.wish if reading is not None and reading.wish in {Wish.STOP, Wish.STOP_ALL} else None


def _stop(session: Session, conversation: Conversation, *, everything: bool, message: ConversationMessage) -> None:
    points = session.execute(
        select(ContactPoint.channel, ContactPoint.address_norm).where(
            ContactPoint.tenant_id == db.tenant_of(session), ContactPoint.member_id == conversation.member_id
        )
    ).all()
    here = [point for point in points if point.channel == conversation.channel]
    for point in here or points:
        if point.channel in consents.CHANNELS:
            opt_outs.stop(
                session,
                channel=point.channel,
                address_norm=point.address_norm,
                everything=everything,
                actor=f"member:{conversation.member_id}",
                evidence={"message": str(message.id), "channel": conversation.channel, "at": clock.now().isoformat()},
            )
