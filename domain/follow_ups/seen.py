"""Turns that were read: each has its effect once, in the transaction that notes it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel import db
from models import FollowUpTurn


def is_first(
    session: Session, turn_id: UUID, *, member_id: UUID, at: datetime, topic: str | None, outcome: str
) -> bool:
    """Note that a turn has its effect in this transaction; False when it had one before."""
    noted = session.execute(
        insert(FollowUpTurn)
        .values(
            tenant_id=db.tenant_of(session), turn_id=turn_id, member_id=member_id, at=at, topic=topic, outcome=outcome
        )
        .on_conflict_do_nothing()
        .returning(FollowUpTurn.turn_id)
    )
    return noted.scalar_one_or_none() is not None


def note(session: Session, turn_id: UUID, *, outcome: str, follow_up_id: UUID | None) -> None:
    """Keep what became of a turn that this transaction was the first to read."""
    row = session.get_one(FollowUpTurn, (db.tenant_of(session), turn_id))
    row.outcome, row.follow_up_id = outcome, follow_up_id
    session.flush()


def is_known(session: Session, turn_id: UUID) -> bool:
    """Say whether a turn had its effect."""
    return session.get(FollowUpTurn, (db.tenant_of(session), turn_id)) is not None
