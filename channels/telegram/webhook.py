"""What a bot's provider reports: updates, with the secret that we chose (core.telegram.org/bots/api#setwebhook)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header
_LEFT = frozenset({"kicked", "left"})
_LARGEST = 1 << 63
_LATEST = 1 << 35  # the year 3058


class BadUpdate(ValueError):  # noqa: N818
    """The payload is no update."""


@dataclass(frozen=True, slots=True)
class Update:
    """What happened in a chat. `start` comes with the word behind /start, `blocked` when the person left or blocked."""

    update_id: int
    kind: Literal["text", "start", "blocked", "other"]
    chat_id: str
    text: str = ""
    at: datetime | None = None
    message_id: str = ""


def is_authentic(headers: Mapping[str, str], secret: str) -> bool:
    """Return whether the request shows our secret; compared in constant time."""
    return hmac.compare_digest(headers.get(SECRET_HEADER, "").encode(), secret.encode())


def read(payload: Any) -> Update:
    """Return the update. Raises BadUpdate for a payload that is none."""
    number = _whole(_dict(payload).get("update_id"))
    if number is None:
        raise BadUpdate("no update_id")
    message = payload.get("message")
    if isinstance(message, dict):
        return _message(number, message)
    member = payload.get("my_chat_member")
    if isinstance(member, dict):
        chat, status = _chat(member), _dict(member.get("new_chat_member")).get("status")
        return Update(number, "blocked" if status in _LEFT and _is_person(chat) else "other", chat)
    return Update(number, "other", "")


def _message(number: int, message: dict[str, Any]) -> Update:
    chat = _chat(message)
    words = message.get("text") or message.get("caption")
    text = _storable(words) if isinstance(words, str) else ""
    if _dict(message.get("chat")).get("type") != "private" or not _is_person(chat) or not text.strip():
        return Update(number, "other", chat)
    word, _, rest = text.strip().partition(" ")
    kind: Literal["start", "text"] = "start" if word.partition("@")[0].casefold() == "/start" else "text"
    return Update(
        number,
        kind,
        chat,
        rest.strip() if kind == "start" else text,
        _instant(message.get("date")),
        str(message.get("message_id", "")),
    )


def _instant(value: Any) -> datetime | None:
    seconds = _whole(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and seconds <= _LATEST else None


def _storable(text: str) -> str:
    """Return the text without what no database keeps: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _whole(value: Any) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST
    return value if known else None


def _chat(holder: dict[str, Any]) -> str:
    found = _dict(holder.get("chat")).get("id")
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) >= _LARGEST:
        raise BadUpdate("no chat id")
    return str(found)


def _is_person(chat: str) -> bool:
    """True for a private chat; groups and channels have negative ids."""
    return not chat.startswith("-")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
