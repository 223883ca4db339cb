"""What an SMTP refusal means: phase and reply class as rows, the first that fits decides; then why (`judge`).

Sources: RFC 5321 §4.2.3, RFC 3463 and the IANA registry of enhanced status codes, RFC 4954 §6, RFC 7372, and the
sender rules of Google, Yahoo and Microsoft (2024–2025) for 4.7.x and 5.7.x. A code that says "unknown user" while
its words speak of quota, rate or filtering does not condemn the address.
"""

import re
from dataclasses import dataclass
from types import MappingProxyType

from channels.base import FailureKind as Kind
from channels.base import Scope, SendFailed
from channels.email.judge import codes_of, judge
from channels.email.reasons import CONTENT, HARD, SENDER_FAULT, Reason
from channels.email.replies import Reply

_SIGN_IN = r"authentication (is )?required|must (first )?(authenticate|issue a starttls)|credentials"

# What a permanent refusal for a reason is; what is missing here is decided by the last rows.
_KINDS: MappingProxyType[Reason, Kind] = MappingProxyType(
    dict.fromkeys(HARD, Kind.PERMANENT_RECIPIENT)
    | dict.fromkeys(SENDER_FAULT | {Reason.FILTERED}, Kind.SENDER_FAULT)
    | dict.fromkeys(CONTENT, Kind.PERMANENT_CONTENT)
    | dict.fromkeys(
        (
            Reason.MAILBOX_FULL,
            Reason.SUSPEND,
            Reason.EXPIRED,
            Reason.NETWORK_ERROR,
            Reason.SYSTEM_ERROR,
            Reason.SYSTEM_FULL,
            Reason.MAILER_ERROR,
            Reason.TOO_MANY_CONN,
            Reason.SPEEDING,
        ),
        Kind.TRANSIENT,
    )
    | {Reason.NO_RELAYING: Kind.PERMANENT_CONFIG}
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: fits when every given column fits. `code` and `enhanced` are regular expressions for the whole value."""

    kind: Kind
    code: str = r"\d+"
    enhanced: str | None = None
    words: str | None = None
    phases: frozenset[str] | None = None
    scope: Scope | None = None

    def fits(self, reply: Reply, phase: str) -> bool:
        if self.phases is not None and phase not in self.phases:
            return False
        if not re.fullmatch(self.code, str(reply.code)):
            return False
        if self.enhanced is not None and not re.fullmatch(self.enhanced, reply.enhanced or ""):
            return False
        return self.words is None or re.search(self.words, reply.text, re.IGNORECASE) is not None


_BEFORE_MAIL = frozenset({"connect", "greeting", "ehlo", "tls", "auth"})
_DOT = frozenset({"dot"})
_MAIL = frozenset({"mail"})

RULES: tuple[Rule, ...] = (
    # Before MAIL no message was touched: a refusal is about the sender as a whole.
    Rule(Kind.THROTTLE, code="421", phases=_BEFORE_MAIL, scope=Scope.SENDER),
    Rule(Kind.TRANSIENT, code="4..", phases=_BEFORE_MAIL),
    Rule(Kind.PERMANENT_CONFIG, phases=_BEFORE_MAIL),
    # Temporary refusals.
    Rule(Kind.SENDER_FAULT, code="4..", enhanced=r"4\.7\.(2[3-79]|3\d)"),
    Rule(Kind.TRANSIENT, code="4..", words=r"gr[ea]y-?list"),
    Rule(Kind.THROTTLE, code="421|45[01]", enhanced=r"4\.7\.\d+", scope=Scope.DOMAIN),
    Rule(Kind.TRANSIENT, code="4..", phases=_DOT),
    Rule(Kind.THROTTLE, code="421", scope=Scope.SENDER),
    Rule(Kind.THROTTLE, code="45[01]", words=r"\brate\b|too (many|fast|frequent)|throttl", scope=Scope.DOMAIN),
    Rule(Kind.TRANSIENT, code="4.."),
    # The sender may not send at all.
    Rule(Kind.PERMANENT_CONFIG, code="530|534|535|538"),
    Rule(Kind.PERMANENT_CONFIG, enhanced=r"5\.7\.(8|9|11)"),
    Rule(Kind.PERMANENT_CONFIG, code="50[0234]"),
    # 501 to RCPT is about the address that was given (RFC 5321 §4.2.3), to anything else about the sender.
    Rule(Kind.PERMANENT_CONFIG, code="501", phases=frozenset({"mail", "data", "dot"})),
    Rule(Kind.PERMANENT_CONFIG, words=_SIGN_IN),
    Rule(Kind.PERMANENT_CONTENT, enhanced=r"5\.2\.3|5\.3\.4|5\.6\.\d+"),
)

# When neither words nor an enhanced code give a reason.
LAST: tuple[Rule, ...] = (
    Rule(Kind.SENDER_FAULT, phases=_MAIL),
    Rule(Kind.PERMANENT_CONTENT, code="552", phases=_DOT),
    Rule(Kind.SENDER_FAULT, code="55[0134]"),
)

_OTHER_ADDRESS = "5.1.0"
_BEYOND = 560  # RFC 5321 and its extensions know no code above
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RETRY_AFTER = re.compile(r"(?:in|after|for) (\d{1,5}) ?(s|sec|seconds?|m|min|minutes?|h|hours?)\b", re.IGNORECASE)


def classify(reply: Reply, phase: str) -> Kind:
    """Return what a refusal means; an unknown code is transient."""
    return _kind(reply, phase)[0]


def refusal(reply: Reply, phase: str) -> SendFailed:
    """Return the failure that a refusing reply stands for."""
    kind, scope = _kind(reply, phase)
    return SendFailed(kind, phase, reply.label, reply.text, _retry_after(reply), scope)


def _kind(reply: Reply, phase: str) -> tuple[Kind, Scope | None]:
    first = next((rule for rule in RULES if rule.fits(reply, phase)), None)
    if first is not None:
        return first.kind, first.scope
    status = reply.enhanced or _inner(reply)
    reason = judge(reply.text, status=status, reply=str(reply.code), phase=phase).reason
    if reason is Reason.REJECTED and status == _OTHER_ADDRESS:
        return Kind.TRANSIENT, None
    kind = _KINDS.get(reason)
    if kind is not None and reply.code < _BEYOND:
        return kind, None
    last = next((rule for rule in LAST if rule.fits(reply, phase)), None)
    return (last.kind if last else Kind.TRANSIENT), None


def _inner(reply: Reply) -> str:
    """Return the enhanced code that stands somewhere in the text, as in "no mailbox here (#5.1.1)" of qmail."""
    status = codes_of(reply.text)[1]
    return status if status.startswith(str(reply.code)[0]) else ""


def _retry_after(reply: Reply) -> float | None:
    if reply.code // 100 != 4:  # noqa: PLR2004 - only a temporary refusal names a time
        return None
    match = _RETRY_AFTER.search(reply.text)
    return int(match.group(1)) * _UNITS[match.group(2)[0].lower()] if match else None
