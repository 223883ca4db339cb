"""Telegram: a chat is tied to a member by a link that only the member was given, and one update has one effect.

A chat that is tied may get answers and notices. Marketing needs more: the link said so in words, or a consent is
recorded elsewhere. Stopping and blocking the bot end it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from channels.telegram.webhook import Update
from domain.audience import service as audience
from domain.audit import service as audit
from domain.consent import opt_outs
from domain.consent import service as consents
from domain.delivery import notices
from domain.identity import tenants
from domain.returns import inbound
from domain.returns.inbound import Written
from domain.senders import accounts
from kernel import clock, db
from kernel.errors import Conflict
from kernel.tokens import hash_token, new_token
from models import ChatLink, ContactPoint, ProviderAccount

CHANNEL = "telegram"
LONGEST_DAYS = 60
_SOURCE = "telegram:start"
_ACTOR = "member"
# One chat at a time: two links opened in it at once must not tie it twice.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:tenant || ':' || :chat, 0))")
# Kept longer than the provider repeats (a day), and than it keeps counting after a pause (a week).
_FIRST = text("""
WITH forgotten AS (
  DELETE FROM telegram_update WHERE tenant_id = :tenant AND account_id = :account
    AND taken_at < clock_timestamp() - interval '14 days'
)
INSERT INTO telegram_update (tenant_id, account_id, update_id) VALUES (:tenant, :account, :update)
ON CONFLICT DO NOTHING RETURNING update_id
""")
_COMMANDS = frozenset({"stop", "help"})
_TIED = {
    "de": "{name}: Dieser Chat ist jetzt mit dir verbunden. Mit /stop bekommst du hier keine Nachrichten mehr.",
    "en": "{name}: This chat is now connected to you. Send /stop to get no more messages here.",
}
_AGREED = {
    "de": "{name}: Danke, du bekommst hier jetzt Nachrichten von uns. Mit /stop endet das jederzeit.",
    "en": "{name}: Thank you, you will get our messages here from now on. Send /stop at any time to end them.",
}
_UNKNOWN = {
    "de": "{name}: Diesen Link kennen wir nicht, oder er gilt nicht mehr. Bitte uns um einen neuen.",
    "en": "{name}: We do not know this link, or it is not valid any more. Please ask us for a new one.",
}
_TAKEN = {
    "de": "{name}: Dieser Chat gehört schon zu einem anderen Mitglied. Bitte melde dich bei uns, wenn das falsch ist.",
    "en": "{name}: This chat belongs to another member already. Please get in touch with us if that is wrong.",
}
_STRANGER = {
    "de": "Hier schreibt {name}. Um Nachrichten zu bekommen, öffne den persönlichen Link, den wir dir gegeben haben.",
    "en": "This is {name}. To get messages, open the personal link that we gave you.",
}
_KNOWN = {
    "de": "{name}: Wir sind verbunden. Mit STOP bekommst du nichts mehr von uns, mit START danach wieder.",
    "en": "{name}: We are connected. Reply STOP to get nothing more from us, START to come back after that.",
}


@dataclass(frozen=True, slots=True)
class DeepLink:
    """A link for one member; its URL is shown this once."""

    url: str
    link: ChatLink


class Tied(StrEnum):
    """What became of a link that was opened in a chat."""

    NEW = "new"
    AGAIN = "again"  # by the same chat before
    UNKNOWN = "unknown"  # never made, used, or too old
    TAKEN = "taken"  # the chat is another member's


def link(
    session: Session, *, member_id: UUID, account_id: UUID, wording: str | None, days: int = 14, actor: str
) -> DeepLink:
    """Make a link that ties the chat in which it is opened to this member, within `days`.

    With `wording` (what stands beside the link) pressing start is a consent to marketing; without it, it is none.
    Raises NotFound, and Conflict for an account that is no bot or whose bot's name is not known yet.
    """
    audience.get(session, member_id)
    account = accounts.get(session, account_id)
    name = _bot_name(account)
    token = new_token()
    row = ChatLink(
        tenant_id=account.tenant_id,
        member_id=member_id,
        account_id=account.id,
        token_hash=hash_token(token),
        wording=wording,
        expires_at=clock.now() + timedelta(days=days),
        created_by=actor,
    )
    session.add(row)
    session.flush()
    audit.append(
        session, actor=actor, action="chat.link", subject=str(member_id), account=str(account.id), asks=bool(wording)
    )
    return DeepLink(f"https://t.me/{name}?start={token}", row)


def _bot_name(account: ProviderAccount) -> str:
    if account.kind != CHANNEL:
        raise Conflict("This account is no Telegram bot. Use one of the kind telegram.", code="not_a_bot")
    name = str(account.settings.get("username") or "").removeprefix("@")
    if not name:
        raise Conflict("The name of the bot is not known yet. Check the account first.", code="bot_unknown")
    return name


def of_member(session: Session, member_id: UUID) -> Select[ChatLink]:
    """Return the statement of a member's links. Raises NotFound for the member."""
    audience.get(session, member_id)
    return select(ChatLink).where(ChatLink.tenant_id == db.tenant_of(session), ChatLink.member_id == member_id)


