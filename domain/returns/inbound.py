"""What people write back: stop, start and help at once and without a model, everything else into a conversation."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.consent import opt_out_words, opt_outs
from domain.consent.opt_out_words import Wish
from domain.conversations import service as conversations
from domain.delivery import notices
from domain.identity import tenants
from domain.returns import answers
from kernel import clock, db
from models import Conversation, ConversationMessage, Member, Message, MessageEvent

_HEARD = Counter("ariia_inbound_messages_total", "Messages of people by what they ask for", ["channel", "wish"])
_PROVIDERS_WORD = {"STOP": Wish.STOP, "START": Wish.START, "HELP": Wish.HELP}
_ACTOR = "provider"
_LANGUAGES = ("de", "en")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_REACHED = ("sent", "delivered", "read", "unknown")


@dataclass(frozen=True, slots=True)
class Written:
    """What a person wrote to us. `external_id` names the message for good; `to` is which of our numbers they chose.

    `handled` is what the provider itself understood (STOP, START, HELP), and has answered already.
    """

    channel: str
    address: str
    text: str
    external_id: str
    account_id: UUID
    handled: str | None = None
    at: datetime | None = None
    to: str = ""
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message asked for, whether that changed anything, and whether it was heard before."""

    wish: Wish | None
    changed: bool = False
    repeated: bool = False


def take(session: Session, said: Written) -> Heard:
    """Do what a person's message asks for and keep it in their conversation; a repeated one changes nothing.

    Only word rules are asked, so that a stop is in force when the provider gets its answer.
    """
    members = opt_outs.members_at(session, said.channel, said.address)
    key = f"{said.channel}:{said.address}"
    session.execute(_LOCK, {"key": f"{db.tenant_of(session)}:{key}"})
    conversation = conversations.open_conversation(
        session, channel=said.channel, external_id=key, member_id=members[0] if members else None, actor=_ACTOR
    )
    if conversation.member_id is None and members:
        conversation.member_id = members[0]
    if _is_known(session, conversation, said.external_id):
        return Heard(None, repeated=True)
    wish = _wish(session, conversation, said)
    changed = _grant(session, said, wish, members[0] if members else None) if wish else False
    _keep(session, conversation, said, wish)
    _HEARD.labels(said.channel, wish or "none").inc()
    return Heard(wish, changed)


def stop(session: Session, channel: str, address: str, *, evidence: str, everything: bool = False) -> bool:
    """Stop marketing to whoever left or blocked us, without a word; returns whether that is new."""
    return opt_outs.stop(
        session,
        channel=channel,
        address_norm=address,
        everything=everything,
        actor=_ACTOR,
        evidence={"message": evidence, "channel": channel, "at": clock.now().isoformat()},
    )


def _is_known(session: Session, conversation: Conversation, external_id: str) -> bool:
    row = session.execute(
        select(ConversationMessage.id).where(
            ConversationMessage.tenant_id == conversation.tenant_id,
            ConversationMessage.conversation_id == conversation.id,
            ConversationMessage.external_id == external_id,
        )
    )
    return row.scalar_one_or_none() is not None


def _keep(session: Session, conversation: Conversation, said: Written, wish: Wish | None) -> None:
    words = said.text.replace("\x00", "").strip()[: conversations.LONGEST_TEXT]
    about = {
        "to": said.to,
        "media": list(said.media),
        "wish": wish,
        "provider": said.handled,
        "account": str(said.account_id),
    }
    conversations.add_message(
        session,
        conversation.id,
        author="member",
        text=words or f"[{', '.join(said.media) or 'empty'}]",
        at=said.at or _now(session),
        external_id=said.external_id,
        actor=_ACTOR,
        metadata={name: value for name, value in about.items() if value},
    )


def _now(session: Session) -> datetime:
    """The database's time: it is what the 24 hours of WhatsApp are counted by."""
    moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment


def _wish(session: Session, conversation: Conversation, said: Written) -> Wish | None:
    """Our reading, or the provider's where it has one; YES is a start only when nobody asked anything."""
    reading = opt_out_words.read(said.text, extra=opt_outs.words(session))
    if said.handled in _PROVIDERS_WORD and (reading is None or reading.wish != Wish.STOP_ALL):
        return _PROVIDERS_WORD[said.handled]
    if reading is None:
        return None
    if reading.wish == Wish.YES:
        return None if _is_asked(session, conversation) else Wish.START
    return reading.wish


def _is_asked(session: Session, conversation: Conversation) -> bool:
    last = session.execute(
        select(ConversationMessage)
        .where(
            ConversationMessage.tenant_id == conversation.tenant_id,
            ConversationMessage.conversation_id == conversation.id,
        )
        .order_by(ConversationMessage.at.desc(), ConversationMessage.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return last is not None and last.author != "member" and last.text.rstrip().endswith("?")


def _grant(session: Session, said: Written, wish: Wish, member_id: UUID | None) -> bool:
    evidence = {"message": said.external_id, "channel": said.channel, "at": clock.now().isoformat(), "wish": wish}
    actor = f"member:{member_id}" if member_id else f"provider:{said.channel}"
    where = {"channel": said.channel, "address_norm": said.address, "actor": actor, "evidence": evidence}
    if wish in {Wish.STOP, Wish.STOP_ALL}:
        changed = opt_outs.stop(session, everything=wish == Wish.STOP_ALL, **where)  # type: ignore[arg-type]
        if changed and member_id:
            _count(session, said, member_id)
    elif wish == Wish.START:
        changed = opt_outs.restore(session, **where)  # type: ignore[arg-type]
    else:
        changed = False
    if said.handled is None and (changed or wish == Wish.HELP) and wish != Wish.STOP_ALL:
        _answer(session, said, wish, member_id)
    return changed


def _answer(session: Session, said: Written, wish: Wish, member_id: UUID | None) -> None:
    """One confirmation for each change; help at most once an hour, so that two machines do not talk for ever.

    Where the provider answers by itself (it says so), or everything was stopped, nothing is sent.
    """
    tenant = tenants.current(session)
    member = session.get(Member, member_id) if member_id else None
    language = member.language if member and member.language in _LANGUAGES else tenant.language
    mark = f"{clock.now():%Y%m%d%H}:{said.address}" if wish == Wish.HELP else said.external_id
    notices.send(
        session,
        kind="opt_out" if wish == Wish.STOP else str(wish),
        purpose="transactional",
        channel=said.channel,
        address=said.address,
        key=f"{wish}:{said.channel}:{mark}",
        body=answers.of(wish, said.channel, language, tenant),
        member_id=member_id,
        account_id=said.account_id,
        language=language,
        actor=_ACTOR,
    )


def _count(session: Session, said: Written, member_id: UUID) -> None:
    """Note the stop at the last message that reached this number: it is what the person answers to."""
    message = session.execute(
        select(Message)
        .where(
            Message.tenant_id == db.tenant_of(session),
            Message.member_id == member_id,
            Message.channel == said.channel,
            Message.state.in_(_REACHED),
            Message.campaign_id.is_not(None),
        )
        .order_by(Message.accepted_at.desc().nulls_last(), Message.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if message is None or message.unsubscribed_at is not None:
        return
    message.unsubscribed_at = clock.now()
    session.add(
        MessageEvent(
            tenant_id=message.tenant_id,
            campaign_id=message.campaign_id,
            message_id=message.id,
            kind="unsubscribed",
            actor="human",
            reason=opt_outs.SOURCE,
            details={},
        )
    )
    session.flush()
