"""Through which door messages leave: the relay or provider account of a sender, and how fast it may go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from channels.base import Door
from channels.email import settings as relays
from channels.email.session import SmtpSession
from channels.email.settings import Relay
from domain.identity import tenants
from kernel.settings import get_settings
from models import Campaign, Sender


class NoOutlet(Exception):  # noqa: N818 - the answer to "which way"
    """Nothing can leave this way; `reason` is what the campaign is held for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Outlet:
    """A way out. `open` makes one door; a run opens `sessions` of them.

    `rate` in messages per second, over all workers; `key` names whose rate it is, by ids only.
    """

    channel: str
    open: Callable[[], Door[Any]]
    sessions: int
    key: str = ""
    rate: float | None = None
    account_id: UUID | None = None


def through(relay: Relay, sessions: int) -> Outlet:
    """Return the way out through a mail relay."""
    return Outlet("email", lambda: SmtpSession(relay), sessions, key=f"relay:{relay.name}")


def of_campaign(session: Session, campaign: Campaign) -> Outlet:
    """Return the way out of a campaign's messages. Raises NoOutlet for a channel without working credentials."""
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    if sender is None:
        raise NoOutlet("sender_missing")
    return of(session, campaign.channel, None)


def of(session: Session, channel: str, account_id: UUID | None) -> Outlet:
    """Return the way out of a channel's messages through an account, or through the operator's relay."""
    if channel == "email" and account_id is None:
        return _operators_relay(session)
    raise NoOutlet("account_missing")


def _operators_relay(session: Session) -> Outlet:
    settings = get_settings()
    if settings.smtp_url is None:
        raise NoOutlet("relay_missing")
    helo = f"{tenants.current(session).slug}.localhost".lower()
    return through(relays.parse(settings.smtp_url, helo=helo), settings.smtp_sessions)
