"""What providers report about messages: kept before it is confirmed, applied later, in any order, once.

The signed address names the message, so a report may come before our own answer is written. A message only moves
forward: a failure reported after the delivery is noted, and changes nothing.
"""

from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.twilio import webhook
from channels.twilio.webhook import Receipt
from domain.delivery import proof
from domain.returns import charges, consequences
from kernel import db, log, outbox
from kernel.errors import AriiaError
from kernel.ids import new_id
from models import Message, ProviderCallback

SLICE = 500
TASK = "returns.callbacks"
_SOURCE = "twilio"
_REPORTS = Counter("ariia_provider_reports_total", "Reports of providers by what they changed", ["outcome"])
_LONGEST_WORDS, _LONGEST_TOKEN = 500, 200
_OPEN = frozenset({"sending", "unknown", "sent"})


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
    charges.note(session, message_id, receipt.price)
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
    known = _Known.of(session, [row.message_id for row in waiting])
    for row in waiting:
        try:
            with session.begin_nested():
                row.outcome = _apply(session, row, known)
        except (AriiaError, ValueError) as error:
            row.outcome = "error"
            log.get("returns").error("callback.failed", id=str(row.id), error=type(error).__name__)
        row.processed_at = func.clock_timestamp()
        _REPORTS.labels(row.outcome).inc()
    session.flush()
    consequences.stop_harmful(session, known.faulty)
    return len(waiting)


@dataclass(slots=True)
class _Known:
    """The states of a slice's messages, moved on by it; attempts that were given up; campaigns whose texts harm."""

    states: dict[UUID, str]
    retired: set[tuple[UUID, str]]
    faulty: set[UUID] = field(default_factory=set)

    @classmethod
    def of(cls, session: Session, ids: list[UUID]) -> Self:
        rows = session.execute(
            select(Message.id, Message.state).where(Message.tenant_id == db.tenant_of(session), Message.id.in_(ids))
        )
        return cls({row.id: row.state for row in rows}, proof.retired(session, ids))


def _apply(session: Session, row: ProviderCallback, known: _Known) -> str:
    receipt = webhook.read_status(row.provider_id, row.status, row.code, row.words)
    if receipt is None or receipt.state is None:
        return "on_its_way"
    if row.message_id not in known.states:
        return "unbound"
    if (row.message_id, row.provider_id) in known.retired:
        return _of_a_lost_attempt(session, row.message_id, receipt)
    outcome = apply(session, row.message_id, receipt, known.states[row.message_id], account_id=row.account_id)
    if outcome == consequences.AGAIN:
        known.retired.add((row.message_id, row.provider_id))
        known.states[row.message_id] = "deferred"
    elif outcome == receipt.state:
        known.states[row.message_id] = outcome
        known.faulty |= consequences.campaign_of_fault(session, row.message_id, receipt)
    return outcome


def _of_a_lost_attempt(session: Session, message_id: UUID, receipt: Receipt) -> str:
    """What was given up for a later attempt counts only if it arrived after all, and then nothing more is sent."""
    if receipt.state not in {"delivered", "read"}:
        return "earlier_attempt"
    moved = proof.prove(
        session, message_id, receipt.state, source=_SOURCE, provider_id=receipt.provider_id, waiting=True
    )
    return receipt.state if moved else "earlier_attempt"


def _person_refused(receipt: Receipt, state: str) -> tuple[str, str] | None:
    """Return what a report says about the person, and why that suppresses them; None for a report about the message."""
    if receipt.opted_out:
        return "opted_out", "opt_out"
    return ("bounced", "hard_bounce") if receipt.refused and state not in {"delivered", "read"} else None


def apply(
    session: Session, message_id: UUID, receipt: Receipt, state: str, *, account_id: UUID, source: str = _SOURCE
) -> str:
    """Move a message that is in `state` by what is reported; returns what that changed."""
    if receipt.state is None:
        return "on_its_way"
    if (refused := _person_refused(receipt, state)) is not None:
        outcome, reason = refused
        proof.refuse_person(session, message_id, reason=reason, source=source, code=receipt.code, words=receipt.words)
        return outcome
    if receipt.failure and state in _OPEN and consequences.draw(session, account_id, message_id, receipt, source):
        return consequences.AGAIN
    moved = proof.prove(
        session,
        message_id,
        receipt.state,
        source=source,
        code=receipt.code,
        words=receipt.words,
        provider_id=receipt.provider_id,
        reason=consequences.reason_of(receipt) if receipt.failure else None,
    )
    if moved:
        return receipt.state
    if receipt.failure:
        log.get("returns").warning("callback.too_late", id=str(message_id), state=state, status=receipt.status)
        return "too_late"
    return "nothing_new"
