"""What surrounds a campaign's content: the tenant's frame, the offers it names, and what it is checked against."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.brand import service as brand
from domain.campaigns import previews
from domain.content import utm
from domain.content.compile import LayoutFacts, OfferFacts
from domain.content.findings import Material
from domain.content.member_values import MemberFacts
from domain.knowledge import service as knowledge
from domain.knowledge import sources
from kernel import clock, db
from kernel.settings import get_settings
from kernel.tokens import get_signer
from models import Campaign, Member, Offer, Sender, Tenant

BRAND = "#0b6480"


def layout_facts(session: Session, campaign: Campaign) -> LayoutFacts:
    """Return who sends, as the frame of a message shows it."""
    tenant = session.get_one(Tenant, campaign.tenant_id)
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    return LayoutFacts(
        tenant_name=tenant.name,
        sender_name=sender.from_name if sender else tenant.name,
        postal_address=tenant.postal_address or "",
        imprint_url=tenant.imprint_url or "",
        brand_colour=tenant.brand_colour or BRAND,
    )


def offer_facts(session: Session, ids: Sequence[Any]) -> list[OfferFacts]:
    """Return the offers of a content in its order; those that are gone are left out."""
    wanted = [UUID(str(offer_id)) for offer_id in ids]
    rows = session.execute(
        select(Offer).where(Offer.tenant_id == db.tenant_of(session), Offer.id.in_(wanted))
    ).scalars()
    found = {row.id: row for row in rows}
    return [_offer(found[offer_id]) for offer_id in wanted if offer_id in found]


def _offer(row: Offer) -> OfferFacts:
    return OfferFacts(
        id=row.id,
        title=row.title,
        price_minor=row.price_minor,
        currency=row.currency,
        old_price_minor=row.old_price_minor,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        url=row.url,
        terms=row.terms,
    )


def member_facts(row: Member, spoken: frozenset[str] = frozenset()) -> MemberFacts:
    """Return what rendering may know of a member; `spoken` is what a text may rest on of their chats."""
    return MemberFacts(
        id=row.id,
        first_name=row.first_name,
        last_name=row.last_name,
        salutation=row.salutation,
        language=row.language,
        time_zone=row.time_zone,
        favourite_course=row.favourite_course,
        last_visit_at=row.last_visit_at,
        joined_on=row.joined_on,
        attributes=row.attributes,
        insights=spoken,
    )


def approved_hosts(tenant: Tenant) -> list[str]:
    """Return the hosts that messages may name: the approved ones, the website's and the imprint's."""
    own = [urlsplit(url).hostname for url in (tenant.website, tenant.imprint_url) if url]
    return [*tenant.approved_hosts, *(host for host in own if host)]


def people(session: Session, campaign: Campaign, languages: Sequence[str]) -> list[MemberFacts]:
    """Return members of the audience that differ, for sample renders."""
    ids = previews.choose_people(session, campaign, languages)
    rows = session.execute(select(Member).where(Member.tenant_id == campaign.tenant_id, Member.id.in_(ids))).scalars()
    return [member_facts(row) for row in rows]


def material(
    session: Session, campaign: Campaign, content: Mapping[str, Any], pinned: Sequence[Mapping[str, Any]]
) -> Material:
    """Return what a content is checked against: its offers, pinned sources, hosts and sample members."""
    tenant = session.get_one(Tenant, campaign.tenant_id)
    spoken = brand.current(session)
    found = sources.current(session, [dict(source) for source in pinned])
    return Material(
        offers=offer_facts(session, content.get("offers", [])),
        sources={key: f"{source.title}\n{source.text}" for key, source in found.items()},
        layout=layout_facts(session, campaign),
        day=knowledge.local_day(session),
        now=clock.now(),
        time_zone=tenant.time_zone,
        brief=campaign.goal or "",
        approved_hosts=approved_hosts(tenant),
        members=people(session, campaign, list(content.get("languages", {}))),
        channel=campaign.channel,
        forbidden=spoken.forbidden,
        required=spoken.required,
        most_exclamations=spoken.most_exclamations,
        emoji=spoken.emoji,
        link=longest_link(campaign, plain_links(campaign, tenant, [str(content.get("cta_url") or "")]).values()),
    )


def plain_links(campaign: Campaign, tenant: Tenant, urls: Sequence[str]) -> dict[str, str]:
    """Return what makes links lead straight to their targets, as `link:<n>`, with campaign parameters where wanted.

    Never in an SMS: they would cost another segment.
    """
    wanted = tenant.utm_links if campaign.utm_links is None else campaign.utm_links
    tagged = wanted and campaign.channel != "sms"
    return utm.plain(urls, campaign.name if tagged else None, campaign.channel)


def longest_link(campaign: Campaign, plain: Iterable[str]) -> str:
    """Return a link as long as the longest that a text may get: a plain target, or the one that counts clicks."""
    counted = f"{get_settings().base_url}/t/c/{get_signer().sign('c', campaign.tenant_id, campaign.id)}"
    return max(counted, *plain, key=len)
