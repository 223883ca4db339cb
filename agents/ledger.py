"""The ledger of model calls: idempotency key, cache, bill and audit in one row per call.

Every function is one short transaction of its own; none is open while a model works. A row in flight is
booked at its estimate, which is reserved of the run and the month: spent and reserved together are an upper bound at
every moment, and spent is the exact figure once the call is settled. What a dead process held is counted as spent.
"""

import base64
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import ColumnElement, CursorResult, false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from agents import budget
from agents.llm.port import Embedded, ModelReply, Prices, Usage
from kernel import db, log
from kernel.ids import new_id
from kernel.settings import get_settings
from models.agent import ModelCall

OpenSession = Callable[[], AbstractContextManager[Session]]

LEASE = timedelta(seconds=120)  # longer than an attempt; each one renews it
KEPT = timedelta(days=30)


class LeaseLost(Exception):  # noqa: N818 - the row goes on under its new holder
    """The lease lapsed and another caller took the call over."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a call before it is made."""

    call_key: str
    run_id: UUID | None
    purpose: str
    prompt_id: str
    prompt_version: int
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Held:
    """The right to make the call: the lease's end is the fencing token.

    `estimated` tells that an earlier holder left an attempt booked at its estimate.
    """

    id: UUID
    lease_until: datetime
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """The reply of an earlier call with the same key."""

    id: UUID
    reply: str
    model: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Another caller holds the lease."""


def begin(open_session: OpenSession, entry: Entry, *, lease: timedelta = LEASE) -> Held | Kept | Busy:
    """Take the call, find its reply, or learn that another caller is at it; durable on return."""
    with open_session() as session:
        held = session.execute(_insertion(session, entry, lease)).one_or_none()
        if held is not None:
            return Held(held.id, held.lease_until)
        row = session.execute(_locked(entry)).one()
        if row.in_flight:
            return Busy()
        reply = _opened(row.reply) if row.state == "done" and row.fresh else None
        if reply is not None:
            return Kept(row.id, reply, row.model)
        if row.state == "started":
            log.get().warning("model_call.taken_over", id=str(row.id), run_id=str(entry.run_id))
        budget.abandon(session, row.run_id, row.reserved_tokens)
        return _take_over(session, row.id, entry, lease)


def _insertion(session: Session, entry: Entry, lease: timedelta) -> Any:
    values = {
        "id": new_id(),
        "tenant_id": db.tenant_of(session),
        "call_key": entry.call_key,
        "run_id": entry.run_id,
        "purpose": entry.purpose,
        "prompt_id": entry.prompt_id,
        "prompt_version": entry.prompt_version,
        "provider": entry.provider,
        "model": entry.model,
        "state": "started",
        "lease_until": func.clock_timestamp() + lease,
    }
    statement = insert(ModelCall).values(values).on_conflict_do_nothing(index_elements=["tenant_id", "call_key"])
    return statement.returning(ModelCall.id, ModelCall.lease_until)


def _locked(entry: Entry) -> Any:
    now = func.clock_timestamp()
    in_flight = (ModelCall.state == "started") & (ModelCall.lease_until > now)
    fresh = or_(ModelCall.expires_at.is_(None), ModelCall.expires_at > now)
    columns = (
        ModelCall.id, ModelCall.state, ModelCall.reply, ModelCall.model, ModelCall.run_id, ModelCall.reserved_tokens,
    )  # fmt: skip
    return (
        select(*columns, func.coalesce(in_flight, false()).label("in_flight"), fresh.label("fresh"))
        .where(ModelCall.call_key == entry.call_key)
        .with_for_update()
    )


def _take_over(session: Session, call_id: UUID, entry: Entry, lease: timedelta) -> Held:
    taken = session.execute(
        update(ModelCall)
        .where(ModelCall.id == call_id)
        .values(
            state="started",
            run_id=entry.run_id,
            reserved_tokens=0,
            lease_until=func.clock_timestamp() + lease,
            reply=None,
            error_code=None,
            expires_at=None,
        )
        .returning(ModelCall.lease_until, ModelCall.estimated)
    ).one()
    return Held(call_id, taken.lease_until, taken.estimated)


def forget(open_session: OpenSession, call_id: UUID) -> None:
    """Drop a kept reply that is no longer an answer, so that the call is made again."""
    with open_session() as session:
        session.execute(update(ModelCall).where(ModelCall.id == call_id).values(reply=None))


class Booking:
    """A `Meter` on the ledger row and the run: each reservation and settlement is one transaction.

    A reservation renews the lease; `held` is the present one. Raises BudgetExhausted where the run's or the month's
    limit would be passed, LeaseLost where the call is another's.
    """

    def __init__(
        self,
        open_session: OpenSession,
        held: Held,
        run_id: UUID | None,
        prices: Prices,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self.held = held
        self._open_session = open_session
        self._run_id = run_id
        self._prices = prices
        self._lease = lease
        self._estimated = held.estimated
        self._month: date | None = None

    def reserve(self, estimate: Usage) -> None:
        cost = estimate.cost(self._prices)
        with self._open_session() as session:
            self._month = budget.reserve(session, self._run_id, estimate.total, cost)
            until = func.clock_timestamp() + self._lease
            renewed = self._book(
                session,
                estimate,
                cost,
                reserved_tokens=ModelCall.reserved_tokens + estimate.total,
                attempts=ModelCall.attempts + 1,
                estimated=True,
                lease_until=until,
            )
        self.held = replace(self.held, lease_until=renewed)

    def settle(self, estimate: Usage, actual: Usage) -> None:
        change = Usage(actual.input - estimate.input, actual.cached - estimate.cached, actual.output - estimate.output)
        cost = actual.cost(self._prices) - estimate.cost(self._prices)
        self._estimated = self._estimated or actual.estimated
        with self._open_session() as session:
            if self._month is not None:
                budget.settle(
                    session,
                    self._run_id,
                    self._month,
                    reserved=estimate.total,
                    spent=actual.total,
                    cost_change_micro=cost,
                )
            reserved = ModelCall.reserved_tokens - estimate.total
            self._book(session, change, cost, reserved_tokens=reserved, estimated=self._estimated)

    def _book(self, session: Session, tokens: Usage, cost: int, **values: Any) -> datetime:
        return _fenced(
            session,
            self.held,
            in_tokens=ModelCall.in_tokens + tokens.input,
            cached_tokens=ModelCall.cached_tokens + tokens.cached,
            out_tokens=ModelCall.out_tokens + tokens.output,
            cost_micro=ModelCall.cost_micro + cost,
            **values,
        )


def finish(
    open_session: OpenSession,
    held: Held,
    reply: ModelReply | Embedded,
    text: str | None,
    *,
    latency_ms: int,
    keep: Callable[[Session], None] | None = None,
) -> None:
    """Store the accepted reply; raises LeaseLost when another caller has the call now.

    `keep` stores what came of it elsewhere, both or neither; then `text` is None and the call is no cache.
    """
    with open_session() as session:
        if keep is not None:
            keep(session)
        _fenced(
            session,
            held,
            state="done",
            reply=None if text is None else _sealed(text),
            finish=reply.finish if isinstance(reply, ModelReply) else None,
            model=reply.model or ModelCall.model,
            http_status=reply.http_status,
            request_id=reply.request_id,
            latency_ms=latency_ms,
            lease_until=None,
            expires_at=func.clock_timestamp() + KEPT,
        )


def give_up(
    open_session: OpenSession,
    held: Held,
    code: str,
    *,
    unknown: bool,
    http_status: int | None,
    request_id: str | None,
    latency_ms: int,
) -> None:
    """Close a call that got no answer, so that the next caller may try at once."""
    with open_session() as session:
        _fenced(
            session,
            held,
            state="unknown" if unknown else "failed",
            error_code=code,
            http_status=http_status,
            request_id=request_id,
            latency_ms=latency_ms,
            lease_until=None,
        )


def _fenced(session: Session, held: Held, **values: Any) -> datetime:
    """Change the row while the lease is ours and return the lease's end; raises LeaseLost otherwise."""
    mine: ColumnElement[bool] = (ModelCall.state == "started") & (ModelCall.lease_until == held.lease_until)
    changed = session.execute(
        update(ModelCall).where(ModelCall.id == held.id, mine).values(values).returning(ModelCall.lease_until)
    ).one_or_none()
    if changed is None:
        raise LeaseLost
    return changed.lease_until or held.lease_until


def _count(result: Any) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0


def _cipher() -> Fernet:
    secret = get_settings().secret_key.get_secret_value()
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"model-calls\x1f" + secret.encode()).digest()))


def _sealed(text: str) -> str:
    return _cipher().encrypt(text.encode()).decode()


def _opened(sealed: str | None) -> str | None:
    """Return the reply, `None` for one that was erased or sealed with another secret."""
    if sealed is None:
        return None
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None
