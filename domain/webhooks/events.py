"""Telling what happened: a row in the transaction of its cause, numbered within its aggregate, and its deliveries.

The number comes from a locked counter, so the events of one aggregate have no gap and no two the same place.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, event, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, SessionTransaction

from domain.webhooks import rules
from domain.webhooks.catalog import FEED, OF_STEP, TYPES
from kernel import db, outbox
from kernel.ids import new_id
from models import DomainEvent, WebhookDelivery, WebhookEndpoint

DUE = "webhooks"
_FLAG, _TOLD = "webhooks_due", "events_told"

_WRITE = text("""
WITH counter AS (
  INSERT INTO event_counter (tenant_id, kind, aggregate_id, seq) VALUES (:tenant, :kind, :aggregate, 1)
  ON CONFLICT (tenant_id, kind, aggregate_id) DO UPDATE SET seq = event_counter.seq + 1 RETURNING seq
)
INSERT INTO domain_event (id, tenant_id, seq, type, aggregate_kind, aggregate_id, payload)
SELECT :id, :tenant, seq, :type, :kind, :aggregate, CAST(:payload AS jsonb) FROM counter
RETURNING seq, occurred_at
""")


@dataclass(frozen=True, slots=True)
class _Told:
    """An event of this transaction that is not written yet; `within` is the savepoint that it is part of."""

    id: UUID
    type: str
    aggregate: str
    aggregate_id: UUID
    payload: dict[str, Any]
    within: SessionTransaction | None


def emit(session: Session, type: str, *, aggregate: str, id: UUID, **payload: Any) -> UUID:  # noqa: A002 - as it is called
    """Tell one event about the thing `id` of kind `aggregate`; returns the event's id.

    It is written with its deliveries right before this transaction commits, and never when it rolls back. The payload
    names people by id only. Raises ValueError for a type, aggregate or field that is not in the
    catalogue, and for a type about single recipients, which is read from the ledger.
    """
    known = None if type in FEED else TYPES.get(type)  # what the feed reads from the ledger would be told twice
    if known is None or known.aggregate != aggregate or not payload.keys() <= set(known.payload):
        raise ValueError(f"{type} about {aggregate} with {sorted(payload)} is not in the catalogue")
    data = json.loads(json.dumps(payload, default=str))
    told = _Told(new_id(), type, aggregate, id, data, session.get_nested_transaction())
    session.info.setdefault(_TOLD, []).append(told)
    return told.id


def emit_step(session: Session, campaign_id: UUID, verb: str, **payload: Any) -> None:
    """Tell a step in the life of a campaign, where the catalogue has an event for it."""
    name = OF_STEP.get(verb)
    if name is not None:
        wanted = {key: value for key, value in payload.items() if key in TYPES[name].payload}
        emit(session, name, aggregate="campaign", id=campaign_id, **wanted)


def body_of(row: DomainEvent) -> dict[str, Any]:
    """Return what is sent about an event."""
    return {
        "type": row.type,
        "timestamp": row.occurred_at.isoformat(),
        "data": {
            "aggregate": {"kind": row.aggregate_kind, "id": str(row.aggregate_id)},
            "sequence": row.seq,
            **row.payload,
        },
    }


def queue(session: Session, endpoints: list[UUID], rows: list[DomainEvent], *, again: bool = False) -> int:
    """Put events on their way to endpoints; returns how many are. With `again` also those that are done."""
    values = [
        {
            "id": new_id(), "tenant_id": row.tenant_id, "endpoint_id": endpoint_id, "event_id": row.id,
            "type": row.type, "aggregate_id": row.aggregate_id, "ordinal": row.seq, "body": body_of(row),
        }
        for row in rows
        for endpoint_id in endpoints
    ]  # fmt: skip
    if not values:
        return 0
    statement = insert(WebhookDelivery)
    key = ["tenant_id", "endpoint_id", "event_id"]
    if again:
        fresh = {"state": "pending", "attempt": 0, "next_at": text("clock_timestamp()"), "done_at": None}
        statement = statement.on_conflict_do_update(index_elements=key, set_=fresh)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    done = len(session.execute(statement.values(values).returning(WebhookDelivery.id)).all())
    due(session)
    return done


def due(session: Session) -> None:
    """Ask for deliveries once this transaction ends."""
    session.info[_FLAG] = True


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    """Write what was told, and the dispatcher's mark.

    Counters and mark are the last locks of the transaction and taken in one order, so nobody waits in a circle.
    """
    if session.in_nested_transaction():
        return
    told: list[_Told] = session.info.pop(_TOLD, [])
    if told:
        rows = [_store(session, one) for one in sorted(told, key=lambda one: (one.aggregate, one.aggregate_id))]
        _fan_out(session, rows)
    if session.info.pop(_FLAG, False):
        outbox.mark_due(session, DUE)


def _store(session: Session, told: _Told) -> DomainEvent:
    tenant_id = db.tenant_of(session)
    row = session.execute(
        _WRITE,
        {
            "tenant": tenant_id, "kind": told.aggregate, "aggregate": told.aggregate_id, "id": told.id,
            "type": told.type, "payload": json.dumps(told.payload),
        },
    ).one()  # fmt: skip
    return DomainEvent(
        id=told.id, tenant_id=tenant_id, seq=row.seq, type=told.type, aggregate_kind=told.aggregate,
        aggregate_id=told.aggregate_id, payload=told.payload, occurred_at=row.occurred_at,
    )  # fmt: skip


def _fan_out(session: Session, rows: list[DomainEvent]) -> None:
    endpoints = session.execute(
        select(WebhookEndpoint.id, WebhookEndpoint.events).where(
            WebhookEndpoint.tenant_id == db.tenant_of(session), WebhookEndpoint.active.is_(True)
        )
    ).all()
    for endpoint in endpoints:
        queue(session, [endpoint.id], [row for row in rows if rules.matches(endpoint.events, row.type)])


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, over: SessionTransaction) -> None:
    """Forget what was told within a savepoint, or a transaction, that is rolled back."""
    if not over.nested:
        session.info.pop(_FLAG, None)
        session.info.pop(_TOLD, None)
    elif _TOLD in session.info:
        session.info[_TOLD] = [one for one in session.info[_TOLD] if one.within is not over]


def matching(
    session: Session,
    *,
    type: str | None = None,  # noqa: A002
    aggregate: str | None = None,
    id: UUID | None = None,  # noqa: A002
) -> Select[DomainEvent]:
    """Return the statement of the tenant's events: of a type, of a kind of thing, of one thing."""
    statement = select(DomainEvent).where(DomainEvent.tenant_id == db.tenant_of(session))
    if type is not None:
        statement = statement.where(DomainEvent.type == type)
    if aggregate is not None:
        statement = statement.where(DomainEvent.aggregate_kind == aggregate)
    if id is not None:
        statement = statement.where(DomainEvent.aggregate_id == id)
    return statement
