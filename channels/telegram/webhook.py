"""What a bot's provider reports: updates, with the secret that we chose (core.telegram.org/bots/api#setwebhook)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header
_LEFT = frozenset({"kicked", "left"})


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
    if not isinstance(payload, dict) or not isinstance(payload.get("update_id"), int):
        raise BadUpdate("no update_id")
    number = payload["update_id"]
    message = payload.get("message")
    if isinstance(message, dict):
        return _message(number, message)
    member = payload.get("my_chat_member")
    if isinstance(member, dict):
        status = _dict(member.get("new_chat_member")).get("status")
        return Update(number, "blocked" if status in _LEFT else "other", _chat(member))
    return Update(number, "other", "")


def _message(number: int, message: dict[str, Any]) -> Update:
    text = message.get("text")
    chat = _chat(message)
    if _dict(message.get("chat")).get("type") != "private" or not isinstance(text, str):
        return Update(number, "other", chat)
    sent = message.get("date")
    at = datetime.fromtimestamp(sent, UTC) if isinstance(sent, int) else None
    word, _, rest = text.strip().partition(" ")
    kind: Literal["start", "text"] = "start" if word.partition("@")[0] == "/start" else "text"
    return Update(number, kind, chat, rest.strip() if kind == "start" else text, at, str(message.get("message_id", "")))


def _chat(holder: dict[str, Any]) -> str:
    found = _dict(holder.get("chat")).get("id")
    if not isinstance(found, int):
        raise BadUpdate("no chat id")
    return str(found)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
