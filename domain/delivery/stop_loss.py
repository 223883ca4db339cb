"""Stopping a campaign that harms its sender, before it goes on. Pure.

A window over the last answers: refusals that are about the sender (policy, reputation, authentication, filters), and
complaints of people.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from channels.base import FailureKind, SendFailed

WINDOW = 500
SENDER_FAULTS = 0.02
FILTERED = 0.03
COMPLAINTS = 0.003
_FEWEST = 10  # so many faults at least, or three refusals among the first ten messages would stop everything
_FEWEST_COMPLAINTS = 3
_FEWEST_OF_SENDER = 5


@dataclass(slots=True)
class Window:
    """The last answers, true where the fault was the sender's; `share` of them stops."""

    share: float = SENDER_FAULTS
    faults: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def note(self, fault: bool) -> bool:  # noqa: FBT001 - the thing noted
        """Add an answer; True when it is time to stop."""
        self.faults.append(fault)
        return fault and self.exceeded

    def extend(self, faults: Iterable[bool]) -> None:
        """Begin with what other runs saw, oldest first."""
        self.faults.extend(faults)

    @property
    def exceeded(self) -> bool:
        """True when more than the allowed share of a full window, and at least ten, were the sender's fault."""
        n = sum(self.faults)
        return n >= _FEWEST and n > self.share * WINDOW


def is_sender_fault(failure: SendFailed) -> bool:
    """True for a refusal that says something about the sender, and would meet the next person too."""
    return failure.kind in {FailureKind.SENDER_FAULT, FailureKind.PERMANENT_CONTENT}


def too_many_filtered(filtered: int) -> bool:
    """True when carriers filtered more than 3 % of the last 500 texts, and at least ten."""
    return filtered >= _FEWEST and filtered > FILTERED * WINDOW


def too_many_faults(faults: int, handed_over: int, share: float = SENDER_FAULTS) -> bool:
    """True when more than 2 % of what was handed over came back for the sender's fault, and at least ten.

    A campaign counts as one full window until it has sent more than that.
    """
    return faults >= _FEWEST and faults > share * max(WINDOW, handed_over)


def too_many_complaints(complaints: int, handed_over: int) -> bool:
    """True from 0.3 % complaints on (the bulk sender rules of Google and Yahoo), and never for the first two."""
    return complaints >= _FEWEST_COMPLAINTS and complaints >= COMPLAINTS * handed_over


def too_many_complaints_of_sender(complaints: int, handed_over: int) -> bool:
    """The same of all campaigns of a sender together, where five at least must have complained."""
    return complaints >= _FEWEST_OF_SENDER and complaints >= COMPLAINTS * handed_over
