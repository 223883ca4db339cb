"""A sequence on a virtual clock: which message, when and why, before anybody gets one. Nothing is written.

`course.advance` decides, as it does for the live run; the rules are asked of the member in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from domain.audience import service as audience
from domain.campaigns import service as campaigns
from domain.delivery import gate, reach, rules
from domain.delivery import hours as opening_hours
from domain.delivery.hours import Hours
from domain.segments import rules as segment_rules
from domain.segments.evaluate import Evaluator
from domain.segments.evaluate import Facts as Member
from domain.segments.moment import Moment
from domain.sequences import course, definition, facts, members, words
from domain.sequences.course import Change, Complete, Exit, Facts, Go, Leave, Position, Send, Wait
from domain.sequences.definition import Condition, Converted, Definition, Did
from domain.sequences.facts import Person
from domain.sequences.step_campaigns import EVERYBODY
from kernel import clock, db
from kernel.errors import Invalid
from models import Sequence as Row
from models import Tenant

LONGEST_DAYS = 5 * 366


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that would happen: `at`, on the member's clock `local`; a message goes out at `sent_at`, or never."""

    at: datetime
    local: str
    kind: str
    step: str | None
    why: dict[str, str]
    channel: str | None = None
    sent_at: datetime | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom it is rehearsed with. `does`: what they do with each message, such as {"welcome": ["opened"]}.

    `earlier` is when they got messages before, oldest first.
    """

    member: Member
    zone: ZoneInfo
    does: Mapping[str, Sequence[str]]
    refused: Mapping[str, str]
    leaves: Exit | None = None
    earlier: tuple[datetime, ...] = ()

    def did(self, step: str, what: str, done: frozenset[str]) -> bool:
        acts = set(self.does.get(step, ()))
        return step in done and (what in acts or (what == "opened" and "clicked" in acts))


def subject_of(
    session: Session, row: Row, version: Definition, member_id: UUID, does: Mapping[str, Sequence[str]]
) -> Subject:
    """Return a stored member as a subject; raises NotFound."""
    member = audience.get(session, member_id)
    person = [Person(member.id, member.id, 0)]
    clocks = facts.clocks(session, course.channels(version), person, clock.now())
    known = facts.gather(session, row.id, version, person, clocks, clock.now())[member.id]
    leaves = known.leaves if known.leaves is not Exit.GOAL else None
    held = members.known(session, member, version.fits())
    earlier = tuple(sorted(each.received for each in held.messages if each.received is not None))
    return Subject(held, clocks[member.id].zone, does, _refused(session, row, version, member.id), leaves, earlier)


def invented(session: Session, fields: Mapping[str, Any], does: Mapping[str, Sequence[str]]) -> Subject:
    """Return a member that is nowhere stored as a subject; raises Invalid for an unknown field or zone."""
    made = members.invented(**fields)
    name = made.fields["time_zone"] or session.get_one(Tenant, db.tenant_of(session)).time_zone
    try:
        return Subject(made, ZoneInfo(name), does, {})
    except (KeyError, ValueError):
        raise Invalid("member.time_zone", "is no zone such as Europe/Berlin") from None


def _refused(session: Session, row: Row, version: Definition, member_id: UUID) -> dict[str, str]:
    """Return why a member would not get a step's message now, by step."""
    chosen = {**EVERYBODY, "kind": "selected", "member_ids": [str(member_id)]}
    found = {}
    for step in version.messages():
        campaign = campaigns.get(session, UUID(row.campaigns[step.key]))
        judged = reach.of(session, campaign, None, audience=chosen)
        reason = next((reason for reason, _ in session.execute(gate.per_reason(judged))), None)
        if reason is not None:
            found[step.key] = str(reason)
    return found


def rehearse(session: Session, row: Row, subject: Subject, start: datetime, *, days: int = 365) -> list[Entry]:
    """Return what would happen to a member who came in at `start`, as the draft of a sequence says.

    Raises Invalid for behaviour on a step that is no message.
    """
    version = definition.read(row.draft)
    keys = {step.key for step in version.messages()}
    strange = sorted(set(subject.does) - keys)
    if strange:
        raise Invalid(f"does.{strange[0]}", f"is no message step; there are {', '.join(sorted(keys))}")
    tenant = session.get_one(Tenant, row.tenant_id)
    hours = opening_hours.of_tenant(tenant.quiet_from, tenant.quiet_until)
    house = House(ZoneInfo(tenant.time_zone), hours, gate.cap_of(session))
    return play(version, subject, start, start + timedelta(days=days), house)


@dataclass(frozen=True, slots=True)
class House:
    """What a tenant says of all messages: the zone in which rules reckon, quiet hours, the cap (messages, days)."""

    zone: ZoneInfo
    hours: Hours
    cap: tuple[int, int] | None = None

    def allows(self, at: datetime, sent: Sequence[datetime]) -> datetime:
        """Return when the cap lets another message out, asked now and then from `at` on as the claim does."""
        if self.cap is None:
            return at
        most, days = self.cap
        while sum(each > at - timedelta(days=days) for each in sent) >= most:
            at += timedelta(hours=rules.CAP_WAIT_HOURS)
        return at


