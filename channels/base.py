"""What every channel shares: how a refusal is named, and what a channel is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar


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
    """Whom a refusal is about: whom a throttle slows down, or what a configuration keeps shut."""

    ACCOUNT = "account"
    SENDER = "sender"
    COUNTRY = "country"  # of the recipient's number, for this account alone
    DOMAIN = "domain"
    CHAT = "chat"


class SendFailed(Exception):  # noqa: N818 - named as the answer
    """The provider did not take a message, or nobody knows whether it did (`ambiguous`).

    `phase` is where it ended (for SMTP: connect, greeting, ehlo, tls, auth, mail, rcpt, data, dot), `code` the
    provider's own code or empty, `text` its words, `retry_after` seconds where the provider named them, `attempts` how
    often a message is tried in all where that is less than usual.
    """

    def __init__(
        self,
        kind: FailureKind,
        phase: str,
        code: str,
        text: str,
        retry_after: float | None = None,
        scope: Scope | None = None,
        attempts: int | None = None,
    ) -> None:
        super().__init__(f"{kind} at {phase}: {code} {text}")
        self.kind = kind
        self.phase = phase
        self.code = code
        self.text = text
        self.retry_after = retry_after
        self.scope = scope
        self.attempts = attempts

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


# Awaited right before the provider can act: it makes "about to transmit" durable, or raises, and then nothing is sent.
Mark = Callable[[], Awaitable[None]]


class Answered(Protocol):
    """What a provider said when it took responsibility for a message."""

    @property
    def reply(self) -> str:
        """The provider's words, for people."""
        ...

    @property
    def provider_id(self) -> str | None:
        """The provider's own id of the message, where it names one."""
        ...


ParcelT_contra = TypeVar("ParcelT_contra", contravariant=True)


class Door(Protocol, Generic[ParcelT_contra]):
    """One way to hand messages over, one at a time; `close` it. Never tries twice by itself."""

    async def send(self, parcel: ParcelT_contra, mark: Mark | None = None) -> Answered:
        """Hand over one message, after `mark`. Raises SendFailed; what `mark` raises passes through: not sent."""
        ...

    async def close(self) -> None:
        """Give up what is open."""
        ...


@dataclass(frozen=True, slots=True)
class TextParcel:
    """One text for one person: E.164 number or chat id, and what the provider needs to tell us about it later.

    `template` and `variables`: an approved template instead of free text (WhatsApp). `report_to`: where the provider
    reports what became of it. `valid_seconds`: how long the provider may keep trying.
    """

    reference: str
    to: str
    body: str
    template: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    report_to: str | None = None
    valid_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer of a provider that takes texts."""

    reply: str
    provider_id: str | None
    segments: int | None = None
