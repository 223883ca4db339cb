"""Members and how to reach them."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import phonenumbers
from sqlalchemy import ARRAY, Uuid, any_, bindparam, select, update
from sqlalchemy.orm import Session

from channels.email.addresses import normalise_address
from domain.audit import service as audit
from domain.consent import erased
from domain.consent import service as consents
from domain.plans import service as plans
from domain.plans.catalog import FOLLOW_UPS
from domain.webhooks import events
from kernel import db
from kernel.errors import Conflict, Invalid
from models import Activity, ContactPoint, FollowUp, Member, Purchase, Tenant

FIELDS = frozenset(
    [
        "external_id",
        "first_name",
        "last_name",
        "salutation",
        "language",
        "time_zone",
        "status",
        "joined_on",
        "left_on",
        "tags",
        "attributes",
        "favourite_course",
        "last_visit_at",
        "restricted",
    ]
)
PHONE_CHANNELS = ("sms", "whatsapp")


def get(session: Session, member_id: UUID) -> Member:
    """Return the member; raises NotFound, also for another tenant's."""
    return db.own(session, Member, member_id, "member")


_POINTS = (
    select(ContactPoint)
    .where(
        ContactPoint.tenant_id == bindparam("tenant"),
        ContactPoint.member_id == any_(bindparam("members", type_=ARRAY(Uuid))),
    )
    .order_by(ContactPoint.channel, ContactPoint.id)
)


def contact_points(session: Session, member_ids: Sequence[UUID]) -> dict[UUID, list[ContactPoint]]:
    """Return the contact points of several members."""
    rows = session.execute(_POINTS, {"tenant": db.tenant_of(session), "members": member_ids}).scalars()
    points: dict[UUID, list[ContactPoint]] = {member_id: [] for member_id in member_ids}
    for row in rows:
        points[row.member_id].append(row)
    return points


def region_of(session: Session) -> str:
    """Return the region in which a phone number without a country code is read."""
    return {"de": "DE", "en": "GB"}[session.get_one(Tenant, db.tenant_of(session)).language]


def normalise(channel: str, address: str, region: str) -> str:
    """Return the form in which addresses are compared: e-mail lower-cased with an A-label domain, phone as E.164.

    Raises Invalid naming the channel.
    """
    if channel == "email":
        try:
            return str(normalise_address(address))
        except ValueError as error:
            raise Invalid("contact_points.email", str(error)) from None
    if channel in PHONE_CHANNELS:
        try:
            number = phonenumbers.parse(address, region)
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_valid_number(number):
            raise Invalid(f"contact_points.{channel}", "is no valid phone number; write it as +49 221 1234567")
        return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if channel == "telegram":
        return address
    raise Invalid("contact_points.channel", f"use one of {', '.join(consents.CHANNELS)}")


def create(session: Session, *, actor: str, contact: dict[str, str], **fields: Any) -> Member:
    """Add a member with at most one address per channel. Consent is not part of it: record it with its evidence."""
    _check(fields)
    tenant_id = db.tenant_of(session)
    external_id = fields.get("external_id")
    if external_id is not None and _by_external_id(session, external_id) is not None:
        raise Conflict("A member with this external_id is already here.", code="member_exists")
    if external_id is not None:
        erased.come_back(session, erased.EXTERNAL_ID, external_id, actor=actor)
    member = Member(tenant_id=tenant_id, created_by=actor, **fields)
    session.add(member)
    session.flush()
    for channel, address in contact.items():
        set_address(session, member, channel, address, actor=actor)
    events.emit(session, "crm.member.created", aggregate="member", id=member.id)
    return member


def _by_external_id(session: Session, external_id: str) -> UUID | None:
    return session.execute(
        select(Member.id).where(Member.tenant_id == db.tenant_of(session), Member.external_id == external_id)
    ).scalar_one_or_none()


def _check(fields: dict[str, Any]) -> None:
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise Invalid(unknown[0], "cannot be written")


def set_address(session: Session, member: Member, channel: str, address: str, *, actor: str) -> None:
    """Make this the member's address on the channel, in place of the one before."""
    norm = normalise(channel, address, region_of(session))
    session.execute(
        update(ContactPoint)
        .where(
            ContactPoint.tenant_id == member.tenant_id,
            ContactPoint.member_id == member.id,
            ContactPoint.channel == channel,
            ContactPoint.address_norm != norm,
        )
        .values(is_primary=False)
    )
    known = session.execute(
        select(ContactPoint).where(
            ContactPoint.tenant_id == member.tenant_id,
            ContactPoint.member_id == member.id,
            ContactPoint.channel == channel,
            ContactPoint.address_norm == norm,
        )
    ).scalar_one_or_none()
    if known is not None:
        known.is_primary, known.address = True, address
    else:
        erased.come_back(session, channel, norm, actor=actor)
        session.add(
            ContactPoint(
                tenant_id=member.tenant_id,
                member_id=member.id,
                channel=channel,
                address=address,
                address_norm=norm,
                created_by=actor,
            )
        )
    session.flush()


def change(
    session: Session, member_id: UUID, *, actor: str, contact: dict[str, str] | None, changes: dict[str, Any]
) -> Member:
    """Change fields and addresses; the others stay."""
    _check(changes)
    member = get(session, member_id)
    other = _by_external_id(session, changes["external_id"]) if changes.get("external_id") else None
    if other not in {None, member.id}:
        raise Conflict("Another member has this external_id.", code="member_exists")
    for key, value in changes.items():
        setattr(member, key, value)
    for channel, address in (contact or {}).items():
        set_address(session, member, channel, address, actor=actor)
    session.flush()
    fields = sorted({*changes, *(["contact"] if contact else [])})
    events.emit(session, "crm.member.updated", aggregate="member", id=member.id, fields=fields)
    return member


def delete(session: Session, member_id: UUID, *, actor: str) -> None:
    """Remove a member and what belongs to it; suppressions of its addresses and the campaigns' totals stay."""
    member = get(session, member_id)
    give_back(session, [member.id])
    audit.append(session, actor=actor, action="member.delete", subject=str(member.id))
    events.emit(session, "crm.member.erased", aggregate="member", id=member.id)
    session.delete(member)
    session.flush()


def give_back(session: Session, member_ids: Collection[UUID]) -> None:
    """Give back what the plan holds for the follow-ups of members who are about to go; what may be sent is used."""
    rows = session.execute(
        select(FollowUp.id, FollowUp.state).where(
            FollowUp.tenant_id == db.tenant_of(session),
            FollowUp.member_id.in_(member_ids),
            FollowUp.state.in_(("pending", "sending")),
        )
    )
    for row in rows.all():
        settle = plans.release if row.state == "pending" else plans.consume
        settle(session, FOLLOW_UPS, row.id)


def add_activity(session: Session, member_id: UUID, *, actor: str, **fields: Any) -> Activity:
    """Add what a member did; a visit moves `last_visit_at` forward."""
    member = get(session, member_id)
    activity = Activity(tenant_id=member.tenant_id, member_id=member.id, created_by=actor, **fields)
    session.add(activity)
    if activity.kind == "visit" and (member.last_visit_at is None or activity.at > member.last_visit_at):
        member.last_visit_at = activity.at
    session.flush()
    return activity


def add_purchase(session: Session, member_id: UUID, *, actor: str, **fields: Any) -> Purchase:
    """Add what a member bought; money in minor units."""
    member = get(session, member_id)
    purchase = Purchase(tenant_id=member.tenant_id, member_id=member.id, created_by=actor, **fields)
    session.add(purchase)
    session.flush()
    return purchase
