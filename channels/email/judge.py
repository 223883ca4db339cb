"""Judging a refusal: one place for a live SMTP reply and for the words of a bounce.

The words decide first (`channels.email.words`), then the enhanced status code (RFC 3463 and the IANA registry), then
the reply code (RFC 5321 §4.2.3). Only a reason that condemns the address itself is hard, and only when nothing speaks
against it: a refusal after the message was handed over is a filter's, because the recipient had been accepted before,
unless words and code both name the address.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from channels.email.reasons import HARD, SENDER_FAULT, Reason
from channels.email.registry import CODES, SUBJECTS
from channels.email.words import BARE, LATE, PATTERNS, VAGUE

_MOST_WORDS = 2_000
_ADDRESS = re.compile(r"<?(?<![^\s<(\"':;,\[])[^\s<>@,;:\"'()\[\]]{1,128}@[^\s<>@,;:\"'()\[\]]{1,253}>?")
# AsyncOS (IronPort, Cisco) names its own category and quotes the far side: "5.1.0 - Unknown address error 550-'...'".
_QUOTED = re.compile(
    r"[245]\.\d{1,3}\.\d{1,3} - [a-z /]{3,60} [245]\d\d[ -]?'([^\n]{3,1000}?)'(?: \(delivery attempts|\s*$)"
)
# Postfix, of a host that it leaves alone for a while: what the host said comes after it.
_POSTPONED = re.compile(r"delivery temporarily suspended:")
_URL = re.compile(r"\b(?:https?|mailto)://?[^\s>\"]{0,500}|\bwww\.[^\s>\"]{0,500}")
_REPLY = re.compile(r"(?<![\w.-])([245][0-5]\d)(?=[ \-:,;)\]#]|$)")
_STATUS = re.compile(r"(?<![\w.])([245]\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_NOISE = re.compile(
    r"(?<![\w.-])[245][0-5]\d[ -]{1,2}[245]\.\d{1,3}\.\d{1,3}(?![\w]|\.\d)"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){2,3}(?![\w]|\.\d)"
    r"|(?<![\w.-])[245][0-5]\d(?=[ \-:]|$)-?"
)
_LETTERS = re.compile(r"[^\W\d_]{2}")
_SENDERS_ADDRESS = frozenset({"5.1.7", "5.1.8"})
_NO_MAIL = frozenset({"521", "556"})  # RFC 7504: this host takes no mail
_OTHER_ADDRESS = "5.1.0"  # "other address status": it may be the sender's or the recipient's
_AFTER_DATA = frozenset({"data", "dot"})
_ADDRESS_ONLY = frozenset({"rcpt", "piped"})
_MISSING = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.HAS_MOVED})
_BEFORE_ADDRESS = frozenset({"connect", "ehlo", "mail"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why it was refused. `hard`: the address is wrong. `sender_fault`: it must not count against the person."""

    reason: Reason

    @property
    def hard(self) -> bool:
        return self.reason in HARD

    @property
    def sender_fault(self) -> bool:
        return self.reason in SENDER_FAULT


def clean(text: str) -> str:
    """Return words in the form that the rules read: lower case, no addresses, URLs, IP numbers and reply codes."""
    return _clean(text[: _MOST_WORDS * 2])


# One notice is asked about several times: alone, with its codes, and beside the other recipients.
@lru_cache(maxsize=256)
def _clean(text: str) -> str:
    text = (
        _POSTPONED.sub("", " ".join(text.lower().split()))
        .rpartition(" -> ")[2]
        .replace("’", "'")
        .replace("\u2018", "'")
    )
    quoted = _QUOTED.search(text)
    text = quoted.group(1) if quoted else text
    # Google Groups says that a group may not exist in sixty languages, with this address below.
    text = _URL.sub(" ", text.replace("://groups.google.", ":// groups.google."))
    text = _ADDRESS.sub("@", text)
    text = _NOISE.sub(" ", text)
    return " ".join(text.split())[:_MOST_WORDS]


def said_by_server(text: str) -> str:
    """Return the paragraph of a text from its first SMTP reply on: neither what the reporter wrote before nor after."""
    match = _REPLY.search(text[: _MOST_WORDS * 2])
    return _PARAGRAPH.split(text[match.start() :], maxsplit=1)[0] if match else text


def codes_of(text: str) -> tuple[str, str]:
    """Return the first reply code and the first enhanced status code in a text, empty where there is none."""
    head = text[: _MOST_WORDS * 2]
    reply = _REPLY.search(_ADDRESS.sub("@", head))
    status = _STATUS.search(head)
    return (reply.group(1) if reply else "", status.group(1) if status else "")


