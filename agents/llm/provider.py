"""The only place where a model call is tried again: attempts, waiting, breaker, ladder, booking."""

import random
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Generic, Protocol, TypeVar

from agents.llm.errors import CallStopped, Delivery, Fault, ModelError, Outcome
from agents.llm.ladder import Ladder, is_certain, messages, response_format, step_down
from agents.llm.port import Embedded, Message, ModelPort, ModelReply, ModelRequest, Usage
from kernel import clock

T = TypeVar("T")
R = TypeVar("R")
Reply = TypeVar("Reply", ModelReply, Embedded)

ATTEMPTS = 3
BUDGET_SECONDS = 180.0
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 20.0
_PAUSE = timedelta(seconds=60)
_MESSAGE_OVERHEAD = 16  # tokens of role markers around one message, generously
_ECHO = 4_000  # characters of a bad reply that are shown back to the model
_CUT_OFF = {"length", "max_tokens"}
_AGAIN = {Fault.RATE_LIMITED, Fault.TRANSIENT, Fault.TIMEOUT, Fault.PROTOCOL, Fault.EMPTY}
_ONCE_AGAIN = {Fault.TRUNCATED, Fault.MALFORMED}
_PAUSES = {Fault.RATE_LIMITED, Fault.TRANSIENT, Fault.TIMEOUT}
_SICK = {Fault.TRANSIENT, Fault.TIMEOUT, Fault.PROTOCOL}


class Meter(Protocol):
    """Where tokens are booked: the ledger and the run's limit in the product, nothing in `doctor`."""

    def reserve(self, estimate: Usage) -> None:
        """Book the most an attempt may cost, before it is made; raises BudgetExhausted."""
        ...

    def settle(self, estimate: Usage, actual: Usage) -> None:
        """Replace a reservation by what the attempt did cost."""
        ...


class NoMeter:
    """Books nothing."""

    def reserve(self, estimate: Usage) -> None: ...

    def settle(self, estimate: Usage, actual: Usage) -> None: ...


class Breaker:
    """Per endpoint: after 5 failures within 60 s no request is sent until one of them is a minute old."""

    def __init__(self, *, failures: int = 5, seconds: float = 60.0) -> None:
        self._limit = failures
        self._seconds = seconds
        self._failed: dict[str, deque[float]] = {}
        self._lock = Lock()

    def open_for(self, endpoint: str, at: float) -> float:
        """Return the seconds until requests are sent again; 0 while the endpoint is trusted."""
        with self._lock:
            failed = self._recent(endpoint, at)
            return failed[0] + self._seconds - at if len(failed) >= self._limit else 0.0

    def failed(self, endpoint: str, at: float) -> None:
        with self._lock:
            recent = self._recent(endpoint, at)
            recent.append(at)
            while len(recent) > self._limit:
                recent.popleft()

    def succeeded(self, endpoint: str) -> None:
        with self._lock:
            self._failed.pop(endpoint, None)

    def _recent(self, endpoint: str, at: float) -> deque[float]:
        failed = self._failed.setdefault(endpoint, deque())
        while failed and failed[0] <= at - self._seconds:
            failed.popleft()
        return failed


@dataclass(frozen=True, slots=True)
class Completed(Generic[T]):
    """An accepted answer and the attempt it came from; `attempts` counts HTTP requests."""

    value: T
    text: str
    reply: ModelReply
    attempts: int


