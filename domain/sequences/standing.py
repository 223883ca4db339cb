"""Where members stand in sequences, for people: what comes next and when, and why somebody left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.sequences import facts, service, words
from domain.sequences.definition import Condition, Definition, Message
from domain.sequences.facts import Person
from kernel import clock, db
from models import Enrolment, SequenceVersion
from models import Sequence as Row


@dataclass(frozen=True, slots=True)
class Standing:
    """An enrolment with the name and status of its sequence.

    `next_message` is the one that comes next; None where a condition decides about it first, or none is left.
    """

    enrolment: Enrolment
    sequence: str
    status: str
    next_message: str | None
    words: dict[str, str]


def of(session: Session, rows: Sequence[Enrolment]) -> list[Standing]:
    """Return where each of these stands, in as many statements for many as for one."""
    followed = _followed(session, {row.sequence_id for row in rows})
    people = [Person(row.id, row.member_id, row.pass_n) for row in rows if row.state == "active"]
    known = facts.clocks(session, [], people, clock.now()) if people else {}
    found = []
    for row in rows:
        sequence, version = followed[row.sequence_id]
        coming = _next_message(version, row) if row.state == "active" else None
        held = known.get(row.member_id) if row.member_id is not None else None
        said = _said(sequence, version, row, coming, held.zone if held else None)
        found.append(Standing(row, sequence.name, sequence.status, coming, {"de": said[0], "en": said[1]}))
    return found


def _followed(session: Session, ids: set[UUID]) -> dict[UUID, tuple[Row, Definition]]:
    rows = session.execute(
        select(Row, SequenceVersion)
        .join(
            SequenceVersion,
            (SequenceVersion.tenant_id == Row.tenant_id)
            & (SequenceVersion.sequence_id == Row.id)
            & (SequenceVersion.n == Row.published),
        )
        .where(Row.tenant_id == db.tenant_of(session), Row.id.in_(ids))
    )
    return {row.id: (row, service.parsed_of(version)) for row, version in rows}


def _next_message(version: Definition, row: Enrolment) -> str | None:
    step = version.step(row.step) if row.step is not None else None
    while step is not None and not isinstance(step, Condition):
        if isinstance(step, Message) and step.key not in row.done:
            return step.key
        after = version.following(step.key)
        step = version.step(after) if after is not None else None
    return None


def _said(
    sequence: Row, version: Definition, row: Enrolment, coming: str | None, zone: ZoneInfo | None
) -> tuple[str, str]:
    if row.state != "active":
        return words.LEFT.get(row.reason or "", words.COMPLETED)
    if sequence.status != service.LIVE:
        return words.STOPPED
    if row.due_at is None:
        return words.held(row.step or "")
    if row.due_at <= clock.now() or zone is None:
        return words.NOW
    local = _local(row.due_at, zone)
    if isinstance(version.step(row.step or ""), Message):
        return words.quiet(local)
    return words.waits(local, coming)


def _local(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="minutes")
