"""A rehearsal on a virtual clock: the same steps as in earnest, one after the other, and then all taken back.

Nothing is sent, told or kept: everything happens in a savepoint that is rolled back.
"""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from domain.follow_ups import fire
from domain.follow_ups.fire import Step
from domain.follow_ups.rules import State
from kernel import clock, db
from kernel.errors import Invalid
from models import FollowUp, Message

MOST = 500


def rehearse(session: Session, *, until: datetime) -> list[Step]:
    """Return what would happen to the tenant's follow-ups until then, in order: sent, waiting, ended, and why.

    A message counts as taken by its provider at once. At most 500 steps; raises Invalid for a moment that is past.
    """
    now = clock.now()
    if until <= now:
        raise Invalid("until", "is past; choose a later moment")
    savepoint = session.begin_nested()
    try:
        return _walk(session, now, until)
    finally:
        savepoint.rollback()


def _walk(session: Session, start: datetime, until: datetime) -> list[Step]:
    steps: list[Step] = []
    virtual = start
    while len(steps) < MOST:
        following = _next(session)
        if following is None or following > until:
            break
        virtual = max(virtual, following)
        looked = [*fire.lapse(session, virtual), *fire.fire(session, virtual)]
        steps += [_taken(session, step, virtual) for step in looked]
    return steps[:MOST]


def _next(session: Session) -> datetime | None:
    tenant_id = db.tenant_of(session)
    moments = [
        session.execute(
            select(func.min(column)).where(FollowUp.tenant_id == tenant_id, FollowUp.state == state)
        ).scalar_one()
        for column, state in ((FollowUp.look_at, State.PENDING), (FollowUp.expires_at, State.PROPOSED))
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _taken(session: Session, step: Step, virtual: datetime) -> Step:
    """Let the provider have taken what was handed over, so that later steps count it."""
    if step.state != State.SENDING:
        return step
    row = session.get_one(FollowUp, step.follow_up_id)
    session.execute(
        update(Message)
        .where(Message.tenant_id == row.tenant_id, Message.id == row.message_id)
        .values(state="sent", updated_at=virtual)
    )
    row.state, row.provider_reference = State.SENT, "rehearsal"
    session.flush()
    return Step(step.follow_up_id, step.at, State.SENT, None, step.channel, step.text)
