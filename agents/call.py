"""The one way to call a model: key → ledger → budget → provider → checked answer."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

from agents import ledger
from agents.llm.errors import CallStopped, ModelError, Outcome
from agents.llm.port import Message, ModelRequest
from agents.llm.provider import Provider
from agents.llm.schema import parse, schema_hash, strip_fence, unusable
from kernel import clock, log

Form = TypeVar("Form", bound=BaseModel)

_POLL_SECONDS = 0.2
_IN_FLIGHT = "call_in_flight"


@dataclass(frozen=True, slots=True)
class Question(Generic[Form]):
    """What is asked.

    `check` returns what is wrong with a well-formed answer (unknown ids, missing items); the sentences are
    shown to the model once. `variation` makes "write it differently" another question.
    """

    purpose: str
    prompt_id: str
    prompt_version: int
    messages: tuple[Message, ...]
    form: type[Form]
    max_output_tokens: int
    temperature: float | None = None
    variation: int = 0
    check: Callable[[Form], list[str]] | None = None


@dataclass(frozen=True, slots=True)
class Answer(Generic[Form]):
    """A checked answer, `model` as the server reported it; `from_ledger` when no request was made."""

    value: Form
    model: str
    call_id: UUID
    from_ledger: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """Everything a run needs to ask a model. Threads may share it: each call opens its own sessions.

    `open_session` yields a session of the tenant and commits on return, as `kernel.db.tenant_session`
    does. `run_id` is the run whose token limit is spent; without one nothing is limited.
    """

    provider: Provider
    open_session: ledger.OpenSession
    tenant_id: UUID
    run_id: UUID | None
    lease: timedelta = ledger.LEASE
    monotonic: Callable[[], float] = field(default=time.monotonic)

    def ask(self, question: Question[Form]) -> Answer[Form]:
        """Return the answer from the ledger or from the model.

        Raises CallStopped: `outcome` is failed, paused_provider or paused_budget, `code` the reason. A call
        that was paused or failed may be asked again at any time; what is finished is free.
        """
        entry = self._entry(question)
        patience = self.monotonic() + self.lease.total_seconds() + self.provider.budget_seconds
        while self.monotonic() < patience:
            found = ledger.begin(self.open_session, entry, lease=self.lease)
            if isinstance(found, ledger.Busy):
                self.provider.sleep(_POLL_SECONDS)
                continue
            try:
                return self._kept(question, found) if isinstance(found, ledger.Kept) else self._make(question, found)
            except ledger.LeaseLost:
                continue
            except ModelError:
                ledger.forget(self.open_session, found.id)
        raise CallStopped(Outcome.PAUSED_PROVIDER, _IN_FLIGHT, retry_at=clock.now() + self.lease)

    def key(self, question: Question[Form]) -> str:
        """Return the call key: equal for equal questions of one tenant to one model, and for nothing else."""
        port = self.provider.port
        parts = [
            str(self.tenant_id),
            question.purpose,
            f"{question.prompt_id}@{question.prompt_version}",
            schema_hash(question.form),
            port.endpoint,
            port.model,
            [question.max_output_tokens, question.temperature],
            question.variation,
            [[each.role, each.content] for each in question.messages],
        ]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()

    def _entry(self, question: Question[Form]) -> ledger.Entry:
        return ledger.Entry(
            call_key=self.key(question),
            run_id=self.run_id,
            purpose=question.purpose,
            prompt_id=question.prompt_id,
            prompt_version=question.prompt_version,
            provider=self.provider.port.name,
            model=self.provider.port.model,
        )

    def _kept(self, question: Question[Form], found: ledger.Kept) -> Answer[Form]:
        return Answer(_accepted(question, found.reply), found.model, found.id, from_ledger=True)

    def _make(self, question: Question[Form], held: ledger.Held) -> Answer[Form]:
        started = self.monotonic()
        prices = self.provider.port.profile.prices
        booking = ledger.Booking(self.open_session, held, self.run_id, prices, lease=self.lease)
        request = ModelRequest(
            question.purpose,
            question.messages,
            question.form,
            question.max_output_tokens,
            question.temperature,
        )
        try:
            done = self.provider.complete(request, lambda text: _accepted(question, text), booking)
        except CallStopped as stop:
            self._give_up(booking.held, stop, started)
            raise
        text = strip_fence(done.text)
        ledger.finish(self.open_session, booking.held, done.reply, text, latency_ms=self._ms_since(started))
        return Answer(done.value, done.reply.model or self.provider.port.model, held.id, from_ledger=False)

    def _give_up(self, held: ledger.Held, stop: CallStopped, started: float) -> None:
        known = {"id": str(held.id), "run_id": str(self.run_id), "request_id": stop.request_id}
        log.get().warning("model_call.stopped", outcome=stop.outcome.value, code=stop.code, **known)
        ledger.give_up(
            self.open_session,
            held,
            stop.code,
            unknown=stop.unknown,
            http_status=stop.http_status,
            request_id=stop.request_id,
            latency_ms=self._ms_since(started),
        )

    def _ms_since(self, started: float) -> int:
        return round((self.monotonic() - started) * 1000)


@dataclass(frozen=True, slots=True)
class Chain:
    """Several models for one run: the next one is asked where one does not answer. The ledger knows which it was."""

    callers: tuple[Caller, ...]

    def ask(self, question: Question[Form]) -> Answer[Form]:
        """Return the first answer. Raises the first CallStopped where none answers, or the budget ends."""
        first: CallStopped | None = None
        for n, caller in enumerate(self.callers, start=1):
            try:
                return caller.ask(question)
            except CallStopped as stop:
                first = first or stop
                if stop.outcome is Outcome.PAUSED_BUDGET or stop.code == _IN_FLIGHT:
                    raise
                if n < len(self.callers):
                    log.get().warning("model_call.next", code=stop.code, model=self.callers[n].provider.port.model)
        if first is None:
            raise ValueError("a chain of no models")
        raise first


def _accepted(question: Question[Form], text: str) -> Form:
    value = parse(question.form, text)
    problems = question.check(value) if question.check else []
    if problems:
        raise unusable(*problems)
    return value
