"""What was read out of a mail that came back."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from channels.email.reasons import Reason


class Kind(StrEnum):
    """What a returned mail is."""

    BOUNCE = "bounce"
    DELAYED = "delayed"
    COMPLAINT = "complaint"
    AUTO_REPLY = "auto_reply"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the report says about one recipient. `address` is lower-case, empty where a report names nobody.

    `hard`: the address itself is wrong. `sender_fault`: it is about the sender and never counts against the person.
    `action` is that of RFC 3464 (failed, delayed, delivered, relayed, expanded).
    """

    address: str
    status: str
    reply: str
    reason: Reason
    hard: bool
    sender_fault: bool
    action: str
    diagnostic: str
    original_address: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One mail, read. `original_message_id` is that of the mail it is about, without angle brackets.

    `complaint_type` is the Feedback-Type of RFC 5965.
    """

    kind: Kind
    recipients: tuple[Finding, ...] = ()
    original_message_id: str = ""
    complaint_type: str = ""
    subject: str = ""


def kind_of(findings: Iterable[Finding]) -> Kind:
    """Return what a mail with these findings is."""
    actions = {finding.action for finding in findings}
    if "failed" in actions:
        return Kind.BOUNCE
    return Kind.DELAYED if "delayed" in actions else Kind.OTHER


def short(words: str) -> str:
    """Return words in one line, short enough to keep."""
    return " ".join(words.split())[:500]
