"""Reading a mail that came back: bounce, delay, complaint, automatic answer, or something else.

Any bytes give a `Report`, never an exception. Order: a feedback report (RFC 5965), the fields of a delivery report
(RFC 3464), the words around it, the headers of the original. Mails of people and of their answering machines (RFC 3834)
are told apart first by who wrote them, so that a person who quotes a bounce is not one.
"""

import json
import re
from typing import Any

from channels.email.judge import Verdict, by_words, clean, codes_of, judge, said_by_server
from channels.email.reasons import Reason
from channels.email.reports import complaints, notice, status
from channels.email.reports.mail import Part, headers_of, open_mail
from channels.email.reports.report import Finding, Kind, Report

_DAEMON = re.compile(
    r"mailer-?daemon|mail[ ._-]?daemon|poo?st[_-]?master|mail deliver|delivery (?:sub)?system|mail administrator"
    r"|<>|^\s*$|returned mail"
    r"|content-filter|mail system|-admin@|delivery (?:status|report|service)|symantec|bounce",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"undeliver|deliver\w* (?:\w+ )?(?:fail|status|problem|error|notification|has failed)|fail(?:ed|ure)"
    r"|returned (?:mail|message|to sender)|"
    r"mail (?:system )?error|non-?delivery|not delivered|could not (?:be )?(?:send|sent|deliver)"
    r"|could not deliver|unzustellbar|"
    r"rejected|non remis|unable to deliver|loop alert|delayed|error sending|bounce|no se puede entregar"
    r"|delivery problem|warning",
    re.IGNORECASE,
)
_AUTO_SUBJECT = re.compile(
    r"^\s*(?:auto(?:matic|mated|matische)?[ -]?(?:reply|response|antwort)|out of (?:the )?office|abwesenheit"
    r"|vacation|on (?:holiday|leave)"
    r"|r[eé]ponse automatique|absence|respuesta autom[aá]tica|fuera de|auto:|risposta automatica|自動(?:返信|応答)|不在"
    r"|ferien|urlaub)",
    re.IGNORECASE,
)
_FIELDS = re.compile(r"^[ \t]{0,3}(?:final|original)-recipient[ ]?:", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(r"^[ >]{0,4}message-id[ ]?:\s{0,8}<?([^\s<>]{1,250})>?", re.IGNORECASE | re.MULTILINE)
_GENERIC = frozenset({None, Reason.REJECTED, Reason.MAILER_ERROR, Reason.SYSTEM_ERROR, Reason.EXPIRED})


def read(raw: bytes) -> Report:
    """Return what the mail says."""
    root = open_mail(raw)
    parts = root.all()
    subject = root.get("subject")
    complaint = complaints.find(root, parts)
    if complaint is not None:
        return complaint
    body, original = _texts(parts)
    message_id = _original_id(original)
    provider = _provider(body)
    if provider is not None:
        return Report(_kind(provider[0]), tuple(provider[0]), provider[1], "", subject)
    machine = _by_machine(root, parts)
    findings = _findings(root, parts, body, original) if machine else []
    if findings and not (_auto(root) and not _formal(root, parts)):
        return Report(_kind(findings), tuple(findings), message_id, "", subject)
    kind = Kind.AUTO_REPLY if _auto(root) or (root.get("auto-submitted").lower() not in {"", "no"}) else Kind.OTHER
    return Report(kind, (), message_id, "", subject)


def _formal(root: Part, parts: list[Part]) -> bool:
    return bool(
        root.get("x-failed-recipients")
        or any(part.kind.startswith("message/") for part in parts)
        or _FAILURE.search(root.get("subject"))
    )


def _auto(root: Part) -> bool:
    """An answering machine (RFC 3834 and what came before it)."""
    if (
        root.get("x-autoreply")
        or root.get("x-autorespond")
        or root.get("precedence").lower() in {"auto_reply", "auto-reply"}
    ):
        return True
    return bool(_AUTO_SUBJECT.match(root.get("subject")))


def _by_machine(root: Part, parts: list[Part]) -> bool:
    """Whether a mail system wrote this, by its type, its headers or its sender."""
    if any(part.kind in {"message/delivery-status", "message/global-delivery-status"} for part in parts):
        return True
    if root.get("x-failed-recipients"):
        return True
    daemon = bool(_DAEMON.search(root.get("from"))) or root.get("return-path").strip() == "<>"
    return daemon or (root.kind == "multipart/report" and bool(_FAILURE.search(root.get("subject"))))


def _texts(parts: list[Part]) -> tuple[str, str]:
    """Return the notice in plain words, and the original message or its headers as text."""
    inside = {
        id(inner) for part in parts if part.kind.startswith("message/") for child in part.parts for inner in child.all()
    }
    plain = [part.text for part in parts if part.kind == "text/plain" and id(part) not in inside]
    if not any(text.strip() for text in plain):
        plain = [_untag(part.text) for part in parts if part.kind == "text/html" and id(part) not in inside]
    if not any(text.strip() for text in plain):
        plain = [
            part.text
            for part in parts
            if id(part) not in inside
            and part.kind.startswith(("text/", "multipart/"))
            and part.kind != "text/rfc822-headers"
        ]
    body, embedded = "", ""
    for text in plain:
        words, rest = notice.split(text)
        body = f"{body}\n{words}" if body else words
        embedded = embedded or rest
    for part in parts:
        if part.kind.startswith("message/") and part.parts:
            return body, "\n".join(f"{name}: {value}" for name, value in part.parts[0].headers)
        if part.kind in {"text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers"}:
            return body, part.text
    return body, embedded


def _untag(html: str) -> str:
    text = re.sub(r"(?i)<(?:br|/p|/div|/tr|/li)[^>]{0,200}>", "\n", html[:200_000])
    text = re.sub(r"<[^<>]{0,2000}>", " ", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&")


def _original_id(original: str) -> str:
    match = _MESSAGE_ID.search(original[:200_000])
    return match.group(1) if match else ""


def _findings(root: Part, parts: list[Part], body: str, original: str) -> list[Finding]:
    complete = _complete(root, parts)
    own = frozenset(match.lower() for match in notice.ADDRESS.findall(f"{root.get('to')} {root.get('from')}"))
    reported = [
        n for n, part in enumerate(parts) if part.kind in {"message/delivery-status", "message/global-delivery-status"}
    ]
    found = [group for n in reported for group in status.groups(parts[n].text, closed=complete or n < len(parts) - 1)]
    if not found and _FIELDS.search(body):
        found = status.groups(body, closed=complete or bool(original))
    closed = complete or bool(original) or body.endswith("\n\n")
    said = notice.people(body, own, complete=closed)
    if found:
        return [_of_group(group, said, body) for group in found]
    cut_off = bool(reported) or (root.kind == "multipart/report" and not root.whole and not original)
    if not said:
        said = [notice.Said(address, body, closed) for address in _elsewhere(root, original)]
    return [_of_words(each, root, body, cut_off=cut_off) for each in said]


def _complete(root: Part, parts: list[Part]) -> bool:
    return bool(root.parts) and all(part.whole for part in parts[:1])


def _elsewhere(root: Part, original: str) -> list[str]:
    """Return whom the headers name: X-Failed-Recipients, then the recipient of the original."""
    failed = notice.ADDRESS.findall(root.get("x-failed-recipients"))
    if failed:
        return [address.lower() for address in failed[:50]]
    headers, _ = headers_of(re.sub(r"(?m)^[ ]{1,4}(?=[A-Za-z-]{1,40}:)", "", original))
    # The last header may be cut off.
    to = next((value for name, value in headers[:-1] if name == "to"), "")
    return [address.lower() for address in notice.ADDRESS.findall(to)[:1]]


def _of_group(group: status.Group, said: list[notice.Said], body: str) -> Finding:
    about = next((each.words for each in said if each.address in {group.address, group.original}), "")
    context = about if len(said) > 1 else body
    phase = notice.phase_of(context)
    reply, code = codes_of(group.diagnostic)
    generic = code.endswith(".0.0") or not code
    code = group.status if generic and group.status and not group.status.endswith(".0.0") else code or group.status
    words = group.diagnostic
    if by_words(clean(words)) in _GENERIC:
        better = next(
            (
                text
                for text in ((body, about) if len(said) == 1 and not words else (about, body))
                if by_words(clean(text)) not in _GENERIC
            ),
            "",
        )
        words = f"{words}\n{better}" if better and not clean(words) else words or better or about
        if by_words(clean(words)) in {Reason.MAILER_ERROR, None} and better:
            words = better
    reply = reply or codes_of(about)[0]
    verdict = judge(words, status=code, reply=reply, phase=phase)
    if group.action in {"delivered", "relayed", "expanded"}:
        verdict = Verdict(Reason.DELIVERED)
    hard = verdict.hard and group.action == "failed" and group.closed
    return Finding(
        group.address,
        code,
        reply,
        verdict.reason,
        hard,
        verdict.sender_fault,
        group.action,
        _short(words),
        group.original,
    )


def _of_words(each: notice.Said, root: Part, body: str, *, cut_off: bool) -> Finding:
    words = said_by_server(each.words)
    if by_words(clean(words)) is None:
        words = each.words
    if by_words(clean(words)) is None:
        words = f"{words}\n{body}"
    reply, code = codes_of(words)
    verdict = judge(words, status=code, reply=reply, phase=notice.phase_of(words) or notice.phase_of(body))
    delayed = notice.is_delayed(f"{root.get('subject')} {body}")
    action = "delayed" if delayed else "failed"
    hard = verdict.hard and not delayed and each.closed and not cut_off
    return Finding(each.address, code, reply, verdict.reason, hard, verdict.sender_fault, action, _short(words))


def _short(words: str) -> str:
    return " ".join(words.split())[:500]


def _kind(findings: list[Finding]) -> Kind:
    actions = {finding.action for finding in findings}
    if "failed" in actions:
        return Kind.BOUNCE
    return Kind.DELAYED if "delayed" in actions else Kind.OTHER


def _provider(body: str) -> tuple[list[Finding], str] | None:
    """Read a notification that a provider mailed as JSON (Amazon SES, "notification contents")."""
    begin = body.lstrip()[:1]
    if begin != "{" or '"notificationType' not in body.replace("\\", ""):
        return None
    try:
        # Sendmail cuts long lines with "!" and a new line.
        data, _ = json.JSONDecoder(strict=False).raw_decode(body.replace("!\n ", "").lstrip())
        if isinstance(data, dict) and isinstance(data.get("Message"), str):
            data = json.loads(data["Message"], strict=False)
        return _notification(data) if isinstance(data, dict) else None
    except (ValueError, RecursionError):
        return None


def _notification(data: dict[str, Any]) -> tuple[list[Finding], str] | None:
    mail = data.get("mail")
    message_id = str(mail.get("messageId", "")) if isinstance(mail, dict) else ""
    bounce, delivery = data.get("bounce"), data.get("delivery")
    if isinstance(bounce, dict) and isinstance(bounce.get("bouncedRecipients"), list):
        rows = [row for row in bounce["bouncedRecipients"][:50] if isinstance(row, dict)]
        return [_bounced(row) for row in rows], message_id
    if isinstance(delivery, dict) and isinstance(delivery.get("recipients"), list):
        text = str(delivery.get("smtpResponse", ""))
        reply, code = codes_of(text)
        return [
            Finding(str(to).lower()[:320], code, reply, Reason.DELIVERED, False, False, "delivered", _short(text))
            for to in delivery["recipients"][:50]
        ], message_id
    return None


def _bounced(row: dict[str, Any]) -> Finding:
    text = str(row.get("diagnosticCode", ""))
    reply, code = codes_of(text)
    code = code or str(row.get("status", ""))
    verdict = judge(text, status=code, reply=reply)
    action = "delayed" if row.get("action") == "delayed" else "failed"
    address = str(row.get("emailAddress", "")).lower()[:320]
    return Finding(
        address,
        code,
        reply,
        verdict.reason,
        verdict.hard and action == "failed",
        verdict.sender_fault,
        action,
        _short(text),
    )
