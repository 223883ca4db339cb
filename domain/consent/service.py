"""Consent and suppression: what a member agreed to, and which addresses must not be written to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.consent import promises
from domain.webhooks import events
from kernel import clock, db
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from models import Consent, ConsentEvent, Member, Suppression

CHANNELS = ("email", "sms", "whatsapp", "telegram")
PURPOSES = ("marketing", "tracking", "transactional", "profiling")
STATES = ("pending", "granted", "withdrawn", "expired")
BASES = ("consent", "existing_customer")

# A person's own objection; nobody but the person can take it back.
OBJECTIONS = frozenset({"unsubscribed", "complained", "objection", "opt_out"})
PAUSED = "paused"
REASONS = OBJECTIONS | {"hard_bounce", "soft_bounces", "manual", "imported", PAUSED}


def record(
    session: Session,
    member_id: UUID,
    *,
    channel: str,
    purpose: str,
    state: str,
    source: str,
    actor: str,
    evidence: dict[str, Any],
    legal_basis: str = "consent",
) -> Consent:
    """Set the state of one consent and append its history.

    Raises Invalid for an unknown word or a grant without evidence, NotFound for the member.
    """
    for field, value, known in (
        ("channel", channel, CHANNELS),
        ("purpose", purpose, PURPOSES),
        ("state", state, STATES),
        ("legal_basis", legal_basis, BASES),
    ):
        if value not in known:
            raise Invalid(field, f"use one of {', '.join(known)}")
    if state == "granted" and not evidence:
        raise Invalid("evidence", "a grant needs its evidence: wording, form or source, and when it was given")
    tenant_id = db.tenant_of(session)
    known_member = session.execute(
        select(Member.id).where(Member.tenant_id == tenant_id, Member.id == member_id)
    ).scalar_one_or_none()
    if known_member is None:
        raise NotFound("member")
    key = {"tenant_id": tenant_id, "member_id": member_id, "channel": channel, "purpose": purpose}
    now = clock.now()
    values = {"state": state, "legal_basis": legal_basis, "source": source, "since": now}
    session.execute(
        insert(Consent)
        .values(id=new_id(), created_by=actor, **key, **values)
        .on_conflict_do_update(index_elements=list(key), set_={**values, "updated_at": now})
    )
    session.add(
        ConsentEvent(state=state, source=source, actor=actor, evidence=evidence, at=now, created_by=actor, **key)
    )
    audit.append(
        session,
        actor=actor,
        action="consent.change",
        subject=str(member_id),
        channel=channel,
        purpose=purpose,
        state=state,
    )
    if state in {"granted", "withdrawn"}:
        events.emit(session, f"crm.consent.{state}", aggregate="member", id=member_id, channel=channel, purpose=purpose)
    if state == "withdrawn" and purpose == "marketing":
        promises.end_of_member(session, member_id)
    session.flush()
    return session.execute(select(Consent).filter_by(**key).execution_options(populate_existing=True)).scalar_one()


def of_member(session: Session, member_id: UUID) -> list[Consent]:
    """Return the member's consents."""
    rows = session.execute(
        select(Consent)
        .where(Consent.tenant_id == db.tenant_of(session), Consent.member_id == member_id)
        .order_by(Consent.channel, Consent.purpose)
    )
    return list(rows.scalars())


def history(session: Session, member_id: UUID) -> Select[ConsentEvent]:
    """Return the statement of a member's consent history."""
    return select(ConsentEvent).where(
        ConsentEvent.tenant_id == db.tenant_of(session), ConsentEvent.member_id == member_id
    )


