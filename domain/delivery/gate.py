"""May this message go out? One answer for every path, in SQL, so that it is asked for whole audiences at once.

`eligibility` judges members before there is a message (flight check, materialising), `CLAIM_GATE` judges messages
inside the claim, `STILL` asks again in the statement that lets a transmission begin. All ask for the same things in
the same order: restriction, address, suppression, consent, frequency cap. What a message is for stands in its row:
marketing needs a consent, and only marketing waits for the quiet hours. `obstacle` judges the campaign as a whole.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, literal, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from domain.audience import selection
from domain.campaigns import content_templates, grounds, seal
from domain.delivery import hours
from domain.delivery.rules import HANDED_OVER, Reason
from domain.senders import health
from kernel import db
from models import Campaign, ClosedCountry, Consent, ContactPoint, Member, Message, Sender, Suppression, Tenant

PURPOSE = "marketing"


def eligibility(
    definition: dict[str, Any],
    *,
    tenant_id: UUID,
    channel: str,
    languages: list[str],
    fallback: str,
    now: datetime | None,
    cap: tuple[int, int] | None = None,
    account_id: UUID | None = None,
    session: Session | None = None,
    parts: ColumnElement[int] | None = None,
) -> CTE:
    """Return a statement with one row per targeted member: address, language, tracked, and why not (`reason`).

    `languages` are those of the content, `fallback` the one for members who prefer none of them, `cap` the most
    marketing messages per person in so many days (`cap_of`), `account_id` the account that its texts leave through,
    `parts` what becomes a column of that name (`selection.part_bits`).
    """
    chosen = selection.members_of(definition, tenant_id=tenant_id, now=now, session=session).cte("chosen")
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
        (_over(cap, tenant_id), Reason.FREQUENCY_CAP),
        (_abroad(account_id if channel in hours.TELEPHONES else None, tenant_id), Reason.COUNTRY_CLOSED),
        (_never(channel, tenant_id), Reason.NO_OPEN_HOUR),
        else_=None,
    )
    language = case((Member.language.in_(languages), Member.language), else_=literal(fallback))
    looked = (
        select(
            Member.id.label("member_id"),
            ContactPoint.address.label("address"),
            ContactPoint.address_norm.label("address_norm"),
            language.label("language"),
            Member.time_zone.label("zone"),
            tracking.label("tracked"),
            first_reason.label("first_reason"),
            *([] if parts is None else [parts.label("parts")]),
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


def cap_of(session: Session) -> tuple[int, int] | None:
    """Return the tenant's frequency cap: messages, days; None where there is none."""
    tenant = session.get_one(Tenant, db.tenant_of(session))
    return (tenant.frequency_cap, tenant.frequency_days) if tenant.frequency_cap is not None else None


def _over(cap: tuple[int, int] | None, tenant_id: UUID) -> Any:
    """True for whoever got as many marketing messages lately as the cap allows."""
    if cap is None:
        return false()
    lately = func.clock_timestamp() - func.make_interval(0, 0, 0, cap[1])
    got = (
        select(func.count())
        .where(
            Message.tenant_id == tenant_id,
            Message.member_id == Member.id,
            Message.purpose == PURPOSE,
            Message.state.in_(HANDED_OVER),
            Message.updated_at > lately,
        )
        .scalar_subquery()
    )
    return got >= cap[0]


def _abroad(account_id: UUID | None, tenant_id: UUID) -> Any:
    """True for a number in a country that the account may not send to; the door asks the same of each message."""
    if account_id is None:
        return false()
    return exists().where(
        ClosedCountry.tenant_id == tenant_id,
        ClosedCountry.account_id == account_id,
        ContactPoint.address_norm.op("~", is_comparison=True)(ClosedCountry.pattern),
    )


def _never(channel: str, tenant_id: UUID) -> Any:
    """True for a number for which the quiet hours and those of its country leave no minute; the claim says the same."""
    if channel not in hours.TELEPHONES:
        return false()
    return exists().where(
        Tenant.id == tenant_id,
        or_(
            *(
                ContactPoint.address_norm.startswith(prefix, autoescape=True) & _fills(law)
                for prefix, law in hours.CALLING_HOURS.items()
            )
        ),
    )


def _fills(law: hours.Hours) -> Any:
    """True where the quiet hours of the tenant, written HH:MM, fill all that a law leaves of the day."""
    early = Tenant.quiet_from <= f"{law.end:%H:%M}"
    late = Tenant.quiet_until >= f"{law.begin:%H:%M}"
    return case((Tenant.quiet_from > Tenant.quiet_until, early | late), else_=early & late)


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
    if (reason := _void(session, campaign) or grounds.obstacle(session, campaign)) is not None:
        return reason
    tenant = session.get_one(Tenant, campaign.tenant_id)
    if tenant.suspended_at is not None:
        return "tenant_suspended"
    if not tenant.postal_address or not tenant.imprint_url:
        return "imprint_missing"
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    if sender is None or sender.channel != campaign.channel:
        return "sender_missing"
    return health.obstacle(session, sender) or content_templates.problem(session, campaign)


def _void(session: Session, campaign: Campaign) -> str | None:
    if None in selection.fingerprints(session, campaign.audience).values():
        return "segment_missing"
    approved = campaign.approval_hash is not None and seal.seal_of(session, campaign) == campaign.approval_hash
    return None if approved else "approval_void"


_IN_FORCE = "(x.expires_at IS NULL OR x.expires_at > clock_timestamp())"


def _suppressed(message: str) -> str:
    return (
        f"EXISTS (SELECT FROM suppression x WHERE x.tenant_id = {message}.tenant_id AND x.channel = {message}.channel "
        f"AND x.address_norm = {message}.address_norm AND x.purpose IN ({message}.purpose, 'all') "
        f"AND x.lifted_at IS NULL "
        f"AND {_IN_FORCE})"
    )


