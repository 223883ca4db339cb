"""Asking Twilio through its own library, at the provider or at a fake on loopback; each call is one request."""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, ProxyError, RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import NewConnectionError

from channels.base import FailureKind, Mark, SendFailed, Taken, TextParcel
from channels.twilio.errors import meaning_of
from channels.twilio.settings import Account
from channels.twilio.webhook import Known

T = TypeVar("T")

# The provider repeats a callback up to five times after any failure (docs: webhooks, connection overrides).
_REPEAT = "#rc=5&rp=all"
_HANDSHAKE = ("HANDSHAKE", "WRONG_VERSION_NUMBER", "CERTIFICATE_VERIFY_FAILED", "UNSUPPORTED_PROTOCOL")

# The library writes parameters, so numbers and texts, into its log.
_silent = logging.getLogger("channels.twilio.silent")
_silent.disabled = True


class _Elsewhere(TwilioHttpClient):  # type: ignore[misc] # the library is not typed
    """The library has no base URL: scheme and host are exchanged here."""

    def __init__(self, account: Account) -> None:
        super().__init__(timeout=account.timeout, max_retries=0, logger=_silent)
        self._base = urlsplit(account.base_url) if account.base_url else None

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Response:
        if self._base is not None:
            parts = urlsplit(url)
            url = urlunsplit((self._base.scheme, self._base.netloc, parts.path, parts.query, ""))
        return super().request(method, url, *arguments, **options)


def client_of(account: Account) -> Client:
    """Return the library's client for an account; use it in one thread."""
    return Client(account.sid, account.token, http_client=_Elsewhere(account))


@contextmanager
def asking() -> Iterator[None]:
    """Turn what the library raises within into SendFailed."""
    try:
        yield
    except (TwilioException, RequestException) as error:
        raise failure_of(error) from error


class TwilioDoor:
    """One slot: a message at a time, in a thread of its own, so that a slow answer holds up nobody else.

    `prefix` is what the provider writes before numbers of the channel.
    """

    def __init__(self, account: Account, prefix: str = "") -> None:
        self._account = account
        self._prefix = prefix
        self._client = client_of(account)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="twilio")

    async def send(self, parcel: TextParcel, mark: Mark | None = None) -> Taken:
        """Hand over one message. Raises SendFailed; what `mark` raises passes through, and nothing was sent."""
        fields = self._fields(parcel)
        if mark is not None:
            await mark()
        made = await self._ask(lambda: self._client.messages.create(**fields))
        if not made.sid:  # half an answer: whether the message was made can be looked up
            raise SendFailed(FailureKind.AMBIGUOUS, "answer", "", "the answer names no message")
        segments = int(made.num_segments) if str(made.num_segments or "").isdigit() else None
        return Taken(reply=f"{made.status}", provider_id=made.sid, segments=segments or None)

    def _fields(self, parcel: TextParcel) -> dict[str, Any]:
        account = self._account
        fields: dict[str, Any] = {"to": f"{self._prefix}{parcel.to}"}
        if account.is_service:
            fields["messaging_service_sid"] = account.sender
        else:
            fields["from_"] = f"{self._prefix}{account.sender}"
        if parcel.template is not None:
            fields |= {"content_sid": parcel.template, "content_variables": json.dumps(dict(parcel.variables))}
        else:
            fields["body"] = parcel.body
        if parcel.valid_seconds is not None:
            fields["validity_period"] = parcel.valid_seconds
        if parcel.report_to and account.reports_to:
            fields["status_callback"] = f"{account.reports_to}/{parcel.report_to}{_REPEAT}"
        return fields

    async def check(self) -> str:
        """Return the account's own name. Raises SendFailed where the credentials do not work."""
        accounts = self._client.api.v2010.accounts
        found = await self._ask(lambda: accounts(self._account.sid).fetch())
        return str(found.friendly_name)

    async def _ask(self, call: Callable[[], T]) -> T:
        def asked() -> T:
            with asking():
                return call()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    async def close(self) -> None:
        """Give the connection up."""
        self._thread.shutdown(wait=False)
        if (session := self._client.http_client.session) is not None:
            session.close()


MOST_FOUND = 200


def look(account: Account, prefix: str, to: str, since: datetime) -> tuple[list[Known], bool]:
    """Return what was sent to `to` since then, and whether that is certainly all: also what still waits there.

    Asked by To and DateSent, and, because what waits has no DateSent yet, by To alone. Raises SendFailed.
    """
    client, address = client_of(account), f"{prefix}{to}"
    with asking():
        dated = client.messages.list(to=address, date_sent_after=since, limit=MOST_FOUND)
        newest = client.messages.list(to=address, limit=MOST_FOUND)
    found = {one.sid: known_of(one) for one in (*dated, *newest)}
    lately = [one for one in found.values() if one.at is None or one.at >= since]
    return lately, len(dated) < MOST_FOUND and len(newest) < MOST_FOUND


def status_of(account: Account, sid: str) -> Known:
    """Return a message as the provider shows it now. Raises SendFailed."""
    with asking():
        return known_of(client_of(account).messages(sid).fetch())


def known_of(one: Any) -> Known:
    """Return the library's message as ours."""
    return Known(
        sid=str(one.sid),
        status=str(one.status),
        to=str(one.to or ""),
        body=str(one.body or ""),
        at=one.date_created,
        code=str(one.error_code) if one.error_code else None,
        words=one.error_message or None,
        price=(str(one.price), str(one.price_unit)) if one.price and one.price_unit else None,
    )


def failure_of(error: TwilioException | RequestException) -> SendFailed:
    """Return what an error of the library means."""
    if isinstance(error, TwilioRestException):
        return _refusal(error.code, error.status, str(error.msg))
    if len(error.args) > 1 and isinstance(error.args[1], Response):  # a list that was refused
        told = _object(error.args[1].text)
        code = told.get("code")
        words = str(told.get("message") or error.args[0])
        return _refusal(code if isinstance(code, int) else None, error.args[1].status_code, words)
    if isinstance(error, ConnectTimeout | ProxyError) or _never_asked(error):
        return SendFailed(FailureKind.TRANSIENT, "connect", "", type(error).__name__)
    return SendFailed(FailureKind.AMBIGUOUS, "answer", "", type(error).__name__)


def _refusal(code: int | None, status: int, words: str) -> SendFailed:
    meaning = meaning_of(code, status)
    return SendFailed(
        meaning.kind, "answer", str(code or status), words, meaning.again_after, meaning.scope, meaning.attempts
    )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _never_asked(error: Exception) -> bool:
    """True where no connection, or no encryption, came about: the request was not written."""
    if not isinstance(error, NoConnection) or not error.args:
        return False
    reason = getattr(error.args[0], "reason", None)
    if isinstance(reason, NewConnectionError):
        return True
    inner = reason.args[0] if isinstance(reason, Exception) and reason.args else None
    return isinstance(inner, ssl.SSLError) and any(word in str(inner) for word in _HANDSHAKE)
