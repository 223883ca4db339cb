"""The REST API as one application; pages and background work are added by the process that runs it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from api import doors, errors
from api.areas import areas
from api.hook_door import HookDoor
from api.middleware import Envelope
from api.routes import (
    agent_tasks,
    analytics,
    brand,
    campaigns,
    chats,
    content_templates,
    conversations,
    drafts,
    experiments,
    follow_ups,
    health,
    hooks,
    imports,
    knowledge,
    members,
    money,
    public,
    recipients,
    runs,
    segments,
    send_times,
    senders,
    sequences,
    suppressions,
    templates,
    tenant,
    tracking,
    webhooks,
)
from api.schemas.base import ProblemDocument
from api.tracking_door import TrackingDoor

_PREFIX = "/api/v1"

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDocument, "description": text, "content": {errors.MEDIA_TYPE: {}}}
    for status, text in (
        (400, "The request cannot be read."),
        (401, "No key, or one that is unknown, expired or revoked."),
        (402, "The plan does not allow it: limit, used, reset and the tier that lifts it."),
        (403, "The key or role lacks a scope."),
        (404, "There is nothing with this id here."),
        (409, "Not possible in this state: names what is."),
        (413, "The body is too large."),
        (422, "A field cannot be used: names it and the way out."),
        (503, "The database does not answer."),
    )
}

DESCRIPTION = """
Campaigns that an agent writes, a person approves, and the service sends once.

Authenticate with `Authorization: Bearer ariia_live_…`. Lists are paginated by `cursor`; errors are
`application/problem+json` (RFC 9457); a POST with `Idempotency-Key` can be repeated safely.
"""


class Service(FastAPI):
    """The application behind the doors of opens and clicks and of webhooks, which answer before anything is asked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._door = TrackingDoor(HookDoor(super().__call__))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once: a refusal has one media type, and an example that shows its members."""
        if self.openapi_schema is None:
            for operations in super().openapi()["paths"].values():
                for operation in operations.values():
                    for status, answer in operation["responses"].items():
                        _as_problem(int(status), answer.get("content", {}))
        return super().openapi()


def _as_problem(status: int, content: dict[str, Any]) -> None:
    """Move the schema of a refusal from the media type that the framework assumes to the one that is sent."""
    if errors.MEDIA_TYPE in content:
        schema = content.pop("application/json", {}).get("schema", {})
        content[errors.MEDIA_TYPE] = {"schema": schema, "example": errors.example(status)}


def create_app(lifespan: Lifespan | None = None) -> FastAPI:
    """Return the API; every operation lives under /api/v1, public doors and health beside it."""
    app = Service(
        title="ARIIA Campaigns",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=doors.lifespan_of(lifespan),
    )
    routers = (
        tracking.public,
        money.router,
        campaigns.router,
        drafts.router,
        drafts.links,
        runs.router,
        brand.router,
        recipients.router,
        experiments.router,
        experiments.planning,
        tracking.router,
        analytics.router,
        send_times.router,
        members.router,
        chats.router,
        segments.router,
        imports.router,
        suppressions.router,
        knowledge.documents,
        knowledge.offers,
        conversations.router,
        follow_ups.router,
        follow_ups.about,
        sequences.router,
        sequences.about,
        templates.router,
        content_templates.router,
        senders.router,
        senders.accounts,
        tenant.settings,
        tenant.credentials,
        webhooks.router,
        agent_tasks.router,
        agent_tasks.words,
        agent_tasks.turns,
    )
    for area in areas(_PREFIX, routers):
        app.include_router(area, prefix=_PREFIX, responses=_PROBLEMS)
    app.include_router(public.router)
    app.include_router(hooks.router)
    app.include_router(health.router)
    doors.install(app)
    errors.install(app)
    app.add_middleware(Envelope)
    return app