def _consenting(message: str) -> str:
    return (
        f"({message}.purpose <> '{PURPOSE}' OR EXISTS (SELECT FROM consent x WHERE x.tenant_id = {message}.tenant_id "
        f"AND x.member_id = {message}.member_id AND x.channel = {message}.channel AND x.purpose = '{PURPOSE}' "
        f"AND x.state = 'granted' AND {_IN_FORCE}))"
    )


_HANDED_OVER = ", ".join(f"'{state}'" for state in HANDED_OVER)
_CAP = f"""(t.frequency_cap IS NOT NULL AND m.purpose = '{PURPOSE}' AND (SELECT count(*) FROM message x
  WHERE x.tenant_id = m.tenant_id AND x.member_id = m.member_id AND x.purpose = '{PURPOSE}'
    AND x.state IN ({_HANDED_OVER}) AND x.updated_at > clock_timestamp() - make_interval(days => t.frequency_days)
  ) >= t.frequency_cap)"""  # noqa: S608 - words of our own

# A follow-up is for one member; whoever was erased gets none. Other notices may go to an address that is no member's.
_GONE = """(m.member_id IS NULL AND (m.notice_id IS NULL OR EXISTS (
  SELECT FROM notice n WHERE n.tenant_id = m.tenant_id AND n.id = m.notice_id AND n.kind = 'follow_up')))"""

# WhatsApp takes free text within 24 hours after the person wrote, with five minutes to spare.
_WINDOW_CLOSED = """(m.channel = 'whatsapp' AND m.language = ANY(CAST(:free_text AS text[])) AND NOT EXISTS (
  SELECT FROM notice n WHERE n.tenant_id = m.tenant_id AND n.id = m.notice_id
    AND n.content ->> 'template' IS NOT NULL) AND NOT EXISTS (
  SELECT FROM conversation c JOIN conversation_message w ON w.tenant_id = c.tenant_id AND w.conversation_id = c.id
  WHERE c.tenant_id = m.tenant_id AND c.channel = 'whatsapp' AND w.author = 'member'
    AND (c.member_id = m.member_id OR m.member_id IS NULL AND c.external_id = 'whatsapp:' || m.address_norm)
    AND w.at > clock_timestamp() - interval '23 hours 55 minutes'))"""

# Whose clock decides: the member's, else the one of the country of the number, else the tenant's.
ZONE = "coalesce(b.time_zone, m.zone, t.time_zone)"

# Quiet hours are those of the tenant on the member's clock; calls and texts also keep those of the number's country.
_QUIET = """(t.quiet_from <> t.quiet_until AND CASE WHEN t.quiet_from > t.quiet_until
    THEN l.clock >= t.quiet_from::time OR l.clock < t.quiet_until::time
    ELSE l.clock >= t.quiet_from::time AND l.clock < t.quiet_until::time END)"""
_LAW = " OR ".join(
    f"(left(m.address_norm, {len(prefix)}) = '{prefix}' "
    f"AND (l.clock >= time '{law.begin}' OR l.clock < time '{law.end}'))"
    for prefix, law in hours.CALLING_HOURS.items()
)
QUIET = f"({_QUIET} OR (m.channel IN ('sms', 'whatsapp') AND ({_LAW})))"

# The tenant's quiet hours, written HH:MM, fill all that the law of a country leaves: no hour will ever come.
_FILLED = " OR ".join(
    f"(left(m.address_norm, {len(prefix)}) = '{prefix}' AND CASE WHEN t.quiet_from > t.quiet_until "
    f"THEN t.quiet_from <= '{law.end:%H:%M}' OR t.quiet_until >= '{law.begin:%H:%M}' "
    f"ELSE t.quiet_from <= '{law.end:%H:%M}' AND t.quiet_until >= '{law.begin:%H:%M}' END)"
    for prefix, law in hours.CALLING_HOURS.items()
)
NEVER = f"(m.channel IN ('sms', 'whatsapp') AND ({_FILLED}))"

# What the claim asks of each message, in the same order; the first that holds decides.
CLAIM_GATE = f"""
  CASE
    WHEN {_GONE} THEN '{Reason.ERASED}'
    WHEN b.restricted THEN '{Reason.RESTRICTED}'
    WHEN m.expires_at <= clock_timestamp() THEN '{Reason.TOO_LATE}'
    WHEN {_suppressed("m")} THEN '{Reason.SUPPRESSED}'
    WHEN NOT {_consenting("m")} THEN '{Reason.NO_CONSENT}'
    WHEN {_CAP} THEN '{Reason.FREQUENCY_CAP}'
    WHEN {_WINDOW_CLOSED} THEN '{Reason.WINDOW_CLOSED}'
    WHEN m.purpose = '{PURPOSE}' AND {NEVER} THEN '{Reason.NO_OPEN_HOUR}'
    WHEN m.purpose = '{PURPOSE}' AND {QUIET} THEN '{Reason.QUIET_HOURS}'
  END
"""

# Whether the campaign of a message is being sent under the approval that the message was made for.
# A scalar, because an EXISTS becomes a join that reads the campaign's rows instead of the few that are meant.
_SENDING = """CASE WHEN message.campaign_id IS NULL THEN true
  ELSE (SELECT x.status = 'sending' AND x.approval_hash = message.approval_hash FROM campaign x
    WHERE x.tenant_id = message.tenant_id AND x.id = message.campaign_id) END"""

# Asked once more when a transmission is to begin, so that a pause or an opt-out holds from its commit on.
STILL = f"{_SENDING} AND NOT {_suppressed('message')} AND {_consenting('message')}"