class Provider:
    """One port with its retries; safe to share between threads.

    `sleep`, `monotonic` and `jitter` (0 ≤ x < 1) are given by tests that must not wait.
    """

    def __init__(
        self,
        port: ModelPort,
        *,
        breaker: Breaker | None = None,
        ladder: Ladder | None = None,
        attempts: int = ATTEMPTS,
        budget_seconds: float = BUDGET_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.port = port
        self.attempts = attempts
        self.budget_seconds = budget_seconds
        self.breaker = breaker or Breaker()
        self.ladder = ladder or Ladder()
        self.sleep = sleep
        self.monotonic = monotonic
        self.jitter = jitter

    def complete(self, request: ModelRequest, accept: Callable[[str], T], meter: Meter | None = None) -> Completed[T]:
        """Ask until `accept` takes the text, in at most 3 attempts within 180 s.

        `accept` raises ModelError (malformed) for an answer it refuses. Raises CallStopped with the
        named end, BudgetExhausted when `meter` refuses an attempt.
        """
        return _Call(self, request, accept, meter or NoMeter()).run()

    def embed(self, texts: Sequence[str], *, dimensions: int | None = None, meter: Meter | None = None) -> Embedded:
        """Return a vector per text, tried and booked as `complete` does; raises what it raises."""
        return _Embedding(self, texts, dimensions, meter or NoMeter()).run()


class _Tries(ABC, Generic[R]):
    """The state of one call while it is tried."""

    def __init__(self, provider: Provider, meter: Meter) -> None:
        self._p = provider
        self._endpoint = provider.port.endpoint
        self._meter = meter
        self._deadline = provider.monotonic() + provider.budget_seconds
        self._made = 0
        self._seen: list[Fault] = []
        self._unknown = False

    @abstractmethod
    def _attempt(self) -> R:
        """Make one attempt, booked; raises ModelError."""

    def _mended(self, error: ModelError) -> bool | None:
        """Change what another attempt needs; None where that is only time, False where no attempt would help."""
        return None if error.fault in _AGAIN else False

    def run(self) -> R:
        while True:
            self._stop_if_open()
            try:
                return self._attempt()
            except ModelError as error:
                self._note(error)
                if not self._prepare_next(error):
                    raise self._stopped(error) from None

    def _booked(self, estimate: Usage, ask: Callable[[], Reply]) -> Reply:
        """Make one request, reserved at the estimate and settled at what the reply says."""
        self._meter.reserve(estimate)
        self._made += 1
        try:
            reply = ask()
        except ModelError as error:
            self._unknown = error.delivery is Delivery.UNKNOWN
            spent = replace(estimate, estimated=True) if self._unknown else Usage()
            self._meter.settle(estimate, spent)
            raise
        self._unknown = False
        self._meter.settle(estimate, reply.usage or replace(estimate, estimated=True))
        return reply

    def _note(self, error: ModelError) -> None:
        self._seen.append(error.fault)
        if error.fault in _SICK:
            self._p.breaker.failed(self._endpoint, self._p.monotonic())
        elif error.fault is not Fault.RATE_LIMITED:
            self._p.breaker.succeeded(self._endpoint)

    def _prepare_next(self, error: ModelError) -> bool:
        """Change or wait for what the next attempt needs; False when another one makes no sense."""
        another = self._made < self._p.attempts
        mended = self._mended(error)
        if mended is not None:
            return mended and another
        if not another:
            return False
        wait = self._wait(error)
        if self._p.monotonic() + wait >= self._deadline:
            return False
        self._p.sleep(wait)
        return True

    def _wait(self, error: ModelError) -> float:
        if error.retry_after is not None:
            return error.retry_after + self._p.jitter() * min(1.0, error.retry_after)
        ceiling = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** len(self._seen))
        return self._p.jitter() * ceiling

    def _stop_if_open(self) -> None:
        seconds = self._p.breaker.open_for(self._endpoint, self._p.monotonic())
        if seconds > 0:
            at = clock.now() + timedelta(seconds=seconds)
            raise CallStopped(Outcome.PAUSED_PROVIDER, "endpoint_down", retry_at=at, unknown=self._unknown)

    def _stopped(self, error: ModelError) -> CallStopped:
        pause = error.fault in _PAUSES
        seconds = timedelta(seconds=error.retry_after) if error.retry_after is not None else _PAUSE
        return CallStopped(
            Outcome.PAUSED_PROVIDER if pause else Outcome.FAILED,
            error.fault.value,
            retry_at=clock.now() + seconds if pause else None,
            request_id=error.request_id,
            http_status=error.http_status,
            unknown=self._unknown,
        )


