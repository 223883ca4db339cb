"""What every channel shares: how a refusal is named, and what a channel is."""

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """What a provider's refusal means for the message, the sender and the person."""

    TRANSIENT = "transient"  # not sent; try again
    THROTTLE = "throttle"  # not sent; slow down `scope`, then try again
    AMBIGUOUS = "ambiguous"  # perhaps sent: never repeat silently
    PERMANENT_RECIPIENT = "permanent_recipient"  # this address does not work
    PERMANENT_CONTENT = "permanent_content"  # this message is not taken from anybody
    PERMANENT_CONFIG = "permanent_config"  # this sender cannot send at all until somebody repairs it
    SENDER_FAULT = "sender_fault"  # reputation, authentication, policy: never held against the person
    OPTOUT = "optout"  # the person said stop to the provider
    PROVIDER_DECLINE = "provider_decline"  # the provider does not want it now; no bounce


class Scope(StrEnum):
    """Whom a throttle slows down."""

    ACCOUNT = "account"
    SENDER = "sender"
    DOMAIN = "domain"
    CHAT = "chat"


class SendFailed(Exception):  # noqa: N818 - named as the answer
    """The provider did not take a message, or nobody knows whether it did (`ambiguous`).

    `phase` is where it ended (for SMTP: connect, greeting, ehlo, tls, auth, mail, rcpt, data, dot), `code` the
    provider's own code or empty, `text` its words, `retry_after` seconds where the provider named them.
    """

    def __init__(
        self,
        kind: FailureKind,
        phase: str,
        code: str,
        text: str,
        retry_after: float | None = None,
        scope: Scope | None = None,
    ) -> None:
        super().__init__(f"{kind} at {phase}: {code} {text}")
        self.kind = kind
        self.phase = phase
        self.code = code
        self.text = text
        self.retry_after = retry_after
        self.scope = scope

    @property
    def retryable(self) -> bool:
        """True when the message was certainly not sent and a later attempt may succeed."""
        if self.kind is FailureKind.SENDER_FAULT:
            return self.code.startswith("4")
        return self.kind in {FailureKind.TRANSIENT, FailureKind.THROTTLE}


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach people, as the registry lists it."""

    kind: str
    label_de: str
    label_en: str
    capabilities: frozenset[str] = frozenset()
