"""Notifications of Amazon SES as JSON: mailed, or brought by Amazon SNS.

Source: "Amazon SNS notification contents for Amazon SES" and "event publishing" of the Amazon SES developer guide
(`notificationType` there, `eventType` here).
"""

import json
from typing import Any

from channels.email.judge import codes_of, judge
from channels.email.reasons import HARD, SENDER_FAULT, Reason
from channels.email.reports.report import Finding, Kind, Report, kind_of, short

_MOST = 50
_MARKS = ('"notificationType', '"eventType')
# What a bounce's sub-type says where the far side's words say nothing.
_SUBTYPES = {
    "NoEmail": Reason.USER_UNKNOWN,
    "Suppressed": Reason.USER_UNKNOWN,  # on the provider's own list: it bounced before as invalid
    "MailboxFull": Reason.MAILBOX_FULL,
    "MessageTooLarge": Reason.MESG_TOO_BIG,
    "ContentRejected": Reason.CONTENT_ERROR,
    "AttachmentRejected": Reason.CONTENT_ERROR,
    "OnAccountSuppressionList": Reason.SUSPEND,
}
_SAYS_NOTHING = frozenset({Reason.UNDEFINED, Reason.ON_HOLD, Reason.SYSTEM_ERROR, Reason.REJECTED, Reason.FILTERED})
_OBJECTIONS = frozenset({"", "abuse", "fraud", "other", "virus"})


def find(body: str) -> Report | None:
    """Return what a notification says; None for a text that is none."""
    if body.lstrip()[:1] != "{" or not any(mark in body.replace("\\", "") for mark in _MARKS):
        return None
    try:
        # Sendmail cuts long lines with "!" and a new line.
        data, _ = json.JSONDecoder(strict=False).raw_decode(body.replace("!\n ", "").lstrip())
        if isinstance(data, dict) and isinstance(data.get("Message"), str):
            data = json.loads(data["Message"], strict=False)
    except (ValueError, RecursionError):
        return None
    return _report(data) if isinstance(data, dict) else None


def addressed(text: str) -> tuple[str, list[str]]:
    """Return the envelope sender of the mail that a notification is about, and the Message-IDs it may have had."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return "", []
    mail = _of(data, "mail")
    headers = mail.get("headers")
    rows = [row for row in headers[:400] if isinstance(row, dict)] if isinstance(headers, list) else []
    ids = [str(row.get("value", "")) for row in rows if str(row.get("name", "")).lower() == "message-id"]
    ids.append(str(_of(mail, "commonHeaders").get("messageId", "")))
    return str(mail.get("source", "")), [each.strip().strip("<>") for each in ids if each.strip()]


def _of(data: Any, name: str) -> dict[str, Any]:
    found = data.get(name) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _rows(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = data.get(name)
    return [row for row in found[:_MOST] if isinstance(row, dict)] if isinstance(found, list) else []


def _report(data: dict[str, Any]) -> Report | None:
    message_id = str(_of(data, "mail").get("messageId", ""))
    bounce, complaint, delay = _of(data, "bounce"), _of(data, "complaint"), _of(data, "deliveryDelay")
    if "bouncedRecipients" in bounce:
        found = [_bounced(row, bounce) for row in _rows(bounce, "bouncedRecipients")]
    elif "complainedRecipients" in complaint:
        return _complained(complaint, message_id)
    elif "delayedRecipients" in delay:
        found = [_bounced({**row, "action": "delayed"}, {}) for row in _rows(delay, "delayedRecipients")]
    elif isinstance(recipients := _of(data, "delivery").get("recipients"), list):
        found = [_delivered(to, str(_of(data, "delivery").get("smtpResponse", ""))) for to in recipients[:_MOST]]
    else:
        return None
    return Report(kind_of(found), tuple(found), message_id)


def _bounced(row: dict[str, Any], bounce: dict[str, Any]) -> Finding:
    text = str(row.get("diagnosticCode", ""))
    reply, code = codes_of(text)
    code = code or str(row.get("status", ""))
    reason = judge(text, status=code, reply=reply).reason
    if reason in _SAYS_NOTHING:
        reason = _SUBTYPES.get(str(bounce.get("bounceSubType")), reason)
    action = "delayed" if row.get("action") == "delayed" else "failed"
    passing = action == "delayed" or bounce.get("bounceType") == "Transient"
    hard = reason in HARD and not passing
    return Finding(_address(row), code, reply, reason, hard, reason in SENDER_FAULT, action, short(text))


def _complained(complaint: dict[str, Any], message_id: str) -> Report:
    kind = str(complaint.get("complaintFeedbackType") or "").strip().lower()
    objection = kind in _OBJECTIONS
    action = "failed" if objection else "delivered"
    found = [
        Finding(_address(row), "", "", Reason.UNDEFINED, False, False, action, kind)
        for row in _rows(complaint, "complainedRecipients")
    ]
    return Report(Kind.COMPLAINT if objection else Kind.OTHER, tuple(found), message_id, kind or "abuse")


def _delivered(to: object, text: str) -> Finding:
    reply, code = codes_of(text)
    return Finding(str(to).lower()[:320], code, reply, Reason.DELIVERED, False, False, "delivered", short(text))


def _address(row: dict[str, Any]) -> str:
    return str(row.get("emailAddress", "")).lower()[:320]
