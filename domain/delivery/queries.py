"""Reads about messages: counters, recipients, and why somebody got one or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, bindparam, func, select
from sqlalchemy.orm import Session

from domain.delivery import rules
from kernel import db
from kernel.errors import NotFound
from models import CampaignCount, Message, MessageEvent

# Built once: what a page of campaigns asks on every call. One array instead of as many parameters as campaigns.
_COUNTS = (
    select(CampaignCount.campaign_id, CampaignCount.state, func.sum(CampaignCount.n))
    .where(
        CampaignCount.tenant_id == bindparam("tenant"),
        CampaignCount.campaign_id == any_(bindparam("campaigns", type_=ARRAY(Uuid))),
    )
    .group_by(CampaignCount.campaign_id, CampaignCount.state)
)


def counts(session: Session, campaign_id: UUID) -> dict[str, int]:
    """Return how many messages are in each state, from the maintained counters."""
    return counts_of_many(session, [campaign_id]).get(campaign_id, {})


def counts_of_many(session: Session, campaign_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """Return the counters of several campaigns with one statement."""
    rows = session.execute(_COUNTS, {"tenant": db.tenant_of(session), "campaigns": campaign_ids})
    found: dict[UUID, dict[str, int]] = {}
    for campaign_id, state, n in rows:
        if n:
            found.setdefault(campaign_id, {})[state] = int(n)
    return found


def reasons(session: Session, campaign_id: UUID) -> dict[str, int]:
    """Return how many messages ended without being sent, per reason."""
    rows = session.execute(
        select(Message.reason, func.count())
        .where(
            Message.tenant_id == db.tenant_of(session),
            Message.campaign_id == campaign_id,
            Message.state.in_(("skipped", "suppressed", "cancelled", "expired", "failed", "bounced")),
        )
        .group_by(Message.reason)
    ).all()
    return {str(row[0]): row[1] for row in rows}


def recipients(
    session: Session, campaign_id: UUID, *, state: str | None = None, reason: str | None = None
) -> Select[Message]:
    """Return the statement of a campaign's messages that fit the filters."""
    statement = select(Message).where(Message.tenant_id == db.tenant_of(session), Message.campaign_id == campaign_id)
    if state is not None:
        statement = statement.where(Message.state == state)
    if reason is not None:
        statement = statement.where(Message.reason == reason)
    return statement


def events(session: Session, campaign_id: UUID, *, kind: str | None = None) -> Select[MessageEvent]:
    """Return the statement of what happened to a campaign's messages."""
    statement = select(MessageEvent).where(
        MessageEvent.tenant_id == db.tenant_of(session), MessageEvent.campaign_id == campaign_id
    )
    return statement.where(MessageEvent.kind == kind) if kind is not None else statement


@dataclass(frozen=True, slots=True)
class Why:
    """Why a member got a campaign, or did not."""

    member_id: UUID
    state: str
    reason: str | None
    sentence: dict[str, str]
    events: list[MessageEvent]


def why(session: Session, campaign_id: UUID, member_id: UUID) -> Why:
    """Explain one member's message; raises NotFound where the campaign did not target the member."""
    message = session.execute(
        recipients(session, campaign_id).where(Message.member_id == member_id)
    ).scalar_one_or_none()
    if message is None:
        raise NotFound("recipient")
    happened = session.execute(
        select(MessageEvent)
        .where(MessageEvent.tenant_id == message.tenant_id, MessageEvent.message_id == message.id)
        .order_by(MessageEvent.id)
    ).scalars()
    return Why(member_id, message.state, message.reason, rules.sentence(message.state, message.reason), list(happened))
