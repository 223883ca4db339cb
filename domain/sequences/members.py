"""One member as the rules of segments see it: read from the rows, or invented for a rehearsal."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy import case, select
from sqlalchemy.orm import Session

from domain.segments import moment
from domain.segments import resolve as segments
from domain.segments import rules as segment_rules
from domain.segments.evaluate import Agreed, Bought, Did, Facts, Got, Said
from kernel import clock, db
from kernel.errors import Invalid
from models import Activity, Consent, ContactPoint, Conversion, Member, MemberInsight, Message, Purchase

_FIELDS = (
    "external_id", "first_name", "last_name", "salutation", "language", "time_zone", "favourite_course", "status",
    "joined_on", "left_on", "last_visit_at", "created_at", "attributes", "tags",
)  # fmt: skip


class _Invented(BaseModel):
    model_config = ConfigDict(extra="forbid")

    external_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    salutation: str | None = None
    language: str | None = None
    time_zone: str | None = None
    favourite_course: str | None = None
    status: Literal["active", "paused", "left", "prospect"] = "active"
    joined_on: date | None = None
    left_on: date | None = None
    last_visit_at: AwareDatetime | None = None
    created_at: AwareDatetime | None = None
    attributes: dict[str, Any] = {}
    tags: list[str] = []


def invented(**fields: Any) -> Facts:
    """Return a member that is nowhere stored. Raises Invalid for a field or value that members do not have."""
    try:
        given = _Invented.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in ("member", *first["loc"]))
        raise Invalid(place, str(first["msg"])) from None
    values = given.model_dump()
    return Facts({**values, "created_at": given.created_at or clock.now()})


def known(session: Session, member: Member, rules: Iterable[Any]) -> Facts:
    """Return what is stored about a member; of segments only those that the rules name."""

    def rows(entity: Any, *columns: Any) -> list[Any]:
        wanted = select(*columns).where(entity.tenant_id == member.tenant_id, entity.member_id == member.id)
        return list(session.execute(wanted).all())

    received = case((Message.state.in_(segment_rules.RECEIVED), Message.accepted_at))
    messages = rows(Message, Message.campaign_id, received, Message.first_opened_at, Message.first_clicked_at)
    points = (  # the primary one of a channel last
        select(ContactPoint.channel, ContactPoint.address_norm)
        .where(ContactPoint.tenant_id == member.tenant_id, ContactPoint.member_id == member.id)
        .order_by(ContactPoint.is_primary)
    )
    converted = rows(Conversion, Conversion.campaign_id, Conversion.at)
    insights = rows(MemberInsight, MemberInsight.key, MemberInsight.value, MemberInsight.expires_at)
    return Facts(
        {**{name: getattr(member, name) for name in _FIELDS}, "tags": list(member.tags)},
        contacts=[(row.channel, row.address_norm) for row in session.execute(points)],
        consents=[
            Agreed(*row) for row in rows(Consent, Consent.channel, Consent.purpose, Consent.state, Consent.expires_at)
        ],
        activities=[Did(*row) for row in rows(Activity, Activity.kind, Activity.subject, Activity.at)],
        purchases=[
            Bought(*row)
            for row in rows(Purchase, Purchase.product, Purchase.amount_minor, Purchase.currency, Purchase.at)
        ],
        messages=[Got(*row) for row in messages if row.campaign_id is not None],
        converted=[tuple(row) for row in converted if row.campaign_id is not None],
        insights=[Said(*row) for row in insights],
        segments=_segments(session, member, rules),
    )


def _segments(session: Session, member: Member, rules: Iterable[Any]) -> set[UUID]:
    named = {each for rule in rules for each in segment_rules.segments_of(rule)}
    resolver = segments.Resolver(session, moment.of(session))
    return {
        each
        for each in named
        if session.execute(
            select(Member.id).where(
                Member.tenant_id == db.tenant_of(session), Member.id == member.id, resolver.of(each)
            )
        ).first()
    }
