"""The health of a sender domain: looked up, kept, and asked before anything is sent.

The gate reads what the last look found; it never waits for the DNS.
"""

from datetime import timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.email import settings as relays
from channels.email.dkim import Algorithm
from domain.senders import accounts, domains, lookup, stops
from domain.senders.findings import Published, Report, Subject, report
from domain.senders.kinds import relay_of
from kernel import clock, db, outbox
from kernel.settings import get_settings
from models import Sender, SenderDomain

FRESH = timedelta(days=7)
_AGAIN = timedelta(days=1)
_RECENT = timedelta(hours=20)
TASK = "domains.check"


def examine(tenant_id: UUID, domain_id: UUID, ask: lookup.Lookup | None = None) -> SenderDomain:
    """Ask the DNS about a domain, outside any transaction, and keep the answer; asks again a day later by itself.

    New keys whose records are found sign from now on. Where the DNS did not answer, the earlier verdict stays.
    Raises NotFound.
    """
    with db.tenant_session(tenant_id) as session:
        subject = _subject(session, domains.get(session, domain_id))
    seen = report(ask or lookup.of_settings(), subject)
    with db.tenant_session(tenant_id) as session:
        row = domains.get(session, domain_id)
        _keep(session, row, seen)
        session.refresh(row)
        return row


def examine_again(tenant_id: UUID, domain_id: UUID) -> None:
    """Do what `examine` asked for a day ago, unless somebody has looked since."""
    with db.tenant_session(tenant_id) as session:
        checked_at = domains.get(session, domain_id).checked_at
    if checked_at is None or clock.now() - checked_at > _RECENT:
        examine(tenant_id, domain_id)


def _keep(session: Session, row: SenderDomain, seen: Report) -> None:
    if seen.aligned is not None:
        row.aligned, row.checked_at = seen.aligned, clock.now()
    row.findings = seen.as_json()
    waiting = {key.selector for key in domains.keys_of(session, row, "next")}
    if waiting and waiting <= seen.published:
        domains.take_over(session, row)
    outbox.enqueue(session, TASK, id=row.id, due_at=clock.now() + _AGAIN)
    session.flush()


def _subject(session: Session, row: SenderDomain) -> Subject:
    keys = [
        Published(key.selector, cast("Algorithm", key.algorithm), key.public_key, key.state)
        for key in domains.keys_of(session, row, "active", "next")
    ]
    statement = select(Sender).where(Sender.tenant_id == row.tenant_id, Sender.channel == "email")
    senders = [one for one in session.execute(statement).scalars() if domain_of(one) == row.domain]
    hosts = dict.fromkeys(_host_of(session, sender) for sender in senders) if senders else {_operators_host(): None}
    return Subject(
        domain=row.domain,
        dkim=row.dkim,
        keys=keys,
        relay_domain=row.relay_domain,
        relay_selector=row.relay_selector,
        relays=[host for host in hosts if host is not None],
        return_path=(get_settings().bounce_domain or row.domain).lower(),
    )


def domain_of(sender: Sender) -> str:
    """Return the domain that a sender's mail comes from."""
    return sender.from_address.rpartition("@")[2].lower()


def _host_of(session: Session, sender: Sender) -> str | None:
    """Return the relay that a sender's mail leaves through; None for one on this machine, and for the mailbox."""
    if sender.account_id is None:
        return _operators_host()
    account = accounts.get(session, sender.account_id)
    relay = relay_of({"host": account.settings.get("host", "")}, "", helo="localhost")
    return None if relay.on_this_machine else relay.host


def _operators_host() -> str | None:
    url = get_settings().smtp_url
    if url is None:
        return None
    relay = relays.parse(url)
    return None if relay.on_this_machine else relay.host


def obstacle(session: Session, sender: Sender) -> str | None:
    """Return why nothing may be sent from this sender, None when nothing is in the way. Reads rows only.

    The domain is asked of e-mail alone, and only where mail leaves this machine: through an `smtp` account or an
    ARIIA_SMTP_URL whose host is neither a loopback address nor `localhost`. The built-in mailbox, and a relay on this
    machine, ask nothing.
    """
    if stops.is_stopped(session, sender):
        return "sender_stopped"
    if sender.channel != "email" or _host_of(session, sender) is None:
        return None
    row = domains.named(session, domain_of(sender))
    if row is None:
        return "sender_domain_missing"
    if row.checked_at is None or clock.now() - row.checked_at > FRESH:
        return "sender_unchecked"
    return None if row.aligned else "sender_unaligned"
