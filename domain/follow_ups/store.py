"""Follow-ups as rows: promising, asking, moving and ending them; each step once, and only from the state it needs.

One member's steps happen one after the other (an advisory lock), so that parallel turns cannot pass the limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from domain.audience import service as audience
from domain.audit import service as audit
from domain.follow_ups.rules import CHANNELS, LANGUAGES, LEAST, LONGEST, MOST_OPEN, NEAR, OPEN, Due, State, Topic, Why
from domain.plans import service as plans
from domain.plans.catalog import FOLLOW_UPS
from domain.webhooks import events
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid
from kernel.ids import new_id
from models import FollowUp, Message

DUE = "follow_ups"
CONTEXT_VERSION = 1
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_PURPOSES = ("marketing", "transactional")
# What became of the message of a follow-up that is taken back while it waits in the ledger.
_TAKE_BACK = text("""
WITH back AS (
  UPDATE message SET state = 'cancelled', reason = 'cancelled', updated_at = clock_timestamp()
  WHERE tenant_id = :tenant AND id = :message AND state IN ('pending', 'deferred') RETURNING id
)
INSERT INTO message_event (tenant_id, message_id, kind, reason) SELECT :tenant, id, 'cancelled', 'cancelled' FROM back
RETURNING message_id
""")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be promised. `context` is what is kept beside it: ids, enums and the member's words for the time."""

    member_id: UUID
    topic: str
    reason: str
    intent: str
    language: str
    channel: str
    conversation_id: UUID | None = None
    account_id: UUID | None = None
    turn_id: UUID | None = None
    purpose: str = "marketing"
    unless_active: bool = True
    context: dict[str, Any] = field(default_factory=dict)


def lock(session: Session, member_id: UUID) -> None:
    """Let no other transaction change this member's follow-ups until this one ends."""
    session.execute(_LOCK, {"key": f"follow_up:{db.tenant_of(session)}:{member_id}"})


def get(session: Session, follow_up_id: UUID) -> FollowUp:
    """Return the follow-up; raises NotFound, also for another tenant's."""
    return db.own(session, FollowUp, follow_up_id, "follow-up")


def matching(
    session: Session,
    *,
    state: str | None = None,
    member_id: UUID | None = None,
    due_from: datetime | None = None,
    due_until: datetime | None = None,
) -> Select[FollowUp]:
    """Return the statement of the tenant's follow-ups that fit the filters; `due_until` is exclusive."""
    statement = select(FollowUp).where(FollowUp.tenant_id == db.tenant_of(session))
    if state is not None:
        statement = statement.where(FollowUp.state == state)
    if member_id is not None:
        statement = statement.where(FollowUp.member_id == member_id)
    if due_from is not None:
        statement = statement.where(FollowUp.due_at >= due_from)
    if due_until is not None:
        statement = statement.where(FollowUp.due_at < due_until)
    return statement


