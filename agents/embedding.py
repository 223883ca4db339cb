"""Vectors from the configured model, metered like every call: of a question, and of the chunks that have none yet.

What people search for goes on without a vector where none comes in time; the reason is told with the answer. Chunks
are the tenant's own documents; a question that a member wrote leaves only where chats may.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from agents import budget, ledger
from agents.campaign import levels
from agents.llm import embeddings, registry
from agents.llm.errors import BudgetExhausted, CallStopped, Fault, Outcome
from agents.llm.port import Embedded
from agents.llm.provider import Provider
from domain.knowledge import vectors
from domain.knowledge.vectors import UNASKED, Meaning, Missing, Understood
from domain.plans.catalog import AI_CONTENT, Tier
from kernel import clock, db, log
from kernel.settings import get_settings
from models import Tenant

BATCH = 64
BATCHES_AT_ONCE = 40
QUERY_SECONDS = 6.0
_POLL_SECONDS = 0.1
_IN_FLIGHT = "call_in_flight"
_PROMPT, _VERSION = "embedding", 1
_LEASE = timedelta(minutes=10)  # of a tenant's turn; longer than the longest call
_AGAIN_IN = {Outcome.PAUSED_BUDGET: timedelta(hours=6), Outcome.FAILED: timedelta(hours=1)}
_PAUSE = timedelta(minutes=10)
_PROBE = Missing(UUID(int=0), "", "hello")

OpenSession = Callable[[], AbstractContextManager[Session]]


def allowed(session: Session, *, of_member: bool = False) -> bool:
    """Whether plan and tenant let texts of its documents, and questions to them, reach a model.

    A question `of_member` is what a person wrote in a chat, and leaves only with `insights`.
    """
    tenant = session.get_one(Tenant, db.tenant_of(session))
    lets = {"insights"} if of_member else {"insights", "no_member_data"}
    return tenant.ai_egress in lets and levels.of(AI_CONTENT.level(Tier(tenant.tier))).knowledge


def understand(
    query: str, open_session: OpenSession, *, run_id: UUID | None = None, of_member: bool = False
) -> Understood:
    """Return what a question means: one call of the run or the month, free when it was asked in the last 30 days.

    Takes at most some seconds and raises nothing that the model, its budget or its server cause. Call it without a
    transaction.
    """
    provider, model = registry.embedder(), vectors.model_name()
    if provider is None or model is None:
        return UNASKED
    with open_session() as session:
        if not allowed(session, of_member=of_member):
            return Understood(code="not_allowed")
        tenant_id = db.tenant_of(session)
    desk = Desk(registry.briefly(provider, QUERY_SECONDS), open_session, tenant_id, run_id)
    try:
        vector = desk.of_question(" ".join(query.split()))
    except ledger.LeaseLost:
        return Understood(code=_IN_FLIGHT)
    except CallStopped as stop:
        log.get("agents").warning("search.lexical", code=stop.code, request_id=stop.request_id)
        return Understood(code=stop.code)
    return Understood(Meaning(model, tuple(vector)))


@dataclass(frozen=True, slots=True)
class Desk:
    """One tenant's way to a model for vectors: ledger → budget → provider."""

    provider: Provider
    open_session: OpenSession
    tenant_id: UUID
    run_id: UUID | None = None

    def of_question(self, query: str) -> Sequence[float]:
        """Return the vector of a question from the ledger or the model. Raises CallStopped."""
        entry = self._entry("embed_question", [query])
        patience = time.monotonic() + self.provider.budget_seconds
        while time.monotonic() < patience:
            found = ledger.begin(self.open_session, entry)
            if isinstance(found, ledger.Busy):
                time.sleep(_POLL_SECONDS)
                continue
            if isinstance(found, ledger.Kept):
                return embeddings.unpack(found.reply)
            made = self._make(found, [query], None)
            return made.vectors[0]
        raise CallStopped(Outcome.PAUSED_PROVIDER, _IN_FLIGHT, retry_at=clock.now() + _PAUSE)

    def of_chunks(self, model: str, chunks: Sequence[Missing]) -> None:
        """Make and store the vectors of these chunks, in one transaction with the end of the call.

        Raises CallStopped, and then none of them is stored.
        """
        entry = self._entry("embed_chunks", [chunk.text for chunk in chunks])
        found = ledger.begin(self.open_session, entry)
        if isinstance(found, ledger.Held):
            self._make(found, [chunk.text for chunk in chunks], partial(_store, model, chunks))
        elif isinstance(found, ledger.Busy):
            raise CallStopped(Outcome.PAUSED_PROVIDER, _IN_FLIGHT, retry_at=clock.now() + ledger.LEASE)

    def answers(self) -> bool:
        """Whether the model takes a text that every model takes. Raises CallStopped for any other end."""
        entry = self._entry("embed_probe", [_PROBE.text, clock.now().isoformat()])
        found = ledger.begin(self.open_session, entry)
        try:
            if isinstance(found, ledger.Held):
                self._make(found, [_PROBE.text], lambda _session, _made: None)
        except CallStopped as stop:
            if stop.code != Fault.BAD_REQUEST:
                raise
            return False
        return True

    def _entry(self, purpose: str, texts: Sequence[str]) -> ledger.Entry:
        port = self.provider.port
        parts = [
            str(self.tenant_id),
            purpose,
            port.endpoint,
            port.model,
            get_settings().llm_embedding_dimensions,
            texts,
        ]
        key = hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
        return ledger.Entry(key, self.run_id, purpose, _PROMPT, _VERSION, port.name, port.model)

    def _make(
        self, held: ledger.Held, texts: Sequence[str], keep: Callable[[Session, Embedded], None] | None
    ) -> Embedded:
        """Call the model; without `keep` the ledger keeps the one vector as the answer of the same call later."""
        started = time.monotonic()
        prices = self.provider.port.profile.prices
        booking = ledger.Booking(self.open_session, held, self.run_id, prices)
        try:
            made = self.provider.embed(texts, dimensions=get_settings().llm_embedding_dimensions, meter=booking)
        except CallStopped as stop:
            ledger.give_up(
                self.open_session, booking.held, stop.code, unknown=stop.unknown, http_status=stop.http_status,
                request_id=stop.request_id, latency_ms=_ms_since(started),
            )  # fmt: skip
            raise
        ledger.finish(
            self.open_session,
            booking.held,
            made,
            None if keep else embeddings.pack(made.vectors[0]),
            latency_ms=_ms_since(started),
            keep=partial(_hand_on, keep, made) if keep else None,
        )
        return made


