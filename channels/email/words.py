"""The words of mail servers and what they mean: one ordered table for live replies and for bounces.

The first row that fits decides, so a row stands before every row whose words it may contain. Written for families of
phrases, never for one mail. Sources, as of 2026-11: RFC 3463 and the IANA registry of enhanced status codes; the reply
texts of Postfix, Exim, Sendmail, qmail, Courier, Exchange and Domino; the published reply lists of Google, Microsoft,
Yahoo, Apple, United Internet, Orange, La Poste, Comcast, Cox, Mimecast, Facebook and Coremail. Patterns see lower-case
text without addresses (`@` stands for one), URLs, IP numbers and reply codes; every gap is bounded, so reading stays
linear.
"""

import re

from channels.email.phrases import address, languages, mailbox, network, sender
from channels.email.reasons import Reason

_WHO = (
    r"(?:e-?mail )?(?:user ?(?:name|id)?s?|recipients?|mail ?box(?:es)?|(?:mail |recipient |destination )?addresse?s?"
    r"|accounts?|alias(?:es)?|addressee|local part|inbox|person)"
)
_NEAR = r"(?:[^ ]{1,60} ){0,6}"

ROWS = (
    *sender.ROWS,
    *languages.SENDERS,
    *mailbox.ROWS,
    *languages.MAILBOX,
    *network.ROWS,
    *languages.NETWORK,
    *languages.ADDRESS,
    *address.ROWS,
)


def _pattern(phrases: str) -> re.Pattern[str]:
    """Return one pattern for a row: a phrase on each line; blanks at its ends do not count."""
    joined = "|".join(line.strip() for line in phrases.strip().split("\n"))
    return re.compile(joined.replace("<who>", _WHO).replace("<near>", _NEAR))


PATTERNS: tuple[tuple[Reason, re.Pattern[str]], ...] = tuple((reason, _pattern(phrases)) for reason, phrases in ROWS)

# "mailbox unavailable" is RFC 5321's own text for 550 and 450: whether the address exists is left open.
# A refusal that names nobody (": user unknown") comes from servers that answer so to filtered mail.
VAGUE = re.compile(
    r"(?:unknown recipient or )?mail ?box (?:is )?(?:currently )?(?:unavailable|not available)"
    r"|unavailable mail ?(?:box|user)"
    r"|^: ?user unknown\b|(?:recipient|address) rejected\W*$"
)

# What servers say without looking; without a status code and outside of RCPT it is not enough to condemn an address.
BARE = re.compile(r"user unknown|unknown user|recipient not found|have an? .{0,60}account|requested action not taken")

# Yahoo's answer for an account that does not exist: it comes after the message, and says so in two letters.
LATE = re.compile(r"delivery error: dd .{0,20}user does(?:n't| not) have an? .{0,80}account")
