"""Identities that messages come from: which channel, which address, through which account."""

import re
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.identity import tenants
from domain.senders import accounts
from kernel import db
from kernel.errors import Invalid
from models import Sender

# Which kind of account carries a channel, and what its senders' addresses look like.
ACCOUNT_OF: Mapping[str, str] = {"email": "smtp", "sms": "twilio", "whatsapp": "twilio", "telegram": "telegram"}
_NUMBER = r"\+[1-9]\d{6,14}"
_ADDRESSES: Mapping[str, tuple[str, str]] = {
    "sms": (rf"{_NUMBER}|MG[0-9a-f]{{32}}|(?=.*[A-Za-z])[A-Za-z0-9 ]{{1,11}}", "+4915112345678, MG… or a short name"),
    "whatsapp": (_NUMBER, "+4915112345678"),
    "telegram": (r"@?[A-Za-z0-9_]{5,32}", "the bot's name, such as StudioLindenBot"),
}


def add(
    session: Session,
    *,
    channel: str,
    from_name: str,
    from_address: str,
    reply_to: str | None,
    is_default: bool,
    account_id: UUID | None,
    actor: str,
) -> Sender:
    """Add an identity; the first one of a channel becomes its default. Only e-mail goes without an account.

    Raises Invalid for a channel, an address, or an account that cannot carry it.
    """
    _check_account(session, channel, account_id)
    if channel == "email":
        sender = tenants.add_sender(
            session, from_name=from_name, from_address=from_address, reply_to=reply_to, is_default=is_default,
            actor=actor,
        )  # fmt: skip
        sender.account_id = account_id
        session.flush()
        return sender
    pattern, example = _ADDRESSES[channel]
    if not re.fullmatch(pattern, from_address):
        raise Invalid("from_address", f"looks like {example}")
    if reply_to is not None:
        raise Invalid("reply_to", "only e-mail has one")
    return _add_text_sender(session, channel, from_name, from_address, is_default, account_id, actor)


def _add_text_sender(
    session: Session,
    channel: str,
    from_name: str,
    from_address: str,
    is_default: bool,  # noqa: FBT001 - a column
    account_id: UUID | None,
    actor: str,
) -> Sender:
    tenant_id = db.tenant_of(session)
    default = session.execute(
        select(Sender).where(Sender.tenant_id == tenant_id, Sender.channel == channel, Sender.is_default.is_(True))
    ).scalar_one_or_none()
    if default is not None and is_default:
        default.is_default = False
        session.flush()
    sender = Sender(
        tenant_id=tenant_id,
        channel=channel,
        from_name=from_name,
        from_address=from_address,
        reply_to=None,
        is_default=is_default or default is None,
        account_id=account_id,
        created_by=actor,
    )
    session.add(sender)
    session.flush()
    audit.append(session, actor=actor, action="sender.add", subject=str(sender.id), channel=channel)
    return sender


def get(session: Session, sender_id: UUID) -> Sender:
    """Return the identity; raises NotFound, also for another tenant's."""
    return db.own(session, Sender, sender_id, "sender")


def send_through(session: Session, sender_id: UUID, account_id: UUID | None, *, actor: str) -> Sender:
    """Let an identity's messages leave through another account. Raises NotFound, Invalid."""
    sender = get(session, sender_id)
    _check_account(session, sender.channel, account_id)
    sender.account_id = account_id
    audit.append(session, actor=actor, action="sender.account", subject=str(sender.id), account=account_id)
    session.flush()
    return sender


def _check_account(session: Session, channel: str, account_id: UUID | None) -> None:
    if channel not in ACCOUNT_OF:
        raise Invalid("channel", f"use one of {', '.join(ACCOUNT_OF)}")
    if account_id is None:
        if channel != "email":
            raise Invalid("account_id", f"is missing: {channel} needs an account of the kind {ACCOUNT_OF[channel]}")
        return
    account = accounts.get(session, account_id)
    if account.kind != ACCOUNT_OF[channel]:
        raise Invalid("account_id", f"is of the kind {account.kind}; {channel} needs {ACCOUNT_OF[channel]}")
