"""Doors for providers: what became of messages, and what people write.

Nothing is written before the signature holds.
"""

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api.guesses import Guesses
from channels.telegram import webhook as telegram
from channels.twilio import signature
from channels.twilio import webhook as twilio
from domain.returns import callbacks, inbound
from domain.returns import telegram as telegram_returns
from domain.returns.inbound import Written
from domain.senders import accounts
from kernel import db
from kernel.errors import AriiaError, Forbidden, NotFound
from kernel.settings import get_settings
from kernel.tokens import BadToken, get_signer
from models import ProviderAccount

router = APIRouter(prefix="/hooks", include_in_schema=False)
_guesses = Guesses("hooks", most=120)
_LARGEST = 256 * 1024
_NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


class TooLarge(AriiaError):  # noqa: N818 - named as the answer
    """A webhook's body is larger than any provider sends."""

    code = "too_large"
    status = 413


async def _body(request: Request) -> bytes:
    """Read at most what a provider sends."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise TooLarge(f"The body is larger than {_LARGEST // 1024} KiB.")
    return bytes(body)


Body = Annotated[bytes, Depends(_body)]


def _caller(request: Request, path_token: str) -> str:
    """Return whose mistakes are counted: of one address at one account, because providers share their addresses."""
    return f"{request.client.host if request.client else ''} {path_token}"


def _account(request: Request, path_token: str) -> tuple[UUID, ProviderAccount]:
    """Return whose webhook this is. Raises NotFound, the same for every address that was never given out."""
    _guesses.check(_caller(request, path_token))
    try:
        tenant_id, account_id = accounts.by_path(path_token)
    except NotFound:
        _guesses.wrong(_caller(request, ""))
        raise
    with db.tenant_session(tenant_id) as session:
        return tenant_id, accounts.get(session, account_id)


def _check_twilio(request: Request, account: ProviderAccount, body: bytes) -> None:
    """Raise Forbidden unless the account's own provider signed this very request for our public address."""
    given = request.headers.get(signature.HEADER)
    kind = request.headers.get("content-type", "")
    secret = accounts.secret_of(account) if account.kind == "twilio" else ""
    if not secret or not signature.is_authentic(secret, _called(request), given, body, kind):
        _guesses.wrong(_caller(request, request.path_params["path_token"]))
        raise Forbidden("The signature does not fit this request.", code="bad_signature")


def _called(request: Request) -> str:
    """Return the address that was called, letter by letter, under our public name and not under what Host says."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope.get("query_string") or b""
    tail = path.partition(b"?")[0] + (b"?" + query if query else b"")
    return get_settings().base_url + tail.decode("latin-1")


@router.post("/twilio/{path_token}/status/{token}")
def twilio_status(path_token: str, token: str, request: Request, body: Body) -> Response:
    """Keep what became of a message; it is applied right after the answer."""
    tenant_id, account = _account(request, path_token)
    _check_twilio(request, account, body)
    try:
        signed = get_signer().read("s", token)
    except BadToken:
        raise NotFound("message") from None
    receipt = twilio.receipt(_fields(request, account, body))
    if receipt is not None and signed.tenant_id == tenant_id:
        mark = request.headers.get("i-twilio-idempotency-token")
        with db.tenant_session(tenant_id) as session:
            callbacks.keep(session, account.id, signed.ref_id, receipt, token=mark)
    return Response(status_code=204)


@router.post("/twilio/{path_token}/inbound")
def twilio_inbound(path_token: str, request: Request, body: Body) -> Response:
    """Take what a person wrote; the answer, where there is one, goes out as a message of its own."""
    tenant_id, account = _account(request, path_token)
    _check_twilio(request, account, body)
    message = twilio.inbound(_fields(request, account, body))
    if message is not None:
        written = Written(
            channel=message.channel,
            address=message.sender,
            text=message.text,
            external_id=message.provider_id,
            account_id=account.id,
            handled=message.opt_out,
            to=message.recipient,
            media=message.media,
        )
        with db.tenant_session(tenant_id) as session:
            inbound.take(session, written)
    return Response(_NO_ANSWER, media_type="text/xml")


def _fields(request: Request, account: ProviderAccount, body: bytes) -> dict[str, str]:
    """Return what was reported. Raises Forbidden for a report of another account at the provider."""
    fields = twilio.fields_of(body, request.headers.get("content-type", ""))
    if fields.get("AccountSid", account.settings.get("account_sid")) != account.settings.get("account_sid"):
        raise Forbidden("The report is of another account.", code="bad_signature")
    return fields


@router.post("/telegram/{path_token}")
async def telegram_update(path_token: str, request: Request, body: Body) -> Response:
    """Take an update of a bot."""
    await run_in_threadpool(_take_update, path_token, request, body)
    return Response(status_code=204)


def _take_update(path_token: str, request: Request, body: bytes) -> None:
    tenant_id, account = _account(request, path_token)
    if not telegram.is_authentic(dict(request.headers), accounts.webhook_secret_of(account)):
        _guesses.wrong(_caller(request, path_token))
        raise Forbidden("The secret does not fit this bot.", code="bad_signature")
    try:
        update = telegram.read(_json(body))
    except telegram.BadUpdate:
        return  # said yes to, or it would come again for ever
    with db.tenant_session(tenant_id) as session:
        telegram_returns.take(session, account.id, update)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise telegram.BadUpdate("no JSON") from None
