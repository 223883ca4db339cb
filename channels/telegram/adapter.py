"""Sending to Telegram chats: one text at a time, plain, so that no name breaks a markup (core.telegram.org/bots/api).

The interface has no idempotency: what got no answer is ambiguous. Its errors are told apart here; `BadRequest` is a
`NetworkError` for the library, and comes first.
"""

from dataclasses import dataclass

from telegram import Bot as Client
from telegram import LinkPreviewOptions
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from channels.base import FailureKind, Mark, Scope, SendFailed, Taken, TextParcel
from channels.telegram.settings import Bot

LONGEST = 4_096  # UTF-16 code units, as Telegram counts
_NOT_CONNECTED = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_GONE = ("chat not found", "user is deactivated", "peer_id_invalid", "user not found")
_NEVER_STARTED = ("can't initiate conversation", "can't send messages to bots")  # no wish of the person
_CONTENT = ("can't parse", "message is too long", "message text is empty", "text must be", "entity")


@dataclass(frozen=True, slots=True)
class Me:
    """Who the token belongs to."""

    id: int
    username: str


class TelegramDoor:
    """One connection of a bot."""

    def __init__(self, bot: Bot) -> None:
        self._client = _client(bot)

    async def send(self, parcel: TextParcel, mark: Mark | None = None) -> Taken:
        """Hand over one text. Raises SendFailed; what `mark` raises passes through, and nothing was sent."""
        if length(parcel.body) > LONGEST:
            raise SendFailed(
                FailureKind.PERMANENT_CONTENT, "request", "", f"the text is longer than {LONGEST} characters"
            )
        if mark is not None:
            await mark()
        try:
            message = await self._client.send_message(
                chat_id=parcel.to, text=parcel.body, link_preview_options=LinkPreviewOptions(is_disabled=True)
            )
        except TelegramError as error:
            raise failure_of(error) from error
        return Taken(reply=f"message {message.message_id}", provider_id=f"{parcel.to}:{message.message_id}")

    async def close(self) -> None:
        """Give the connection up."""
        for request in self._client._request:  # noqa: SLF001 - `shutdown` closes nothing that was not initialised
            await request.shutdown()


def length(text: str) -> int:
    """Return the length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


def door(bot: Bot) -> TelegramDoor:
    """Return a way to send through a bot; one per slot."""
    return TelegramDoor(bot)


async def check(bot: Bot) -> Me:
    """Ask who the bot is. Raises SendFailed."""
    client = _client(bot)
    try:
        found = await client.get_me()
    except TelegramError as error:
        raise failure_of(error) from error
    finally:
        for request in client._request:  # noqa: SLF001
            await request.shutdown()
    return Me(found.id, found.username or "")


async def connect(bot: Bot, webhook_url: str, webhook_secret: str) -> Me:
    """Check the token and let the provider report to `webhook_url`, showing `webhook_secret`. Raises SendFailed."""
    me = await check(bot)
    client = _client(bot)
    try:
        await client.set_webhook(
            webhook_url, secret_token=webhook_secret, allowed_updates=["message", "my_chat_member"]
        )
    except TelegramError as error:
        raise failure_of(error) from error
    finally:
        for request in client._request:  # noqa: SLF001
            await request.shutdown()
    return me


async def disconnect(bot: Bot) -> None:
    """Let the provider report nothing more, and forget what it has not reported yet. Raises SendFailed."""
    client = _client(bot)
    try:
        await client.delete_webhook(drop_pending_updates=True)
    except TelegramError as error:
        raise failure_of(error) from error
    finally:
        for request in client._request:  # noqa: SLF001
            await request.shutdown()


def _client(bot: Bot) -> Client:
    def request() -> HTTPXRequest:
        return HTTPXRequest(
            connection_pool_size=1,
            connect_timeout=bot.connect_timeout,
            read_timeout=bot.answer_timeout,
            write_timeout=bot.answer_timeout,
        )

    base = bot.base_url.rstrip("/")
    return Client(
        bot.token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=request(),
        get_updates_request=request(),
    )


def failure_of(error: TelegramError) -> SendFailed:
    """Return what an error means for the message, the bot and the person."""
    words = str(error)
    if isinstance(error, RetryAfter):
        return SendFailed(FailureKind.THROTTLE, "answer", "429", words, _seconds(error), Scope.SENDER)
    if isinstance(error, BadRequest | Forbidden):
        return SendFailed(*_refused(error), words)
    for kind, (meaning, code) in _MEANINGS.items():
        if isinstance(error, kind):
            return SendFailed(meaning, "answer", code, words)
    if isinstance(error, NetworkError) and type(error.__cause__).__name__ in _NOT_CONNECTED:
        return SendFailed(FailureKind.TRANSIENT, "connect", "", words)
    if "(30" in words:  # a redirect, which no bot interface gives
        return SendFailed(FailureKind.PERMANENT_CONFIG, "answer", "3xx", words)
    return SendFailed(FailureKind.AMBIGUOUS, "answer", "", words)


_MEANINGS: dict[type[TelegramError], tuple[FailureKind, str]] = {
    ChatMigrated: (FailureKind.PERMANENT_RECIPIENT, "400"),
    InvalidToken: (FailureKind.PERMANENT_CONFIG, "401"),
    EndPointNotFound: (FailureKind.PERMANENT_CONFIG, "404"),
    Conflict: (FailureKind.PERMANENT_CONFIG, "409"),
}


def _seconds(error: RetryAfter) -> float:
    return error._retry_after.total_seconds()  # noqa: SLF001 - the public name warns of its own future


def _refused(error: BadRequest | Forbidden) -> tuple[FailureKind, str, str]:
    lowered = str(error).lower()
    if isinstance(error, Forbidden):
        never = any(sign in lowered for sign in _NEVER_STARTED)
        return FailureKind.PROVIDER_DECLINE if never else FailureKind.OPTOUT, "answer", "403"
    if any(sign in lowered for sign in _GONE):
        return FailureKind.PERMANENT_RECIPIENT, "answer", "400"
    content = any(sign in lowered for sign in _CONTENT)
    return FailureKind.PERMANENT_CONTENT if content else FailureKind.TRANSIENT, "answer", "400"
