"""What a reported failure draws after it, beside the message's own state.

The same code means the same whether the send call answers with it or a report does: a country is closed, an account
slows down or pauses, a campaign whose texts carriers filter is held, and what may yet arrive is tried again.
"""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from channels.base import FailureKind, Scope
from channels.twilio.errors import Meaning
from channels.twilio.webhook import Receipt
from domain.campaigns import service as campaigns
from domain.delivery import doors, pace, proof, sender_watch, stop_loss
from domain.delivery.proof import Again
from domain.delivery.rules import Reason, wait_before
from domain.senders import accounts, countries
from kernel import db, log
from kernel.errors import Conflict
from models import Message

AGAIN = "again"
UNDELIVERED = "undelivered"
_HARMFUL = frozenset({FailureKind.SENDER_FAULT, FailureKind.PERMANENT_CONTENT})
# Why a message failed, where its code says more than that it did.
_REASONS = {
    FailureKind.PROVIDER_DECLINE: Reason.DECLINED,
    FailureKind.SENDER_FAULT: Reason.REFUSED,
    FailureKind.PERMANENT_CONTENT: Reason.REFUSED,
    FailureKind.PERMANENT_CONFIG: Reason.RELAY_REFUSES,
}

# Of the last texts of a campaign that a provider took, those that it refused for what they are.
_FILTERED = text("""
SELECT count(*) FILTER (WHERE m.state = 'failed' AND m.reason = 'refused') FROM (
  SELECT message_id FROM message_event WHERE tenant_id = :tenant AND campaign_id = :campaign AND kind = 'sent'
  ORDER BY id DESC LIMIT :window) last
JOIN message m ON m.tenant_id = :tenant AND m.id = last.message_id
""")


def reason_of(receipt: Receipt) -> str:
    """Return why a message failed, as its recipient list says it."""
    if receipt.meaning is not None and receipt.meaning.scope is Scope.COUNTRY:
        return Reason.COUNTRY_CLOSED
    return _REASONS.get(receipt.failure, UNDELIVERED) if receipt.failure else UNDELIVERED


def draw(session: Session, account_id: UUID, message_id: UUID, receipt: Receipt, source: str) -> bool:
    """Do what the code of a failure asks for. True: the message is tried again, and has not failed."""
    if receipt.meaning is None:
        return False
    if receipt.failure is FailureKind.PERMANENT_CONFIG:
        _shut(session, account_id, message_id, receipt, receipt.meaning)
        return False
    again = _again(session, account_id, message_id, receipt, receipt.meaning)
    return again is not None and proof.try_again(
        session,
        message_id,
        again,
        source=source,
        provider_id=receipt.provider_id,
        code=receipt.code,
        words=receipt.words,
    )


def _again(session: Session, account_id: UUID, message_id: UUID, receipt: Receipt, meaning: Meaning) -> Again | None:
    if receipt.failure is FailureKind.THROTTLE:
        code, words = receipt.code or "", receipt.words or ""
        wait = doors.heed(session, account_id, code, words, first=meaning.again_after)
        pace.slow_down(session, key=f"account:{account_id}", seconds=wait)
        return Again(wait, None, Reason.THROTTLED)
    if receipt.failure is not FailureKind.TRANSIENT:
        return None
    return Again(wait_before(_attempt(session, message_id), meaning.again_after), meaning.attempts)


def _attempt(session: Session, message_id: UUID) -> int:
    found = session.execute(
        select(Message.attempt).where(Message.tenant_id == db.tenant_of(session), Message.id == message_id)
    ).scalar_one_or_none()
    return found or 1


def _shut(session: Session, account_id: UUID, message_id: UUID, receipt: Receipt, meaning: Meaning) -> None:
    """Close the country of the message's number, or pause the account: the next message would meet the same."""
    code, words = receipt.code or "", receipt.words or ""
    if meaning.scope is not Scope.COUNTRY:
        if accounts.is_open(accounts.get(session, account_id)):
            accounts.pause(session, account_id, f"relay: {code} {words}".strip())
        return
    number = session.execute(
        select(Message.address_norm).where(Message.tenant_id == db.tenant_of(session), Message.id == message_id)
    ).scalar_one_or_none()
    if number is not None:
        countries.close(session, account_id, number, code=code, words=words)


def campaign_of_fault(session: Session, message_id: UUID, receipt: Receipt) -> set[UUID]:
    """Return the campaign whose text a carrier or the provider refused for what it is; empty for other failures."""
    if receipt.failure not in _HARMFUL:
        return set()
    found = session.execute(
        select(Message.campaign_id).where(Message.tenant_id == db.tenant_of(session), Message.id == message_id)
    ).scalar_one_or_none()
    return {found} if found is not None else set()


def stop_filtered(session: Session, faulty: set[UUID]) -> None:
    """Hold those campaigns of which too many of the last texts were refused for what they are."""
    for campaign_id in sorted(faulty):
        keys = {"tenant": db.tenant_of(session), "campaign": campaign_id, "window": stop_loss.WINDOW}
        if not stop_loss.too_many_filtered(session.execute(_FILTERED, keys).scalar_one()):
            continue
        try:
            campaigns.hold(session, campaign_id, reason="stop_loss")
        except Conflict:  # it is complete, or was cancelled
            log.get("returns").info("campaign.not_held", id=str(campaign_id))


def stop_harmful(session: Session, faulty: set[UUID]) -> None:
    """Hold what must not go on after refusals that were the sender's or the text's: campaigns, and their senders."""
    stop_filtered(session, faulty)
    for campaign_id in sorted(faulty):
        sender_watch.stop_if_harmful(session, campaign_id, sender_watch.SENDER_FAULT)
