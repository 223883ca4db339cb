"""What people see of a sequence: its steps, whether they may send, who waits where, what became of the messages."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from domain.sequences import definition, step_campaigns
from models import Member, SequenceVersion
from models import Sequence as Row

_STATES = text("""
SELECT state, count(*) AS n FROM enrolment WHERE tenant_id = :tenant AND sequence_id = :sequence GROUP BY state
""")
_WAITING = text("""
SELECT step, count(*) AS n, count(*) FILTER (WHERE due_at IS NULL) AS held FROM enrolment
WHERE tenant_id = :tenant AND sequence_id = :sequence AND state = 'active' AND step IS NOT NULL GROUP BY step
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

    `waiting` members are at it, `held` of them until it may send; `messages` counts per state over all its campaigns.
    """

    key: str
    type: str
    waiting: int
    held: int
    campaign_id: UUID | None = None
    campaign_status: str | None = None
    problem: str | None = None
    holds: str | None = None
    messages: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Overview:
    """Enrolments per state, the steps, and whether the draft says something else than what is published."""

    enrolments: dict[str, int]
    steps: list[StepView]
    unpublished: bool


def overview(session: Session, row: Row) -> Overview:
    """Return how a sequence is doing."""
    keys = {"tenant": row.tenant_id, "sequence": row.id}
    waiting = {found.step: found for found in session.execute(_WAITING, keys)}
    messages: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for found in session.execute(_MESSAGES, keys):
        messages[found.step][found.state] = int(found.n)
    newest = session.execute(versions(row).order_by(SequenceVersion.n.desc()).limit(1)).scalar_one_or_none()
    followed = newest.campaigns if newest is not None else {}
    known = step_campaigns.states(session, map(UUID, (*row.campaigns.values(), *followed.values())))
    steps = [
        replace(
            _view(step, waiting.get(step.key), row.campaigns.get(step.key), known, messages[step.key]),
            holds=_problem(known.get(UUID(followed[step.key]))) if step.key in followed else None,
        )
        for step in definition.read(row.draft).steps
    ]
    counts = {found.state: int(found.n) for found in session.execute(_STATES, keys)}
    same = newest is not None and (newest.definition, newest.campaigns) == (row.draft, row.campaigns)
    return Overview(counts, steps, not same)


def _view(
    step: definition.AnyStep, waiting: Any, held: str | None, known: dict[UUID, Any], messages: dict[str, int]
) -> StepView:
    n, parked = (waiting.n, waiting.held) if waiting else (0, 0)
    if not isinstance(step, definition.Message) or held is None:
        return StepView(step.key, step.type, n, parked)
    state = known.get(UUID(held))
    status = state.status if state else None
    return StepView(step.key, step.type, n, parked, UUID(held), status, _problem(state), messages=messages)


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
