"""When a sequence was live, and with which trigger: what happened then lets members in, however late it is read.

A span is bounded by snapshots of the database, not by clocks: a change lies within it when its transaction was not to
be seen as it began, and was as it ended (PostgreSQL, "System Information Functions", pg_snapshot).
"""

from dataclasses import dataclass
from typing import Self

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.changes import service as changes
from domain.sequences.definition import Definition, Trigger
from kernel import db
from models import ChangePosition, Sequence

_TRIGGER: TypeAdapter[Trigger] = TypeAdapter(Trigger)
_NOW = text("SELECT pg_current_snapshot()::text")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions had ended: all before `first`, and those before `last` that were not `open`."""

    first: int
    last: int
    open: frozenset[int]

    @classmethod
    def read(cls, written: str) -> Self:
        """Read what the database writes, such as 10:20:10,14."""
        first, last, still = written.split(":")
        return cls(int(first), int(last), frozenset(int(each) for each in still.split(",") if each))

    def sees(self, xid: int) -> bool:
        return xid < self.first or (xid < self.last and xid not in self.open)


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a trigger held."""

    trigger: Trigger
    began: Snapshot
    until: Snapshot | None

    def covers(self, xid: int) -> bool:
        return not self.began.sees(xid) and (self.until is None or self.until.sees(xid))


def begin(session: Session, row: Sequence, version: Definition) -> None:
    """Note that a sequence is live from now on with this trigger; where it was already, nothing changes."""
    trigger = version.trigger.model_dump(mode="json")
    if row.spans and row.spans[-1]["until"] is None and row.spans[-1]["trigger"] == trigger:
        return
    end(session, row)
    row.spans = [*row.spans, {"trigger": trigger, "from": session.execute(_NOW).scalar_one(), "until": None}]


def end(session: Session, row: Sequence) -> None:
    """Note that it is live no more, and forget the spans whose changes are all read."""
    now = session.execute(_NOW).scalar_one()
    ended = [{**span, "until": span["until"] or now} for span in row.spans]
    at = _read_up_to(session)
    row.spans = [span for span in ended if _unread(span["until"], at)]


def unread(session: Session, row: Sequence) -> bool:
    """Whether something that happened while it was live may still be read."""
    at = _read_up_to(session)
    return any(_unread(span["until"], at) for span in row.spans)


def read(row: Sequence) -> list[Span]:
    """Return the spans of a sequence, as far as they matter still."""
    return [
        Span(
            _TRIGGER.validate_python(each["trigger"]),
            Snapshot.read(each["from"]),
            Snapshot.read(each["until"]) if each["until"] is not None else None,
        )
        for each in row.spans
    ]


def _read_up_to(session: Session) -> int | None:
    position = session.get(ChangePosition, (db.tenant_of(session), changes.SEQUENCES), populate_existing=True)
    return position.xid if position is not None else None


def _unread(until: str | None, at: int | None) -> bool:
    return at is not None and (until is None or Snapshot.read(until).last - 1 > at)
