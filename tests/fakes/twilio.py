"""Twilio's Messages interface on loopback: it refuses what the provider refuses, and reports what became of a message."""

import base64
import http.client
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from channels.twilio.signature import sign
from tests.fakes.http_provider import Answer, HttpProvider, Seen

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "f" * 32
_PHONE = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}")
_SENDER = re.compile(r"(whatsapp:)?\+[1-9]\d{6,14}|[A-Za-z0-9 ]{1,11}")
_LONGEST = 1_600
_MOST_SECONDS = 36_000
_KNOWN = {"To", "From", "MessagingServiceSid", "Body", "ContentSid", "ContentVariables", "StatusCallback",
          "ValidityPeriod"}  # fmt: skip


class FakeTwilio(HttpProvider):
    """`messages` are kept as the provider shows them; `opted_out` and `invalid` are numbers that it refuses."""

    def __init__(self, *, sid: str = SID, token: str = TOKEN) -> None:
        super().__init__()
        self.sid, self.token = sid, token
        self.messages: list[dict[str, Any]] = []
        self.callbacks: dict[str, str] = {}
        self.opted_out: set[str] = set()
        self.invalid: set[str] = set()

    def answer(self, seen: Seen) -> Answer:
        expected = base64.b64encode(f"{self.sid}:{self.token}".encode()).decode()
        if seen.headers.get("authorization") != f"Basic {expected}":
            return _no(401, 20003, "Authenticate")
        path = urlsplit(seen.path)
        start = f"/2010-04-01/Accounts/{self.sid}"
        if path.path == f"{start}.json":
            return 200, {"sid": self.sid, "friendly_name": "Studio", "status": "active"}
        if path.path != f"{start}/Messages.json":
            return _no(404, 20404, "The requested resource was not found")
        if seen.method == "GET":
            wanted = parse_qs(path.query).get("To", [""])[0]
            found = [message for message in self.messages if message["to"] == wanted]
            return 200, {"messages": found, "page": 0, "page_size": 50, "uri": seen.path, "next_page_uri": None}
        return self._create({name: values[0] for name, values in parse_qs(seen.body.decode(), True).items()})

    def _create(self, fields: dict[str, str]) -> Answer:
        refusal = self._refusal(fields)
        if refusal is not None:
            return refusal
        number = len(self.messages) + 1
        message = {
            "sid": f"SM{number:032x}",
            "account_sid": self.sid,
            "to": fields["To"],
            "from": fields.get("From"),
            "body": fields.get("Body", ""),
            "status": "queued",
            "num_segments": "1",
            "content": fields.get("ContentSid"),
            "variables": fields.get("ContentVariables"),
            "error_code": None,
        }
        self.messages.append(message)
        if "StatusCallback" in fields:
            self.callbacks[message["sid"]] = fields["StatusCallback"]
        return 201, message

    def _refusal(self, fields: dict[str, str]) -> Answer | None:
        to, sender = fields.get("To", ""), fields.get("From", "")
        variables = fields.get("ContentVariables")
        problems = [
            (bool(set(fields) - _KNOWN), 20001, "unknown parameter"),
            (not _PHONE.fullmatch(to) or to in self.invalid, 21211, "The 'To' number is not a valid phone number."),
            (not sender and not fields.get("MessagingServiceSid"), 21603, "A 'From' phone number is required."),
            (bool(sender) and not _SENDER.fullmatch(sender), 21606, "The 'From' phone number is not valid."),
            (to.startswith("whatsapp:") != sender.startswith("whatsapp:") and bool(sender), 63007, "channel mismatch"),
            (not fields.get("Body") and not fields.get("ContentSid"), 21602, "Message body is required."),
            (len(fields.get("Body", "")) > _LONGEST, 21617, "The concatenated message body exceeds 1600 characters."),
            (variables is not None and not _is_map(variables), 63028, "Content variables are invalid."),
            (not fields.get("ValidityPeriod", "1").isdigit(), 21615, "invalid validity period"),
            (int(fields.get("ValidityPeriod", "1")) > _MOST_SECONDS, 21615, "invalid validity period"),
            (to in self.opted_out, 21610, "Attempt to send to unsubscribed recipient"),
        ]
        return next((_no(400, code, words) for holds, code, words in problems if holds), None)

    def report(self, sid: str, status: str, *, error: int | None = None, token: str | None = None) -> int:
        """Tell the service what became of a message, signed; returns its answer's status."""
        url = self.callbacks[sid].partition("#")[0]
        message = next(each for each in self.messages if each["sid"] == sid)
        message["status"] = status
        fields = {"MessageSid": sid, "MessageStatus": status, "To": message["to"], "From": message["from"] or "",
                  "AccountSid": self.sid, "ApiVersion": "2010-04-01"}  # fmt: skip
        if error is not None:
            fields["ErrorCode"] = str(error)
        return post(url, fields, token or self.token)


def post(url: str, fields: dict[str, str], token: str, *, public_url: str | None = None) -> int:
    """Make a webhook request as the provider would; `public_url` is the address that it believes it calls."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign(token, public_url or url, list(fields.items())),
    }
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", target, urlencode(fields), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def _is_map(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and all(isinstance(value, str) for value in found.values())


def _no(status: int, code: int, words: str) -> Answer:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return status, {"code": code, "message": words, "more_info": more, "status": status}
