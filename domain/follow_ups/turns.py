"""A chat turn as the follow-up worker sees it: who wrote, what, when, on which clock, and where an answer goes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from domain.conversations import service as conversations
from domain.delivery import notices
from domain.follow_ups import seen, store, texts
from domain.follow_ups.rules import CHANNELS, LANGUAGES, MOST_OPEN, State, Topic
from domain.identity import tenants
from domain.plans import service as plans
from domain.plans.catalog import AI_CONTENT, FOLLOW_UPS, Tier
from kernel import clock, db, outbox
from kernel.errors import NotFound
from models import Consent, ContactPoint, Conversation, ConversationMessage, Member, Outbox, Suppression, Tenant

OLDEST = timedelta(hours=24)  # what is older is history that was handed in, not a wish
_GATHER, _WITH_INSIGHTS = "insights.read", "advanced + context"
_QUIET = timedelta(minutes=10)
DISCLOSURE = {"de": "Automatische Antwort", "en": "Automatic reply"}


@dataclass(frozen=True, slots=True)
class Turn:
    """Plain facts about one turn. `channel` is where a promise would be kept, `reply_to` where this chat is answered.

    `full`: the member or the plan has no room for another. `models`: the tenant lets chat turns reach a model.
    """

    turn_id: UUID
    author: str
    text: str
    at: datetime
    member_id: UUID
    conversation_id: UUID
    language: str
    zone: str
    channel: str
    account_id: UUID | None
    chat_channel: str
    reply_to: str | None
    pending: bool
    proposed: bool
    full: bool
    models: bool
    day_time: str
    quiet: tuple[str, str]
    disclosed: bool


def load(session: Session, turn_id: UUID) -> Turn | str:
    """Return the facts about a turn, or in a word why it is nobody's wish: read before, old, no consent, no words.

    Raises NotFound for a message that is gone.
    """
    message = db.own(session, ConversationMessage, turn_id, "message")
    conversation = conversations.get(session, message.conversation_id)
    if message.author == "agent" or conversation.member_id is None:
        return "not_a_members"
    if seen.is_known(session, turn_id):
        return "read_before"
    if clock.now() - message.at > OLDEST:
        return "too_old"
    return _of_member(session, message, conversation, session.get_one(Member, conversation.member_id))


def _of_member(
    session: Session, message: ConversationMessage, conversation: Conversation, member: Member
) -> Turn | str:
    tenant = tenants.current(session)
    if member.restricted or tenant.suspended_at is not None:
        return "restricted"
    channel = _reachable(session, member.id, conversation.channel)
    if channel is None:
        return "no_consent"
    language = member.language if member.language in LANGUAGES else tenant.language
    if texts.find(session, Topic.GENERAL, language) is None:
        return "no_approved_text"
    return _facts(session, message, conversation, member, tenant, language, channel)


def _facts(
    session: Session,
    message: ConversationMessage,
    conversation: Conversation,
    member: Member,
    tenant: Tenant,
    language: str,
    channel: str,
) -> Turn:
    open_ = store.open_of(session, member.id)
    account = message.metadata_json.get("account")
    return Turn(
        turn_id=message.id,
        author=message.author,
        text=message.text,
        at=message.at,
        member_id=member.id,
        conversation_id=conversation.id,
        language=language,
        zone=member.time_zone or tenant.time_zone,
        channel=channel,
        account_id=UUID(account) if account and channel == conversation.channel else None,
        chat_channel=conversation.channel,
        reply_to=_reply_to(session, conversation, member.id),
        pending=any(row.state == State.PENDING for row in open_),
        proposed=any(row.state == State.PROPOSED and row.turn_id is not None for row in open_),  # asked in a chat
        full=len(open_) >= MOST_OPEN or not _plan_has_room(session),
        models=tenant.ai_egress == "insights" and AI_CONTENT.level(Tier(tenant.tier)) is not None,
        day_time=tenant.follow_up_at,
        quiet=(tenant.quiet_from, tenant.quiet_until),
        disclosed=tenant.chat_disclosure,
    )


def _reachable(session: Session, member_id: UUID, chat_channel: str) -> str | None:
    """Return the channel of the chat where the member agreed to messages on it, else another one with consent."""
    tenant_id = db.tenant_of(session)
    suppressed = (
        select(Suppression.id)
        .where(
            Suppression.tenant_id == tenant_id,
            Suppression.channel == ContactPoint.channel,
            Suppression.address_norm == ContactPoint.address_norm,
            Suppression.purpose.in_(("marketing", "all")),
            Suppression.lifted_at.is_(None),
            or_(Suppression.expires_at.is_(None), Suppression.expires_at > func.clock_timestamp()),
        )
        .exists()
    )
    agreed = session.execute(
        select(Consent.channel)
        .join(
            ContactPoint,
            (ContactPoint.tenant_id == Consent.tenant_id)
            & (ContactPoint.member_id == Consent.member_id)
            & (ContactPoint.channel == Consent.channel)
            & ContactPoint.is_primary.is_(True),
        )
        .where(
            Consent.tenant_id == tenant_id,
            Consent.member_id == member_id,
            Consent.purpose == "marketing",
            Consent.state == "granted",
            or_(Consent.expires_at.is_(None), Consent.expires_at > func.clock_timestamp()),
            ~suppressed,
        )
    )
    channels = set(agreed.scalars())
    if chat_channel in CHANNELS:
        return chat_channel if chat_channel in channels else None
    return next((channel for channel in CHANNELS if channel in channels), None)


def may_use(session: Session, member_id: UUID, channel: str) -> bool:
    """Say whether a member agreed to messages on a channel and can be reached there."""
    return _reachable(session, member_id, channel) == channel


def _plan_has_room(session: Session) -> bool:
    meter = next(meter for meter in plans.meters(session) if meter.limit == FOLLOW_UPS)
    return meter.allowed is None or meter.used < meter.allowed


def _reply_to(session: Session, conversation: Conversation, member_id: UUID) -> str | None:
    """Return the address that this chat is answered at: the one it comes from, else the member's on the channel."""
    if conversation.channel not in CHANNELS:
        return None
    channel, _, address = (conversation.external_id or "").partition(":")
    if channel == conversation.channel and address:
        return address
    return session.execute(
        select(ContactPoint.address).where(
            ContactPoint.tenant_id == db.tenant_of(session),
            ContactPoint.member_id == member_id,
            ContactPoint.channel == conversation.channel,
            ContactPoint.is_primary.is_(True),
        )
    ).scalar_one_or_none()


