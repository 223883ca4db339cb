"""Reading a mail that came back: bounce, delay, complaint, automatic answer, or something else.

Any bytes give a `Report`, never an exception. Order: a feedback report (RFC 5965), the fields of a delivery report
(RFC 3464), the words around it, the headers of the original. Mails of people and of their answering machines (RFC 3834)
are told apart first by who wrote them, so that a person who quotes a bounce is not one.
"""

import re
from dataclasses import replace

from channels.email.judge import Verdict, by_status, by_words, clean, codes_of, judge, said_by_server
from channels.email.reasons import Reason
from channels.email.reports import complaints, notice, provider, status
from channels.email.reports.mail import Part, headers_of, open_mail
from channels.email.reports.report import Finding, Kind, Report, kind_of, short

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
_ANSWERED = re.compile(r"\s*(?:re|aw|antw|fwd?|wg|tr|sv|rv|odp|回复|答复|转发)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE)
_CONVERSATION = re.compile(
    r"\bsmtp\b|\brcpt\b|mail ?server|remote (?:host|server|system)|<<<|mail system", re.IGNORECASE
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
    notified = provider.find(body)
    if notified is not None:
        return replace(notified, subject=subject)
    machine = _by_machine(root, parts) or _worded_so(root, body)
    findings = _once(_findings(root, parts, body, original)) if machine else []
    if findings and not (_auto(root) and not _formal(root, parts)):
        return Report(kind_of(findings), tuple(findings), message_id, "", subject)
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


def _worded_so(root: Part, body: str) -> bool:
    """Whether a mail with an ordinary sender is a notice all the same: by its subject and a server's reply."""
    subject = root.get("subject")
    if _ANSWERED.match(subject) or not _FAILURE.search(subject):
        return False
    reply, status = codes_of(said_by_server(body))
    return bool(reply and (status or _CONVERSATION.search(body[:20_000])))


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
        return [_about_whom(_of_group(group, said, body), own) for group in found]
    cut_off = bool(reported) or (root.kind == "multipart/report" and not root.whole and not original)
    if not said:
        said = [notice.Said(address, body, closed) for address in _elsewhere(root, original)]
    return [_about_whom(_of_words(each, root, body, cut_off=cut_off), own) for each in said]


def _about_whom(finding: Finding, own: frozenset[str]) -> Finding:
    """Return the finding, turned round where the domain that is missing is the sender's and not the recipient's."""
    named = finding.diagnostic.lower()
    theirs = finding.address.rpartition("@")[2]
    ours = {address.rpartition("@")[2] for address in own}
    if finding.reason is not Reason.HOST_UNKNOWN or (theirs and theirs in named):
        return finding
    if not any(re.search(rf"(?<![\w.-]){re.escape(domain)}(?![\w-]|\.\w)", named) for domain in ours):
        return finding
    return replace(finding, reason=Reason.REJECTED, hard=False, sender_fault=True)


def _once(findings: list[Finding]) -> list[Finding]:
    """Return what is said of each, without what is said of the same address twice for the same reason."""
    seen: dict[tuple[str, Reason, str], Finding] = {}
    for each in findings:
        known = seen.setdefault((each.address, each.reason, each.action), each)
        if each.hard and not known.hard:
            seen[each.address, each.reason, each.action] = each
    return list(seen.values())


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
    phase = notice.phase_of(context) or notice.phase_of(group.diagnostic)
    reply, code = codes_of(group.diagnostic)
    concluded = (code.endswith(".0.0") or not code) and group.status and not group.status.endswith(".0.0")
    code = group.status if concluded else code or group.status
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
    # Sendmail concludes 5.1.1 from any 550 to RCPT; a server that only refuses has not said so.
    weak = concluded and reply and by_words(clean(words)) is Reason.REJECTED
    verdict = judge(words, status="" if weak else code, reply=reply, phase=phase)
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
        short(words),
        group.original,
    )


def _of_words(each: notice.Said, root: Part, body: str, *, cut_off: bool) -> Finding:
    words = said_by_server(each.words)
    if by_words(clean(words)) is None and by_status(codes_of(words)[1]) is None:
        words = each.words
    if by_words(clean(words)) is None and by_status(codes_of(words)[1]) is None:
        words = f"{words}\n{body}"
    reply, code = codes_of(words)
    verdict = judge(words, status=code, reply=reply, phase=notice.phase_of(words) or notice.phase_of(body))
    delayed = notice.is_delayed(f"{root.get('subject')} {body}")
    action = "delayed" if delayed else "failed"
    hard = verdict.hard and not delayed and each.closed and not cut_off
    return Finding(each.address, code, reply, verdict.reason, hard, verdict.sender_fault, action, short(words))
