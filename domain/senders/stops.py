"""Senders that nothing more leaves from, because too many of their messages drew complaints or were refused.

A stop is about what receivers judge: the domain of mail, or the account that texts leave through. A person lifts it;
what was counted before then counts no more.
"""

from datetime import datetime
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.webhooks import events
from kernel import clock, db, log
from kernel.errors import Conflict
from kernel.ids import new_id
from models import Sender, SenderStop

STOPPED, LIFTED = "crm.sender.stopped", "crm.sender.lifted"
_STOPS = Counter("ariia_sender_stops_total", "Senders stopped for what their messages drew", ["channel", "reason"])


def key_of(sender: Sender) -> str:
    """Return what receivers judge a sender by: `domain:studio.example`, or `account:<id>` of texts."""
    if sender.channel == "email":
        return f"domain:{sender.from_address.rpartition('@')[2].lower()}"
    return f"account:{sender.account_id}"


def alike(session: Session, sender: Sender) -> list[UUID]:
    """Return all senders of the tenant that are judged with this one."""
    tenant_id = db.tenant_of(session)
    rows = session.execute(select(Sender).where(Sender.tenant_id == tenant_id, Sender.channel == sender.channel))
    return [row.id for row in rows.scalars() if key_of(row) == key_of(sender)]


def of_tenant(session: Session) -> Select[SenderStop]:
    """Return the statement that lists the stops, those that were lifted too."""
    return select(SenderStop).where(SenderStop.tenant_id == db.tenant_of(session))


def is_stopped(session: Session, sender: Sender) -> bool:
    """Return whether nothing may leave from this sender."""
    found = of_tenant(session).where(SenderStop.key == key_of(sender), SenderStop.lifted_at.is_(None))
    return session.execute(found.limit(1)).first() is not None


def lifted_at(session: Session, sender: Sender) -> datetime | None:
    """Return when somebody lifted the last stop of this sender; None where there was none."""
    last = select(func.max(SenderStop.lifted_at)).where(
        SenderStop.tenant_id == db.tenant_of(session), SenderStop.key == key_of(sender)
    )
    return session.execute(last).scalar_one()


def stop(session: Session, sender: Sender, *, reason: str, harmed: int, handed_over: int) -> bool:
    """Let nothing leave from a sender until somebody lifts it; False where that is so already.

    `harmed` of `handed_over` messages decided it; `reason` is `complained` or `sender_fault`.
    """
    stop_id, key = new_id(), key_of(sender)
    made = session.execute(
        insert(SenderStop)
        .values(
            id=stop_id,
            tenant_id=db.tenant_of(session),
            key=key,
            channel=sender.channel,
            reason=reason,
            harmed=harmed,
            handed_over=handed_over,
            created_by="system",
        )
        .on_conflict_do_nothing()
        .returning(SenderStop.id)
    ).scalar_one_or_none()
    if made is None:
        return False
    told = {"reason": reason, "harmed": harmed, "handed_over": handed_over}
    audit.append(session, actor="system", action="sender.stop", subject=str(stop_id), key=key, **told)
    events.emit(session, STOPPED, aggregate="sender_stop", id=stop_id, key=key, channel=sender.channel, **told)
    _STOPS.labels(sender.channel, reason).inc()
    log.get("senders").warning("sender.stopped", stop=str(stop_id), channel=sender.channel, **told)
    return True


def lift(session: Session, stop_id: UUID, *, note: str, actor: str) -> SenderStop:
    """Let messages leave again; held campaigns are resumed by their people. Raises NotFound, Conflict if it was."""
    row = db.own(session, SenderStop, stop_id, "sender stop")
    session.refresh(row, with_for_update=True)
    if row.lifted_at is not None:
        raise Conflict("This stop was lifted before.", code="already_lifted")
    row.lifted_at, row.lifted_by, row.note = clock.now(), actor, note
    audit.append(session, actor=actor, action="sender.lift", subject=str(row.id), key=row.key, note=note)
    events.emit(session, LIFTED, aggregate="sender_stop", id=row.id, key=row.key, channel=row.channel)
    session.flush()
    return row
