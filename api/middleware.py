"""Around every request: an id, a size limit, security headers, figures. Plain ASGI, so that nothing is buffered."""

import json
import time

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kernel import log
from kernel.ids import new_id

_LARGEST = 2 * 1024 * 1024
_LARGEST_UPLOAD = 50 * 1024 * 1024
_UPLOADS = ("/api/v1/imports/", "/api/v1/knowledge/files")
_REQUESTS = Counter("ariia_requests_total", "Requests answered", ["method", "area", "status"])
_SECONDS = Histogram("ariia_request_seconds", "Time until a request was answered", ["area"])


def _area(path: str) -> str:
    """Return the part of a path that names no row and no token."""
    parts = path.strip("/").split("/")
    return parts[2] if parts[:2] == ["api", "v1"] and len(parts) > 2 else parts[0] or "root"  # noqa: PLR2004


class Envelope:
    """The outermost application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.perf_counter(), 500
        area = _area(scope["path"])

        body = _Body(receive, _limit(scope["path"]))

        async def answer(message: Message) -> None:
            nonlocal status
            if body.too_large:  # whatever the application made of the cut body
                return
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._app(scope, body.receive, answer)
            if body.too_large:
                status = 413
                await _refuse(send, request_id, body.limit)
        finally:
            seconds = time.perf_counter() - began
            _REQUESTS.labels(scope["method"], area, status).inc()
            _SECONDS.labels(area).observe(seconds)
            log.get("api").info(
                "request.done", request_id=request_id, method=scope["method"], area=area, status=status,
                ms=round(seconds * 1_000),
            )  # fmt: skip


def _limit(path: str) -> int:
    return _LARGEST_UPLOAD if path.startswith(_UPLOADS) else _LARGEST


class _Body:
    """A request's body that is counted as it comes."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._seen = 0
        self.limit = limit
        self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self.limit:
            self.too_large = True
            return {"type": "http.disconnect"}
        return message


async def _refuse(send: Send, request_id: str, limit: int) -> None:
    body = json.dumps(
        {
            "type": "/problems/too_large",
            "title": "Too large",
            "status": 413,
            "code": "too_large",
            "detail": f"The body is larger than {limit // 1024 // 1024} MiB. Split it.",
            "request_id": request_id,
        }
    ).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
