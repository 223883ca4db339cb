"""Twilio's Messages and Content interfaces on loopback.

Each request is checked as the published OpenAPI document and error dictionary describe (types of SIDs, E.164, lengths,
JSON of variables, callback address); what breaks them is refused with the provider's code. Reports go out signed.
By hand: `python -m tests.fakes.twilio`.
"""

import base64
import http.client
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from channels.twilio.signature import sign
from tests.fakes.http_provider import Answer, HttpProvider, Seen

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "f" * 32
_PHONE = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}")
_SENDER = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}|\d{3,8}")
_SERVICE, _CONTENT, _MESSAGE = (re.compile(rf"{kind}[0-9a-fA-F]{{32}}") for kind in ("MG", "HX", "[SM]M"))
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LONGEST, _LONGEST_VARIABLE = 1_600, 1_024
_MOST_SECONDS = 36_000
_KNOWN = {"To", "From", "MessagingServiceSid", "Body", "ContentSid", "ContentVariables", "StatusCallback",
          "ValidityPeriod"}  # fmt: skip


class FakeTwilio(HttpProvider):
    """`messages` are kept as the provider shows them; `opted_out` and `invalid` are numbers that it refuses.

    `contents` are the account's templates. `before_answer` is called with each new message before its answer leaves:
    a report may come first.
    """

    def __init__(self, *, sid: str = SID, token: str = TOKEN) -> None:
        super().__init__()
        self.sid, self.token = sid, token
        self.messages: list[dict[str, Any]] = []
        self.contents: list[dict[str, Any]] = []
        self.callbacks: dict[str, str] = {}
        self.opted_out: set[str] = set()
        self.invalid: set[str] = set()
        self.before_answer: Callable[[dict[str, Any]], None] | None = None
        self._tokens = 0

    def answer(self, seen: Seen) -> Answer:
        expected = base64.b64encode(f"{self.sid}:{self.token}".encode()).decode()
        if seen.headers.get("authorization") != f"Basic {expected}":
            return _no(401, 20003, "Authenticate")
        path = urlsplit(seen.path)
        start = f"/2010-04-01/Accounts/{self.sid}"
        if path.path == f"{start}.json":
            return 200, {"sid": self.sid, "friendly_name": "Studio", "status": "active"}
        if path.path == "/v1/ContentAndApprovals":
            meta = {"key": "contents", "page": 0, "page_size": 50, "next_page_url": None, "url": seen.path}
            return 200, {"contents": self.contents, "meta": meta}
        if path.path == f"{start}/Messages.json":
            return self._create(seen) if seen.method == "POST" else self._list(seen.path)
        sid = path.path.removeprefix(f"{start}/Messages/").removesuffix(".json")
        found = next((message for message in self.messages if message["sid"] == sid), None)
        return (200, found) if found else _no(404, 20404, f"The requested resource {path.path} was not found")

    def _list(self, target: str) -> Answer:
        query = parse_qs(urlsplit(target).query)
        found = [message for message in self.messages if message["to"] == query.get("To", [message["to"]])[0]]
        if after := query.get("DateSent>"):
            since = datetime.fromisoformat(unquote(after[0]))
            found = [each for each in found if each["date_sent"] and parsedate_to_datetime(each["date_sent"]) >= since]
        size = int(query.get("PageSize", ["50"])[0])
        return 200, {"messages": found[::-1][:size], "page": 0, "page_size": size, "uri": target, "next_page_uri": None}

    def _create(self, seen: Seen) -> Answer:
        if not seen.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _no(415, 20015, "Unsupported media type")
        given = parse_qs(seen.body.decode(), keep_blank_values=True)
        if any(len(values) > 1 for values in given.values()):
            return _no(400, 20001, "a parameter came twice")
        fields = {name: values[0] for name, values in given.items()}
        refusal = self._refusal(fields)
        if refusal is not None:
            return refusal
        message = {
            "sid": f"SM{len(self.messages) + 1:032x}",
            "account_sid": self.sid,
            "to": fields["To"],
            "from": fields.get("From"),
            "messaging_service_sid": fields.get("MessagingServiceSid"),
            "body": fields.get("Body", ""),
            "status": "accepted" if "MessagingServiceSid" in fields else "queued",
            "num_segments": "0" if "MessagingServiceSid" in fields else "1",
            "num_media": "0",
            "direction": "outbound-api",
            "api_version": "2010-04-01",
            "content": fields.get("ContentSid"),
            "variables": fields.get("ContentVariables"),
            "date_created": _date(),
            "date_updated": _date(),
            "date_sent": None,
            "error_code": None,
            "error_message": None,
            "price": None,
        }
        self.messages.append(message)
        if "StatusCallback" in fields:
            self.callbacks[message["sid"]] = fields["StatusCallback"]
        if self.before_answer is not None:
            self.before_answer(message)
        return 201, message

    def _refusal(self, fields: dict[str, str]) -> Answer | None:
        to, sender, service = fields.get("To", ""), fields.get("From", ""), fields.get("MessagingServiceSid")
        variables, content = fields.get("ContentVariables"), fields.get("ContentSid")
        seconds = fields.get("ValidityPeriod", "1")
        listed = {each["sid"]: each for each in self.contents}
        problems = [
            (bool(set(fields) - _KNOWN), 20001, "unknown parameter"),
            (not _PHONE.fullmatch(to) or to in self.invalid, 21211, "The 'To' number is not a valid phone number."),
            (not sender and service is None, 21603, "A 'From' phone number is required."),
            (bool(sender) and not _SENDER.fullmatch(sender), 21606, "The 'From' phone number is not valid."),
            (service is not None and not _SERVICE.fullmatch(service), 21701, "The Messaging Service does not exist."),
            (to.startswith("whatsapp:") != sender.startswith("whatsapp:") and bool(sender), 63007, "channel mismatch"),
            (to == sender, 21266, "'To' and 'From' cannot be the same."),
            (not fields.get("Body") and content is None, 21602, "Message body is required."),
            (len(fields.get("Body", "")) > _LONGEST, 21617, "The concatenated message body exceeds 1600 characters."),
            (content is not None and not _CONTENT.fullmatch(content), 21655, "The ContentSid is invalid."),
            (bool(listed) and content is not None and content not in listed, 21655, "The ContentSid is invalid."),
            (variables is not None and content is None, 21656, "ContentVariables without ContentSid."),
            (variables is not None and not _is_map(variables), 21656, "The ContentVariables are invalid."),
            (not seconds.isdigit() or not 1 <= int(seconds) <= _MOST_SECONDS, 20001, "invalid ValidityPeriod"),
            ("StatusCallback" in fields and not _is_url(fields["StatusCallback"]), 21609, "Invalid StatusCallback."),
            (to in self.opted_out, 21610, "Attempt to send to unsubscribed recipient"),
        ]
        return next((_no(400, code, words) for holds, code, words in problems if holds), None)

    def report(
        self, sid: str, status: str, *, error: int | None = None, token: str | None = None, again: bool = False
    ) -> int:
        """Tell the service what became of a message, signed; returns its last answer's status.

        Failures are repeated as the fragment of the callback's address asks (`rc`, `rp`). `again` repeats the report
        that went out last, with its mark.
        """
        url, _, wishes = self.callbacks[sid].partition("#")
        message = next(each for each in self.messages if each["sid"] == sid)
        message["status"] = status
        if status in {"sent", "delivered", "read"}:
            message["date_sent"] = message["date_sent"] or _date()
        fields = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status, "To": message["to"],
                  "From": message["from"] or "", "AccountSid": self.sid, "ApiVersion": "2010-04-01"}  # fmt: skip
        if error is not None:
            message["error_code"] = error
            fields["ErrorCode"] = str(error)
        self._tokens += 0 if again else 1
        headers = {"I-Twilio-Idempotency-Token": f"00000000-0000-4000-8000-{self._tokens:012x}"}
        tries = 1 + int(parse_qs(wishes).get("rc", ["0"])[0])
        answer = 0
        for _ in range(tries):
            answer = post(url, fields, token or self.token, headers=headers)
            if answer < 500:
                break
        return answer

    def report_all(
        self, reports: Iterable[tuple[str, str, int | None]], *, seed: int = 0, repeat: float = 0.0, drop: float = 0.0
    ) -> int:
        """Send reports (sid, status, error) shuffled, some twice, some not at all; returns how many were refused."""
        chance = random.Random(seed)
        plan = [each for each in reports if chance.random() >= drop]
        plan += [each for each in plan if chance.random() < repeat]
        chance.shuffle(plan)
        return sum(self.report(sid, status, error=error) >= 300 for sid, status, error in plan)

    def write(self, url: str, text: str, *, sender: str, to: str, sid: str | None = None, **more: str) -> int:
        """Let a person write to one of our numbers; returns the service's answer's status."""
        self._tokens += 1
        fields = {
            "MessageSid": sid or f"SM{random.getrandbits(128):032x}", "From": sender, "To": to, "Body": text,
            "AccountSid": self.sid, "NumMedia": "0", "NumSegments": "1", "ApiVersion": "2010-04-01", "FromCity": "",
        }  # fmt: skip
        return post(url, fields | more, self.token)


