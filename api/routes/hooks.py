"""Doors for providers: what became of messages, and what people write.

Nothing is written before the signature holds, and whatever can be refused without a look into the database is.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.hook_callers import Known, callers, guesses
from api.hook_door import LARGEST, called, caller_of
from channels.email.sns import CONFIRMATION, NOTIFICATION, BadMessage
from channels.telegram import webhook as telegram
from channels.twilio import signature
from channels.twilio import webhook as twilio
from domain.returns import callbacks, inbound, sns
from domain.returns import telegram as telegram_returns
from domain.returns.inbound import Written
from domain.senders import accounts
from kernel import db, egress
from kernel.errors import AriiaError, Forbidden, NotFound
from kernel.tokens import BadToken, get_signer
from models import ProviderAccount

router = APIRouter(prefix="/hooks", include_in_schema=False)
_NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


class TooLarge(AriiaError):  # noqa: N818 - named as the answer
    """A webhook's body is larger than any provider sends."""

    code = "too_large"
    status = 413


class NotReachable(AriiaError):  # noqa: N818 - named as the answer
    """What is needed to check a webhook cannot be fetched now; the provider comes again."""

    code = "not_reachable"
    status = 503


async def _body(request: Request) -> bytes:
    """Read at most what a provider sends."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise TooLarge(f"The body is larger than {LARGEST // 1024} KiB.")
    return bytes(body)


Body = Annotated[bytes, Depends(_body)]


def _account(request: Request, path_token: str) -> Known:
    """Return whose webhook this is. Raises NotFound, the same for every address that was never given out."""
    guesses.check(caller_of(request.scope, path_token))
    try:
        return callers.of(path_token)
    except NotFound:
        guesses.wrong(caller_of(request.scope, ""))
        raise


@contextmanager
def _tenant_of(known: Known) -> Iterator[Session]:
    """Open the tenant's transaction, as long as its account is here. Raises NotFound.

    Whose an address is, is remembered for a few seconds: account and tenant may have been taken away meanwhile.
    """
    with db.tenant_session(known.tenant_id) as session:
        accounts.keep_here(session, known.account.id)
        yield session


def _check_twilio(request: Request, known: Known, body: bytes) -> None:
    """Raise Forbidden unless the account's own provider signed this very request for our public address."""
    given = request.headers.get(signature.HEADER)
    kind = request.headers.get("content-type", "")

    def is_signed(account: ProviderAccount) -> bool:
        secret = accounts.secret_of(account) if account.kind == "twilio" else ""
        return bool(secret) and signature.is_authentic(secret, called(request.scope), given, body, kind)

    if not callers.holds(known, is_signed):
        _refuse(request, "The signature does not fit this request.")


def _refuse(request: Request, words: str) -> NoReturn:
    guesses.wrong(caller_of(request.scope, request.path_params["path_token"]))
    raise Forbidden(words, code="bad_signature")


@router.post("/twilio/{path_token}/status/{token}")
def twilio_status(path_token: str, token: str, request: Request, body: Body) -> Response:
    """Keep what became of a message; it is applied right after the answer."""
    try:
        signed = get_signer().read("s", token)
    except BadToken:
        guesses.wrong(caller_of(request.scope, path_token))
        raise NotFound("message") from None
    known = _account(request, path_token)
    _check_twilio(request, known, body)
    tenant_id, account = known.tenant_id, known.account
    receipt = twilio.receipt(_fields(request, account, body))
    if receipt is not None and signed.tenant_id == tenant_id:
        mark = request.headers.get("i-twilio-idempotency-token")
        with _tenant_of(known) as session:
            callbacks.keep(session, account.id, signed.ref_id, receipt, token=mark)
    return Response(status_code=204)


@router.post("/twilio/{path_token}/inbound")
def twilio_inbound(path_token: str, request: Request, body: Body) -> Response:
    """Take what a person wrote; the answer, where there is one, goes out as a message of its own."""
    known = _account(request, path_token)
    _check_twilio(request, known, body)
    account = known.account
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
        with _tenant_of(known) as session:
            inbound.take(session, written)
    return Response(_NO_ANSWER, media_type="text/xml")


def _fields(request: Request, account: ProviderAccount, body: bytes) -> dict[str, str]:
    """Return what was reported. Raises Forbidden for a report of another account at the provider."""
    fields = twilio.fields_of(body, request.headers.get("content-type", ""))
    if fields.get("AccountSid", account.settings.get("account_sid")) != account.settings.get("account_sid"):
        raise Forbidden("The report is of another account.", code="bad_signature")
    return fields


@router.post("/ses/{path_token}")
def ses_report(path_token: str, request: Request, body: Body) -> Response:
    """Take what Amazon SES reports through Amazon SNS; it is read right after the answer."""
    known = _account(request, path_token)
    try:
        envelope = sns.genuine(lambda fits: callers.holds(known, fits), body)
        if envelope.kind == CONFIRMATION:
            sns.confirm(known.tenant_id, known.account.id, envelope)
        if envelope.kind == NOTIFICATION:
            with _tenant_of(known) as session:
                sns.keep(session, known.account.id, envelope)
    except BadMessage as error:
        _refuse(request, f"Refused: {error}.")
    except (egress.Blocked, egress.Unreachable) as error:
        raise NotReachable(f"Amazon SNS could not be asked: {error}.") from None
    return Response(status_code=204)


@router.post("/telegram/{path_token}")
async def telegram_update(path_token: str, request: Request, body: Body) -> Response:
    """Take an update of a bot."""
    await run_in_threadpool(_take_update, path_token, request, body)
    return Response(status_code=204)


def _take_update(path_token: str, request: Request, body: bytes) -> None:
    known = _account(request, path_token)
    headers = dict(request.headers)
    if not callers.holds(known, lambda account: telegram.is_authentic(headers, accounts.webhook_secret_of(account))):
        _refuse(request, "The secret does not fit this bot.")
    try:
        update = telegram.read(_json(body))
    except telegram.BadUpdate:
        return  # said yes to, or it would come again for ever
    with _tenant_of(known) as session:
        telegram_returns.take(session, known.account.id, update)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise telegram.BadUpdate("no JSON") from None
