"""The words of mail servers and what they mean: one ordered table for live replies and for bounces.

The first row that fits decides, so a row stands before every row whose words it may contain. Written for families of
phrases, never for one mail. Sources, as of 2026-11: RFC 3463 and the IANA registry of enhanced status codes; the reply
texts of Postfix, Exim, Sendmail, qmail, Courier, Exchange and Domino; the published reply lists of Google, Microsoft,
Yahoo, Apple, Orange and La Poste. Patterns see lower-case text without addresses (`@` stands for one), URLs, IP numbers
and reply codes; every gap is bounded, so reading stays linear.
"""

import re
from types import MappingProxyType

from channels.email.phrases import address, mailbox, network, sender
from channels.email.reasons import Reason

_WHO = (
    r"(?:e-?mail )?(?:user ?(?:name|id)?s?|recipients?|mail ?box(?:es)?|(?:mail |recipient |destination )?addresse?s?"
    r"|accounts?|alias(?:es)?|addressee|local part|inbox|person)"
)
_NEAR = r"(?:[^ ]{1,60} ){0,6}"

ROWS = (*sender.ROWS, *mailbox.ROWS, *network.ROWS, *address.ROWS)

# What an enhanced status code says by itself; `X.n.n` fits both classes.
CODES: MappingProxyType[str, Reason] = MappingProxyType(
    {
        "5.1.1": Reason.USER_UNKNOWN,
        "5.1.2": Reason.HOST_UNKNOWN,
        "5.1.3": Reason.USER_UNKNOWN,
        "5.1.4": Reason.REJECTED,
        "5.1.6": Reason.HAS_MOVED,
        "5.1.7": Reason.REJECTED,
        "5.1.8": Reason.REJECTED,
        "5.1.10": Reason.USER_UNKNOWN,
        "X.2.0": Reason.FILTERED,
        "X.2.1": Reason.SUSPEND,
        "X.2.2": Reason.MAILBOX_FULL,
        "X.2.3": Reason.EXCEED_LIMIT,
        "X.2.4": Reason.FILTERED,
        "X.3.0": Reason.SYSTEM_ERROR,
        "X.3.1": Reason.SYSTEM_FULL,
        "X.3.2": Reason.SYSTEM_ERROR,
        "X.3.4": Reason.MESG_TOO_BIG,
        "X.3.5": Reason.SYSTEM_ERROR,
        "X.4.1": Reason.EXPIRED,
        "X.4.2": Reason.EXPIRED,
        "X.4.4": Reason.NETWORK_ERROR,
        "5.4.4": Reason.HOST_UNKNOWN,
        "X.4.6": Reason.NETWORK_ERROR,
        "X.4.7": Reason.EXPIRED,
        "X.5.1": Reason.SYNTAX_ERROR,
        "X.5.3": Reason.TOO_MANY_CONN,
        "X.5.4": Reason.SYNTAX_ERROR,
        "5.7.8": Reason.SECURITY_ERROR,
        "5.7.9": Reason.POLICY_VIOLATION,
        "5.7.13": Reason.SUSPEND,
        "X.7.23": Reason.AUTH_FAILURE,
        "X.7.24": Reason.AUTH_FAILURE,
        "X.7.25": Reason.REQUIRE_PTR,
        "X.7.26": Reason.AUTH_FAILURE,
        "5.7.27": Reason.REJECTED,
        "5.7.509": Reason.AUTH_FAILURE,
        "5.7.515": Reason.AUTH_FAILURE,
    }
)

# The subject of a code (its second number) where the whole code is not listed.
SUBJECTS: MappingProxyType[str, Reason] = MappingProxyType(
    {
        "2": Reason.FILTERED,
        "3": Reason.SYSTEM_ERROR,
        "4": Reason.EXPIRED,
        "5": Reason.SYNTAX_ERROR,
        "6": Reason.CONTENT_ERROR,
        "7": Reason.REJECTED,
    }
)


def _pattern(phrases: str) -> re.Pattern[str]:
    """Return one pattern for a row: a phrase on each line; blanks at its ends do not count."""
    joined = "|".join(line.strip() for line in phrases.strip().split("\n"))
    return re.compile(joined.replace("<who>", _WHO).replace("<near>", _NEAR))


PATTERNS: tuple[tuple[Reason, re.Pattern[str]], ...] = tuple((reason, _pattern(phrases)) for reason, phrases in ROWS)

# "mailbox unavailable" is RFC 5321's own text for 550 and 450: whether the address exists is left open.
# A refusal that names nobody (": user unknown") comes from servers that answer so to filtered mail.
VAGUE = re.compile(r"mailbox (?:is )?(?:currently )?unavailable|^: ?user unknown\b|(?:recipient|address) rejected\W*$")

# What servers say without looking; without a status code and outside of RCPT it is not enough to condemn an address.
BARE = re.compile(r"user unknown|unknown user|recipient not found|have an? .{0,60}account|requested action not taken")
