"""Moving members on: a batch is claimed, decided by the one pure function, and written, in one transaction.

Whoever dies over a batch leaves it as it was; two workers take different members. Uniqueness in the ledger and the
enrolment's own list of messages make a message come once.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.campaigns.lifecycle import Status
from domain.sequences import course, entries, facts, fire, service, step_campaigns
from domain.sequences.course import Advance, Change, Facts, Go, Position, Send
from domain.sequences.definition import Definition
from domain.sequences.facts import Person
from kernel import clock, db, outbox
from kernel.errors import Invalid
from models import Sequence, TenantDue

SIZE = 1_000
_SECONDS = 4.0  # then another tenant's members may move
_WAITING = timedelta(seconds=5)  # how often an approval is looked for, while members wait for it

_CLAIM = text("""
SELECT id, member_id, pass_n, step, since, done FROM enrolment
WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active' AND due_at <= :now
ORDER BY due_at, id LIMIT :size FOR UPDATE SKIP LOCKED
""")
_WRITE = text("""
UPDATE enrolment e SET step = u.step, since = u.since, due_at = u.due_at, done = CAST(u.done AS jsonb), state = u.state,
  reason = u.reason, ended_at = CASE WHEN u.state <> 'active' THEN CAST(:now AS timestamptz) END,
  updated_at = clock_timestamp()
FROM unnest(CAST(:ids AS uuid[]), CAST(:steps AS text[]), CAST(:since AS timestamptz[]), CAST(:due AS timestamptz[]),
  CAST(:done AS text[]), CAST(:states AS text[]), CAST(:reasons AS text[]))
  AS u (id, step, since, due_at, done, state, reason)
WHERE e.tenant_id = :tenant AND e.id = u.id
""")
_PASSED = text("""
INSERT INTO enrolment_count AS c (tenant_id, sequence_id, step, state, reason, shard, n)
SELECT :tenant, :sequence, u.step, 'passed', '', count_shard(), u.n
FROM unnest(CAST(:steps AS text[]), CAST(:counts AS int[])) AS u (step, n) ORDER BY u.step
ON CONFLICT (tenant_id, sequence_id, step, state, reason, shard) DO UPDATE SET n = c.n + excluded.n
""")
_TAGS = text("""
UPDATE member SET updated_at = clock_timestamp(), tags = (tags - CAST(:remove AS text[])) || coalesce((
    SELECT jsonb_agg(tag ORDER BY n) FROM unnest(CAST(:add AS text[])) WITH ORDINALITY AS t (tag, n)
    WHERE NOT jsonb_exists(member.tags - CAST(:remove AS text[]), tag)), '[]')
WHERE tenant_id = :tenant AND id = ANY(:ids)
""")
_WAKE = text("""
UPDATE enrolment SET due_at = :now, updated_at = clock_timestamp()
WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active' AND due_at IS NULL AND step = ANY(:steps)
""")
_ERASED = text("""
UPDATE enrolment SET due_at = :now
WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active' AND member_id IS NULL
  AND (due_at > :now OR due_at IS NULL)
