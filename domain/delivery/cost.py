"""What sending texts will cost, before anybody approves it: the very texts are made and counted, or a sample."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from channels.sms import segments
from domain.campaigns import revisions
from domain.content.member_values import MemberFacts
from domain.delivery import texts
from domain.senders import accounts
from kernel.ids import new_id
from models import Campaign, Member, Sender

COUNTED = 1_000  # so many texts are made; of a larger audience the rest is estimated


@dataclass(frozen=True, slots=True)
class Estimate:
    """Segments over all messages and of the longest one; money in minor units, None without a price on the account.

    `exact`: every text was made; else it is projected from `COUNTED` of them.
    """

    segments: int
    most: int
    cost_minor: int | None
    exact: bool


def estimate(session: Session, campaign: Campaign, judged: CTE, will_send: int) -> Estimate | None:
    """Return what the campaign's SMS would cost; None for other channels, and while there is no text."""
    if campaign.channel != "sms" or campaign.current_revision_id is None or will_send == 0:
        return None
    rendering = texts.prepare(session, campaign, revisions.current(session, campaign))
    rows = session.execute(
        select(judged.c.language, judged.c.tracked, judged.c.address, Member)
        .join(Member, Member.id == judged.c.member_id)
        .where(judged.c.reason.is_(None), Member.tenant_id == campaign.tenant_id)
        .order_by(judged.c.member_id)
        .limit(COUNTED)
    ).all()
    counts = [
        segments.cost(
            rendering.message(new_id(), row.address, _facts(row.Member), row.language, tracked=row.tracked).body
        ).segments
        for row in rows
    ]
    total = round(sum(counts) * will_send / len(counts))
    return Estimate(total, max(counts), _cost(session, campaign, total), exact=will_send <= COUNTED)


def _facts(member: Member) -> MemberFacts:
    return MemberFacts(
        id=member.id,
        first_name=member.first_name,
        last_name=member.last_name,
        salutation=member.salutation,
        time_zone=member.time_zone,
        favourite_course=member.favourite_course,
        last_visit_at=member.last_visit_at,
        attributes=member.attributes,
    )


def _cost(session: Session, campaign: Campaign, total: int) -> int | None:
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    if sender is None or sender.account_id is None:
        return None
    price = accounts.get(session, sender.account_id).settings.get("price_per_segment")
    if price is None:
        return None
    return int((Decimal(str(price)) * total).quantize(Decimal(1), ROUND_HALF_UP))