class _Call(_Tries[Completed[T]]):
    """A completion: a refused request steps down the ladder, an answer of no use is asked for once more."""

    def __init__(self, provider: Provider, request: ModelRequest, accept: Callable[[str], T], meter: Meter) -> None:
        super().__init__(provider, meter)
        self._asked = request
        dialect = provider.ladder.dialect(self._endpoint, provider.port.profile)
        self._request = replace(request, dialect=dialect)
        self._accept = accept

    def _attempt(self) -> Completed[T]:
        request = self._request
        reply = self._booked(estimate_of(request), lambda: self._p.port.complete(request, deadline=self._deadline))
        text = _checked(reply)
        try:
            value = self._accept(text)
        except ModelError as error:
            self._ask_again(text, error)
            raise _with_reply(error, reply) from None
        self._p.breaker.succeeded(self._endpoint)
        self._p.ladder.remember(self._endpoint, self._request.dialect)
        return Completed(value, text, reply, self._made)

    def _mended(self, error: ModelError) -> bool | None:
        fault = error.fault
        if fault is Fault.BAD_REQUEST:
            return self._step_down(error)
        if fault is Fault.TRUNCATED:
            doubled = self._asked.max_output_tokens * 2
            self._request = replace(self._request, max_output_tokens=doubled)
        if fault in _ONCE_AGAIN:
            return self._seen.count(fault) == 1
        return super()._mended(error)

    def _step_down(self, error: ModelError) -> bool:
        lower = step_down(self._request.dialect, error.hint) if error.http_status in {400, 422} else None
        if lower is None:
            return False
        if is_certain(error.hint):
            self._p.ladder.remember(self._endpoint, lower)
        self._request = replace(self._request, dialect=lower)
        return True

    def _ask_again(self, text: str, error: ModelError) -> None:
        told = "Your last answer cannot be used:\n" + "\n".join(f"- {each}" for each in error.problems)
        told += "\nAnswer again, completely, in the form that was asked for."
        repair = (Message("assistant", text[:_ECHO]), Message("user", told))
        if error.hint.speaks_of_schema:
            shown = replace(self._request.dialect, show_schema=True)
            self._request = replace(self._request, dialect=shown)
        self._request = replace(self._request, messages=(*self._asked.messages, *repair))


class _Embedding(_Tries[Embedded]):
    """Vectors: nothing about the request can be mended."""

    def __init__(self, provider: Provider, texts: Sequence[str], dimensions: int | None, meter: Meter) -> None:
        super().__init__(provider, meter)
        self._texts = texts
        self._dimensions = dimensions

    def _attempt(self) -> Embedded:
        size = sum(len(text.encode("utf-8", "replace")) for text in self._texts)
        estimate = Usage(-(-size // 2) + _MESSAGE_OVERHEAD * len(self._texts))
        ask = partial(self._p.port.embed, self._texts, dimensions=self._dimensions, deadline=self._deadline)
        reply = self._booked(estimate, ask)
        self._p.breaker.succeeded(self._endpoint)
        return reply


def estimate_of(request: ModelRequest) -> Usage:
    """The most an attempt is expected to cost: half a token per UTF-8 byte sent, and the output cap."""
    sent = messages(request)
    size = sum(len(each.content.encode("utf-8", "replace")) for each in sent)
    form = response_format(request)
    size += len(str(form).encode()) if form else 0
    return Usage(-(-size // 2) + _MESSAGE_OVERHEAD * len(sent), 0, request.max_output_tokens)


def _checked(reply: ModelReply) -> str:
    """Return the text of a reply that ended well; the first thing wrong names the fault."""
    fault = _ending(reply)
    if fault is not None:
        raise _with_reply(ModelError(fault), reply)
    return reply.text or ""


def _ending(reply: ModelReply) -> Fault | None:
    if reply.finish == "no_choices":
        return Fault.PROTOCOL
    if reply.finish == "content_filter":
        return Fault.CONTENT_FILTERED
    if reply.finish in _CUT_OFF:
        return Fault.TRUNCATED
    if reply.refusal:
        return Fault.REFUSED
    return None if (reply.text or "").strip() else Fault.EMPTY


def _with_reply(error: ModelError, reply: ModelReply) -> ModelError:
    return ModelError(error.fault, http_status=reply.http_status, request_id=reply.request_id, problems=error.problems)
