"""What an enhanced status code says by itself.

Sources, as of 2026-11: RFC 3463 §3, RFC 5248 and the IANA registry of enhanced status codes (with RFC 3886, 4468, 4954,
5321, 6531, 6710, 7293, 7372, 7504, 7505, 8689), and the codes of its own that Exchange Online documents
("Email non-delivery reports and SMTP errors in Exchange Online"). `X.n.n` fits both classes. Codes that only repeat
their class ("other or undefined") are left out, and so are those that speak of the sender and of the recipient alike.
"""

from types import MappingProxyType

from channels.email.reasons import Reason

_ADDRESS = {
    "5.1.1": Reason.USER_UNKNOWN,
    "5.1.2": Reason.HOST_UNKNOWN,
    "5.1.3": Reason.USER_UNKNOWN,  # bad destination mailbox address syntax
    "5.1.4": Reason.REJECTED,  # ambiguous
    "5.1.6": Reason.HAS_MOVED,
    "X.1.7": Reason.REJECTED,
    "X.1.8": Reason.REJECTED,
    "5.1.10": Reason.USER_UNKNOWN,  # null MX (RFC 7505); Exchange: recipient not found
    "5.1.20": Reason.NOT_COMPLIANT_RFC,  # Exchange: several From addresses
    "X.1.90": Reason.SPEEDING,  # Exchange: the sender's daily limit
}
_MAILBOX = {
    "X.2.0": Reason.FILTERED,
    "X.2.1": Reason.SUSPEND,
    "X.2.2": Reason.MAILBOX_FULL,
    "X.2.3": Reason.EXCEED_LIMIT,
    "X.2.4": Reason.FILTERED,
    "X.2.121": Reason.SPEEDING,
    "X.2.122": Reason.SPEEDING,
}
_SYSTEM = {
    "X.3.0": Reason.SYSTEM_ERROR,
    "X.3.1": Reason.SYSTEM_FULL,
    "X.3.2": Reason.SYSTEM_ERROR,
    "X.3.3": Reason.SYSTEM_ERROR,
    "X.3.4": Reason.MESG_TOO_BIG,
    "X.3.5": Reason.SYSTEM_ERROR,
}
_NETWORK = {
    "X.4.1": Reason.EXPIRED,
    "X.4.2": Reason.EXPIRED,
    "X.4.3": Reason.SYSTEM_ERROR,
    "X.4.4": Reason.NETWORK_ERROR,
    "5.4.4": Reason.HOST_UNKNOWN,
    "X.4.5": Reason.EXPIRED,
    "X.4.6": Reason.NETWORK_ERROR,
    "X.4.7": Reason.EXPIRED,
    "X.4.14": Reason.NETWORK_ERROR,
    "5.4.310": Reason.HOST_UNKNOWN,  # Exchange: the domain does not exist
    "X.4.312": Reason.NETWORK_ERROR,
}
_PROTOCOL = {
    "X.5.1": Reason.SYNTAX_ERROR,
    "X.5.2": Reason.SYNTAX_ERROR,
    "X.5.3": Reason.TOO_MANY_CONN,
    "X.5.4": Reason.SYNTAX_ERROR,
    "X.5.5": Reason.SYNTAX_ERROR,
    "X.5.6": Reason.SYNTAX_ERROR,
}
_POLICY = {
    **dict.fromkeys(
        ("X.7.3", "X.7.4", "X.7.5", "X.7.6", "X.7.7", "5.7.8", "X.7.10", "X.7.11", "X.7.12", "X.7.14", "X.7.30"),
        Reason.SECURITY_ERROR,
    ),
    "5.7.9": Reason.POLICY_VIOLATION,
    "5.7.13": Reason.SUSPEND,
    "X.7.16": Reason.MESG_TOO_BIG,
    "5.7.17": Reason.HAS_MOVED,  # the mailbox belongs to another person now (RFC 7293)
    "5.7.18": Reason.HAS_MOVED,  # so does the domain
    "X.7.19": Reason.ON_HOLD,
    **dict.fromkeys(("X.7.20", "X.7.21", "X.7.22", "X.7.23", "X.7.24", "X.7.26", "X.7.29"), Reason.AUTH_FAILURE),
    "X.7.25": Reason.REQUIRE_PTR,
    "X.7.27": Reason.REJECTED,  # the sender's domain has a null MX
    "X.7.28": Reason.SPEEDING,
    # Exchange Online
    **dict.fromkeys(
        ("5.7.57", "5.7.320", "5.7.321", "5.7.322", "5.7.323", "5.7.324", "5.7.325"), Reason.SECURITY_ERROR
    ),
    "5.7.64": Reason.NO_RELAYING,
    "5.7.350": Reason.SPAM_DETECTED,
    **dict.fromkeys(("5.7.501", "5.7.502", "5.7.503", "5.7.506", "5.7.511"), Reason.BLOCKED),
    "5.7.508": Reason.SPEEDING,
    "5.7.509": Reason.AUTH_FAILURE,
    "5.7.512": Reason.NOT_COMPLIANT_RFC,
    "5.7.515": Reason.AUTH_FAILURE,
    **dict.fromkeys((f"5.7.{number}" for number in range(606, 650)), Reason.BLOCKED),
    "X.7.650": Reason.BAD_REPUTATION,
    "X.7.651": Reason.BAD_REPUTATION,
    **dict.fromkeys((f"5.7.{number}" for number in range(703, 709)), Reason.BLOCKED),
    "5.7.750": Reason.BLOCKED,
}

CODES: MappingProxyType[str, Reason] = MappingProxyType(_ADDRESS | _MAILBOX | _SYSTEM | _NETWORK | _PROTOCOL | _POLICY)

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