def judge(text: str, *, status: str = "", reply: str = "", phase: str = "") -> Verdict:
    """Judge a refusal by its words, its enhanced `status`, its `reply` code and the `phase` of the conversation.

    `phase` is "connect", "ehlo", "mail", "rcpt", "data" or "dot", empty where it is not known, and "piped" where the
    answer to RCPT was read after DATA had been written (RFC 2920).
    """
    words = clean(text)
    reason = _reason(words, by_words(words), by_status(status), _Code(status, reply, phase))
    if reason in _MISSING and phase in _BEFORE_ADDRESS:
        # Nobody had been named yet but the sender.
        reason = Reason.REJECTED
    return Verdict(reason)


@dataclass(frozen=True, slots=True)
class _Code:
    """What stands beside the words."""

    status: str
    reply: str
    phase: str


def _reason(words: str, said: Reason | None, coded: Reason | None, code: _Code) -> Reason:
    if code.status in _SENDERS_ADDRESS:
        return Reason.REJECTED
    if code.reply in _NO_MAIL and said in {None, Reason.SYSTEM_ERROR, Reason.REJECTED}:
        return Reason.NOT_ACCEPT
    if said is Reason.USER_UNKNOWN:
        return _unknown(words, code.status, code.phase, coded)
    if said in {None, Reason.REJECTED, Reason.FILTERED} and VAGUE.search(words):
        return _vague(code.status, code.phase, coded)
    return _otherwise(said or coded or _by_reply(code.reply, code.phase, words), coded, code)


def _otherwise(found: Reason, coded: Reason | None, code: _Code) -> Reason:
    """What is left: "rejected" says the least, so a code that names a cause says more."""
    if found is Reason.REJECTED and code.phase in {"connect", "ehlo"}:
        return Reason.BLOCKED
    listed = code.status in CODES or f"X{code.status[1:]}" in CODES
    said_so = listed and code.status[1:3] not in {".4", ".5"}
    if found is Reason.REJECTED and coded is not None and (coded in HARD or said_so):
        found = coded
    # The recipient had been accepted, so nobody is missing; a host may still be, behind the relay.
    accepted = code.phase in _AFTER_DATA and found in {Reason.USER_UNKNOWN, Reason.HAS_MOVED}
    return Reason.FILTERED if accepted else found


@lru_cache(maxsize=256)
def by_words(words: str) -> Reason | None:
    """Return the reason of the first rule that fits words that are clean already."""
    return next((reason for reason, pattern in PATTERNS if pattern.search(words)), None)


def by_status(status: str) -> Reason | None:
    """Return what an enhanced status code says by itself; None for one that says nothing."""
    kind, _, rest = status.partition(".")
    subject, _, detail = rest.partition(".")
    if not detail:
        return None
    found = CODES.get(status) or CODES.get(f"X.{rest}")
    if found is not None or (detail == "0" and subject in {"0", "1", "3"}):
        return found if kind == "5" or found not in HARD else None
    return SUBJECTS.get(subject)


def _unknown(words: str, status: str, phase: str, coded: Reason | None) -> Reason:
    """The words say that nobody is there: believed unless the recipient was accepted before, or nothing backs them."""
    if LATE.search(words):
        return Reason.USER_UNKNOWN
    if VAGUE.search(words) and by_words(VAGUE.sub(" ", words)) is not Reason.USER_UNKNOWN:
        return _vague(status, phase, coded)
    if phase in _AFTER_DATA:
        # Believed where the code says so too: a server behind a relay, or one for each recipient, answers that late.
        doubtful = coded is not Reason.USER_UNKNOWN
    elif phase == "piped":
        doubtful = bool(BARE.search(words) and status and coded is not Reason.USER_UNKNOWN)
    elif phase in _ADDRESS_ONLY:
        doubtful = False
    else:
        about_other = coded is not None and coded not in HARD and status[:3] in {"5.2", "5.3", "5.7"}
        doubtful = about_other or bool(not status and BARE.search(words))
    return Reason.FILTERED if doubtful else Reason.USER_UNKNOWN


def _vague(status: str, phase: str, coded: Reason | None) -> Reason:
    if status == _OTHER_ADDRESS:
        return Reason.REJECTED
    if phase in _AFTER_DATA:
        return Reason.FILTERED
    if phase in _ADDRESS_ONLY or coded is Reason.USER_UNKNOWN:
        return Reason.USER_UNKNOWN
    return Reason.FILTERED


def _by_reply(reply: str, phase: str, words: str) -> Reason:
    if reply in {"550", "551", "553"} and phase in _ADDRESS_ONLY and not _LETTERS.search(words):
        # Words that nobody understands may say anything; without any, the reply means what RFC 5321 says.
        return Reason.USER_UNKNOWN
    if reply == "552":
        return Reason.MAILBOX_FULL
    if reply.startswith("4"):
        return Reason.ON_HOLD
    return Reason.UNDEFINED if not reply else Reason.ON_HOLD
