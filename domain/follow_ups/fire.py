"""Keeping promises: what is due is judged once more and handed to the ledger in one transaction, so exactly once.

A follow-up becomes `sending` together with its message in the ledger of delivery; it becomes `sent` when a provider's
answer stands there. A process that dies before the commit leaves it pending, one that dies after leaves a message that
any worker sends once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from domain.content.slots import BadSlot
from domain.delivery import notices
from domain.follow_ups import judge, store, texts
from domain.follow_ups.judge import Verdict, Way
from domain.follow_ups.rules import GRACE, State, Why
from domain.follow_ups.texts import Said
from kernel import clock, db, log
from models import FollowUp, FollowUpText, Message, TenantDue

MOST = 200
_SOON = timedelta(seconds=2)
_LATER = timedelta(minutes=1)
_LEASE = timedelta(seconds=30)
_YOUNG = timedelta(minutes=2)  # so long the ledger is looked at every two seconds
_ACCEPTED = frozenset({"sent", "delivered", "read"})
_OVER = frozenset({"failed", "bounced", "expired", "suppressed", "skipped", "cancelled"})
_SKIPPED = {
    "suppressed": Why.OPTED_OUT,
    "no_consent": Why.NO_CONSENT,
    "restricted": Why.RESTRICTED,
    "frequency_cap": Why.FREQUENCY_CAP,
    "window_closed": Why.NEEDS_TEMPLATE,
}


@dataclass(frozen=True, slots=True)
class Step:
    """What a look at one follow-up did: `state` after it, `why`, and the words and way of what was handed over."""

    follow_up_id: UUID
    at: datetime
    state: str
    why: str | None = None
    channel: str | None = None
    text: str | None = None


Act = Callable[[Session, FollowUp, datetime], Step]


def run(tenant_id: UUID, *, most: int = MOST) -> int:
    """Do what is due for the tenant: let questions lapse, settle, fire; each row in a transaction of its own.

    Returns how many rows were looked at. Where another process is at it, or nothing is due yet, it does nothing.
    """
    with db.tenant_session(tenant_id) as session:
        if not begin(session):
            return 0
    done = 0
    for act, state in ((_let_go, State.PROPOSED), (_look_up, State.SENDING), (keep, State.PENDING)):
        with db.tenant_session(tenant_id) as session:
            due = [row.id for row in _due(session, state, clock.now(), most)]
        done += sum(_alone(tenant_id, act, row_id) for row_id in due)
    with db.tenant_session(tenant_id) as session:
        _look_again(session)
    return done


def begin(session: Session) -> bool:
    """Take the tenant's mark for a while; whoever dies over the work leaves it to the next look."""
    taken = session.execute(
        select(TenantDue)
        .where(
            TenantDue.tenant_id == db.tenant_of(session),
            TenantDue.kind == store.DUE,
            TenantDue.next_due_at <= func.clock_timestamp(),
        )
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if taken is None:
        return False
    taken.next_due_at = session.execute(select(func.clock_timestamp())).scalar_one() + _LEASE
    return True


def _look_again(session: Session) -> None:
    """Note the next moment. The mark is locked first: whoever promises something meanwhile marks it after us."""
    mark = session.execute(
        select(TenantDue)
        .where(TenantDue.tenant_id == db.tenant_of(session), TenantDue.kind == store.DUE)
        .with_for_update()
    ).scalar_one_or_none()
    following = _next_look(session)
    if mark is None:
        return
    if following is None:
        session.delete(mark)
    else:
        mark.next_due_at = following


def _next_look(session: Session) -> datetime | None:
    tenant_id = db.tenant_of(session)
    moments = [
        session.execute(
            select(func.min(_MOMENT[state])).where(FollowUp.tenant_id == tenant_id, FollowUp.state == state)
        ).scalar_one()
        for state in _MOMENT
    ]
    return min((moment for moment in moments if moment is not None), default=None)


_MOMENT = {State.PENDING: FollowUp.look_at, State.SENDING: FollowUp.look_at, State.PROPOSED: FollowUp.expires_at}


def _due(session: Session, state: State, now: datetime, most: int) -> Sequence[FollowUp]:
    return (
        session.execute(
            select(FollowUp)
            .where(FollowUp.tenant_id == db.tenant_of(session), FollowUp.state == state, _MOMENT[state] <= now)
            .order_by(_MOMENT[state])
            .limit(most)
        )
        .scalars()
        .all()
    )


def _alone(tenant_id: UUID, act: Act, row_id: UUID) -> bool:
    """Look at one row; what breaks on it is logged, and it is tried again later."""
    try:
        with db.tenant_session(tenant_id) as session:
            return take(session, act, row_id, clock.now()) is not None
    except Exception as error:  # noqa: BLE001 - one bad row must not stop the others
        log.get("follow_ups").warning("follow_up.broke", id=str(row_id), error=type(error).__name__)
    with db.tenant_session(tenant_id) as session:
        session.execute(
            update(FollowUp)
            .where(FollowUp.tenant_id == tenant_id, FollowUp.id == row_id, FollowUp.state == State.PENDING)
            .values(look_at=clock.now() + _LATER)
        )
    return False


def take(session: Session, act: Act, row_id: UUID, now: datetime) -> Step | None:
    """Look at one row if it is due and nobody else holds it."""
    state = _OF[act]
    row = session.execute(
        select(FollowUp)
        .where(
            FollowUp.tenant_id == db.tenant_of(session),
            FollowUp.id == row_id,
            FollowUp.state == state,
            _MOMENT[state] <= now,
        )
        .with_for_update(skip_locked=True),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    return act(session, row, now) if row is not None else None


def fire(session: Session, now: datetime, *, most: int = MOST) -> list[Step]:
    """Judge what is due at `now` and hand over what may go out."""
    return _all(session, keep, now, most)


def settle(session: Session, now: datetime, *, most: int = MOST) -> list[Step]:
    """Take over what the ledger says about what was handed to it."""
    return _all(session, _look_up, now, most)


def lapse(session: Session, now: datetime, *, most: int = MOST) -> list[Step]:
    """Let questions go that nobody answered in time."""
    return _all(session, _let_go, now, most)


def _all(session: Session, act: Act, now: datetime, most: int) -> list[Step]:
    rows = _due(session, _OF[act], now, most)
    return [step for row in rows if (step := take(session, act, row.id, now)) is not None]


def _let_go(session: Session, row: FollowUp, now: datetime) -> Step:
    return _over(session, row, now, State.EXPIRED, Why.NO_ANSWER)


def keep(session: Session, row: FollowUp, now: datetime) -> Step:
    if now - row.due_at > GRACE:
        return _over(session, row, now, State.EXPIRED, Why(row.why) if row.why else Why.TOO_LATE)
    verdict = judge.about_person(session, row, now)
    if verdict.kind != "ok":
        return _refused(session, row, now, verdict)
    text = texts.find(session, row.topic, row.language)
    if text is None:
        return _over(session, row, now, State.FAILED, Why.NO_TEXT)
    try:
        return _some_way(session, row, text, now)
    except BadSlot as error:
        log.get("follow_ups").warning("follow_up.text_broken", id=str(row.id), code=error.code)
        return _over(session, row, now, State.FAILED, Why.BAD_TEXT)


def _some_way(session: Session, row: FollowUp, text: FollowUpText, now: datetime) -> Step:
    """The promised channel, or another that the member agreed to where that one cannot carry it."""
    why = Why.NO_WAY
    for way in judge.ways(session, row):
        verdict, said = _this_way(session, row, way, text, now)
        if said is not None:
            return _hand_over(session, row, way, said, now)
        if verdict.kind == "wait" or (verdict.kind == "end" and way.channel == row.channel):
            return _refused(session, row, now, verdict)
        if verdict.kind in {"window", "shut"}:
            why = verdict.why or why
    return _over(session, row, now, State.FAILED, why)


def _this_way(
    session: Session, row: FollowUp, way: Way, text: FollowUpText, now: datetime
) -> tuple[Verdict, Said | None]:
    verdict = judge.about_way(session, row, way, now)
    if verdict.kind == "ok":
        return verdict, texts.fill(session, row, text, way.channel)
    if verdict.kind != "window":
        return verdict, None
    said = texts.fill_template(session, row, text, way.account_id)
    if said is None:
        return verdict, None
    verdict = judge.about_way(session, row, way, now, template=True)
    return verdict, said if verdict.kind == "ok" else None


def _refused(session: Session, row: FollowUp, now: datetime, verdict: Verdict) -> Step:
    """Wait for the moment that the verdict names, or end."""
    if verdict.kind == "wait":
        row.why, row.look_at = verdict.why, verdict.until or now + _LATER
        session.flush()
        return Step(row.id, now, row.state, row.why)
    return _over(session, row, now, State.CANCELLED, verdict.why)


def _hand_over(session: Session, row: FollowUp, way: Way, said: Said, now: datetime) -> Step:
    """The follow-up and its message in the ledger change together: the key makes a second message impossible."""
    row.tries += 1
    row.message_id = notices.send(
        session,
        kind="follow_up",
        purpose=row.purpose,
        channel=way.channel,
        address=way.address,
        key=f"follow_up:{row.id}:{row.tries}",
        body=said.text,
        subject=texts.SUBJECT[row.language] if way.channel == "email" else "",
        member_id=row.member_id,
        account_id=way.account_id,
        language=row.language,
        actor=f"follow_up:{row.id}",
        template=said.content,
        expires_at=now + GRACE,
    )
    row.state, row.why, row.fired_at, row.look_at = State.SENDING, None, now, now + _SOON
    row.channel = way.channel
    session.flush()
    return Step(row.id, now, row.state, None, way.channel, said.text)


def _over(session: Session, row: FollowUp, now: datetime, state: State, why: Why | None) -> Step:
    store.finish(session, row, state, why)
    return Step(row.id, now, row.state, row.why)


def _look_up(session: Session, row: FollowUp, now: datetime) -> Step:
    message = store.message_of(session, row)
    if message is None:
        return _over(session, row, now, State.FAILED, Why.UNPROVEN)
    session.refresh(message)
    waited = now - (row.fired_at or now)
    reference = message.provider_id or message.provider_text
    if message.state in _ACCEPTED and reference:
        row.provider_reference = reference[:200]
        return _over(session, row, now, State.SENT, None)
    if message.state in {"unknown", *_ACCEPTED} and waited > GRACE:
        return _over(session, row, now, State.FAILED, Why.UNPROVEN)
    if message.state in _OVER:
        return _over(session, row, now, *_outcome(message))
    row.look_at = now + (_SOON if waited < _YOUNG else _LATER)
    session.flush()
    return Step(row.id, now, row.state, row.why)


def _outcome(message: Message) -> tuple[State, Why]:
    """What it means for the follow-up that the ledger did not send its message."""
    if message.state in {"failed", "bounced"}:
        return State.FAILED, Why.PROVIDER
    if message.state == "expired":
        return State.EXPIRED, Why.TOO_LATE
    why = _SKIPPED.get(message.reason or "", Why.OPTED_OUT if message.state == "suppressed" else Why.BY_PERSON)
    return State.FAILED if why == Why.NEEDS_TEMPLATE else State.CANCELLED, why


_OF: dict[Act, State] = {_let_go: State.PROPOSED, _look_up: State.SENDING, keep: State.PENDING}
