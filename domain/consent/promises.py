"""Whoever stops gets no message that was promised to them before: the end of open follow-ups is asked for at once."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel import db, outbox
from models import ContactPoint, FollowUp

_OPEN = ("proposed", "pending", "sending")
_TASK = "follow_ups.close"


def end_of_member(session: Session, member_id: UUID) -> None:
    """Ask for the end of a member's open follow-ups, if there are any, once this transaction is durable."""
    open_ = select(FollowUp.id).where(
        FollowUp.tenant_id == db.tenant_of(session), FollowUp.member_id == member_id, FollowUp.state.in_(_OPEN)
    )
    if session.execute(open_.limit(1)).scalar_one_or_none() is not None:
        outbox.enqueue(session, _TASK, id=member_id)


def end_at(session: Session, channel: str, address_norm: str) -> None:
    """The same for everybody who has this address on the channel."""
    tenant_id = db.tenant_of(session)
    members = session.execute(
        select(ContactPoint.member_id).where(
            ContactPoint.tenant_id == tenant_id,
            ContactPoint.channel == channel,
            ContactPoint.address_norm == address_norm,
        )
    )
    for member_id in members.scalars().all():
        end_of_member(session, member_id)
