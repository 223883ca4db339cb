"""The page behind the preferences link of a message: what its reader gets on each channel, and how any of it ends.

Things can be switched off here, one by one or all at once, and advertising can be paused. Whoever wants them again
agrees again with the sender: a forwarded mail must not be able to agree for somebody else.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.consent import service as consents
from domain.delivery import service as delivery
from domain.identity import tenants
from kernel import clock, db
from kernel.errors import Invalid, NotFound
from kernel.tokens import BadToken, Signed, get_signer
from models import Consent, ContactPoint, Message, Suppression
from preview import view

PURPOSES = ("marketing", "tracking", "profiling")
FRESH = timedelta(minutes=3)
PAUSE = timedelta(days=30)
_PAUSABLE = "marketing"
_SOURCE = "preferences_page"
_LONGEST_TAIL = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """One purpose on one channel; `since` is when it was switched off, `until` when a pause ends."""

    purpose: str
    on: bool
    since: datetime | None = None
    until: datetime | None = None

    @property
    def left(self) -> bool:
        """Whether there is something to end: a pause is over some day."""
        return self.on or self.until is not None


@dataclass(frozen=True, slots=True)
class _Ended:
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the reader; `address` is masked."""

    channel: str
    address: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What the page shows. `asking` names what would be switched off, while the reader is asked once more.

    `action` is what was asked for, `days` how long a pause is.
    """

    token: str
    tenant: str
    channels: tuple[Channel, ...]
    saved: bool = False
    asking: tuple[str, ...] = ()
    action: str = "save"
    days: int = PAUSE.days

    @property
    def anything_on(self) -> bool:
        return any(choice.left for channel in self.channels for choice in channel.choices)

    @property
    def can_pause(self) -> bool:
        return any(choice.on for channel in self.channels for choice in channel.choices if choice.purpose == _PAUSABLE)


def read(token: str) -> Signed:
    """Return whose message the link came with; raises NotFound, the same for every token that is not ours."""
    try:
        return get_signer().read("p", token)
    except BadToken:
        raise NotFound("link") from None


def address_of(tenant_id: UUID, message_id: UUID) -> str:
    """Return the path of the page for the reader of a message."""
    return f"/preferences/{get_signer().sign('p', tenant_id, message_id)}"


def fresh(message: Message | None) -> bool:
    """Say whether a message was sent so recently that a security gateway may be looking at it."""
    if message is None:
        return False
    if message.accepted_at is None:
        return message.state in {"claimed", "sending"}
    return clock.now() - message.accepted_at <= FRESH


def state(
    session: Session,
    message_id: UUID,
    token: str,
    *,
    saved: bool = False,
    asking: Collection[str] = (),
    action: str = "save",
) -> tuple[Page, str]:
    """Return the page for the reader of a message and the language that it was written in."""
    tenant = tenants.current(session)
    message = delivery.find(session, message_id)
    if message is None:
        return Page(token, tenant.name, ()), tenant.language
    channels = tuple(_channels(session, message))
    return Page(token, tenant.name, channels, saved, tuple(asking), action), message.language


def _channels(session: Session, message: Message) -> list[Channel]:
    known = {(one.channel, one.purpose): one for one in _consents(session, message)}
    found = []
    for channel, addresses in _addresses(session, message).items():
        ended = _suppressed(session, channel, addresses)
        choices = []
        for purpose in PURPOSES:
            consent = known.get((channel, purpose))
            if purpose == "marketing":
                choices.append(_marketing(consent, ended))
            elif consent is not None:
                on = consent.state == "granted"
                choices.append(Choice(purpose, on, None if on else consent.since))
        found.append(Channel(channel, mask(channel, addresses[0]), tuple(choices)))
    return found


def _marketing(consent: Consent | None, ended: _Ended | None) -> Choice:
    """Without a suppression or a withdrawal the reader may get more: that the message came proves it."""
    if ended is not None:
        return Choice("marketing", on=False, since=ended.since, until=ended.until)
    if consent is not None and consent.state in {"withdrawn", "expired"}:
        return Choice("marketing", on=False, since=consent.since)
    return Choice("marketing", on=True)


def _consents(session: Session, message: Message) -> list[Consent]:
    return consents.of_member(session, message.member_id) if message.member_id is not None else []


def _addresses(session: Session, message: Message) -> dict[str, list[str]]:
    """Return the reader's addresses by channel, that of the message first; other channels only with a consent."""
    found: dict[str, list[str]] = {}
    if message.address:
        found[message.channel] = [message.address_norm or message.address.casefold()]
    if message.member_id is None:
        return found
    agreed = {one.channel for one in _consents(session, message)}
    points = session.execute(
        select(ContactPoint.channel, ContactPoint.address_norm)
        .where(ContactPoint.tenant_id == db.tenant_of(session), ContactPoint.member_id == message.member_id)
        .order_by(ContactPoint.channel, ContactPoint.id)
    )
    for channel, address in points:
        if channel in agreed or channel in found:
            known = found.setdefault(channel, [])
            if address not in known:
                known.append(address)
    return found


