"""Doors for agents that speak a protocol of their own: they map, ask the task service in a thread, and map back."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route

from api.doors import a2a, mcp
from api.doors.a2a import A2aDoor
from api.doors.mcp import McpDoor

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def install(app: FastAPI) -> None:
    """Add the doors; they answer while the application's lifespan runs."""
    app.state.mcp = McpDoor()
    app.state.a2a = A2aDoor()
    app.router.routes.append(Route(mcp.PATH, app.state.mcp))
    for path in (a2a.CARD, a2a.RPC, f"{a2a.REST}/{{rest:path}}"):
        app.router.routes.append(Route(path, app.state.a2a))


def lifespan_of(inner: Lifespan | None) -> Lifespan:
    """Return a lifespan that opens the doors around `inner`."""

    @asynccontextmanager
    async def around(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(app.state.mcp.running())
            await stack.enter_async_context(app.state.a2a.running())
            if inner is not None:
                await stack.enter_async_context(inner(app))
            yield

    return around