def gather_soon(session: Session, turn: Turn) -> None:
    """Ask for the insights of this conversation once it has been quiet for a while, where the plan has them."""
    tenant = tenants.current(session)
    if turn.author != "member" or AI_CONTENT.level(Tier(tenant.tier)) != _WITH_INSIGHTS:
        return
    waiting = session.execute(
        select(Outbox.id).where(
            Outbox.tenant_id == tenant.id,
            Outbox.task == _GATHER,
            Outbox.arguments["id"].astext == str(turn.conversation_id),
        )
    )
    if waiting.first() is None:
        outbox.enqueue(session, _GATHER, id=turn.conversation_id, due_at=clock.now() + _QUIET)


def answer(session: Session, turn: Turn, words: str, language: str) -> None:
    """Write an answer into the conversation, and send it where the chat is; once for a turn."""
    conversations.add_message(
        session,
        turn.conversation_id,
        author="agent",
        text=words,
        at=None,
        external_id=f"follow_up:{turn.turn_id}",
        actor="follow_up",
    )
    account_id = _account(session, turn)
    if turn.reply_to is None or account_id is _NONE:
        return
    notices.send(
        session,
        kind="reply",
        purpose="transactional",
        channel=turn.chat_channel,
        address=turn.reply_to,
        key=f"follow_up_reply:{turn.turn_id}",
        body=f"{words}\n\n({DISCLOSURE[language]})" if turn.disclosed else words,
        member_id=turn.member_id,
        account_id=account_id if isinstance(account_id, UUID) else None,
        language=language,
        actor="follow_up",
    )


_NONE = object()


def _account(session: Session, turn: Turn) -> object:
    """The account that the member wrote to, else that of the channel's sender; `_NONE` where nobody can answer."""
    try:
        sender = tenants.default_sender(session, turn.chat_channel)
    except NotFound:
        return _NONE
    return turn.account_id or sender.account_id
