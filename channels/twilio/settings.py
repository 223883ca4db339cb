"""An account at Twilio, read from what a tenant gave."""

import re
from dataclasses import dataclass

_SID = re.compile(r"AC[0-9a-f]{32}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
PROVIDER = "https://api.twilio.com"


class BadAccount(ValueError):  # noqa: N818
    """What is given is no account; the text says how one looks and never holds the secret."""


@dataclass(frozen=True, slots=True)
class Account:
    """Credentials, and who messages come from: a number (E.164), an alphanumeric name, or a messaging service (MG…).

    `base_url` None is the provider itself; `reports_to` is the address under which status callbacks arrive here.
    """

    sid: str
    token: str
    sender: str
    base_url: str | None = None
    reports_to: str | None = None
    timeout: float = 30

    def __post_init__(self) -> None:
        if not _SID.fullmatch(self.sid):
            raise BadAccount("an account SID is AC followed by 32 hexadecimal digits")
        if not self.token or not self.sender:
            raise BadAccount("an account needs its auth token and a sender")

    @property
    def is_service(self) -> bool:
        """Whether the sender is a messaging service."""
        return _SERVICE.fullmatch(self.sender) is not None

    def __repr__(self) -> str:
        return f"Account({self.sid[:6]}…)"
