"""What providers report about messages: kept before it is confirmed, applied later, in any order, once.

The signed address names the message, so a report may come before our own answer is written. A message only moves
forward: a failure reported after the delivery is noted, and changes nothing.
"""

from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.base import FailureKind
from channels.twilio import webhook
from channels.twilio.webhook import Receipt
from domain.delivery import proof
from domain.delivery.rules import Reason
from kernel import db, log, outbox
from kernel.errors import AriiaError
from kernel.ids import new_id
from models import Message, ProviderCallback

SLICE = 500
TASK = "returns.callbacks"
_SOURCE = "twilio"
_REPORTS = Counter("ariia_provider_reports_total", "Reports of providers by what they changed", ["outcome"])
_LONGEST_WORDS, _LONGEST_TOKEN = 500, 200
# Why a message failed, where that is not the sender's fault.
_REASONS = {FailureKind.PROVIDER_DECLINE: Reason.DECLINED, FailureKind.SENDER_FAULT: Reason.REFUSED}
UNDELIVERED = "undelivered"


def keep(
    session: Session, account_id: UUID, message_id: UUID, receipt: Receipt, *, token: str | None = None
) -> UUID | None:
    """Keep a report and ask for its reading; None for one that is known, by its status or the provider's token."""
    made = session.execute(
        insert(ProviderCallback)
        .values(
            id=new_id(),
            tenant_id=db.tenant_of(session),
            account_id=account_id,
            message_id=message_id,
            provider_id=receipt.provider_id,
            status=receipt.status[:40],
            code=receipt.code[:20] if receipt.code else None,
            words=_clean(receipt.words, _LONGEST_WORDS),
            token=_clean(token, _LONGEST_TOKEN),
        )
        .on_conflict_do_nothing()
        .returning(ProviderCallback.id)
    ).scalar_one_or_none()
    if made is not None:
        outbox.enqueue(session, TASK, id=made)
    else:
        _REPORTS.labels("repeated").inc()
    return made


def _clean(text: str | None, longest: int) -> str | None:
    return text.replace("\x00", "")[:longest] if text else None


def read(session: Session, most: int = SLICE) -> int:
    """Apply the oldest reports that nobody has applied; returns how many. Another reader's slice is left to it."""
    rows = session.execute(
        select(ProviderCallback)
        .where(ProviderCallback.tenant_id == db.tenant_of(session), ProviderCallback.processed_at.is_(None))
        .order_by(ProviderCallback.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).scalars()
    waiting = list(rows)
    states = _states(session, [row.message_id for row in waiting])
    for row in waiting:
        try:
            with session.begin_nested():
                row.outcome = _apply(session, row, states)
        except (AriiaError, ValueError) as error:
            row.outcome = "error"
            log.get("returns").error("callback.failed", id=str(row.id), error=type(error).__name__)
        row.processed_at = func.clock_timestamp()
        _REPORTS.labels(row.outcome).inc()
    session.flush()
    return len(waiting)


def _states(session: Session, ids: list[UUID]) -> dict[UUID, str]:
    rows = session.execute(
        select(Message.id, Message.state).where(Message.tenant_id == db.tenant_of(session), Message.id.in_(ids))
    )
    return {row.id: row.state for row in rows}


def _apply(session: Session, row: ProviderCallback, states: dict[UUID, str]) -> str:
    """Apply one report; `states` are those of the slice, moved on by it."""
    receipt = webhook.read_status(row.provider_id, row.status, row.code, row.words)
    if receipt is None or receipt.state is None:
        return "on_its_way"
    if row.message_id not in states:
        return "unbound"
    outcome = apply(session, row.message_id, receipt, states[row.message_id])
    if outcome == receipt.state:
        states[row.message_id] = outcome
    return outcome


def apply(session: Session, message_id: UUID, receipt: Receipt, state: str, *, source: str = _SOURCE) -> str:
    """Move a message that is in `state` by what is reported; returns what that changed."""
    if receipt.state is None:
        return "on_its_way"
    if receipt.opted_out:
        proof.refuse_person(
            session, message_id, reason="opt_out", source=source, code=receipt.code, words=receipt.words
        )
        return "opted_out"
    if receipt.refused and state not in {"delivered", "read"}:
        proof.refuse_person(
            session, message_id, reason="hard_bounce", source=source, code=receipt.code, words=receipt.words
        )
        return "bounced"
    moved = proof.prove(
        session,
        message_id,
        receipt.state,
        source=source,
        code=receipt.code,
        words=receipt.words,
        provider_id=receipt.provider_id,
        reason=_REASONS.get(receipt.failure, UNDELIVERED) if receipt.failure else None,
    )
    if moved:
        return receipt.state
    if receipt.failure:
        log.get("returns").warning("callback.too_late", id=str(message_id), state=state, status=receipt.status)
        return "too_late"
    return "nothing_new"
