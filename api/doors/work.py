"""What the doors share: who asks, a transaction in a thread, and the one way in."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api import errors
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.service import TaskService
from domain.agent_tasks.views import TaskView
from domain.identity import service as identity
from domain.identity.service import Principal
from kernel import db
from kernel.errors import AriiaError, NotFound
from kernel.settings import get_settings

Result = TypeVar("Result")
_TIMEOUT = text("SELECT set_config('statement_timeout', :limit, true)")


async def work(principal: Principal, action: Callable[[TaskService, Requester], Result]) -> Result:
    """Run `action` in a thread, in one transaction of the principal's tenant; what it raises is raised."""
    return await run_in_threadpool(_work, principal, action)


def _work(principal: Principal, action: Callable[[TaskService, Requester], Result]) -> Result:
    with db.tenant_session(principal.tenant_id) as session:
        session.execute(_TIMEOUT, {"limit": str(get_settings().statement_timeout_ms)})
        return action(TaskService(session), Requester.of(principal))


def task_id_of(value: object) -> UUID:
    """Return the id of a task; one that is none is not found."""
    try:
        return UUID(str(value))
    except ValueError:
        raise NotFound("task") from None


def plain(view: TaskView) -> dict[str, Any]:
    """Return a task as JSON."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(view), default=str))
    return {**values, "task_id": values["id"]}


def refusal(error: AriiaError) -> dict[str, Any]:
    """Return a refusal as the problem document of the REST door says it."""
    extra: dict[str, Any] = json.loads(json.dumps(error.extra, default=str))
    return {**extra, "status": error.status, "code": error.code, "detail": error.detail}


class KeyDoor:
    """Lets in who sends a key or session token, and says in the request's state who that is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        try:
            request.state.principal = await run_in_threadpool(
                identity.authenticate, secret if scheme.lower() == "bearer" else ""
            )
        except AriiaError as error:
            refused = errors.problem(request, error.status, error.code, error.detail)
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)