""")
_WAITS = text("""
SELECT EXISTS (SELECT FROM enrolment
  WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active' AND due_at IS NULL) AS waits,
  (SELECT min(due_at) FROM enrolment
  WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active') AS due
""")


def run(tenant_id: UUID, *, seconds: float = _SECONDS) -> int:
    """Let members in and move on who is due, for a few seconds; returns how many enrolments were looked at.

    What is left is marked for the next run. Safe in any number of processes.
    """
    until = time.monotonic() + seconds
    with db.tenant_session(tenant_id) as session:
        live = entries.live(session)
        for sequence in live:
            look_after(session, sequence)
        wanted = bool(live) or entries.waits(session)
        entries.follow(session, wanted=wanted)
    done, more = entries.take_in(tenant_id, until) if wanted else 0, bool(live)
    while more and time.monotonic() < until:
        more = False
        for sequence in live:
            looked_at = _batch_or_stop(tenant_id, sequence.id)
            done += looked_at
            more = more or looked_at > 0  # what a step with tags left is asked about again
    with db.tenant_session(tenant_id) as session:
        _look_again(session)
    return done


def look_after(session: Session, sequence: Sequence) -> None:
    """Begin steps that were approved, wake who waits at one that may send, end campaigns that no step has any more."""
    held = _published(session, sequence)[1]
    campaigns = {UUID(campaign_id): step for step, campaign_id in held.items()}
    known = step_campaigns.states(session, campaigns)
    for campaign_id, state in known.items():
        if state.status == Status.APPROVED:
            step_campaigns.begin(session, campaign_id, actor="system")
    ready = [step for campaign_id, step in campaigns.items() if _usable(known.get(campaign_id))]
    keys = {"tenant": sequence.tenant_id, "sequence": sequence.id, "now": clock.now()}
    session.execute(_WAKE, {**keys, "steps": ready})
    session.execute(_ERASED, keys)
    kept = {*campaigns, *map(UUID, sequence.campaigns.values())}
    step_campaigns.finish(session, set(service.campaigns_of(session, sequence)) - kept)


def _usable(state: Any) -> bool:
    return state is not None and state.approved and state.status in {Status.APPROVED, Status.SENDING}


def _published(session: Session, sequence: Sequence) -> tuple[Definition, dict[str, str]]:
    version = service.current(session, sequence)
    if version is None:
        raise LookupError(f"sequence {sequence.id} is live without a version")
    return service.parsed_of(version), version.campaigns


def _batch_or_stop(tenant_id: UUID, sequence_id: UUID) -> int:
    """Move on who is due; a sequence whose rules cannot be asked any more (a segment is gone) is paused, visibly."""
    try:
        return batch(tenant_id, sequence_id)
    except Invalid as broken:
        with db.tenant_session(tenant_id) as session:
            if service.lock(session, sequence_id).status == service.LIVE:
                service.pause(session, sequence_id, actor="system", reason=str(broken))
        return 0


def batch(tenant_id: UUID, sequence_id: UUID, size: int = SIZE) -> int:
    """Move on up to `size` members who are due; returns how many were looked at. Nobody moves in one that is paused."""
    with db.tenant_session(tenant_id) as session:
        sequence = session.execute(
            select(Sequence)
            .where(Sequence.tenant_id == tenant_id, Sequence.id == sequence_id, Sequence.status == service.LIVE)
            .with_for_update(read=True)
        ).scalar_one_or_none()
        if sequence is None:
            return 0
        now = clock.now()
        rows = session.execute(_CLAIM, {"tenant": tenant_id, "sequence": sequence_id, "now": now, "size": size}).all()
        if rows:
            _move_on(session, sequence, rows, now)
        return len(rows)


def _move_on(session: Session, sequence: Sequence, rows: Any, now: datetime) -> None:
    version, campaigns = _published(session, sequence)
    people = {row.id: Person(row.id, row.member_id, row.pass_n) for row in rows}
    clocks = facts.clocks(session, course.channels(version), list(people.values()), now)
    known = facts.gather(session, sequence.id, version, list(people.values()), clocks, now)
    places = {row.id: Position(row.step, row.since, frozenset(row.done)) for row in rows}
    advances = _decide(session, version, campaigns, places, known, people, now)
    wanted = _by_step(advances)
    for step in (each.key for each in version.messages() if each.key in wanted):  # older is what comes first
        fire.fire(session, UUID(campaigns[step]), [people[each] for each in wanted[step]], clocks)
    _tag(session, advances, people)
    _store(session, advances, now)
    fire.take_back(session, sequence.id, [people[each] for each, advance in advances.items() if advance.exit])
    _count_passed(session, sequence.id, advances)
    _tell(session, sequence.id, advances, people)


def _decide(
    session: Session,
    version: Definition,
    campaigns: Mapping[str, str],
    places: Mapping[UUID, Position],
    known: Mapping[UUID, Facts],
    people: Mapping[UUID, Person],
    now: datetime,
) -> dict[UUID, Advance]:
    """Ask for each member; a step whose campaign turns out to have an obstacle is asked about without it."""
    states = step_campaigns.states(session, map(UUID, campaigns.values()))
    ready = {
        step
        for step, held in campaigns.items()
        if (state := states.get(UUID(held))) and state.approved and state.status == Status.SENDING
    }
    asked: set[str] = set()

    def of(ids: list[UUID]) -> list[Person]:
        return [people[each] for each in ids]

    while True:
        able = frozenset(ready)
        advances = {
            each: course.advance(version, place, replace(known[each], ready=able), now)
            for each, place in places.items()
        }
        wanted = _by_step(advances)
        fresh = sorted(set(wanted) - asked, key=lambda step: campaigns[step])  # every worker locks in this order
        refused = {step for step in fresh if not fire.may_send(session, UUID(campaigns[step]), of(wanted[step]))}
        if not refused:
            return advances
        asked.update(set(fresh) - refused)
        ready -= refused


def _by_step(advances: Mapping[UUID, Advance]) -> dict[str, list[UUID]]:
    found: defaultdict[str, list[UUID]] = defaultdict(list)
    for each, advance in advances.items():
        for action in advance.actions:
            if isinstance(action, Send):
                found[action.step].append(each)
    return found


def _tag(session: Session, advances: Mapping[UUID, Advance], people: Mapping[UUID, Person]) -> None:
    wanted: defaultdict[tuple[tuple[str, ...], tuple[str, ...]], list[UUID | None]] = defaultdict(list)
    for each, advance in advances.items():
        for action in advance.actions:
            if isinstance(action, Change):
                wanted[action.add, action.remove].append(people[each].member_id)
    for (add, remove), ids in wanted.items():
        keys = {"tenant": db.tenant_of(session), "ids": ids, "add": list(add), "remove": list(remove)}
        session.execute(_TAGS, keys)


def _state(advance: Advance) -> str:
    if not advance.over:
        return "active"
    return "exited" if advance.exit is not None else "completed"


def _store(session: Session, advances: Mapping[UUID, Advance], now: datetime) -> None:
    found = list(advances.values())
    session.execute(
        _WRITE,
        {
            "tenant": db.tenant_of(session),
            "now": now,
            "ids": list(advances),
            "steps": [each.at.step for each in found],
            "since": [each.at.since for each in found],
            "due": [None if each.over else each.again for each in found],
            "done": [json.dumps(sorted(each.at.done)) for each in found],
            "states": [_state(each) for each in found],
            "reasons": [each.exit for each in found],
        },
    )


def _count_passed(session: Session, sequence_id: UUID, advances: Mapping[UUID, Advance]) -> None:
    """Count from which steps members went on; where they are the database counts itself."""
    on = Counter(
        action.step for each in advances.values() for action in each.actions if isinstance(action, Send | Change | Go)
    )
    if on:
        keys = {"tenant": db.tenant_of(session), "sequence": sequence_id}
        session.execute(_PASSED, {**keys, "steps": list(on), "counts": list(on.values())})


def _tell(session: Session, sequence_id: UUID, advances: Mapping[UUID, Advance], people: Mapping[UUID, Person]) -> None:
    over: defaultdict[str | None, list[UUID]] = defaultdict(list)
    for each, advance in advances.items():
        member_id = people[each].member_id
        if advance.over and member_id is not None:
            over[advance.exit].append(member_id)
    for reason, ids in over.items():
        if reason is None:
            service.told(session, "completed", sequence_id, ids)
        else:
            service.told(session, "exited", sequence_id, ids, reason=reason)


def _look_again(session: Session) -> None:
    """Note the next moment. The mark is locked first: whoever enrols somebody meanwhile marks it after us."""
    tenant_id = db.tenant_of(session)
    mark = session.execute(
        select(TenantDue).where(TenantDue.tenant_id == tenant_id, TenantDue.kind == service.DUE).with_for_update()
    ).scalar_one_or_none()
    now = clock.now()
    moments = []
    for sequence in session.execute(service.listed(session, status=service.LIVE)).scalars():
        row = session.execute(_WAITS, {"tenant": tenant_id, "sequence": sequence.id}).one()
        moments += [row.due] if row.due else []
        moments += [now + _WAITING] if row.waits else []
        moments += entries.next_day(session, sequence, now)
    if mark is not None and not moments:
        session.delete(mark)
    elif moments and mark is not None:
        mark.next_due_at = min(moments)
    elif moments:
        outbox.mark_due(session, service.DUE, min(moments))