def open_of(session: Session, member_id: UUID, *states: str) -> Sequence[FollowUp]:
    """Return a member's open follow-ups, the newest first."""
    return (
        session.execute(
            select(FollowUp)
            .where(
                FollowUp.tenant_id == db.tenant_of(session),
                FollowUp.member_id == member_id,
                FollowUp.state.in_(states or OPEN),
            )
            .order_by(FollowUp.id.desc())
        )
        .scalars()
        .all()
    )


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A promise, and the one that it replaced (`before`) where an older one was moved."""

    row: FollowUp
    before: Due | None = None


def schedule(session: Session, wish: Wish, due: Due, *, actor: str) -> Scheduled:
    """Promise a message; a pending one about the same topic is moved instead of adding a second.

    Raises Invalid for a word or a moment that is past or too far, Conflict where the member has enough open ones,
    PlanLimit where the plan has no more, NotFound for the member.
    """
    _check(wish, due)
    audience.get(session, wish.member_id)
    lock(session, wish.member_id)
    same = _pending(session, wish.member_id, wish.topic)
    if same is not None:
        before = due_of(same)
        return Scheduled(_move(session, same, due, actor=actor, turn_id=wish.turn_id), before)
    make_room(session, wish.member_id)
    row = _made(session, wish, due, State.PENDING, actor)
    plans.spend(session, FOLLOW_UPS, row.id)
    session.add(row)
    _told(session, row, "scheduled", actor)
    outbox.mark_due(session, DUE, due.at)
    return Scheduled(row)


def propose(session: Session, wish: Wish, options: Sequence[Due], *, until: datetime, actor: str) -> FollowUp:
    """Keep a question with dated options until `until`; an older open question of the member gives way.

    Nothing is reserved before the answer. Raises as `schedule` does.
    """
    for due in options:
        _check(wish, due)
    audience.get(session, wish.member_id)
    lock(session, wish.member_id)
    for old in open_of(session, wish.member_id, State.PROPOSED):
        _end(session, old, State.CANCELLED, Why.REPLACED, actor)
    if _pending(session, wish.member_id, wish.topic) is None:
        make_room(session, wish.member_id)
    row = _made(session, wish, options[0], State.PROPOSED, actor)
    row.options = [due.stored() for due in options]
    row.expires_at = until
    session.add(row)
    _told(session, row, "proposed", actor)
    outbox.mark_due(session, DUE, until)
    return row


def confirm(session: Session, row: FollowUp, n: int, *, actor: str) -> Scheduled:
    """Promise the n-th option of a question. Raises Conflict when it is not open any more, PlanLimit, Invalid."""
    lock(session, row.member_id)
    session.refresh(row, with_for_update=True)
    if row.state != State.PROPOSED:
        raise _wrong_state(row, "confirmed")
    if not 0 <= n < len(row.options):
        raise Invalid("option", f"choose 1 to {len(row.options)}")
    due = Due.read(row.options[n])
    _in_range(due)
    same = _pending(session, row.member_id, row.topic)
    if same is not None:
        before = due_of(same)
        _end(session, row, State.CANCELLED, Why.REPLACED, actor)
        return Scheduled(_move(session, same, due, actor=actor), before)
    plans.spend(session, FOLLOW_UPS, row.id)
    row.state, row.expires_at = State.PENDING, None
    _set_due(row, due)
    _told(session, row, "scheduled", actor)
    outbox.mark_due(session, DUE, due.at)
    return Scheduled(row)


def move(session: Session, follow_up_id: UUID, due: Due, *, actor: str) -> FollowUp:
    """Give a pending follow-up, or one that failed or expired, another date.

    Raises Conflict in any other state or where a pending one about the same topic stands in the way, Invalid for the
    date, PlanLimit, NotFound.
    """
    row = get(session, follow_up_id)
    lock(session, row.member_id)
    session.refresh(row, with_for_update=True)
    _in_range(due)
    if row.state in {State.FAILED, State.EXPIRED}:
        return _again(session, row, due, actor)
    if row.state != State.PENDING:
        raise _wrong_state(row, "moved")
    return _move(session, row, due, actor=actor)


def _again(session: Session, row: FollowUp, due: Due, actor: str) -> FollowUp:
    if row.why == Why.UNPROVEN:
        raise Conflict("Perhaps it arrived. Ask the member, then make a new one.", code="follow_up_unproven")
    if _pending(session, row.member_id, row.topic) is not None:
        raise Conflict("A newer one about the same topic is pending; move that one.", code="follow_up_replaced")
    make_room(session, row.member_id)
    plans.spend(session, FOLLOW_UPS, row.id)
    row.state, row.closed_at, row.message_id, row.fired_at = State.PENDING, None, None, None
    return _move(session, row, due, actor=actor)


def cancel(session: Session, follow_up_id: UUID, *, actor: str, why: Why = Why.BY_PERSON) -> FollowUp:
    """End an open follow-up; one that is over stays as it is. Raises Conflict once a provider may have it, NotFound."""
    row = get(session, follow_up_id)
    lock(session, row.member_id)
    session.refresh(row, with_for_update=True)
    if row.state in OPEN and not stop(session, row, why, actor=actor):
        raise Conflict("It is being handed over to the provider. It cannot be taken back.", code="follow_up_sending")
    return row


def stop(session: Session, row: FollowUp, why: Why, *, actor: str) -> bool:
    """End an open follow-up whose row and member are locked; False where its message cannot be taken back."""
    if row.state == State.SENDING and not _take_back(session, row):
        return False
    _end(session, row, State.CANCELLED, why, actor)
    return True


def _take_back(session: Session, row: FollowUp) -> bool:
    keys = {"tenant": row.tenant_id, "message": row.message_id}
    return session.execute(_TAKE_BACK, keys).one_or_none() is not None


def close(
    session: Session, member_id: UUID, *, why: Why, actor: str, channel: str | None = None, topic: str | None = None
) -> int:
    """End what is open for a member, on one channel or about one topic where these are given; returns how many.

    Repeating it changes nothing. What a provider already has stays as it is.
    """
    lock(session, member_id)
    statement = select(FollowUp).where(
        FollowUp.tenant_id == db.tenant_of(session), FollowUp.member_id == member_id, FollowUp.state.in_(OPEN)
    )
    if channel is not None:
        statement = statement.where(FollowUp.channel == channel)
    if topic is not None:
        statement = statement.where(FollowUp.topic == topic)
    rows = session.execute(statement.with_for_update()).scalars().all()
    return sum(stop(session, row, why, actor=actor) for row in rows)


def close_tenant(session: Session, *, actor: str) -> int:
    """End whatever is open of the tenant; returns how many."""
    rows = session.execute(
        select(FollowUp)
        .where(FollowUp.tenant_id == db.tenant_of(session), FollowUp.state.in_(OPEN))
        .order_by(FollowUp.id)
        .with_for_update()
    )
    return sum(stop(session, row, Why.TENANT, actor=actor) for row in rows.scalars().all())


def finish(session: Session, row: FollowUp, state: State, why: Why | None = None, *, actor: str = "system") -> None:
    """End a locked follow-up as sent, failed, expired or cancelled, and settle what the plan counts."""
    _end(session, row, state, why, actor)


def _end(session: Session, row: FollowUp, state: State, why: Why | None, actor: str) -> None:
    if state == State.SENT or why == Why.UNPROVEN:
        plans.consume(session, FOLLOW_UPS, row.id)
    else:
        plans.release(session, FOLLOW_UPS, row.id)
    row.state, row.why, row.closed_at, row.expires_at = state, why, clock.now(), None
    _told(session, row, str(state), actor)


def _check(wish: Wish, due: Due) -> None:
    known = {
        "topic": (wish.topic, tuple(Topic)),
        "language": (wish.language, LANGUAGES),
        "channel": (wish.channel, CHANNELS),
        "purpose": (wish.purpose, _PURPOSES),
    }
    for name, (value, words) in known.items():
        if value not in words:
            raise Invalid(name, f"use one of {', '.join(words)}")
    _in_range(due)


def _in_range(due: Due) -> None:
    """At least 15 minutes and at most 400 days ahead; a question that was open for a while may have come closer."""
    ahead = due.at - clock.now()
    if ahead < LEAST - LEAST / 3:
        raise Invalid("due_at", "is past or too near; choose a moment at least 15 minutes ahead", code="due_past")
    if ahead > LONGEST:
        raise Invalid("due_at", "is more than 400 days ahead; choose a nearer one", code="due_too_far")


def make_room(session: Session, member_id: UUID) -> None:
    """Raise Conflict where a member has as many open follow-ups as allowed."""
    count = session.execute(
        select(func.count()).where(
            FollowUp.tenant_id == db.tenant_of(session), FollowUp.member_id == member_id, FollowUp.state.in_(OPEN)
        )
    ).scalar_one()
    if count >= MOST_OPEN:
        raise Conflict(
            f"This member has {count} open follow-ups, the most allowed. Cancel or move one.", code="follow_ups_open"
        )


def _made(session: Session, wish: Wish, due: Due, state: State, actor: str) -> FollowUp:
    return FollowUp(
        id=new_id(),
        tenant_id=db.tenant_of(session),
        member_id=wish.member_id,
        conversation_id=wish.conversation_id,
        turn_id=wish.turn_id,
        topic=wish.topic,
        reason=wish.reason,
        intent=wish.intent,
        language=wish.language,
        channel=wish.channel,
        account_id=wish.account_id,
        purpose=wish.purpose,
        state=state,
        due_at=due.at,
        due_local=due.local,
        zone=due.zone,
        look_at=due.at,
        options=[],
        ai_context_json={"version": CONTEXT_VERSION, **wish.context},
        unless_active=wish.unless_active,
        moves=0,
        tries=0,
        created_by=actor,
    )


def _pending(session: Session, member_id: UUID, topic: str) -> FollowUp | None:
    return session.execute(
        select(FollowUp)
        .where(
            FollowUp.tenant_id == db.tenant_of(session),
            FollowUp.member_id == member_id,
            FollowUp.topic == topic,
            FollowUp.state == State.PENDING,
        )
        .with_for_update()
    ).scalar_one_or_none()


def _move(session: Session, row: FollowUp, due: Due, *, actor: str, turn_id: UUID | None = None) -> FollowUp:
    _set_due(row, due)
    row.moves += 1
    row.why = None
    turns = [*row.ai_context_json.get("turn_ids", []), *([str(turn_id)] if turn_id else [])]
    row.ai_context_json = {**row.ai_context_json, "turn_ids": turns}
    _told(session, row, "moved", actor)
    outbox.mark_due(session, DUE, due.at)
    return row


def _set_due(row: FollowUp, due: Due) -> None:
    row.due_at, row.due_local, row.zone, row.look_at = due.at, due.local, due.zone, due.at


def due_of(row: FollowUp) -> Due:
    """Return the promised moment of a follow-up."""
    return Due(row.due_at, row.due_local, row.zone)


def is_near(row: FollowUp, due: Due) -> bool:
    """Say whether a wish is the same one again: at most three days apart."""
    return abs(row.due_at - due.at) <= NEAR


def message_of(session: Session, row: FollowUp) -> Message | None:
    """Return the message of a follow-up that was handed to the ledger."""
    return session.get(Message, (row.tenant_id, row.message_id)) if row.message_id else None


def _told(session: Session, row: FollowUp, step: str, actor: str) -> None:
    session.flush()
    about = {"member_id": row.member_id, "topic": row.topic, "channel": row.channel, "due_at": row.due_at}
    reason = {"reason": row.why} if step in {"cancelled", "failed", "expired"} else {}
    events.emit(session, f"crm.follow_up.{step}", aggregate="follow_up", id=row.id, **about, **reason)
    audit.append(session, actor=actor, action=f"follow_up.{step}", subject=str(row.id), due=row.due_at.isoformat())


def _wrong_state(row: FollowUp, verb: str) -> Conflict:
    return Conflict(f"It is {row.state} and cannot be {verb}. Make a new one.", code="follow_up_state")
