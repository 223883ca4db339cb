"""Asking Twilio through its own library, at the provider or at a fake on loopback; each call is one request."""

import asyncio
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.exceptions import NewConnectionError

from channels.base import FailureKind, Mark, SendFailed, Taken, TextParcel
from channels.twilio.errors import meaning_of
from channels.twilio.settings import Account

# The provider repeats a callback up to five times after any failure (docs: webhooks, connection overrides).
_REPEAT = "#rc=5&rp=all"


class _Elsewhere(TwilioHttpClient):  # type: ignore[misc] # the library is not typed
    """The library has no base URL: scheme and host are exchanged here."""

    def __init__(self, account: Account) -> None:
        super().__init__(timeout=account.timeout, max_retries=0)
        self._base = urlsplit(account.base_url) if account.base_url else None

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Response:
        if self._base is not None:
            parts = urlsplit(url)
            url = urlunsplit((self._base.scheme, self._base.netloc, parts.path, parts.query, ""))
        return super().request(method, url, *arguments, **options)


class TwilioDoor:
    """One slot: a message at a time. `prefix` is what the provider writes before numbers of the channel."""

    def __init__(self, account: Account, prefix: str = "") -> None:
        self._account = account
        self._prefix = prefix
        self._http = _Elsewhere(account)
        self._client = Client(account.sid, account.token, http_client=self._http)

    async def send(self, parcel: TextParcel, mark: Mark | None = None) -> Taken:
        """Hand over one message. Raises SendFailed; what `mark` raises passes through, and nothing was sent."""
        fields = self._fields(parcel)
        if mark is not None:
            await mark()
        return await asyncio.to_thread(self._create, fields)

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

    def _create(self, fields: dict[str, Any]) -> Taken:
        try:
            made = self._client.messages.create(**fields)
        except (TwilioException, RequestException) as error:
            raise failure_of(error) from error
        segments = int(made.num_segments) if str(made.num_segments or "").isdigit() else None
        return Taken(reply=f"{made.status}", provider_id=made.sid, segments=segments or None)

    async def find(self, to: str, since: datetime) -> list[tuple[str, str, str]]:
        """Return sid, status and body of what was sent to `to` since then. Raises SendFailed."""

        def look() -> list[tuple[str, str, str]]:
            try:
                found = self._client.messages.list(to=f"{self._prefix}{to}", date_sent_after=since, limit=50)
            except (TwilioException, RequestException) as error:
                raise failure_of(error) from error
            return [(str(one.sid), str(one.status), str(one.body or "")) for one in found]

        return await asyncio.to_thread(look)

    async def check(self) -> str:
        """Return the account's own name. Raises SendFailed where the credentials do not work."""

        def look() -> str:
            try:
                return str(self._client.api.v2010.accounts(self._account.sid).fetch().friendly_name)
            except (TwilioException, RequestException) as error:
                raise failure_of(error) from error

        return await asyncio.to_thread(look)

    async def close(self) -> None:
        """Give the connection up."""
        if self._http.session is not None:
            self._http.session.close()


def failure_of(error: TwilioException | RequestException) -> SendFailed:
    """Return what an error of the library means."""
    if isinstance(error, TwilioRestException):
        meaning = meaning_of(error.code, error.status)
        code = str(error.code or error.status)
        return SendFailed(meaning.kind, "answer", code, str(error.msg), meaning.again_after, meaning.scope)
    if isinstance(error, ConnectTimeout) or _refused(error):
        return SendFailed(FailureKind.TRANSIENT, "connect", "", type(error).__name__)
    return SendFailed(FailureKind.AMBIGUOUS, "answer", "", type(error).__name__)


def _refused(error: Exception) -> bool:
    if not isinstance(error, NoConnection) or not error.args:
        return False
    reason = getattr(error.args[0], "reason", None)
    return isinstance(reason, NewConnectionError)
