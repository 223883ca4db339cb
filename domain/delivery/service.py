"""What comes back from people: unsubscribes; and sending again what failed."""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import proof
from domain.delivery.rules import Reason
from kernel import clock, db, outbox
from kernel.errors import Conflict
from models import Message, MessageEvent


def find(session: Session, message_id: UUID) -> Message | None:
    return session.execute(
        select(Message).where(Message.tenant_id == db.tenant_of(session), Message.id == message_id)
    ).scalar_one_or_none()


def _prove_sent(message: Message) -> None:
    """Somebody has the mail: what was unknown was sent."""
    if message.state == "unknown":
        message.state, message.accepted_at = "sent", message.accepted_at or clock.now()


def unsubscribe(session: Session, message_id: UUID, *, source: str) -> bool:
    """Stop all marketing to the address of a message, at once; repeatable. False for an unknown message."""
    message = find(session, message_id)
    if message is None or message.address is None:
        return False
    norm = message.address_norm or message.address.casefold()
    consents.suppress(
        session,
        channel=message.channel,
        address_norm=norm,
        reason="unsubscribed",
        source=source,
        actor=f"message:{message.id}",
        evidence={"message": str(message.id)},
    )
    if message.member_id is not None:
        consents.record(
            session,
            message.member_id,
            channel=message.channel,
            purpose="marketing",
            state="withdrawn",
            source=source,
            actor=f"message:{message.id}",
            evidence={"message": str(message.id)},
        )
    if message.unsubscribed_at is None:
        message.unsubscribed_at = clock.now()
        event = MessageEvent(tenant_id=message.tenant_id, campaign_id=message.campaign_id, message_id=message.id)
        event.kind, event.actor, event.reason, event.details = "unsubscribed", "human", source, {}
        session.add(event)
    _prove_sent(message)
    session.flush()
    return True


def retry_failed(session: Session, campaign_id: UUID, *, actor: str) -> int:
    """Put exactly the failed messages back; the others stay, and what a provider declined within the last day.

    Raises Conflict where nothing failed.
    """
    done = _put_back(session, campaign_id, "failed", "pending", actor=actor, action="campaign.retry")
    if not done:
        raise Conflict("No message of this campaign failed.", code="nothing_failed")
    return done


def resend_unknown(session: Session, campaign_id: UUID, *, actor: str) -> int:
    """Send again what perhaps arrived: somebody accepts that a few people may get it twice.

    Raises Conflict where nothing is unknown.
    """
    done = _put_back(session, campaign_id, "unknown", "pending", actor=actor, action="campaign.resend_unknown")
    if not done:
        raise Conflict("No message of this campaign is unknown.", code="nothing_unknown")
    return done


def give_up_unknown(session: Session, campaign_id: UUID, *, actor: str) -> int:
    """Never send again what perhaps arrived. Raises Conflict where nothing is unknown."""
    done = _put_back(session, campaign_id, "unknown", "cancelled", actor=actor, action="campaign.give_up_unknown")
    if not done:
        raise Conflict("No message of this campaign is unknown.", code="nothing_unknown")
    return done


_PUT_BACK = text("""
WITH back AS (
  UPDATE message m SET state = :after, reason = :reason, attempt = 0, owner = NULL, attempt_id = NULL, phase = NULL,
    not_before = clock_timestamp(), updated_at = clock_timestamp()
  WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign AND m.state = :before
    AND NOT (m.state = 'failed' AND m.reason = 'declined' AND m.updated_at > clock_timestamp() - interval '24 hours')
  RETURNING m.id
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason, actor)
SELECT :tenant, :campaign, id, :after, :reason, :actor FROM back RETURNING id
""")


def _put_back(session: Session, campaign_id: UUID, before: str, after: str, *, actor: str, action: str) -> int:
    campaign = campaigns.lock(session, campaign_id)
    done = session.execute(
        _PUT_BACK,
        {
            "tenant": campaign.tenant_id,
            "campaign": campaign.id,
            "before": before,
            "after": after,
            "reason": Reason.GIVEN_UP if after == "cancelled" else None,
            "actor": actor,
        },
    ).all()
    if done:
        if after == "pending":
            proof.reopen(session, campaign.id, actor=actor)
        audit.append(session, actor=actor, action=action, subject=str(campaign.id), messages=len(done))
        outbox.mark_due(session, "campaigns")
        session.flush()
    return len(done)
