"""What a code of Twilio means, as data. Source: www.twilio.com/docs/api/errors, read in 2026-11.

Unknown codes of a refused request are transient.
"""

from dataclasses import dataclass

from channels.base import FailureKind as Kind
from channels.base import Scope


@dataclass(frozen=True, slots=True)
class Meaning:
    """`again_after`: seconds that the provider wants to pass before the next attempt."""

    kind: Kind
    scope: Scope | None = None
    again_after: float | None = None


_CONFIG = Meaning(Kind.PERMANENT_CONFIG)
_RECIPIENT = Meaning(Kind.PERMANENT_RECIPIENT)
_CONTENT = Meaning(Kind.PERMANENT_CONTENT)
_AGAIN = Meaning(Kind.TRANSIENT)
_FAULT = Meaning(Kind.SENDER_FAULT)
_DECLINED = Meaning(Kind.PROVIDER_DECLINE)
_HOUR = 3_600.0

CODES: dict[int, Meaning] = {
    20429: Meaning(Kind.THROTTLE, Scope.ACCOUNT, 1.0),
    63017: Meaning(Kind.THROTTLE, Scope.ACCOUNT, 1.0),  # more than the account may per second
    63018: Meaning(Kind.THROTTLE, Scope.SENDER, 60.0),  # the sender's messaging limit
    20003: _CONFIG,  # authentication
    20404: _CONFIG,  # no such account or service
    21408: _CONFIG,  # no permission for this country
    21603: _CONFIG,  # no sender
    21606: _CONFIG,  # the sender is not ours, or cannot text
    21612: _CONFIG,  # this pair of sender and recipient does not work
    21703: _CONFIG,  # the messaging service has no sender
    30034: _CONFIG,  # unregistered for US long codes
    63007: _CONFIG,  # no such WhatsApp sender
    63020: _CONFIG,  # the invitation of the WhatsApp business was not accepted
    63038: Meaning(Kind.THROTTLE, Scope.ACCOUNT, _HOUR),  # daily cap of the account
    60728: Meaning(Kind.THROTTLE, Scope.ACCOUNT, _HOUR),
    21610: Meaning(Kind.OPTOUT),
    30640: Meaning(Kind.OPTOUT),  # on a list of litigators
    21602: _CONTENT,  # no body
    21617: _CONTENT,  # longer than 1,600
    63013: _CONTENT,  # against the channel's policy
    63016: _CONTENT,  # free text outside the 24 hours: the gate must have chosen a template
    63021: _CONTENT,  # the channel cannot carry it
    63027: _CONTENT,  # no such template in this language
    63028: _CONTENT,  # variables do not fit the template
    63005: _CONTENT,
    21211: _RECIPIENT,  # no valid number
    21214: _RECIPIENT,
    21614: _RECIPIENT,  # not a mobile number
    30005: _RECIPIENT,  # unknown handset
    30006: _RECIPIENT,  # a landline, or not reachable by text
    63003: _RECIPIENT,  # nobody on WhatsApp
    63024: _RECIPIENT,
    30001: _AGAIN,  # queue overflow
    30002: _CONFIG,  # account suspended
    30003: _AGAIN,  # switched off, perhaps
    30008: _AGAIN,
    30004: _FAULT,  # blocked
    30007: _FAULT,  # filtered by the carrier
    30450: _FAULT,
    30610: Meaning(Kind.TRANSIENT, None, _HOUR),  # quiet hours at the provider
    63032: _DECLINED,  # Meta does not want this one now
    63049: _DECLINED,
}  # fmt: skip


def meaning_of(code: int | None, status: int) -> Meaning:
    """Return what an answer of the send call means. A 5xx was perhaps sent, a 429 surely not; a 3xx is no success."""
    if code in CODES:
        return CODES[code]
    if status == 429:  # noqa: PLR2004
        return CODES[20429]
    if status >= 500:  # noqa: PLR2004
        return Meaning(Kind.AMBIGUOUS)
    if status in {401, 403, 404} or status < 400:  # noqa: PLR2004
        return _CONFIG
    return _AGAIN
