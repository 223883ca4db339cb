"""What an SMTP refusal means, as data: phase, enhanced code, words, reply class — the first row that fits decides.

Sources: RFC 5321 §4.2.3, RFC 3463 and the IANA registry of enhanced status codes, RFC 4954 §6, RFC 7372, and the
sender rules of Google, Yahoo and Microsoft (2024–2025) for 4.7.x and 5.7.x. A code that says "unknown user" while
its words speak of quota, rate or filtering does not condemn the address.
"""

import re
from dataclasses import dataclass

from channels.base import FailureKind as Kind
from channels.base import Scope, SendFailed
from channels.email.replies import Reply

_UNKNOWN = (
    r"(user|recipient|mailbox|address|account|alias)\W{1,3}(is |was )?(unknown|not found|invalid|unavailable)"
    r"|(unknown|invalid|no such) (local )?(user|recipient|mailbox|address|account|alias|destination)"
    r"|(does|do|did) ?(not|n.t) exist|no longer (exists|valid|available|in use)"
    r"|not a (known|valid) (user|recipient|mailbox)"
    r"|(user|recipient|mailbox|account)( [^ ]{1,80})? (does ?n.t|not) (exist|found|known|listed)"
    r"|does(n.t| not) have an? ([^ ]{1,80} )?account"
    r"|no mailbox (here )?by that name|not (a )?local user|recipient address rejected: (user|undeliverable)"
    r"|(user|mailbox|account) (has )?(moved|been (deleted|closed|removed))|not our customer|no such domain"
)
_FULL = (
    r"\b(is|mailbox|inbox|box) (is )?(over)?full\b|quota|(insufficient|not enough) .{0,20}(storage|space)|too much mail"
)
_RATE = r"\brate\b|too (many|fast|frequent)|try (again )?later|gr[ea]y-?list|temporar(y|ily)|throttl|connection limit"
_FILTER = (
    r"\bspam|black-?\s?list|block-?\s?list|\brbl\b|dnsbl|spamhaus|barracuda|\bdmarc\b|\bspf\b|\bdkim\b|reputation"
    r"|polic(y|ies)|\bptr\b|reverse dns|unsolicited|unauthenticated|content (filter|reject)|virus|suspicious|banned"
    r"|filtered|^[^a-z]*rejected\W*$"
    r"|\bblocked\b|access denied|not (authorized|allowed|permitted)|message (refused|rejected)|administratively"
)
_ASLEEP = r"frozen|expired|suspended|disabled|inactive|deactivated|over its limit"
_RELAY = r"relay(ing)? (access )?(denied|not permitted|not allowed|prohibited)|unable to relay|not allowed to relay"
_TOO_BIG = r"(message|size|too) .{0,24}(too (big|large)|exceed)|too (big|large)|maximum (message )?size"
_SIGN_IN = r"authentication (is )?required|must (first )?(authenticate|issue a starttls)|credentials"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: fits when every given column fits. `code` and `enhanced` are regular expressions for the whole value."""

    kind: Kind
    code: str = r"\d+"
    enhanced: str | None = None
    words: str | None = None
    unless: str | None = None
    phases: frozenset[str] | None = None
    scope: Scope | None = None

    def fits(self, reply: Reply, phase: str) -> bool:
        if self.phases is not None and phase not in self.phases:
            return False
        if not re.fullmatch(self.code, str(reply.code)):
            return False
        if self.enhanced is not None and not re.fullmatch(self.enhanced, reply.enhanced or ""):
            return False
        if self.words is not None and not re.search(self.words, reply.text, re.IGNORECASE):
            return False
        return self.unless is None or not re.search(self.unless, reply.text, re.IGNORECASE)


_BEFORE_MAIL = frozenset({"connect", "greeting", "ehlo", "tls", "auth"})
_DOT = frozenset({"dot"})
_MAIL = frozenset({"mail"})
_RCPT = frozenset({"rcpt"})
_NOT_HARD = f"{_FULL}|{_RATE}|{_FILTER}"

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
    Rule(Kind.PERMANENT_CONFIG, code="50[0-4]"),
    # Enhanced codes that decide.
    Rule(Kind.PERMANENT_RECIPIENT, enhanced=r"5\.1\.(1|6|10)", unless=_NOT_HARD),
    Rule(Kind.PERMANENT_RECIPIENT, enhanced=r"5\.1\.0|5\.2\.1", words=_UNKNOWN, unless=f"{_FULL}|{_FILTER}"),
    Rule(Kind.PERMANENT_RECIPIENT, enhanced=r"5\.1\.2|5\.4\.4", unless=f"{_FILTER}|{_RELAY}"),
    Rule(Kind.PERMANENT_RECIPIENT, enhanced=r"5\.1\.3", unless=_NOT_HARD),
    Rule(Kind.PERMANENT_RECIPIENT, enhanced=r"5\.4\.1", words=r"recipient address rejected: access denied"),
    Rule(Kind.SENDER_FAULT, enhanced=r"5\.1\.[78]"),
    Rule(Kind.TRANSIENT, enhanced=r"5\.1\.0|5\.2\.[12]|5\.3\.1|5\.4\.[167]|5\.7\.13"),
    Rule(Kind.PERMANENT_CONTENT, enhanced=r"5\.2\.3|5\.3\.4|5\.6\.\d+"),
    Rule(Kind.SENDER_FAULT, enhanced=r"5\.7\.\d+"),
    # Words.
    Rule(Kind.PERMANENT_CONFIG, words=f"{_SIGN_IN}|{_RELAY}"),
    Rule(Kind.TRANSIENT, words=_FULL),
    Rule(Kind.PERMANENT_RECIPIENT, words=_UNKNOWN, unless=_FILTER),
    Rule(Kind.PERMANENT_CONTENT, words=_TOO_BIG),
    Rule(Kind.SENDER_FAULT, words=_FILTER),
    Rule(Kind.TRANSIENT, words=f"{_RATE}|{_ASLEEP}"),
    # Nothing but the reply code.
    Rule(Kind.SENDER_FAULT, phases=_MAIL),
    Rule(Kind.PERMANENT_RECIPIENT, code="55[013]", phases=_RCPT),
    Rule(Kind.PERMANENT_CONTENT, code="552", phases=_DOT),
    Rule(Kind.TRANSIENT, code="552"),
    Rule(Kind.SENDER_FAULT, code="55[0134]"),
)

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_RETRY_AFTER = re.compile(r"(?:in|after|for) (\d{1,5}) ?(s|sec|seconds?|m|min|minutes?|h|hours?)\b", re.IGNORECASE)


def classify(reply: Reply, phase: str) -> Kind:
    """Return what a refusal means; an unknown code is transient."""
    rule = _rule(reply, phase)
    return rule.kind if rule else Kind.TRANSIENT


def refusal(reply: Reply, phase: str) -> SendFailed:
    """Return the failure that a refusing reply stands for."""
    rule = _rule(reply, phase)
    kind = rule.kind if rule else Kind.TRANSIENT
    scope = rule.scope if rule else None
    return SendFailed(kind, phase, reply.label, reply.text, _retry_after(reply), scope)


def _rule(reply: Reply, phase: str) -> Rule | None:
    return next((rule for rule in RULES if rule.fits(reply, phase)), None)


def _retry_after(reply: Reply) -> float | None:
    if reply.code // 100 != 4:  # noqa: PLR2004 - only a temporary refusal names a time
        return None
    match = _RETRY_AFTER.search(reply.text)
    return int(match.group(1)) * _UNITS[match.group(2)[0].lower()] if match else None
