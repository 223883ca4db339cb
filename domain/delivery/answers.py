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

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What an answer names it by."""
        return self.id, self.attempt_id


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
    segments: int | None = None


_FINAL: dict[FailureKind, tuple[str, str]] = {
    FailureKind.AMBIGUOUS: ("unknown", Reason.NO_ANSWER),
    FailureKind.PERMANENT_RECIPIENT: ("bounced", Reason.REFUSED),
    FailureKind.OPTOUT: ("bounced", Reason.OPTED_OUT),
    FailureKind.PROVIDER_DECLINE: ("failed", Reason.DECLINED),
}


def refused(start: Start, attempt: int, failure: SendFailed) -> Answer:
    """Return the next state after a refusal: only what was surely not sent is tried again, and never for ever."""
    state, reason, more = _next(attempt, failure)
    return Answer(
        start.id,
        start.attempt_id,
        state,
        reason,
        code=failure.code or None,
        words=failure.text,
        phase=failure.phase,
        **more,
    )


def _next(attempt: int, failure: SendFailed) -> tuple[str, str, dict[str, Any]]:
    if failure.kind in _FINAL:
        return *_FINAL[failure.kind], {}
    if failure.kind is FailureKind.PERMANENT_CONFIG:
        return "deferred", Reason.RELAY_REFUSES, {"wait": 0.0, "counted": False}
    if not failure.retryable or attempt >= MOST_ATTEMPTS:
        return "failed", Reason.TOO_MANY_ATTEMPTS if failure.retryable else Reason.REFUSED, {}
    if is_about_the_relay(failure):
        wait = max(_RELAY_PAUSE, wait_before(1, failure.retry_after))
        return "deferred", Reason.RELAY_AWAY, {"wait": wait, "counted": False}
    reason = Reason.THROTTLED if failure.kind is FailureKind.THROTTLE else Reason.RETRY
    return "deferred", reason, {"wait": wait_before(attempt, failure.retry_after)}


def is_about_the_relay(failure: SendFailed) -> bool:
    """True when the next message would meet the same refusal."""
    return failure.kind is FailureKind.PERMANENT_CONFIG or failure.phase in _BEFORE_MAIL


def slows_down(failure: SendFailed) -> bool:
    """True for an answer that, repeated, says: not now, to nobody."""
    return is_about_the_relay(failure) or failure.kind is FailureKind.THROTTLE