def tie(
    session: Session, account_id: UUID, token: str, chat_id: str, *, evidence: str, at: datetime | None
) -> tuple[Tied, ChatLink | None]:
    """Tie the chat to the member whom the link of a bot was made for, and record the consent that it asked for.

    `evidence` names the update, `at` is when the person pressed start.
    """
    tenant_id = db.tenant_of(session)
    found = session.execute(
        select(ChatLink, (ChatLink.expires_at > func.clock_timestamp()).label("valid"))
        .where(
            ChatLink.tenant_id == tenant_id,
            ChatLink.account_id == account_id,
            ChatLink.token_hash == hash_token(token),
        )
        .with_for_update()
    ).one_or_none()
    if found is None:
        return Tied.UNKNOWN, None
    row: ChatLink = found.ChatLink
    if row.used_at is not None:
        return (Tied.AGAIN, row) if row.chat_id == chat_id else (Tied.UNKNOWN, None)
    if not found.valid:
        return Tied.UNKNOWN, None
    session.execute(_LOCK, {"tenant": str(tenant_id), "chat": chat_id})
    if member_of(session, chat_id) not in {None, row.member_id}:
        return Tied.TAKEN, None
    _bind(session, row, chat_id, evidence=evidence, at=at)
    return Tied.NEW, row


def member_of(session: Session, chat_id: str) -> UUID | None:
    """Return whose chat it is; of several that an import named, the first."""
    return session.execute(
        select(ContactPoint.member_id)
        .where(
            ContactPoint.tenant_id == db.tenant_of(session),
            ContactPoint.channel == CHANNEL,
            ContactPoint.address_norm == chat_id,
        )
        .order_by(ContactPoint.id)
        .limit(1)
    ).scalar_one_or_none()


def _bind(session: Session, row: ChatLink, chat_id: str, *, evidence: str, at: datetime | None) -> None:
    row.used_at, row.chat_id = clock.now(), chat_id
    audience.set_address(session, audience.get(session, row.member_id), CHANNEL, chat_id, actor=_ACTOR)
    audit.append(session, actor=_ACTOR, action="chat.tie", subject=str(row.member_id), link=str(row.id))
    if row.wording:
        _agree(session, row, chat_id, evidence=evidence, at=at)
    session.flush()


def _agree(session: Session, row: ChatLink, chat_id: str, *, evidence: str, at: datetime | None) -> None:
    """Record what pressing start agreed to; who had stopped by a message agreed anew."""
    opt_outs.restore(session, channel=CHANNEL, address_norm=chat_id, actor=_ACTOR, evidence={"message": evidence})
    consents.record(
        session,
        row.member_id,
        channel=CHANNEL,
        purpose="marketing",
        state="granted",
        source=_SOURCE,
        actor=_ACTOR,
        evidence={
            "wording": row.wording,
            "link": str(row.id),
            "link_made_by": row.created_by,
            "link_made_at": row.created_at.isoformat(),
            "account": str(row.account_id),
            "message": evidence,
            "pressed_at": (at or clock.now()).isoformat(),
        },
    )


def take(session: Session, account_id: UUID, update: Update) -> bool:
    """Act on an update of a bot. False: it was acted on before."""
    if not _is_first(session, account_id, update.update_id):
        return False
    if update.kind == "blocked":
        inbound.stop(session, CHANNEL, update.chat_id, evidence=_name(account_id, update))
    elif update.kind == "start":
        _start(session, account_id, update)
    elif update.kind == "text":
        inbound.take(
            session,
            Written(
                channel=CHANNEL,
                address=update.chat_id,
                text=_command(update.text) or update.text,
                external_id=_name(account_id, update),
                account_id=account_id,
                at=update.at,
            ),
        )
    return True


def _is_first(session: Session, account_id: UUID, update_id: int) -> bool:
    """Note the update; one that comes twice at once waits here for the first to be committed."""
    parameters = {"tenant": db.tenant_of(session), "account": account_id, "update": update_id}
    return session.execute(_FIRST, parameters).one_or_none() is not None


def _name(account_id: UUID, update: Update) -> str:
    """Return what names a message for good: chats and messages of two bots may have the same numbers."""
    return f"{account_id}:{update.update_id}"


def _command(words: str) -> str | None:
    """Return /stop, also as /stop@OurBot or with words behind it, as the word that it stands for."""
    first = words.strip().split(maxsplit=1)[0] if words.strip() else ""
    command = first.removeprefix("/").partition("@")[0].casefold()
    return command.upper() if first.startswith("/") and command in _COMMANDS else None


def _start(session: Session, account_id: UUID, update: Update) -> None:
    """Tie the chat if start came with a link. Start alone is what every chat begins with, and agrees to nothing."""
    if not update.text:
        member_id = member_of(session, update.chat_id)
        _say(session, account_id, update, _STRANGER if member_id is None else _KNOWN, member_id)
        return
    tied, row = tie(session, account_id, update.text, update.chat_id, evidence=_name(account_id, update), at=update.at)
    if tied is Tied.AGAIN:
        return
    refusals = {Tied.UNKNOWN: _UNKNOWN, Tied.TAKEN: _TAKEN}
    words = refusals.get(tied) or (_AGREED if row is not None and row.wording else _TIED)
    _say(session, account_id, update, words, row.member_id if row is not None else None)


def _say(session: Session, account_id: UUID, update: Update, words: dict[str, str], member_id: UUID | None) -> None:
    tenant = tenants.current(session)
    notices.send(
        session,
        kind="reply",
        purpose="transactional",
        channel=CHANNEL,
        address=update.chat_id,
        key=f"telegram:{_name(account_id, update)}",
        body=words.get(tenant.language, words["en"]).format(name=tenant.name),
        member_id=member_id,
        account_id=account_id,
    )