def play(version: Definition, subject: Subject, start: datetime, until: datetime, house: House) -> list[Entry]:
    """Run a member through a version on a clock of its own; pure."""
    found = [_entry(subject, start, "enrolled", None, ("Kommt in die Sequenz.", "Comes into the sequence."))]
    at, now = Position(version.steps[0].key, start), start
    subject = replace(subject, member=replace(subject.member, fields=dict(subject.member.fields)))  # its tags change
    sent = list(subject.earlier)
    while now <= until:
        known = _facts(version, subject, at, Moment(now, house.zone), house.hours)
        done = course.advance(version, at, known, now)
        for action in done.actions:
            found += _said(version, subject, action, now, house, sent)
            if isinstance(action, Change):
                subject.member.fields["tags"] = _tagged(subject.member.fields["tags"], action)
        if done.over or done.again is None:
            break
        at, now = done.at, max(now, done.again)
    return found


def _tagged(tags: list[str], action: Change) -> list[str]:
    kept = [tag for tag in tags if tag not in action.remove]
    return kept + [tag for tag in dict.fromkeys(action.add) if tag not in kept]


def _facts(version: Definition, subject: Subject, at: Position, moment: Moment, hours: Hours) -> Facts:
    ask = Evaluator(moment)
    holds = {
        condition.key: subject.did(condition.test.step, condition.test.what, at.done)
        if isinstance(condition.test, Did)
        else ask.holds(segment_rules.read(condition.test.rule), subject.member)
        for condition in version.conditions()
    }
    reached = any(
        any(subject.did(step, "converted", at.done) for step in at.done)
        if isinstance(goal, Converted)
        else ask.holds(segment_rules.read(goal.rule), subject.member)
        for goal in version.goals
    )
    ready = frozenset(step.key for step in version.messages())
    numbers = dict(subject.member.contacts)
    opening = facts.opening(hours, course.channels(version), moment.now)
    opens = opening(subject.zone, numbers.get("sms"), numbers.get("whatsapp"))
    return Facts(subject.zone, holds, ready, subject.leaves or (Exit.GOAL if reached else None), opens)


def _entry(subject: Subject, at: datetime, kind: str, step: str | None, why: tuple[str, str], **fields: Any) -> Entry:
    local = at.astimezone(subject.zone).isoformat(timespec="minutes")
    return Entry(at, local, kind, step, {"de": why[0], "en": why[1]}, **fields)


def _said(
    version: Definition, subject: Subject, action: course.Action, now: datetime, house: House, sent: list[datetime]
) -> list[Entry]:
    """Say one action for people; passing a delay that is over is nothing to tell. `sent` grows."""
    if isinstance(action, Send):
        return [_message(version, subject, action, now, house, sent)]
    if isinstance(action, Wait) and action.until is not None:
        local = action.until.astimezone(subject.zone).isoformat(timespec="minutes")
        by_quiet_hours = isinstance(version.step(action.step), definition.Message)
        why = words.quiet(local) if by_quiet_hours else words.waits(local)
        return [_entry(subject, now, "wait", action.step, why)]
    if isinstance(action, Change):
        tags = ", ".join([f"+{tag}" for tag in action.add] + [f"-{tag}" for tag in action.remove])
        return [_entry(subject, now, "tag", action.step, (f"Tags: {tags}.", f"Tags: {tags}."))]
    if isinstance(action, Go) and isinstance(version.step(action.step), Condition):
        why = ("Trifft zu.", "Holds.") if action.held else ("Trifft nicht zu.", "Does not hold.")
        return [_entry(subject, now, "condition", action.step, why)]
    if isinstance(action, Leave | Complete):
        return [_end(subject, action, now)]
    return []


def _end(subject: Subject, action: Leave | Complete, now: datetime) -> Entry:
    if isinstance(action, Leave):
        return _entry(subject, now, "exit", None, words.LEFT[action.reason])
    return _entry(subject, now, "completed", None, words.COMPLETED)


def _message(
    version: Definition, subject: Subject, action: Send, now: datetime, house: House, sent: list[datetime]
) -> Entry:
    step = version.step(action.step)
    channel = str(getattr(step, "channel", ""))
    reason = subject.refused.get(action.step)
    if reason is not None:
        told = rules.sentence("skipped", reason)
        return _entry(subject, now, "message", action.step, (told["de"], told["en"]), channel=channel, skipped=reason)
    number = dict(subject.member.contacts).get(channel)
    allowed = house.allows(max([now, *sent]), sent)  # in their order
    sent_at = opening_hours.opening(house.hours, channel, number, allowed, subject.zone)
    why = words.NOW if sent_at is not None else words.NEVER_OPEN
    if sent_at is not None:
        sent.append(sent_at)
        if sent_at > now:
            why = words.capped(sent_at.astimezone(subject.zone).isoformat(timespec="minutes"))
    return _entry(subject, now, "message", action.step, why, channel=channel, sent_at=sent_at)
