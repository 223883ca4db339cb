"""`Idempotency-Key` on POST: the first answer is kept and repeated (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from starlette.concurrency import run_in_threadpool

from api import errors
from api.threads import Handler, ThreadRoute
from domain.identity import service as identity
from domain.identity.service import Principal
from kernel import db
from kernel.errors import AriiaError, Conflict, Invalid
from kernel.ids import new_id
from models import IdempotencyKey

_LONGEST = 255
_LEASE = timedelta(seconds=60)
_KEPT = timedelta(hours=24)


class IdempotentRoute(ThreadRoute):
    """A POST with the header runs once; repeats get the first answer, another payload gets 422."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        if "POST" not in (self.methods or ()):
            return handler

        async def once(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if key is None:
                return await handler(request)
            try:
                principal = await run_in_threadpool(_principal, request)
                digest = hashlib.sha256(await request.body()).hexdigest()
                kept = await run_in_threadpool(_reserve, principal, request.url.path, key, digest)
            except AriiaError as error:
                return errors.refused(request, error)
            if kept is not None:
                return kept
            return await _run(request, handler, principal, key)

        return once


async def _run(request: Request, handler: Handler, principal: Principal, key: str) -> Response:
    try:
        response = await handler(request)
    except AriiaError as error:
        response = errors.refused(request, error)
    except BaseException:
        await run_in_threadpool(_forget, principal, request.url.path, key)
        raise
    await run_in_threadpool(_keep, principal, request.url.path, key, response)
    return response


def _principal(request: Request) -> Principal:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    principal = identity.authenticate(secret if scheme.lower() == "bearer" else "")
    request.state.principal = principal
    return principal


def _where(principal: Principal, route: str, key: str) -> list[Any]:
    return [
        IdempotencyKey.tenant_id == principal.tenant_id,
        IdempotencyKey.principal == principal.actor,
        IdempotencyKey.route == route,
        IdempotencyKey.key == key,
    ]


def _reserve(principal: Principal, route: str, key: str, digest: str) -> Response | None:
    """Take the key, or return the kept answer; raises Invalid or Conflict."""
    if not 1 <= len(key) <= _LONGEST:
        raise Invalid("Idempotency-Key", f"1 to {_LONGEST} characters")
    with db.tenant_session(principal.tenant_id) as session:
        taken = session.execute(
            insert(IdempotencyKey)
            .values(
                id=new_id(),
                tenant_id=principal.tenant_id,
                principal=principal.actor,
                route=route,
                key=key,
                request_hash=digest,
                lease_until=func.clock_timestamp() + _LEASE,
                expires_at=func.clock_timestamp() + _KEPT,
            )
            .on_conflict_do_nothing()
            .returning(IdempotencyKey.id)
        ).scalar_one_or_none()
        if taken is not None:
            return None
        row = session.execute(select(IdempotencyKey).where(*_where(principal, route, key))).scalar_one_or_none()
        if row is not None and row.request_hash != digest:
            raise Invalid("Idempotency-Key", "was used with another payload; use a new key", code="key_reused")
        if row is not None and row.status is not None:
            return _replay(row)
        again = session.execute(
            update(IdempotencyKey)
            .where(*_where(principal, route, key), IdempotencyKey.status.is_(None))
            .where(or_(IdempotencyKey.lease_until < func.clock_timestamp()))
            .values(lease_until=func.clock_timestamp() + _LEASE)
            .returning(IdempotencyKey.id)
        ).scalar_one_or_none()
    if again is None:
        raise Conflict("The first request with this key is still running. Ask again in a moment.", code="key_running")
    return None


def _replay(row: IdempotencyKey) -> Response:
    headers = {"Idempotent-Replayed": "true"}
    return Response(row.body or "", status_code=row.status or 200, media_type=row.media_type, headers=headers)


def _keep(principal: Principal, route: str, key: str, response: Response) -> None:
    with db.tenant_session(principal.tenant_id) as session:
        session.execute(
            update(IdempotencyKey)
            .where(*_where(principal, route, key))
            .values(
                status=response.status_code,
                body=bytes(response.body).decode(),
                media_type=response.headers.get("content-type"),
            )
        )


def _forget(principal: Principal, route: str, key: str) -> None:
    with db.tenant_session(principal.tenant_id) as session:
        session.execute(
            update(IdempotencyKey)
            .where(*_where(principal, route, key))
            .values(lease_until=func.clock_timestamp() - timedelta(seconds=1))
        )
