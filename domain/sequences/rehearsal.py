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
from domain.sequences import course, definition, facts, members
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
    """One thing that would happen: `at`, on the member's clock `local`; a message goes out at `sent_at`."""

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
    """Whom it is rehearsed with. `does`: what they do with each message, such as {"welcome": ["opened"]}."""

    member: Member
    zone: ZoneInfo
    does: Mapping[str, Sequence[str]]
    refused: Mapping[str, str]
    leaves: Exit | None = None

    def did(self, step: str, what: str, done: frozenset[str]) -> bool:
        acts = set(self.does.get(step, ()))
        return step in done and (what in acts or (what == "opened" and "clicked" in acts))


def subject_of(
    session: Session, row: Row, version: Definition, member_id: UUID, does: Mapping[str, Sequence[str]]
) -> Subject:
    """Return a stored member as a subject; raises NotFound."""
    member = audience.get(session, member_id)
    person = [Person(member.id, member.id, 0)]
    clocks = facts.clocks(session, person)
    known = facts.gather(session, row.id, version, person, clocks, clock.now())[member.id]
    leaves = known.leaves if known.leaves is not Exit.GOAL else None
    held = members.known(session, member, version.fits())
    return Subject(held, clocks[member.id].zone, does, _refused(session, row, version, member.id), leaves)


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
    return play(version, subject, start, start + timedelta(days=days), ZoneInfo(tenant.time_zone), hours)


def play(
    version: Definition, subject: Subject, start: datetime, until: datetime, own: ZoneInfo, hours: Hours
) -> list[Entry]:
    """Run a member through a version on a clock of its own; pure. `own` is the tenant's zone, in which rules reckon."""
    found = [_entry(subject, start, "enrolled", None, ("Kommt in die Sequenz.", "Comes into the sequence."))]
    at, now = Position(version.steps[0].key, start), start
    subject = replace(subject, member=replace(subject.member, fields=dict(subject.member.fields)))  # its tags change
    while now <= until:
        known = _facts(version, subject, at, Moment(now, own))
        done = course.advance(version, at, known, now)
        for action in done.actions:
            found += _said(version, subject, action, now, hours)
            if isinstance(action, Change):
                subject.member.fields["tags"] = _tagged(subject.member.fields["tags"], action)
        if done.over or done.again is None:
            break
        at, now = done.at, max(now, done.again)
    return found


def _tagged(tags: list[str], action: Change) -> list[str]:
    kept = [tag for tag in tags if tag not in action.remove]
    return kept + [tag for tag in dict.fromkeys(action.add) if tag not in kept]


def _facts(version: Definition, subject: Subject, at: Position, moment: Moment) -> Facts:
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
    return Facts(subject.zone, holds, ready, subject.leaves or (Exit.GOAL if reached else None))


def _entry(subject: Subject, at: datetime, kind: str, step: str | None, why: tuple[str, str], **fields: Any) -> Entry:
    local = at.astimezone(subject.zone).isoformat(timespec="minutes")
    return Entry(at, local, kind, step, {"de": why[0], "en": why[1]}, **fields)


_LEFT: dict[Exit, tuple[str, str]] = {
    Exit.UNSUBSCRIBED: ("Hat sich abgemeldet.", "Unsubscribed."),
    Exit.COMPLAINED: ("Hat sich beschwert.", "Complained."),
    Exit.BOUNCED: ("Die Adressen nehmen nichts an.", "The addresses take nothing."),
    Exit.GOAL: ("Das Ziel ist erreicht.", "The goal is reached."),
    Exit.ERASED: ("Wurde gelöscht.", "Was erased."),
    Exit.MANUAL: ("Wurde herausgenommen.", "Was taken out."),
    Exit.ARCHIVED: ("Die Sequenz ist archiviert.", "The sequence is archived."),
}


def _said(version: Definition, subject: Subject, action: course.Action, now: datetime, hours: Hours) -> list[Entry]:
    """Say one action for people; passing a delay that is over is nothing to tell."""
    if isinstance(action, Send):
        return [_message(version, subject, action, now, hours)]
    if isinstance(action, Wait) and action.until is not None:
        local = action.until.astimezone(subject.zone).isoformat(timespec="minutes")
        return [_entry(subject, now, "wait", action.step, (f"Wartet bis {local}.", f"Waits until {local}."))]
    if isinstance(action, Change):
        words = ", ".join([f"+{tag}" for tag in action.add] + [f"-{tag}" for tag in action.remove])
        return [_entry(subject, now, "tag", action.step, (f"Tags: {words}.", f"Tags: {words}."))]
    if isinstance(action, Go) and isinstance(version.step(action.step), Condition):
        why = ("Trifft zu.", "Holds.") if action.held else ("Trifft nicht zu.", "Does not hold.")
        return [_entry(subject, now, "condition", action.step, why)]
    if isinstance(action, Leave | Complete):
        return [_end(subject, action, now)]
    return []


def _end(subject: Subject, action: Leave | Complete, now: datetime) -> Entry:
    if isinstance(action, Leave):
        return _entry(subject, now, "exit", None, _LEFT[action.reason])
    return _entry(subject, now, "completed", None, ("Alle Schritte sind durch.", "All steps are done."))


def _message(version: Definition, subject: Subject, action: Send, now: datetime, hours: Hours) -> Entry:
    step = version.step(action.step)
    channel = str(getattr(step, "channel", ""))
    reason = subject.refused.get(action.step)
    if reason is not None:
        told = rules.sentence("skipped", reason)
        return _entry(subject, now, "message", action.step, (told["de"], told["en"]), channel=channel, skipped=reason)
    number = next((address for name, address in subject.member.contacts if name == channel), None)
    sent_at = opening_hours.opening(hours, channel, number, now, subject.zone)
    why: tuple[str, str] = ("Ist an der Reihe.", "Its turn has come.")
    if sent_at is None:
        why = ("Die Ruhezeiten lassen keine Stunde übrig.", "The quiet hours leave no hour of the day.")
    elif sent_at > now:
        local = sent_at.astimezone(subject.zone).isoformat(timespec="minutes")
        why = (f"Ruhezeit: geht um {local} hinaus.", f"Quiet hours: goes out at {local}.")
    return _entry(subject, now, "message", action.step, why, channel=channel, sent_at=sent_at)
