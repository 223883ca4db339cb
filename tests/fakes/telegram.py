"""The Bot API on loopback: it counts as Telegram counts, keeps its limits, and knows who blocked the bot."""

import json
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.http_provider import Answer, HttpProvider, Seen

TOKEN = "123456789:" + "A" * 35
_LONGEST = 4_096
_PER_SECOND = 30


class FakeTelegram(HttpProvider):
    """`sent` are the texts by chat; `blocked` and `unknown` are chats that do not take them."""

    def __init__(self, *, token: str = TOKEN, username: str = "LindenBot", limits: bool = False) -> None:
        super().__init__()
        self.token = token
        self.username = username
        self.limits = limits
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.accepted_at: list[float] = []
        self.blocked: set[str] = set()
        self.unknown: set[str] = set()
        self.webhook: dict[str, Any] = {}
        self._last: dict[str, float] = {}

    def answer(self, seen: Seen) -> Answer:
        start = f"/bot{self.token}/"
        if not seen.path.startswith(start):
            return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
        fields = _fields(seen)
        match seen.path.removeprefix(start):
            case "getMe":
                me = {"id": 123456789, "is_bot": True, "first_name": "Linden", "username": self.username}
                return 200, {"ok": True, "result": me}
            case "setWebhook":
                self.webhook = fields
                return 200, {"ok": True, "result": True}
            case "deleteWebhook":
                self.webhook = {}
                return 200, {"ok": True, "result": True}
            case "sendMessage":
                return self._message(fields, seen.at)
        return 404, {"ok": False, "error_code": 404, "description": "Not Found"}

    def _refusal(self, chat: str, text: str, fields: dict[str, Any]) -> Answer | None:
        if chat in self.blocked:
            return _no(403, "Forbidden: bot was blocked by the user")
        wrong = {
            "chat not found": chat in self.unknown or not chat.lstrip("-").isdigit(),
            "message text is empty": not text.strip(),
            "message is too long": len(text.encode("utf-16-le")) // 2 > _LONGEST,
            "can't parse entities: this fake wants none": bool(fields.get("parse_mode")),
        }
        return next((_no(400, f"Bad Request: {words}") for words, holds in wrong.items() if holds), None)

    def _message(self, fields: dict[str, Any], at: float) -> Answer:
        chat, text = str(fields.get("chat_id", "")), str(fields.get("text", ""))
        if (refusal := self._refusal(chat, text, fields)) is not None:
            return refusal
        if self.limits and self._too_fast(chat, at):
            answer = _no(429, "Too Many Requests: retry after 1")
            answer[1]["parameters"] = {"retry_after": 1}
            return answer
        self._last[chat] = at
        self.accepted_at.append(at)
        self.sent[chat].append(text)
        number = sum(map(len, self.sent.values()))
        result = {
            "message_id": number,
            "date": 1_790_000_000,
            "chat": {"id": int(chat), "type": "private"},
            "text": text,
        }
        return 200, {"ok": True, "result": result}

    def _too_fast(self, chat: str, at: float) -> bool:
        lately = sum(1 for other in self.accepted_at[-2 * _PER_SECOND :] if at - other < 1)
        return lately >= _PER_SECOND or at - self._last.get(chat, -10) < 1


def _fields(seen: Seen) -> dict[str, Any]:
    if "json" in seen.headers.get("content-type", ""):
        found: dict[str, Any] = json.loads(seen.body or b"{}")
        return found
    return {name: values[0] for name, values in parse_qs(seen.body.decode(), keep_blank_values=True).items()}


def _no(status: int, words: str) -> tuple[int, dict[str, Any]]:
    return status, {"ok": False, "error_code": status, "description": words}