def _suppressed(session: Session, channel: str, addresses: list[str]) -> _Ended | None:
    """Return since when every one of the addresses is suppressed, and until when; None while one is not."""
    rows = session.execute(
        consents.matching(session, channel=channel)
        .where(Suppression.address_norm.in_(addresses))
        .order_by(Suppression.created_at.desc())
    ).scalars()
    ended = {row.address_norm: row for row in rows}
    if set(ended) != set(addresses):
        return None
    pauses = [row.expires_at for row in ended.values() if row.expires_at is not None and row.reason == consents.PAUSED]
    return _Ended(max(row.created_at for row in ended.values()), min(pauses) if pauses else None)


def mask(channel: str, address: str) -> str:
    """Return an address that its owner recognises and nobody else can use."""
    if channel == "email":
        return view.mask(address)
    return f"•••{address[-_LONGEST_TAIL:]}" if channel != "telegram" else ""


def wanted(session: Session, message_id: UUID, action: str, shown: Collection[str], kept: Collection[str]) -> list[str]:
    """Return what the form asks to switch off, as `channel:purpose`. Raises Invalid for an unknown action."""
    message = delivery.find(session, message_id)
    if message is None:
        return []
    choices = {
        f"{channel.channel}:{choice.purpose}": choice
        for channel in _channels(session, message)
        for choice in channel.choices
    }
    if action == "all_off":
        return [name for name, choice in choices.items() if choice.left]
    on = [name for name, choice in choices.items() if choice.on]
    if action == "pause":
        return [name for name in on if name.endswith(f":{_PAUSABLE}")]
    if action == "save":
        return [name for name in on if name in shown and name not in kept]
    raise Invalid("action", "use save, pause or all_off")


def switch_off(session: Session, message_id: UUID, names: Collection[str]) -> None:
    """Switch things off, at once and each with its entries in the audit trail; repeatable."""
    message = delivery.find(session, message_id)
    if message is None:
        return
    for name in names:
        channel, _, purpose = name.partition(":")
        if purpose == "marketing":
            _stop_marketing(session, message, channel)
        elif message.member_id is not None:
            _withdraw(session, message, channel, purpose)


def pause(session: Session, message_id: UUID, names: Collection[str]) -> None:
    """Stop advertising on these channels for a while; consents stay, and it goes on by itself."""
    message = delivery.find(session, message_id)
    if message is None:
        return
    addresses = _addresses(session, message)
    for channel in (name.partition(":")[0] for name in names):
        for address in addresses.get(channel, []):
            consents.pause(
                session,
                channel=channel,
                address_norm=address,
                until=clock.now() + PAUSE,
                source=_SOURCE,
                actor=f"message:{message.id}",
                evidence={"message": str(message.id)},
            )


def _stop_marketing(session: Session, message: Message, channel: str) -> None:
    if channel == message.channel:
        delivery.unsubscribe(session, message.id, source=_SOURCE)
    for address in _addresses(session, message).get(channel, []):
        consents.suppress(
            session,
            channel=channel,
            address_norm=address,
            reason="unsubscribed",
            source=_SOURCE,
            actor=f"message:{message.id}",
            evidence={"message": str(message.id)},
        )
    if channel != message.channel:
        _withdraw(session, message, channel, "marketing")


def _withdraw(session: Session, message: Message, channel: str, purpose: str) -> None:
    if message.member_id is not None:
        consents.record(
            session,
            message.member_id,
            channel=channel,
            purpose=purpose,
            state="withdrawn",
            source=_SOURCE,
            actor=f"message:{message.id}",
            evidence={"message": str(message.id)},
        )
