"""What people see of a sequence: its steps, whether they may send, who waits where, what became of the messages."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from domain.sequences import definition, step_campaigns
from models import Member, SequenceVersion
from models import Sequence as Row

_COUNTS = text("""
SELECT step, state, reason, sum(n) AS n FROM enrolment_count
WHERE tenant_id = :tenant AND sequence_id = :sequence GROUP BY step, state, reason HAVING sum(n) > 0
""")
_CONVERSIONS = text("""
SELECT s.step, count(*) AS n FROM sequence_campaign s
JOIN conversion v ON v.tenant_id = s.tenant_id AND v.campaign_id = s.campaign_id
WHERE s.tenant_id = :tenant AND s.sequence_id = :sequence AND v.attribution <> 'none' GROUP BY s.step
""")
_MESSAGES = text("""
SELECT s.step, c.state, sum(c.n) AS n FROM sequence_campaign s
JOIN campaign_count c ON c.tenant_id = s.tenant_id AND c.campaign_id = s.campaign_id
WHERE s.tenant_id = :tenant AND s.sequence_id = :sequence GROUP BY s.step, c.state HAVING sum(c.n) > 0
""")
_SAMPLE = 3


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of the draft; `problem` is why its message could not be published, `holds` why nobody gets it live.

    `waiting` members are at it, `held` of them until it may send, `passed` went on from it (each pass once), `exited`
    left the sequence there, by reason. `messages` per state and `conversions` are those of all its campaigns.
    """

    key: str
    type: str
    waiting: int = 0
    held: int = 0
    passed: int = 0
    exited: dict[str, int] = field(default_factory=dict)
    campaign_id: UUID | None = None
    campaign_status: str | None = None
    problem: str | None = None
    holds: str | None = None
    messages: dict[str, int] = field(default_factory=dict)
    conversions: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """Enrolments per state, exits by reason, the steps, and whether the draft says something else than is published."""

    enrolments: dict[str, int]
    exits: dict[str, int]
    steps: list[StepView]
    unpublished: bool


def overview(session: Session, row: Row) -> Overview:
    """Return how a sequence is doing. The database keeps the counts: no enrolment is read."""
    keys = {"tenant": row.tenant_id, "sequence": row.id}
    counted = _counted(session, keys)
    messages: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for found in session.execute(_MESSAGES, keys):
        messages[found.step][found.state] = int(found.n)
    conversions = {found.step: found.n for found in session.execute(_CONVERSIONS, keys)}
    newest = session.execute(versions(row).order_by(SequenceVersion.n.desc()).limit(1)).scalar_one_or_none()
    followed = newest.campaigns if newest is not None else {}
    known = step_campaigns.states(session, map(UUID, (*row.campaigns.values(), *followed.values())))
    steps = [
        replace(
            _view(step, counted[step.key], row.campaigns.get(step.key), known, messages[step.key]),
            holds=_problem(known.get(UUID(followed[step.key]))) if step.key in followed else None,
            conversions=conversions.get(step.key, 0),
        )
        for step in definition.read(row.draft).steps
    ]
    same = newest is not None and (newest.definition, newest.campaigns) == (row.draft, row.campaigns)
    return Overview(_states(counted), _exits(counted), steps, not same)


Counted = dict[tuple[str, str], int]


def _counted(session: Session, keys: dict[str, Any]) -> defaultdict[str, Counted]:
    """Return, by step, how many are or were there by state and reason."""
    found: defaultdict[str, Counted] = defaultdict(dict)
    for row in session.execute(_COUNTS, keys):
        found[row.step][row.state, row.reason] = int(row.n)
    return found


def _states(counted: dict[str, Counted]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for by_state in counted.values():
        for (state, _), n in by_state.items():
            if state != "passed":
                found["active" if state == "held" else state] += n
    return dict(found)


def _exits(counted: dict[str, Counted]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for by_state in counted.values():
        found.update(_exited(by_state))
    return dict(found)


def _exited(by_state: Counted) -> dict[str, int]:
    return {reason: n for (state, reason), n in by_state.items() if state == "exited"}


def _view(
    step: definition.AnyStep, counted: Counted, campaign: str | None, known: dict[UUID, Any], messages: dict[str, int]
) -> StepView:
    held = counted.get(("held", ""), 0)
    view = StepView(
        step.key,
        step.type,
        waiting=held + counted.get(("active", ""), 0),
        held=held,
        passed=counted.get(("passed", ""), 0),
        exited=_exited(counted),
    )
    if not isinstance(step, definition.Message) or campaign is None:
        return view
    state = known.get(UUID(campaign))
    status = state.status if state else None
    return replace(view, campaign_id=UUID(campaign), campaign_status=status, problem=_problem(state), messages=messages)


def _problem(state: Any) -> str | None:
    if state is None:
        return "campaign_missing"
    if state.hold_reason is not None:
        return str(state.hold_reason)
    if not state.approved:
        return "not_approved"
    return "campaign_over" if state.status in step_campaigns.OVER else None


def versions(row: Row) -> Select[SequenceVersion]:
    """Return the statement of what was published."""
    return select(SequenceVersion).where(
        SequenceVersion.tenant_id == row.tenant_id, SequenceVersion.sequence_id == row.id
    )


def newest_members(session: Session, row: Row) -> Sequence[UUID]:
    """Return some members to rehearse with."""
    newest = select(Member.id).where(Member.tenant_id == row.tenant_id).order_by(Member.id.desc())
    return session.execute(newest.limit(_SAMPLE)).scalars().all()
