"""What Twilio reports: what became of a message, and what people wrote."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qsl

from channels.base import FailureKind
from channels.twilio.errors import Meaning, named

State = Literal["sent", "delivered", "read", "bounced", "failed"]
_STATES: dict[str, State] = {"sent": "sent", "delivered": "delivered", "read": "read"}
_FAILED = frozenset({"failed", "undelivered", "canceled"})
_MESSAGE = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_WHATSAPP = "whatsapp:"
_MOST_MEDIA = 10


@dataclass(frozen=True, slots=True)
class Known:
    """A message as the provider shows it; `at` is when it was made there."""

    sid: str
    status: str
    to: str
    body: str
    at: datetime | None
    code: str | None
    words: str | None
    price: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message. `state` None: on its way. `price`: amount and currency, as the provider writes them.

    `failure`: what the code of a failed one means; `meaning`: all of it, where the table has the code.
    """

    provider_id: str
    status: str
    state: State | None
    code: str | None = None
    words: str | None = None
    failure: FailureKind | None = None
    meaning: Meaning | None = None
    price: tuple[str, str] | None = None

    @property
    def opted_out(self) -> bool:
        """The person said stop to the provider."""
        return self.failure is FailureKind.OPTOUT

    @property
    def refused(self) -> bool:
        """The address does not work."""
        return self.failure is FailureKind.PERMANENT_RECIPIENT


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a person wrote. `opt_out` is the provider's own reading: STOP, START, HELP or nothing.

    `media` are the kinds of what was attached; the provider keeps the files themselves.
    """

    provider_id: str
    channel: Literal["sms", "whatsapp"]
    sender: str
    recipient: str
    text: str
    opt_out: str | None = None
    media: tuple[str, ...] = ()


def fields_of(body: bytes, content_type: str = "") -> dict[str, str]:
    """Return the fields of a form, of several with one name the last; or those of a JSON object that are texts."""
    if content_type.partition(";")[0].strip().lower() == "application/json":
        try:
            found = json.loads(body)
        except ValueError:
            return {}
        return {name: value for name, value in found.items() if isinstance(value, str)} if type(found) is dict else {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def receipt(fields: Mapping[str, str]) -> Receipt | None:
    """Return what a status callback says; None for one that names no message."""
    status, sid = fields.get("MessageStatus") or fields.get("SmsStatus") or "", fields.get("MessageSid") or ""
    words = fields.get("ErrorMessage") or fields.get("ChannelStatusMessage") or None
    found = read_status(sid, status, fields.get("ErrorCode"), words)
    amount, unit = fields.get("Price"), fields.get("PriceUnit")
    return replace(found, price=(amount, unit)) if found is not None and amount and unit else found


def read_status(sid: str, status: str, code: str | None = None, words: str | None = None) -> Receipt | None:
    """Return what a status of a message means, reported or looked up; None where there is none."""
    if not _MESSAGE.fullmatch(sid) or not status:
        return None
    if status not in _FAILED:
        return Receipt(sid, status, _STATES.get(status))
    meaning = named(code)
    failure = meaning.kind if meaning is not None else FailureKind.TRANSIENT
    bounced = failure in {FailureKind.PERMANENT_RECIPIENT, FailureKind.OPTOUT}
    return Receipt(sid, status, "bounced" if bounced else "failed", code or None, words, failure, meaning)


def inbound(fields: Mapping[str, str]) -> Inbound | None:
    """Return what a person wrote; None for a payload that is no message."""
    sender, sid = fields.get("From") or "", fields.get("MessageSid") or fields.get("SmsMessageSid") or ""
    if not sender or not _MESSAGE.fullmatch(sid):
        return None
    channel: Literal["sms", "whatsapp"] = "whatsapp" if sender.startswith(_WHATSAPP) else "sms"
    attached = fields.get("NumMedia", "")
    count = min(int(attached), _MOST_MEDIA) if attached.isdigit() else 0
    return Inbound(
        provider_id=sid,
        channel=channel,
        sender=sender.removeprefix(_WHATSAPP),
        recipient=(fields.get("To") or "").removeprefix(_WHATSAPP),
        text=fields.get("Body") or fields.get("ButtonText") or "",
        opt_out=(fields.get("OptOutType") or "").upper() or None,
        media=tuple(fields.get(f"MediaContentType{n}", "unknown") for n in range(count)),
    )
