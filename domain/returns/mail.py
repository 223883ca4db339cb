"""Mail that comes back: kept before it is confirmed, read later, bound to our message, and acted on.

What it is about is what the signed return path says. Only at a tenant's complaint address, which is signed as well, the
Message-ID of the embedded original decides. Nothing is ever bound by free text, and nothing unsigned is kept at all.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from channels.email.reasons import Reason
from channels.email.reports import read as reports
from channels.email.reports.report import Finding, Kind, Report
from domain.consent import service as consents
from domain.delivery import address_health, proof, rules, sender_watch
from domain.returns import harm
from kernel import clock, db, outbox
from kernel.ids import new_id
from kernel.tokens import Signed, tenant_code
from models import InboundMail, Message, MessageEvent, Tenant, TenantRoute

LARGEST = 1_048_576
_KEPT = timedelta(days=30)
_SOURCE = "dsn"
_OUR_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[a-z0-9.-]{1,253}")
_EMPTY = text("""
UPDATE inbound_mail SET raw = NULL, updated_at = clock_timestamp()
WHERE tenant_id = :tenant AND raw IS NOT NULL AND created_at < :before
""")


def tenants_with(code: bytes) -> list[UUID]:
    """Return the tenants that a return path may belong to."""
    with db.all_tenants_session("whose return path") as session:
        return [
            tenant for tenant in session.execute(select(TenantRoute.tenant_id)).scalars() if tenant_code(tenant) == code
        ]


def is_here(tenant_id: UUID) -> bool:
    """Say whether the tenant of a return path was not taken away since."""
    with db.tenant_session(tenant_id) as session:
        return session.get(Tenant, tenant_id) is not None


def keep(session: Session, path: Signed, *, envelope_from: str, raw: bytes) -> UUID:
    """Keep a mail and ask for its reading; returns its id. Bodies older than thirty days are emptied."""
    mail_id = new_id()
    tenant_id = db.tenant_of(session)
    session.execute(
        insert(InboundMail).values(
            id=mail_id,
            tenant_id=tenant_id,
            message_id=path.ref_id,
            envelope_from=envelope_from[:320],
            size=len(raw),
            raw=raw[:LARGEST],
            created_at=clock.now(),
        )
    )
    outbox.enqueue(session, "returns.read", id=mail_id)
    outbox.enqueue(session, "returns.empty", id=mail_id, due_at=clock.now() + _KEPT)
    empty_old(session)
    return mail_id


def empty_old(session: Session) -> None:
    """Empty the bodies whose time is over; what was read from them stays."""
    session.execute(_EMPTY, {"tenant": db.tenant_of(session), "before": clock.now() - _KEPT})


def read(session: Session, mail_id: UUID) -> str:
    """Read a kept mail and act on it once; returns what came of it. Raises NotFound."""
    mail = db.own(session, InboundMail, mail_id, "returned mail")
    session.refresh(mail, with_for_update=True)
    if mail.outcome is not None:
        return mail.outcome
    report = reports.read(mail.raw or b"")
    finding = _finding(report)
    message = _message(session, mail, report)
    mail.outcome = "unbound" if message is None else _act(session, message, report, finding)
    mail.kind, mail.reason = report.kind, finding.reason if finding else None
    mail.read_at = clock.now()
    session.flush()
    return mail.outcome


def _finding(report: Report) -> Finding | None:
    """One message has one recipient: a hard finding about it outweighs the rest."""
    return next((each for each in report.recipients if each.hard), report.recipients[0] if report.recipients else None)


def _message(session: Session, mail: InboundMail, report: Report) -> Message | None:
    tenant_id = db.tenant_of(session)
    wanted: UUID | None = mail.message_id
    if wanted == tenant_id:  # the complaint address: only the Message-ID can tell, and only complaints count
        ours = _OUR_ID.fullmatch(report.original_message_id.lower())
        wanted = UUID(ours.group(1)) if ours and report.kind == Kind.COMPLAINT else None
    if wanted is None:
        return None
    return session.execute(
        select(Message).where(Message.tenant_id == tenant_id, Message.id == wanted, Message.channel == "email")
    ).scalar_one_or_none()


def _act(session: Session, message: Message, report: Report, finding: Finding | None) -> str:
    if report.kind == Kind.COMPLAINT:
        return _complaint(session, message, report)
    if report.kind == Kind.AUTO_REPLY:
        return _note(session, message, "auto_reply", None)
    if report.kind == Kind.DELAYED and finding is not None:
        return _note(session, message, "delayed", finding)
    if report.kind == Kind.BOUNCE and finding is not None:
        return _bounce(session, message, report, finding)
    if finding is not None and finding.action == "delivered" and finding.reason is Reason.DELIVERED:
        proof.prove(session, message.id, "delivered", source=_SOURCE)
        return "delivered"
    return "kept"


def _bounce(session: Session, message: Message, report: Report, finding: Finding) -> str:
    code = " ".join(filter(None, (finding.reply, finding.status))) or None
    if finding.hard and _is_about(message, report.recipients):
        proof.refuse_person(
            session, message.id, reason="hard_bounce", source=_SOURCE, code=code, words=finding.diagnostic
        )
        if message.address_norm:
            address_health.forget(session, channel="email", address_norm=message.address_norm)
        return "hard"
    moved = proof.prove(
        session,
        message.id,
        "bounced",
        source=_SOURCE,
        code=code,
        words=finding.diagnostic,
        reason=rules.Reason.UNDELIVERED,
    )
    if finding.sender_fault or finding.reason in _OUR_MESSAGE:
        if moved:
            _harmed(session, message, harm.SENDER_FAULT, finding)
        return "sender_fault"
    if moved and message.address_norm:
        evidence = {"message": str(message.id), "code": code, "reason": finding.reason}
        address_health.soft(
            session,
            member_id=message.member_id,
            channel="email",
            address_norm=message.address_norm,
            source=_SOURCE,
            evidence=evidence,
        )
    return "soft"


_OUR_MESSAGE = frozenset({Reason.CONTENT_ERROR, Reason.EXCEED_LIMIT, Reason.MESG_TOO_BIG, Reason.VIRUS_DETECTED})


def _is_about(message: Message, findings: Iterable[Finding]) -> bool:
    """Whether a hard finding means the person: it names the address, or it is the only one (a forwarder's target)."""
    hard = [each for each in findings if each.hard]
    ours = message.address_norm or ""
    return len(hard) == 1 or any(ours in {each.address, each.original_address} for each in hard)


def _complaint(session: Session, message: Message, report: Report) -> str:
    """A complaint ends all marketing to the address, and takes the consent back."""
    if _has(session, message, "complained"):
        return "repeated"
    if message.address_norm:
        consents.suppress(
            session,
            channel="email",
            address_norm=message.address_norm,
            reason="complained",
            source="arf",
            actor="provider:arf",
            evidence={"message": str(message.id), "type": report.complaint_type},
        )
    if message.member_id is not None:
        consents.record(
            session,
            message.member_id,
            channel="email",
            purpose="marketing",
            state="withdrawn",
            source="complaint",
            actor="provider:arf",
            evidence={"message": str(message.id), "type": report.complaint_type},
        )
    proof.prove(session, message.id, "delivered", source="arf")
    _harmed(session, message, harm.COMPLAINED, None)
    return "complained"


def _harmed(session: Session, message: Message, kind: str, finding: Finding | None) -> None:
    """Note what harms the sender, and hold the campaign when it is too much."""
    _note(session, message, kind, finding)
    if message.campaign_id is not None:
        harm.stop_harmful(session, message.campaign_id, kind)
    else:
        sender_watch.stop_for_notice(session, channel=message.channel, account_id=message.account_id, kind=kind)


def _has(session: Session, message: Message, kind: str) -> bool:
    found = session.execute(
        select(MessageEvent.id)
        .where(
            MessageEvent.tenant_id == message.tenant_id,
            MessageEvent.message_id == message.id,
            MessageEvent.kind == kind,
        )
        .limit(1)
    )
    return found.first() is not None


def _note(session: Session, message: Message, kind: str, finding: Finding | None) -> str:
    """Write an event, at most one of its kind for a message."""
    if not _has(session, message, kind):
        session.add(
            MessageEvent(
                tenant_id=message.tenant_id,
                campaign_id=message.campaign_id,
                message_id=message.id,
                kind=kind,
                actor="provider:mail",
                reason=finding.reason if finding else None,
                details={"code": finding.status} if finding and finding.status else {},
            )
        )
        session.flush()
    return kind
