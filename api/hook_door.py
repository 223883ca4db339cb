"""Before everything else: a provider's webhook that cannot be one costs a look into memory, and not a request.

What is refused here has no signature, one of the wrong shape, a token that was never made, a signature that does not
fit an account that is known in memory, or comes from a caller who was wrong too often. Whatever may be good goes on to
the application, which checks it anew and knows what is not known here.
"""

import json
from collections import deque
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.guesses import TooManyGuesses
from api.hook_callers import Known, callers, guesses
from channels.telegram import webhook as telegram
from channels.twilio import signature
from domain.senders import accounts
from kernel.settings import get_settings
from kernel.tokens import BadToken, get_signer

LARGEST = 256 * 1024
_TWILIO, _TELEGRAM, _STATUS = "/hooks/twilio/", "/hooks/telegram/", "status"
_WORDS = {
    HTTPStatus.FORBIDDEN: ("bad_signature", "The signature or secret does not fit this request."),
    HTTPStatus.NOT_FOUND: ("not_found", "There is no message here."),
}


class HookDoor:
    """Refuses early; hands on everything else, with the body that it has read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith((_TWILIO, _TELEGRAM)) or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = _Body(receive)
        try:
            refused = await _refused(scope, body)
        except TooManyGuesses as slow_down:
            await _answer(send, HTTPStatus.TOO_MANY_REQUESTS, slow_down.code, slow_down.detail, slow_down.extra)
            return
        if refused is not None:
            await _answer(send, refused, *_WORDS[refused], {})
            return
        await self._app(scope, body.again, send)


class _Body:
    """A request's body, read ahead and given again."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen: deque[Message] = deque()

    async def whole(self) -> bytes | None:
        """Return the body; None for one that is larger than any provider sends, or that broke off."""
        body = bytearray()
        while True:
            message = await self._receive()
            self._seen.append(message)
            body += message.get("body", b"")
            if message["type"] != "http.request" or len(body) > LARGEST:
                return None
            if not message.get("more_body"):
                return bytes(body)

    async def again(self) -> Message:
        return self._seen.popleft() if self._seen else await self._receive()


async def _refused(scope: Scope, body: _Body) -> HTTPStatus | None:
    """Return how a request is refused at once; None where it may be good. Raises TooManyGuesses."""
    kind, path_token, *rest = scope["path"].removeprefix("/hooks/").split("/")
    caller = caller_of(scope, path_token)
    guesses.check(caller)
    given = {name: value.decode("latin-1") for name, value in scope["headers"]}
    if kind == "twilio":
        refused = await _twilio(scope, path_token, rest, given, body)
    else:
        refused = _telegram(path_token, given)
    if refused is not None:
        guesses.wrong(caller)
    return refused


def caller_of(scope: Scope, path_token: str) -> str:
    """Return whose mistakes are counted: of one address at one account, because providers share their addresses."""
    client = scope.get("client")
    return f"{client[0] if client else ''} {path_token}"


async def _twilio(
    scope: Scope, path_token: str, rest: list[str], given: dict[bytes, str], body: _Body
) -> HTTPStatus | None:
    shown = given.get(signature.HEADER.encode())
    if not signature.is_one(shown):
        return HTTPStatus.FORBIDDEN
    if rest[:1] == [_STATUS] and not _is_made("".join(rest[1:2])):
        return HTTPStatus.NOT_FOUND
    known = callers.at_hand(path_token)
    if known is None or (whole := await body.whole()) is None:
        return None
    secret = accounts.secret_of(known.account) if known.account.kind == "twilio" else ""
    kind = given.get(b"content-type", "")
    fits = bool(secret) and signature.is_authentic(secret, called(scope), shown, whole, kind)
    return _unless(known, fits=fits)


def _telegram(path_token: str, given: dict[bytes, str]) -> HTTPStatus | None:
    known = callers.at_hand(path_token)
    if known is None:
        return None
    headers = {telegram.SECRET_HEADER: given.get(telegram.SECRET_HEADER.encode(), "")}
    return _unless(known, fits=telegram.is_authentic(headers, accounts.webhook_secret_of(known.account)))


def _unless(known: Known, *, fits: bool) -> HTTPStatus | None:
    """What does not fit goes on only where the account may have changed meanwhile."""
    return None if fits or callers.may_doubt(known) else HTTPStatus.FORBIDDEN


def _is_made(token: str) -> bool:
    try:
        get_signer().read("s", token)
    except BadToken:
        return False
    return True


def called(scope: Scope) -> str:
    """Return the address that was called, letter by letter, under our public name and not under what Host says."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string") or b""
    tail = path.partition(b"?")[0] + (b"?" + query if query else b"")
    return get_settings().base_url + tail.decode("latin-1")


async def _answer(send: Send, status: HTTPStatus, code: str, detail: str, extra: dict[str, object]) -> None:
    document = {"type": f"/problems/{code}", "title": status.phrase, "status": status, "code": code, "detail": detail}
    body = json.dumps(document | extra).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    if "retry_after" in extra:
        headers.append((b"retry-after", str(extra["retry_after"]).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
