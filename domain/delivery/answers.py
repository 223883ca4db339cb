"""What a provider's answer makes of a message. Pure."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from channels.base import FailureKind, SendFailed
from domain.delivery.rules import MOST_ATTEMPTS, Reason, wait_before

# Where a refusal is about the relay, and no person's message was touched.
_BEFORE_MAIL = frozenset({"connect", "greeting", "ehlo", "tls", "auth"})
_RELAY_PAUSE = 20.0


@dataclass(frozen=True, slots=True)
class Start:
    """A message that a session is about to transmit."""

    id: UUID
    attempt_id: UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message. `wait`: seconds until the next attempt; not `counted`: the attempt is given back."""

    id: UUID
    attempt_id: UUID
    state: str
    reason: str | None = None
    provider_id: str | None = None
    code: str | None = None
    words: str | None = None
    phase: str | None = None
    wait: float | None = None
    counted: bool = True


def refused(start: Start, attempt: int, failure: SendFailed) -> Answer:
    """Return the next state after a refusal: only what was surely not sent is tried again, and never for ever."""
    known: dict[str, Any] = {"code": failure.code or None, "words": failure.text, "phase": failure.phase}

    def answer(state: str, reason: str | None, **more: Any) -> Answer:
        return Answer(start.id, start.attempt_id, state, reason, **known, **more)

    match failure.kind:
        case FailureKind.AMBIGUOUS:
            return answer("unknown", Reason.NO_ANSWER)
        case FailureKind.PERMANENT_RECIPIENT | FailureKind.OPTOUT:
            return answer("bounced", Reason.REFUSED)
        case FailureKind.PERMANENT_CONFIG:
            return answer("deferred", Reason.RELAY_REFUSES, wait=0.0, counted=False)
    if not failure.retryable or attempt >= MOST_ATTEMPTS:
        return answer("failed", Reason.TOO_MANY_ATTEMPTS if failure.retryable else Reason.REFUSED)
    if is_about_the_relay(failure):
        wait = max(_RELAY_PAUSE, wait_before(1, failure.retry_after))
        return answer("deferred", Reason.RELAY_AWAY, wait=wait, counted=False)
    return answer("deferred", Reason.RETRY, wait=wait_before(attempt, failure.retry_after))


def is_about_the_relay(failure: SendFailed) -> bool:
    """True when the next message would meet the same refusal."""
    return failure.kind is FailureKind.PERMANENT_CONFIG or failure.phase in _BEFORE_MAIL


def slows_down(failure: SendFailed) -> bool:
    """True for an answer that, repeated, says: not now, to nobody."""
    return is_about_the_relay(failure) or failure.kind is FailureKind.THROTTLE
