"""Complaints: feedback reports (RFC 5965), and those that come without the machine-readable part."""

import re

from channels.email.reasons import Reason
from channels.email.reports.mail import Part, headers_of
from channels.email.reports.notice import ADDRESS
from channels.email.reports.report import Finding, Kind, Report

# "not-spam" takes a complaint back, "auth-failure" and "dmarc" are about the sender's set-up (RFC 6591).
_OBJECTIONS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list", "virus", "other", "complaint", "miscategorized"})
_WORDS = re.compile(
    r"(?:abuse|complaint|spam|feedback|opt-out) report|complaint (?:about|regarding|from|received)|(?:reported"
    r"|marked|flagged)"
    r" (?:\w+ ){0,6}as (?:spam|junk|unwanted)|complained about|beschwerde",
    re.IGNORECASE,
)
_WRITER = re.compile(r"abuse|fbl|feedback|complain|staff@|scomp|arf|spamreport", re.IGNORECASE)


def find(root: Part, parts: list[Part]) -> Report | None:
    """Return the complaint or the notice about the sender that a mail is; None where it is neither."""
    feedback = next((part for part in parts if part.kind == "message/feedback-report"), None)
    original = _original(parts)
    message_id = _id(original)
    if feedback is None:
        return _unmarked(root, parts, original, message_id)
    fields, _ = headers_of(f"{feedback.text.lstrip()}\n\n")
    kind = _field(fields, "feedback-type").strip().lower()
    address = next(
        (a for name in ("original-rcpt-to", "removal-recipient") if (a := _address(_field(fields, name)))), ""
    ) or _address(_field(original, "to"))
    objection = kind in _OBJECTIONS or not kind
    finding = Finding(address, "", "", Reason.UNDEFINED, False, False, "failed" if objection else "delivered", kind)
    return Report(
        Kind.COMPLAINT if objection else Kind.OTHER, (finding,), message_id, kind or "abuse", root.get("subject")
    )


def _unmarked(root: Part, parts: list[Part], original: tuple[tuple[str, str], ...], message_id: str) -> Report | None:
    if not message_id or any(
        part.kind in {"message/delivery-status", "message/disposition-notification"} for part in parts
    ):
        return None
    words = " ".join(part.text[:2_000] for part in parts[:4] if part.kind.startswith(("text/", "multipart/")))
    said = _WORDS.search(f"{root.get('subject')} {words}"[:8_000])
    if not said or not _WRITER.search(f"{root.get('from')} {root.get('to')} {root.get('subject')}"):
        return None
    finding = Finding(_address(_field(original, "to")), "", "", Reason.UNDEFINED, False, False, "failed", "")
    return Report(Kind.COMPLAINT, (finding,), message_id, "abuse", root.get("subject"))


def _original(parts: list[Part]) -> tuple[tuple[str, str], ...]:
    for part in parts:
        if part.kind in {"message/rfc822", "message/global"} and part.parts:
            return part.parts[0].headers
        if part.kind.startswith("text/rfc822-header"):
            return headers_of(part.text.lstrip())[0]
    return ()


def _field(fields: tuple[tuple[str, str], ...], name: str) -> str:
    return next((value for known, value in fields if known == name), "")


def _id(fields: tuple[tuple[str, str], ...]) -> str:
    match = re.match(r"\s{0,8}<?([^\s<>]{1,250})>?", _field(fields, "message-id"))
    return match.group(1) if match else ""


def _address(value: str) -> str:
    match = ADDRESS.search(value)
    return match.group(1).lower() if match else ""