def suppress(
    session: Session,
    *,
    channel: str,
    address_norm: str,
    reason: str,
    source: str,
    actor: str,
    purpose: str = "marketing",
    evidence: dict[str, Any] | None = None,
) -> bool:
    """Stop writing to an address. Returns whether this is new.

    A suppression that is there stays as it is, but one that would have ended by itself becomes one for good.
    """
    if channel not in CHANNELS:
        raise Invalid("channel", f"use one of {', '.join(CHANNELS)}")
    if reason not in REASONS:
        raise Invalid("reason", f"use one of {', '.join(sorted(REASONS))}")
    made = session.execute(
        insert(Suppression)
        .values(
            id=new_id(),
            tenant_id=db.tenant_of(session),
            channel=channel,
            address_norm=address_norm,
            purpose=purpose,
            reason=reason,
            source=source,
            evidence=evidence or {},
            created_by=actor,
        )
        .on_conflict_do_update(
            index_elements=["tenant_id", "channel", "address_norm", "purpose"],
            index_where=Suppression.lifted_at.is_(None),
            set_={"reason": reason, "source": source, "evidence": evidence or {}, "expires_at": None},
            where=Suppression.expires_at.is_not(None),
        )
        .returning(Suppression.id)
    ).scalar_one_or_none()
    if made is not None:
        promises.end_at(session, channel, address_norm)
        _tell(session, made, actor, channel=channel, purpose=purpose, reason=reason)
    return made is not None


def _tell(session: Session, suppression_id: UUID, actor: str, *, channel: str, purpose: str, reason: str) -> None:
    about = {"channel": channel, "reason": reason}
    audit.append(session, actor=actor, action="suppression.add", subject=str(suppression_id), **about)
    events.emit(session, "crm.suppression.added", aggregate="suppression", id=suppression_id, purpose=purpose, **about)


def pause(
    session: Session,
    *,
    channel: str,
    address_norm: str,
    until: datetime,
    source: str,
    actor: str,
    evidence: dict[str, Any],
) -> bool:
    """Stop marketing to an address until a moment; consents and promises stay. Returns whether this is new.

    A suppression for good, or one that ends later, stays as it is.
    """
    values = {"reason": PAUSED, "source": source, "evidence": evidence, "expires_at": until}
    made = session.execute(
        insert(Suppression)
        .values(
            id=new_id(),
            tenant_id=db.tenant_of(session),
            channel=channel,
            address_norm=address_norm,
            purpose="marketing",
            created_by=actor,
            **values,
        )
        .on_conflict_do_update(
            index_elements=["tenant_id", "channel", "address_norm", "purpose"],
            index_where=Suppression.lifted_at.is_(None),
            set_=values,
            where=Suppression.expires_at < until,
        )
        .returning(Suppression.id)
    ).scalar_one_or_none()
    if made is not None:
        _tell(session, made, actor, channel=channel, purpose="marketing", reason=PAUSED)
    return made is not None


def matching(session: Session, *, channel: str | None = None, reason: str | None = None) -> Select[Suppression]:
    """Return the statement of the suppressions that are in force."""
    statement = select(Suppression).where(
        Suppression.tenant_id == db.tenant_of(session),
        Suppression.lifted_at.is_(None),
        or_(Suppression.expires_at.is_(None), Suppression.expires_at > func.clock_timestamp()),
    )
    if channel:
        statement = statement.where(Suppression.channel == channel)
    if reason:
        statement = statement.where(Suppression.reason == reason)
    return statement


def lift(session: Session, suppression_id: UUID, *, actor: str, reason: str) -> None:
    """Take a suppression back, with a reason. Raises Conflict for a person's own objection."""
    row = session.execute(
        select(Suppression).where(Suppression.tenant_id == db.tenant_of(session), Suppression.id == suppression_id)
    ).scalar_one_or_none()
    if row is None:
        raise NotFound("suppression")
    if row.reason in OBJECTIONS:
        raise Conflict(
            "This is the person's own objection. Only a new consent by the person lifts it.", code="objection_stays"
        )
    if row.lifted_at is None:
        row.lifted_at, row.lifted_by = clock.now(), actor
        audit.append(session, actor=actor, action="suppression.lift", subject=str(row.id), reason=reason)
        events.emit(session, "crm.suppression.lifted", aggregate="suppression", id=row.id, channel=row.channel)
    session.flush()
