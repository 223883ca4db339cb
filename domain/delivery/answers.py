"""What a provider's answer makes of a message. Pure."""

from typing import Any, NamedTuple
from uuid import UUID

from channels.base import FailureKind, Scope, SendFailed
from domain.delivery.rules import MOST_ATTEMPTS, Reason, wait_before

# Where a refusal is about the relay, and no person's message was touched.
_BEFORE_MAIL = frozenset({"connect", "greeting", "ehlo", "tls", "auth"})
_RELAY_PAUSE = 20.0
# A throttle of the account, the sender or the chat was never processed, whatever the message: it uses up no attempt.
_COUNTED = frozenset({Scope.DOMAIN, None})


class Start(NamedTuple):
    """A message that a session is about to transmit."""

    id: UUID
    attempt_id: UUID

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What an answer names it by."""
        return self.id, self.attempt_id


class Answer(NamedTuple):
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
_COUNTRY = ("failed", Reason.COUNTRY_CLOSED)


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
    final = _COUNTRY if failure.scope is Scope.COUNTRY else _FINAL.get(failure.kind)
    if final is not None:
        return *final, {}
    if failure.kind is FailureKind.PERMANENT_CONFIG:
        return "deferred", Reason.RELAY_REFUSES, {"wait": 0.0, "counted": False}
    if not failure.retryable or attempt >= (failure.attempts or MOST_ATTEMPTS):
        return "failed", Reason.TOO_MANY_ATTEMPTS if failure.retryable else Reason.REFUSED, {}
    if is_about_the_relay(failure):
        wait = max(_RELAY_PAUSE, wait_before(1, failure.retry_after))
        return "deferred", Reason.RELAY_AWAY, {"wait": wait, "counted": False}
    more: dict[str, Any] = {"wait": wait_before(attempt, failure.retry_after)}
    if failure.kind is not FailureKind.THROTTLE:
        return "deferred", Reason.RETRY, more
    return "deferred", Reason.THROTTLED, more | {"counted": failure.scope in _COUNTED}


def is_about_the_relay(failure: SendFailed) -> bool:
    """True when the next message would meet the same refusal."""
    return failure.kind is FailureKind.PERMANENT_CONFIG or failure.phase in _BEFORE_MAIL


def slows_down(failure: SendFailed) -> bool:
    """True for an answer that, repeated, says: not now, to nobody."""
    return is_about_the_relay(failure) or (failure.kind is FailureKind.THROTTLE and failure.scope is not Scope.CHAT)
