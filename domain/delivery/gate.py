"""May this message go out? One answer for every path, in SQL, so that it is asked for whole audiences at once.

`eligibility` judges members before there is a message (flight check, materialising), `CLAIM_GATE` judges messages
inside the claim, `STILL` asks again in the statement that lets a transmission begin. All ask for the same things in
the same order: restriction, address, suppression, consent. `obstacle` judges the campaign as a whole.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from domain.audience import selection
from domain.campaigns import seal
from domain.delivery.rules import Reason
from models import Campaign, Consent, ContactPoint, Member, Sender, Suppression, Tenant

PURPOSE = "marketing"


def eligibility(
    definition: dict[str, Any],
    *,
    tenant_id: UUID,
    channel: str,
    languages: list[str],
    fallback: str,
    now: datetime | None,
) -> CTE:
    """Return a statement with one row per targeted member: address, language, tracked, and why not (`reason`).

    `languages` are those of the content, `fallback` the one for members who prefer none of them.
    """
    chosen = selection.members_of(definition, tenant_id=tenant_id, now=now).cte("chosen")
    consent = _consent(tenant_id, channel, PURPOSE)
    tracking = _consent(tenant_id, channel, "tracking")
    suppressed = exists().where(
        Suppression.tenant_id == tenant_id,
        Suppression.channel == channel,
        Suppression.address_norm == ContactPoint.address_norm,
        Suppression.purpose.in_((PURPOSE, "all")),
        Suppression.lifted_at.is_(None),
        or_(Suppression.expires_at.is_(None), Suppression.expires_at > func.clock_timestamp()),
    )
    first_reason = case(
        (Member.restricted.is_(True), Reason.RESTRICTED),
        (ContactPoint.id.is_(None), Reason.NO_ADDRESS),
        (suppressed, Reason.SUPPRESSED),
        (~consent, Reason.NO_CONSENT),
        else_=None,
    )
    language = case((Member.language.in_(languages), Member.language), else_=literal(fallback))
    looked = (
        select(
            Member.id.label("member_id"),
            ContactPoint.address.label("address"),
            ContactPoint.address_norm.label("address_norm"),
            language.label("language"),
            tracking.label("tracked"),
            first_reason.label("first_reason"),
        )
        .join(chosen, chosen.c.id == Member.id)
        .outerjoin(
            ContactPoint,
            and_(
                ContactPoint.tenant_id == Member.tenant_id,
                ContactPoint.member_id == Member.id,
                ContactPoint.channel == channel,
                ContactPoint.is_primary.is_(True),
            ),
        )
        .where(Member.tenant_id == tenant_id)
        .cte("looked")
    )
    return _without_twins(looked)


def _consent(tenant_id: UUID, channel: str, purpose: str) -> Any:
    return exists().where(
        Consent.tenant_id == tenant_id,
        Consent.member_id == Member.id,
        Consent.channel == channel,
        Consent.purpose == purpose,
        Consent.state == "granted",
        or_(Consent.expires_at.is_(None), Consent.expires_at > func.clock_timestamp()),
    )


def _without_twins(looked: CTE) -> CTE:
    """Let one member per address through: the one who is here longest."""
    rank = func.row_number().over(
        partition_by=(looked.c.address_norm, looked.c.first_reason.is_(None)), order_by=looked.c.member_id
    )
    ranked = select(looked, rank.label("rank")).cte("ranked")
    reason = case(
        (ranked.c.first_reason.is_not(None), ranked.c.first_reason),
        (ranked.c.rank > 1, Reason.SHARED_ADDRESS),
        else_=None,
    )
    return select(ranked, reason.label("reason")).cte("judged")


def per_reason(judged: CTE) -> Select[Any]:
    """Return the statement that counts members per reason; no reason means: will get it."""
    return select(judged.c.reason, func.count()).group_by(judged.c.reason)


def obstacle(session: Session, campaign: Campaign) -> str | None:
    """Return why nothing of this campaign may go out now, None when nothing is in the way.

    The seal is computed anew from the rows: what is not exactly what was approved does not go out.
    """
    if campaign.approval_hash is None or seal.seal_of(session, campaign) != campaign.approval_hash:
        return "approval_void"
    tenant = session.get_one(Tenant, campaign.tenant_id)
    if tenant.suspended_at is not None:
        return "tenant_suspended"
    if not tenant.postal_address or not tenant.imprint_url:
        return "imprint_missing"
    if campaign.sender_id is None or session.get(Sender, campaign.sender_id) is None:
        return "sender_missing"
    return None


_IN_FORCE = "(x.expires_at IS NULL OR x.expires_at > clock_timestamp())"


def _suppressed(message: str) -> str:
    return (
        f"EXISTS (SELECT FROM suppression x WHERE x.tenant_id = {message}.tenant_id AND x.channel = {message}.channel "
        f"AND x.address_norm = {message}.address_norm AND x.purpose IN (:purpose, 'all') AND x.lifted_at IS NULL "
        f"AND {_IN_FORCE})"
    )


def _consenting(message: str) -> str:
    return (
        f"EXISTS (SELECT FROM consent x WHERE x.tenant_id = {message}.tenant_id "
        f"AND x.member_id = {message}.member_id AND x.channel = {message}.channel AND x.purpose = :purpose "
        f"AND x.state = 'granted' AND {_IN_FORCE})"
    )


# What the claim asks of each message, in the same order; the first that holds decides. `:purpose` is bound.
CLAIM_GATE = f"""
  CASE
    WHEN m.member_id IS NULL THEN '{Reason.ERASED}'
    WHEN b.restricted THEN '{Reason.RESTRICTED}'
    WHEN {_suppressed("m")} THEN '{Reason.SUPPRESSED}'
    WHEN NOT {_consenting("m")} THEN '{Reason.NO_CONSENT}'
    WHEN t.quiet_from <> t.quiet_until AND CASE WHEN t.quiet_from > t.quiet_until
        THEN l.clock >= t.quiet_from::time OR l.clock < t.quiet_until::time
        ELSE l.clock >= t.quiet_from::time AND l.clock < t.quiet_until::time END THEN '{Reason.QUIET_HOURS}'
  END
"""

# Whether the campaign of a message is being sent under the approval that the message was made for.
# A scalar, because an EXISTS becomes a join that reads the campaign's rows instead of the few that are meant.
_SENDING = """(SELECT x.status = 'sending' AND x.approval_hash = message.approval_hash FROM campaign x
  WHERE x.tenant_id = message.tenant_id AND x.id = message.campaign_id)"""

# Asked once more when a transmission is to begin, so that a pause or an opt-out holds from its commit on.
STILL = f"{_SENDING} AND NOT {_suppressed('message')} AND {_consenting('message')}"

# The next end of the quiet hours on the member's clock.
NEXT_OPENING = """
  ((l.local::date + CASE WHEN l.clock >= t.quiet_until::time THEN 1 ELSE 0 END) + t.quiet_until::time)
    AT TIME ZONE coalesce(b.time_zone, t.time_zone)
"""
