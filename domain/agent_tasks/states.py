"""How a task stands: one function over the task, its campaigns and their last runs. Nothing stores what it returns."""

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


# Of the campaigns of one task, the first that is found here says how the task stands: an open question first, then what
# goes on by itself, then whose turn it is, then what is paused; over only when all are.
_PRESSING = (
    State.WAITING_INPUT,
    State.RUNNING,
    State.QUEUED,
    State.WAITING_REVIEW,
    State.PAUSED_PROVIDER,
    State.PAUSED_BUDGET,
    State.DONE,
    State.FAILED,
    State.CANCELLED,
)


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one campaign of a task.

    `verdict` is the first decision of a person between the task's begin and its end: approve, reject, or none.
    """

    campaign: str | None = None
    verdict: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a task."""

    lasting: bool
    refused: bool = False
    cancelled: bool = False
    unconfirmed: bool = False
    parts: tuple[Part, ...] = ()


def state_of(facts: Facts) -> State:
    """Return the state. A decision of a person ends a task for good: what they do later is their own matter."""
    if facts.refused:
        return State.REFUSED
    if facts.cancelled and all(part.verdict is None for part in facts.parts):
        return State.CANCELLED
    if facts.unconfirmed:
        return State.WAITING_INPUT
    return _together([state_of_part(part) for part in facts.parts]) if facts.lasting else State.DONE


def _together(states: list[State]) -> State:
    found = next((state for state in _PRESSING if state in states), State.CANCELLED)
    return State.RUNNING if found == State.QUEUED and set(states) != {State.QUEUED} else found


def state_of_part(part: Part) -> State:
    """Return how one campaign of a lasting task stands."""
    if part.verdict is not None:
        return State.DONE if part.verdict == "approve" else State.FAILED
    if part.campaign is None or part.campaign == Status.CANCELLED:
        return State.CANCELLED
    if part.campaign == Status.PENDING_REVIEW:
        return State.WAITING_REVIEW
    if part.campaign == Status.NEEDS_INPUT:
        return State.WAITING_INPUT
    if part.campaign in {Status.DRAFT, Status.AI_GENERATING}:
        return _OF_RUN.get(part.run, State.FAILED)
    return State.DONE
