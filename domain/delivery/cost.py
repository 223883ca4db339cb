"""What sending texts will cost, before anybody approves it: the very texts are made and counted, or a sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from channels.sms import regions, segments
from domain.campaigns import content_templates, frame, revisions
from domain.content import versions
from domain.delivery import texts
from domain.identity import tenants
from domain.senders import accounts, prices
from domain.senders.prices import Prices
from kernel import db
from kernel.ids import new_id
from models import Campaign, CampaignCost, Member

COUNTED = 1_000  # so many texts are made; of a larger audience the rest is estimated
CHANNEL = "sms"
NOWHERE = "--"  # numbers of no country
_THOUSAND = 1_000


@dataclass(frozen=True, slots=True)
class InCountry:
    """One country's share: messages, segments, those of the longest, and the price of a segment, in minor units."""

    country: str
    messages: int
    segments: int
    most: int
    price: Decimal | None

    @property
    def cost(self) -> Decimal | None:
        """Return what the segments cost; None without a price."""
        return self.price * self.segments if self.price is not None else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Segments over all messages and of the longest one; money in minor units, None where a country has no price.

    `exact`: every text was made; else it is projected from `COUNTED` of them. `countries`: the most messages first.
    """

    segments: int
    most: int
    cost_minor: int | None
    exact: bool
    countries: Sequence[InCountry] = ()


def estimate(session: Session, campaign: Campaign, judged: CTE, will_send: int) -> Estimate | None:
    """Return what the campaign's SMS would cost; None for other channels, and while there is no text."""
    if campaign.channel != CHANNEL or campaign.current_revision_id is None or will_send == 0:
        return None
    counted = _count(session, campaign, judged)
    if not counted:
        return None
    scale = Decimal(will_send) / len(counted)
    per_country: dict[str, list[int]] = {}
    for country, n in counted:
        per_country.setdefault(country, []).append(n)
    listed = _prices(session, campaign)
    shares = [
        InCountry(
            country or NOWHERE,
            _whole(len(all_of) * scale),
            _whole(sum(all_of) * scale),
            max(all_of),
            listed.of_country(country),
        )
        for country, all_of in sorted(per_country.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    total = _whole(sum(n for _, n in counted) * scale)
    return Estimate(total, max(n for _, n in counted), _cost(shares), exact=scale == 1, countries=shares)


def is_too_dear(campaign: Campaign, estimated: Estimate) -> bool:
    """Return whether the expected cost is over the campaign's ceiling."""
    ceiling = campaign.cost_ceiling_minor
    return ceiling is not None and estimated.cost_minor is not None and estimated.cost_minor > ceiling


def record(session: Session, campaign: Campaign, estimated: Estimate) -> None:
    """Keep what was expected when the recipients were fixed, with the prices of then."""
    session.add_all(CampaignCost(**row) for row in _rows(campaign, estimated))


def _rows(campaign: Campaign, estimated: Estimate) -> list[dict[str, Any]]:
    return [
        {
            "tenant_id": campaign.tenant_id,
            "campaign_id": campaign.id,
            "country": share.country,
            "messages": share.messages,
            "segments": share.segments,
            "most": share.most,
            "price": share.price,
            "exact": estimated.exact,
        }
        for share in estimated.countries
    ]


def add(session: Session, campaign: Campaign, estimated: Estimate) -> None:
    """Add to what is expected of a campaign whose recipients come one after the other."""
    for values in _rows(campaign, estimated):
        row = insert(CampaignCost).values(values)
        so_far, new = CampaignCost, row.excluded
        session.execute(
            row.on_conflict_do_update(
                index_elements=["tenant_id", "campaign_id", "country"],
                set_={
                    "messages": so_far.messages + new.messages,
                    "segments": so_far.segments + new.segments,
                    "most": func.greatest(so_far.most, new.most),
                    "price": new.price,
                    "exact": so_far.exact & new.exact,
                },
            )
        )


def of_message(session: Session, channel: str) -> Decimal | None:
    """Return what a message of a channel costs that has one price for all, in minor units; None without a price."""
    tenant = tenants.current(session)
    if channel == "email":
        return tenant.email_price / _THOUSAND if tenant.email_price is not None else None
    return tenant.whatsapp_price if channel == "whatsapp" else Decimal(0)


def exactly(estimated: Estimate | None) -> Decimal:
    """Return what is expected where there is a price, not rounded."""
    shares = estimated.countries if estimated is not None else ()
    return sum((share.cost for share in shares if share.cost is not None), Decimal(0))


def recorded(session: Session, campaign_id: UUID) -> Estimate | None:
    """Return what was expected when the recipients were fixed; None before that, and for other channels."""
    rows = session.execute(
        select(CampaignCost)
        .where(CampaignCost.tenant_id == db.tenant_of(session), CampaignCost.campaign_id == campaign_id)
        .order_by(CampaignCost.messages.desc(), CampaignCost.country)
    ).scalars()
    shares = [(InCountry(row.country, row.messages, row.segments, row.most, row.price), row.exact) for row in rows]
    if not shares:
        return None
    kept = [share for share, _ in shares]
    return Estimate(
        sum(share.segments for share in kept), max(share.most for share in kept), _cost(kept), shares[0][1], kept
    )


def _count(session: Session, campaign: Campaign, judged: CTE) -> list[tuple[str, int]]:
    """Make the texts of up to `COUNTED` members and return the country and the segments of each.

    Of several variants the longest counts: who gets which is not known yet, or is decided later.
    """
    revision = revisions.current(session, campaign)
    rendering, variants = texts.prepare(session, campaign, revision), range(versions.count(revision.content_json))
    rows = session.execute(
        select(judged.c.language, judged.c.tracked, judged.c.address, judged.c.address_norm, Member)
        .join(Member, Member.id == judged.c.member_id)
        .where(judged.c.reason.is_(None), Member.tenant_id == campaign.tenant_id)
        .order_by(judged.c.member_id)
        .limit(COUNTED)
    ).all()
    return [
        (
            regions.country_of(row.address_norm) or "",
            max(
                segments.cost(
                    rendering.message(
                        new_id(), row.address, frame.member_facts(row.Member), row.language,
                        tracked=row.tracked, number=n,
                    ).body
                ).segments
                for n in variants
            ),
        )
        for row in rows
    ]  # fmt: skip


def _prices(session: Session, campaign: Campaign) -> Prices:
    account_id = content_templates.account_of(session, campaign)
    return prices.of(accounts.get(session, account_id)) if account_id is not None else Prices(None, {})


def _cost(shares: Sequence[InCountry]) -> int | None:
    """Return the sum, rounded once; None where one of them has no price."""
    known = [share.cost for share in shares]
    return _whole(sum((cost for cost in known if cost is not None), Decimal(0))) if None not in known else None


def _whole(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
