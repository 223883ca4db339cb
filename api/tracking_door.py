"""The doors of opens, clicks and conversions (`/t/…`), before everything else: they answer from memory and the journal.

An open, a click or a pixel of a page costs a checked signature and a place in the journal's next turn. Whatever is
not one of ours goes on to the application and gets its answers.
"""

from http import HTTPStatus
from urllib.parse import parse_qsl

from prometheus_client import Counter
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.tracking import conversions, hits, ingest
from domain.tracking.actors import HONEYPOT, PREFETCH_HEADERS
from domain.tracking.hits import network_of
from domain.tracking.targets import Cache, NotNow
from kernel import log
from kernel.errors import NotFound
from kernel.tokens import BadToken, get_signer

# A transparent picture of one point (GIF89a).
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_WRONG = Counter("ariia_tracking_unknown_tokens_total", "Tokens of opens, clicks and visits that were never made")
Headers = list[tuple[bytes, bytes]]
_PRIVATE = (b"cache-control", b"no-store")
_PICTURE: Headers = [(b"content-type", b"image/gif"), (b"content-length", str(len(PIXEL)).encode()), _PRIVATE]
_AWAY: Headers = [(b"content-length", b"0"), (b"referrer-policy", b"no-referrer"), _PRIVATE]
_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
_GIF = ".gif"
_HIDDEN = HONEYPOT.to_bytes(2)
_OPEN, _CLICK, _VISIT = "/t/o/", "/t/c/", "/t/v/"


class TrackingDoor:
    """The outermost application: takes `/t/o`, `/t/c` and `/t/v`, hands on everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._targets: Cache | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/t/"):
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        door = path[:5]
        if scope["method"] not in _METHODS or door not in {_OPEN, _CLICK, _VISIT}:
            await self._app(scope, receive, send)
        elif door == _CLICK:
            await self._click(path[5:], scope, receive, send)
        elif path.endswith(_GIF):
            await self._picture(door, path[5 : -len(_GIF)], scope)
            await _answer(send, scope, HTTPStatus.OK, _PICTURE, PIXEL)
        else:
            await self._app(scope, receive, send)

    async def _picture(self, door: str, token: str, scope: Scope) -> None:
        """Keep what the picture says; it is shown also when that is nothing or cannot be kept."""
        try:
            if door == _OPEN:
                packed = packed_hit(hits.OPENED, get_signer().check("o", token), scope)
                await ingest.current().keep(hits.OPENED, packed)
                return
            body = get_signer().check("v", token)
            said = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            if scope["method"] == "GET" and (deed := conversions.deed_of_pixel(said)) is not None:
                packed = packed_hit(hits.CONVERTED, body, scope, conversions.packed(deed))
                await ingest.current().keep(hits.CONVERTED, packed)
        except BadToken:
            _WRONG.inc()
        except Exception as error:  # noqa: BLE001 - whoever looks at a picture must not see our trouble
            log.get("tracking").warning("hit.not_kept", error=type(error).__name__)

    async def _click(self, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = get_signer().check("c", token)
            if body[34:36] == _HIDDEN:
                await ingest.current().keep(hits.CLICKED, packed_hit(hits.CLICKED, body, scope))
                raise NotFound("link")  # noqa: TRY301 - the answer of every link that leads nowhere
            target = await self._cache().target(body)
        except BadToken:
            _WRONG.inc()
            await self._app(scope, receive, send)
            return
        except NotFound:
            await self._app(scope, receive, send)  # the uniform answer for what is not ours
            return
        except NotNow as refused:
            retry = (b"retry-after", str(refused.extra["retry_after"]).encode())
            headers = [(b"content-type", b"text/plain; charset=utf-8"), retry, _PRIVATE]
            await _answer(send, scope, HTTPStatus.SERVICE_UNAVAILABLE, headers, refused.detail.encode())
            return
        try:
            await ingest.current().keep(hits.CLICKED, packed_hit(hits.CLICKED, body, scope))
        except Exception as error:  # noqa: BLE001 - the person is on the way
            log.get("tracking").warning("hit.not_kept", error=type(error).__name__)
        if scope["method"] == "OPTIONS":
            await _answer(send, scope, HTTPStatus.NO_CONTENT, [_ALLOW, _PRIVATE], b"")
            return
        await _answer(send, scope, HTTPStatus.FOUND, [(b"location", target.encode("ascii")), *_AWAY], b"")

    def _cache(self) -> Cache:
        if self._targets is None:
            self._targets = Cache()
        return self._targets


def packed_hit(kind: int, token: bytes, scope: Scope, details: bytes = b"") -> bytes:
    """Return what a request shows, as the journal keeps it."""
    agent, flags = b"", hits.METHODS[scope["method"]]
    for name, value in scope["headers"]:
        if name == b"user-agent":
            agent = value
        elif name in PREFETCH_HEADERS and b"prefetch" in value.lower():
            flags |= hits.PREFETCH
    client = scope["client"]
    return hits.pack(kind, flags, token, network_of(client[0]) if client else b"", agent, details)


async def _answer(send: Send, scope: Scope, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