def _hand_on(keep: Callable[[Session, Embedded], None], made: Embedded, session: Session) -> None:
    keep(session, made)


def _store(model: str, chunks: Sequence[Missing], session: Session, made: Embedded) -> None:
    vectors.store(session, model, zip(chunks, made.vectors, strict=True))


def _ms_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def make_missing(tenant_id: UUID) -> None:
    """Make the vectors of the tenant's chunks that have none of the configured model, a bounded number at a time.

    What stops it is written beside the progress, with the time of the next try.
    """
    open_session = partial(db.tenant_session, tenant_id)
    provider, model = registry.embedder(), vectors.model_name()
    with open_session() as session:
        if provider is None or model is None or not allowed(session):
            vectors.rest(session, None)
            return
        vectors.put_off(session, clock.now() + _LEASE)
    work = _Work(Desk(provider, open_session, tenant_id), model)
    try:
        done = work.run()
    except CallStopped as stop:
        _put_off(open_session, stop)
        return
    with open_session() as session:
        vectors.note(session, None)
        if not (done and vectors.rest(session, model)):
            vectors.put_off(session, clock.now())


def _put_off(open_session: OpenSession, stop: CallStopped) -> None:
    again: datetime = stop.retry_at or clock.now() + _AGAIN_IN.get(stop.outcome, _PAUSE)
    log.get("agents").warning("embeddings.stopped", code=stop.code, request_id=stop.request_id)
    with open_session() as session:
        if stop.code != _IN_FLIGHT:
            vectors.note(session, stop.code, again)
        vectors.put_off(session, again)


@dataclass(slots=True)
class _Work:
    """One tenant's turn: batch after batch, and a batch that is refused in halves until the text is found."""

    desk: Desk
    model: str
    answered: bool = False

    def run(self) -> bool:
        """Return whether all chunks were looked at. Raises CallStopped."""
        after = UUID(int=0)
        for _ in range(BATCHES_AT_ONCE):
            with self.desk.open_session() as session:
                budget.leave_room(session)
                chunks = vectors.missing(session, self.model, after=after, most=BATCH)
            if not chunks:
                return True
            self._make(chunks)
            after = chunks[-1].id
        return False

    def _make(self, chunks: Sequence[Missing]) -> None:
        try:
            self.desk.of_chunks(self.model, chunks)
        except BudgetExhausted:
            raise
        except CallStopped as stop:
            if stop.code not in {Fault.BAD_REQUEST, Fault.CONTENT_FILTERED}:
                raise
            if len(chunks) == 1:
                self._refused(chunks[0], stop)
                return
            half = len(chunks) // 2
            self._make(chunks[:half])
            self._make(chunks[half:])
            return
        self.answered = True

    def _refused(self, chunk: Missing, stop: CallStopped) -> None:
        """Leave out a text that the model does not take, where it takes others."""
        self.answered = self.answered or self.desk.answers()
        if not self.answered:
            raise stop
        with self.desk.open_session() as session:
            vectors.store(session, self.model, [(chunk, None)])
