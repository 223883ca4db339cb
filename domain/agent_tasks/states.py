"""How a task stands: one function over the task, the last run and the campaign. Nothing stores what it returns."""

from dataclasses import dataclass
from enum import StrEnum

from domain.campaigns.lifecycle import Status


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING_REVIEW = "waiting_review"
    WAITING_INPUT = "waiting_input"
    PAUSED_BUDGET = "paused_budget"
    PAUSED_PROVIDER = "paused_provider"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


OVER = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.REFUSED})
WAITING = frozenset({State.WAITING_REVIEW, State.WAITING_INPUT})

_OF_RUN = {
    None: State.QUEUED,
    "queued": State.QUEUED,
    "running": State.RUNNING,
    "paused_budget": State.PAUSED_BUDGET,
    "paused_provider": State.PAUSED_PROVIDER,
    "cancelled": State.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known. `verdict` is the first decision of a person since the task began: approve, reject, or none."""

    lasting: bool
    refused: bool = False
    cancelled: bool = False
    unconfirmed: bool = False
    campaign: str | None = None
    verdict: str | None = None
    run: str | None = None


def state_of(facts: Facts) -> State:
    """Return the state. A decision of a person ends a task for good: what they do later is their own matter."""
    if facts.refused:
        return State.REFUSED
    if facts.cancelled:
        return State.CANCELLED
    if facts.unconfirmed:
        return State.WAITING_INPUT
    return _of_campaign(facts) if facts.lasting else State.DONE


def _of_campaign(facts: Facts) -> State:
    if facts.verdict is not None:
        return State.DONE if facts.verdict == "approve" else State.FAILED
    if facts.campaign is None or facts.campaign == Status.CANCELLED:
        return State.CANCELLED
    if facts.campaign == Status.PENDING_REVIEW:
        return State.WAITING_REVIEW
    if facts.campaign == Status.NEEDS_INPUT:
        return State.WAITING_INPUT
    if facts.campaign in {Status.DRAFT, Status.AI_GENERATING}:
        return _OF_RUN.get(facts.run, State.FAILED)
    return State.DONE
