"""What Twilio reports: what became of a message, and what people wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from channels.base import FailureKind
from channels.twilio.errors import meaning_of

State = Literal["sent", "delivered", "read", "bounced", "failed"]
_STATES: dict[str, State] = {"sent": "sent", "delivered": "delivered", "read": "read"}
_FAILED = frozenset({"failed", "undelivered", "canceled"})


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message. `state` None: on its way. `opted_out`, `refused`: what it says about the person."""

    provider_id: str
    status: str
    state: State | None
    code: str | None = None
    words: str | None = None
    opted_out: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a person wrote. `opt_out` is the provider's own reading: STOP, START, HELP or nothing."""

    provider_id: str
    channel: Literal["sms", "whatsapp"]
    sender: str
    recipient: str
    text: str
    opt_out: str | None = None


def fields_of(body: bytes) -> dict[str, str]:
    """Return the fields of a form; of several with one name the last."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def receipt(fields: Mapping[str, str]) -> Receipt | None:
    """Return what a status callback says; None for one that names no message."""
    status, sid = fields.get("MessageStatus") or fields.get("SmsStatus") or "", fields.get("MessageSid") or ""
    if not sid or not status:
        return None
    if status not in _FAILED:
        return Receipt(sid, status, _STATES.get(status))
    code = fields.get("ErrorCode") or None
    kind = meaning_of(int(code), 200).kind if code and code.isdigit() else FailureKind.TRANSIENT
    refused = kind is FailureKind.PERMANENT_RECIPIENT
    opted_out = kind is FailureKind.OPTOUT
    state: State = "bounced" if refused or opted_out else "failed"
    return Receipt(sid, status, state, code, fields.get("ErrorMessage") or None, opted_out, refused)


def inbound(fields: Mapping[str, str]) -> Inbound | None:
    """Return what a person wrote; None for a payload that is no message."""
    sender, sid = fields.get("From") or "", fields.get("MessageSid") or fields.get("SmsMessageSid") or ""
    if not sender or not sid:
        return None
    channel: Literal["sms", "whatsapp"] = "whatsapp" if sender.startswith("whatsapp:") else "sms"
    return Inbound(
        sid,
        channel,
        sender.removeprefix("whatsapp:"),
        (fields.get("To") or "").removeprefix("whatsapp:"),
        fields.get("Body") or "",
        (fields.get("OptOutType") or "").upper() or None,
    )
