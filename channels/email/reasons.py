"""Why a mail was refused, and what that means for the person and for the sender."""

from enum import StrEnum


class Reason(StrEnum):
    """What stands behind a refusal."""

    # The address is wrong: hard.
    USER_UNKNOWN = "user_unknown"
    HOST_UNKNOWN = "host_unknown"
    HAS_MOVED = "has_moved"
    NOT_ACCEPT = "not_accept"
    # The mailbox or its server, perhaps only now: soft.
    MAILBOX_FULL = "mailbox_full"
    SUSPEND = "suspend"
    EXPIRED = "expired"
    NETWORK_ERROR = "network_error"
    SYSTEM_ERROR = "system_error"
    SYSTEM_FULL = "system_full"
    MAILER_ERROR = "mailer_error"
    TOO_MANY_CONN = "too_many_conn"
    FILTERED = "filtered"
    ON_HOLD = "on_hold"
    UNDEFINED = "undefined"
    # The sender, its relay or its reputation: never counts against the person.
    AUTH_FAILURE = "auth_failure"
    BAD_REPUTATION = "bad_reputation"
    BLOCKED = "blocked"
    NO_RELAYING = "no_relaying"
    NOT_COMPLIANT_RFC = "not_compliant_rfc"
    POLICY_VIOLATION = "policy_violation"
    REJECTED = "rejected"
    REQUIRE_PTR = "require_ptr"
    SECURITY_ERROR = "security_error"
    SPAM_DETECTED = "spam_detected"
    SPEEDING = "speeding"
    SYNTAX_ERROR = "syntax_error"
    # This message: never counts against the person.
    CONTENT_ERROR = "content_error"
    EXCEED_LIMIT = "exceed_limit"
    MESG_TOO_BIG = "mesg_too_big"
    VIRUS_DETECTED = "virus_detected"
    # No refusal at all.
    DELIVERED = "delivered"


HARD = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.HAS_MOVED, Reason.NOT_ACCEPT})
SENDER_FAULT = frozenset(
    {
        Reason.AUTH_FAILURE,
        Reason.BAD_REPUTATION,
        Reason.BLOCKED,
        Reason.NO_RELAYING,
        Reason.NOT_COMPLIANT_RFC,
        Reason.POLICY_VIOLATION,
        Reason.REJECTED,
        Reason.REQUIRE_PTR,
        Reason.SECURITY_ERROR,
        Reason.SPAM_DETECTED,
        Reason.SPEEDING,
        Reason.SYNTAX_ERROR,
    }
)
CONTENT = frozenset({Reason.CONTENT_ERROR, Reason.EXCEED_LIMIT, Reason.MESG_TOO_BIG, Reason.VIRUS_DETECTED})
