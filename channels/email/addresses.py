"""Addresses: the form that is compared, and the form that may stand in an SMTP command."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_PLAIN = re.compile(rf"({_LOCAL})@((?:{_LABEL}\.)+(?=[A-Za-z0-9-]*[A-Za-z])(?!(?i:xn--)){_LABEL})")
_ONLY_LOCAL = re.compile(_LOCAL)
_LONGEST, _LONGEST_LOCAL = 254, 64


class BadAddress(ValueError):  # noqa: N818
    """An address that mail cannot be sent to; the text says why."""


@lru_cache(maxsize=256)  # it is asked twice for each message
def envelope(address: str) -> str:
    """Return the address as it may stand in MAIL FROM and RCPT TO: domain as A-label, the local part keeps its case.

    No white space, control or angle bracket survives. Raises BadAddress, also for a local part outside ASCII, which
    only servers with SMTPUTF8 take (RFC 6531).
    """
    address = address.strip(" ")
    match = _PLAIN.fullmatch(address)
    if match is not None and "xn--" not in address and len(address) <= _LONGEST and match.end(1) <= _LONGEST_LOCAL:
        return f"{match.group(1)}@{match.group(2).lower()}"
    return _with_care(address)


def normalise_address(address: str) -> str:
    """Return the form in which addresses are compared: lower case, domain as A-label (RFC 5890). Raises BadAddress."""
    return envelope(address).lower()


def _with_care(address: str) -> str:
    """The rare forms, and the reason for a refusal."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        raise BadAddress("an address has a part before and a part after one @")
    if len(address) > _LONGEST or len(local) > _LONGEST_LOCAL:
        raise BadAddress("the address is too long (RFC 5321 allows 64 characters before the @ and 254 in all)")
    if not local.isascii():
        raise BadAddress(f"“{_shown(local)}” before the @ has letters that most mail servers cannot deliver to")
    if not _ONLY_LOCAL.fullmatch(local):
        raise BadAddress(f"“{_shown(local)}” before the @ holds a sign or a dot that mail servers refuse")
    try:
        parts = validate_email(
            f"x@{domain}",
            check_deliverability=False,
            globally_deliverable=False,
            allow_domain_literal=False,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from None
    found = f"{local}@{parts.ascii_domain}"
    if _PLAIN.fullmatch(found.replace("xn--", "xn0-")) is None or len(found) > _LONGEST:
        raise BadAddress(f"“{_shown(domain)}” after the @ is no domain that mail can be sent to")
    return found


def _shown(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text[:64])
