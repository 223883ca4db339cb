"""Through which door messages leave: the relay or provider account of a sender, and how fast it may go."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.base import Door
from channels.email import settings as relays
from channels.email.session import SmtpSession
from channels.email.settings import Relay
from channels.telegram.settings import PROVIDER as TELEGRAM
from channels.telegram.settings import BadToken, Bot
from channels.twilio.settings import Account, BadAccount
from domain.delivery.doors import ChatDoors, Learning, Lessons
from domain.identity import tenants
from domain.senders import accounts, checks, countries
from domain.senders.service import ACCOUNT_OF
from kernel import clock, db
from kernel.egress import Unreachable
from kernel.errors import Invalid, NotFound
from kernel.settings import get_settings
from kernel.vault import BadSeal
from models import Campaign, ProviderAccount, Sender

AGAIN_AFTER = timedelta(seconds=20)  # when a name that had no address is looked up again


class NoOutlet(Exception):  # noqa: N818 - the answer to "which way"
    """Nothing can leave this way; `reason` is what the campaign is held for.

    With `until` it passes by itself: everything waits where it is, and nothing is held.
    """

    def __init__(self, reason: str, until: datetime | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.until = until


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
    """Return the way out of a campaign's messages.

    Raises NoOutlet for a channel without working credentials, and, with `until`, while the way is closed for a time.
    """
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    if sender is None or sender.channel != campaign.channel:
        raise NoOutlet("sender_missing")
    return of(session, campaign.channel, sender.account_id, sender.from_address)


def of(session: Session, channel: str, account_id: UUID | None, address: str | None = None) -> Outlet:
    """Return the way out of a channel's messages through an account, or through the operator's relay for mail.

    `address` is what they come from; without one, that of the sender who uses the account.
    """
    helo = checks.helo_of(tenants.current(session).slug)
    if account_id is None:
        return _operators_relay(channel, helo)
    try:
        account = accounts.get(session, account_id)
    except NotFound:
        raise NoOutlet("account_missing") from None
    if not accounts.is_open(account):
        raise NoOutlet("account_paused", account.paused_until)
    if ACCOUNT_OF.get(channel) != account.kind:
        raise NoOutlet("account_missing")
    try:
        open_ = _DOORS[channel](account, helo, address or _address_of(session, channel, account_id))
    except (BadSeal, Invalid, BadAccount, BadToken):
        raise NoOutlet("account_broken") from None
    except Unreachable:
        raise NoOutlet("relay_away", clock.now() + AGAIN_AFTER) from None
    return Outlet(
        channel=channel,
        open=_learning(session, account, open_),
        sessions=account.sessions,
        key=f"account:{account.id}",
        rate=account.rate_per_second,
        account_id=account.id,
    )


def _learning(session: Session, account: ProviderAccount, open_: Callable[[], Door[Any]]) -> Callable[[], Door[Any]]:
    """Return doors that keep what the provider says about the account, for every run."""
    if account.kind == "twilio":
        lessons = Lessons(account.tenant_id, account.id)
        for row in session.execute(countries.closed(session, account.id)).scalars():
            lessons.closed[row.country] = row.code, row.words
        return lambda: Learning(open_(), lessons)
    if account.kind == "telegram":
        return ChatDoors(account.tenant_id, account.id, open_).open
    return open_


def _operators_relay(channel: str, helo: str) -> Outlet:
    settings = get_settings()
    if channel != "email":
        raise NoOutlet("account_missing")
    if settings.smtp_url is None:
        raise NoOutlet("relay_missing")
    return through(relays.parse(settings.smtp_url, helo=helo), settings.smtp_sessions)


def _address_of(session: Session, channel: str, account_id: UUID) -> str:
    found = session.execute(
        select(Sender.from_address)
        .where(Sender.tenant_id == db.tenant_of(session), Sender.channel == channel, Sender.account_id == account_id)
        .order_by(Sender.is_default.desc(), Sender.id)
        .limit(1)
    ).scalar_one_or_none()
    if found is None:
        raise NoOutlet("sender_missing")
    return found


def _mail(account: ProviderAccount, helo: str, _address: str) -> Callable[[], Door[Any]]:
    relay = checks.relay_of_account(account, helo=helo)
    return lambda: SmtpSession(relay)


def twilio_account(account: ProviderAccount, address: str) -> Account:
    """Return the credentials as the doors of Twilio take them."""
    settings = get_settings()
    return Account(
        sid=str(account.settings["account_sid"]),
        token=accounts.secret_of(account),
        sender=address,
        base_url=settings.twilio_url,
        reports_to=f"{settings.base_url}/hooks/twilio/{account.path_token}/status",
    )


def telegram_bot(account: ProviderAccount) -> Bot:
    """Return the bot of an account."""
    return Bot(accounts.secret_of(account), base_url=get_settings().telegram_url or TELEGRAM)


def _sms(account: ProviderAccount, _helo: str, address: str) -> Callable[[], Door[Any]]:
    from channels.sms import adapter as sms  # noqa: PLC0415 - the library takes a second to load

    credentials = twilio_account(account, address)
    return lambda: sms.door(credentials)


def _whatsapp(account: ProviderAccount, _helo: str, address: str) -> Callable[[], Door[Any]]:
    from channels.whatsapp import adapter as whatsapp  # noqa: PLC0415 - the library takes a second to load

    credentials = twilio_account(account, address)
    return lambda: whatsapp.door(credentials)


def _telegram(account: ProviderAccount, _helo: str, _address: str) -> Callable[[], Door[Any]]:
    from channels.telegram import adapter as telegram  # noqa: PLC0415 - the library takes a second to load

    bot = telegram_bot(account)
    return lambda: telegram.door(bot)


_DOORS = {"email": _mail, "sms": _sms, "whatsapp": _whatsapp, "telegram": _telegram}
