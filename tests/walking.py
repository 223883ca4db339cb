"""What tests of sequences share: live sequences with approved steps, and a clock that is moved by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import make
from conftest import settled
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.sequences import course, definition, entries, run, service
from domain.sequences.course import Facts, Position
from domain.sequences.definition import Definition
from kernel import clock, db
from models import Enrolment, Message, SequenceCampaign

ACTOR = make.ACTOR
BERLIN = ZoneInfo("Europe/Berlin")
Steps = Sequence[dict[str, Any]]


def message(key: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "key": key, **fields}


def delay(key: str, **fields: Any) -> dict[str, Any]:
    return {"type": "delay", "key": key, **fields}


def wanted(*steps: dict[str, Any], trigger: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"trigger": trigger or {"type": "manual"}, "steps": list(steps), **fields}


def approve(session: Session, campaign_id: UUID) -> None:
    """Write a step's text and approve it."""
    campaign = campaigns.get(session, campaign_id)
    if campaign.approval_hash is None:
        revision = drafting.write(
            session, campaign_id, content=make.draft_content(), parent_id=campaign.current_revision_id, actor=ACTOR
        )
        make.approve(session, campaign_id, revision)


def publish(session: Session, sequence_id: UUID) -> None:
    """Approve what is not approved yet, and publish."""
    for campaign_id in service.get(session, sequence_id).campaigns.values():
        approve(session, UUID(campaign_id))
    service.publish(session, sequence_id, actor=ACTOR)


def live(session: Session, *steps: dict[str, Any], name: str = "Willkommen", **fields: Any) -> UUID:
    """A live sequence with a sender and approved messages."""
    if not session.execute(text("SELECT 1 FROM sender WHERE is_default")).first():
        make.sender(session)
    made = service.create(session, name=name, wanted=wanted(*steps, **fields), actor=ACTOR)
    publish(session, made.id)
    return made.id


def ready(tenant_id: UUID) -> None:
    """A tenant that has sequences, and sends by night too."""
    with db.tenant_session(tenant_id) as session:
        session.execute(text("UPDATE tenant SET tier = 'enterprise', quiet_from = '00:00', quiet_until = '00:00'"))


def enrol(tenant_id: UUID, sequence_id: UUID, *member_ids: UUID) -> list[UUID]:
    with db.tenant_session(tenant_id) as session:
        return entries.enrol_by_hand(session, sequence_id, member_ids, actor=ACTOR)


def move(tenant_id: UUID) -> int:
    """Run once everything that is written on the server now has ended: what happened is read then, not later."""
    settled()
    return run.run(tenant_id, seconds=600)


def walk(tenant_id: UUID, until: datetime, freeze: Callable[[datetime], None]) -> None:
    """Run whenever something is due, on the clock of the test, until a moment."""
    while True:
        move(tenant_id)
        with db.tenant_session(tenant_id) as session:
            due = session.execute(
                text("SELECT min(due_at) FROM enrolment WHERE state = 'active' AND due_at > :now"), {"now": clock.now()}
            ).scalar_one()
        if due is None or due > until:
            freeze(until)
            move(tenant_id)
            return
        freeze(due)


def got(tenant_id: UUID, sequence_id: UUID, member_id: UUID | None = None) -> list[tuple[str, str, str | None]]:
    """Steps, states and reasons of the messages of a sequence, in the order in which they were written."""
    with db.tenant_session(tenant_id) as session:
        rows = session.execute(
            select(SequenceCampaign.step, Message.state, Message.reason)
            .join(Message, Message.campaign_id == SequenceCampaign.campaign_id)
            .where(
                SequenceCampaign.sequence_id == sequence_id, *([Message.member_id == member_id] if member_id else [])
            )
            .order_by(Message.created_at)
        )
        return [(row.step, row.state, row.reason) for row in rows]


def places(tenant_id: UUID, sequence_id: UUID) -> list[Enrolment]:
    with db.tenant_session(tenant_id) as session:
        return list(
            session.execute(entries.matching(session, sequence_id=sequence_id).order_by(Enrolment.id)).scalars()
        )


def of(*steps: dict[str, Any], **fields: Any) -> Definition:
    """Return the definition of a sequence that is entered by hand."""
    return definition.read(wanted(*steps, **fields))


KEYS = [f"k{n}" for n in range(6)]
lines = st.lists(
    st.sampled_from(KEYS).flatmap(
        lambda key: st.sampled_from([message(key), delay(key, hours=5), delay(key, days=2), delay(key, weekdays=[0])])
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda step: step["key"],
).filter(lambda steps: any(step["type"] == "message" for step in steps))


@dataclass
class Walk:
    """One member on a virtual clock, while the sequence is edited."""

    version: Definition
    now: datetime
    at: Position
    zone: ZoneInfo = BERLIN
    sent: list[tuple[str, datetime]] = field(default_factory=list)
    excused: set[str] = field(default_factory=set)
    over: bool = False

    def run(self, until: datetime) -> None:
        while not self.over:
            ready = frozenset(step.key for step in self.version.messages())
            done = course.advance(self.version, self.at, Facts(self.zone, ready=ready), self.now)
            self.sent += [(action.step, self.now) for action in done.actions if isinstance(action, course.Send)]
            self.at, self.over = done.at, done.over
            if self.over or done.again is None or done.again > until:
                break
            self.now = done.again
        self.now = until

    def edit(self, new: Definition) -> None:
        """Publish another version; whatever it has before the member's place is not owed to this member."""
        moved: Mapping[str, str | None] = course.moved(self.version, new)
        here = moved.get(self.at.step, self.at.step) if self.at.step else None
        keys = [step.key for step in new.steps]
        self.excused |= set(keys[: keys.index(here)] if here else keys)
        since = self.now if self.at.step in moved else self.at.since
        self.at, self.version = Position(here, since, self.at.done), new
