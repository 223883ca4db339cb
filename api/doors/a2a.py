"""The A2A 1.0 door: JSON-RPC and HTTP+JSON over the task service, and the card that names both.

A message with a data part `{"skill": …, "input": {…}}` asks for a task and its `messageId` is the idempotency key; a
text with a `taskId` answers the task's question or comments its draft; any other text is a turn of a chat with the lead
agent. A send waits at most 25 seconds. The protocol
library is loaded when the application starts, not when it is imported.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

CARD = "/.well-known/agent-card.json"
RPC = "/a2a"
REST = "/a2a/v1"


class A2aDoor:
    """An ASGI application that answers at `/a2a`, below `/a2a/v1` and at the card's address while `running`."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            raise RuntimeError("the A2A door is not running: enter it in the application's lifespan")
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer calls until the context ends."""
        from api.doors import a2a_handler  # noqa: PLC0415

        self._app = a2a_handler.application(card_path=CARD, rpc_path=RPC, rest_path=REST)
        try:
            yield
        finally:
            self._app = None
