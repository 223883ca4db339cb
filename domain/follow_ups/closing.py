"""What ends follow-ups from outside: a member who stopped. Repeating it changes nothing."""

from uuid import UUID

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from domain.follow_ups import store
from domain.follow_ups.rules import CHANNELS, Why
from kernel import db
from models import Consent, ContactPoint, Suppression


def after_stop(tenant_id: UUID, member_id: UUID) -> int:
    """End what is open on the channels that the member stopped, or took the consent back for; returns how many."""
    with db.tenant_session(tenant_id) as session:
        stopped = [channel for channel in CHANNELS if _is_stopped(session, member_id, channel)]
        return sum(
            store.close(session, member_id, why=Why.OPTED_OUT, actor="system", channel=channel) for channel in stopped
        )


def _is_stopped(session: Session, member_id: UUID, channel: str) -> bool:
    tenant_id = db.tenant_of(session)
    suppressed = (
        exists()
        .where(ContactPoint.tenant_id == tenant_id, ContactPoint.member_id == member_id)
        .where(ContactPoint.channel == channel)
        .where(Suppression.tenant_id == tenant_id, Suppression.channel == channel)
        .where(Suppression.address_norm == ContactPoint.address_norm, Suppression.lifted_at.is_(None))
        .where(Suppression.purpose.in_(("marketing", "all")))
        .where(or_(Suppression.expires_at.is_(None), Suppression.expires_at > func.clock_timestamp()))
    )
    withdrawn = exists().where(
        Consent.tenant_id == tenant_id,
        Consent.member_id == member_id,
        Consent.channel == channel,
        Consent.purpose == "marketing",
        Consent.state == "withdrawn",
    )
    return bool(session.execute(select(or_(suppressed, withdrawn))).scalar_one())