def post(
    url: str,
    fields: dict[str, str],
    token: str,
    *,
    public_url: str | None = None,
    headers: dict[str, str] | None = None,
) -> int:
    """Make a webhook request as the provider would; `public_url` is the address that it believes it calls."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    signed = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign(token, public_url or url, list(fields.items())),
        **(headers or {}),
    }
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", target, urlencode(fields), signed)
    status = connection.getresponse().status
    connection.close()
    return status


def content(name: str, body: str, *, approval: str = "approved", language: str = "de", **more: Any) -> dict[str, Any]:
    """Return a content template as the provider lists it."""
    slots = re.findall(r"\{\{(\w+)\}\}", body)
    return {
        "sid": f"HX{abs(hash(name)) % 2**64:032x}",
        "account_sid": SID,
        "friendly_name": name,
        "language": language,
        "variables": dict.fromkeys(slots, "…"),
        "types": {"twilio/text": {"body": body}},
        "approval_requests": {"name": name, "category": "MARKETING", "status": approval, "rejection_reason": ""},
        "date_created": "2026-11-01T00:00:00Z",
        "date_updated": "2026-11-01T00:00:00Z",
    } | more


def _date() -> str:
    return format_datetime(datetime.now(UTC))


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.hostname or "") is not None


def _is_map(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and all(
        isinstance(value, str) and len(value) <= _LONGEST_VARIABLE for value in found.values()
    )


def _no(status: int, code: int, words: str) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return status, {"code": code, "message": words, "more_info": more, "status": status}


def main() -> None:
    """Listen until interrupted; say how the service finds it."""
    with FakeTwilio() as twilio:
        sys.stdout.write(f"export ARIIA_TWILIO_URL={twilio.url}\naccount SID {SID}, auth token {TOKEN}\n")
        sys.stdout.flush()
        seen = 0
        while True:
            time.sleep(0.2)
            for message in twilio.messages[seen:]:
                sys.stdout.write(f"{message['to']}: {message['body'] or message['content']}\n")
                sys.stdout.flush()
                if message["sid"] in twilio.callbacks:
                    twilio.report(message["sid"], "sent")
                    twilio.report(message["sid"], "delivered")
                seen += 1


if __name__ == "__main__":
    main()
