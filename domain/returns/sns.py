"""What Amazon SES reports by Amazon SNS: checked, bound to a message of the account's tenant, kept and read like mail.

A subscription is confirmed only for the topic that the account names. A report is bound by the signed return path that
was its envelope sender, else by the Message-ID that we gave it, never by its recipients.
"""

import http.client
import re
import time
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.email import sns
from channels.email.reports import provider
from domain.delivery import return_path
from domain.returns import mail
from domain.senders import accounts, topics
from kernel import clock, db, egress, log
from kernel.settings import get_settings
from kernel.tokens import BadToken, Signed
from models import InboundMail, Message, ProviderAccount

_SECONDS = 10.0
_LARGEST = 65_536
_KEPT_SECONDS = 86_400.0
_MOST_KEPT = 16
_AS_MAIL = b"Content-Type: text/plain; charset=utf-8\n\n"
_OUR_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[a-z0-9.-]{1,253}")

_certificates: dict[str, tuple[float, bytes]] = {}


def genuine(holds: Callable[[Callable[[ProviderAccount], bool]], bool], body: bytes) -> sns.Envelope:
    """Return the message of Amazon SNS in a request, of the topic that the account hears (or will: its confirmation).

    `holds` asks something of the account, as it is now where that is in doubt.

    Call it outside a transaction, it may ask Amazon. Raises sns.BadMessage, and egress.Blocked and egress.Unreachable
    where Amazon cannot be asked.
    """
    envelope = sns.read(body)
    if not holds(lambda account: _hears(account, envelope)):
        raise sns.BadMessage("the message is of another topic than the account's")
    sns.check(envelope, _certificate(envelope.certificate_url), clock.now())
    return envelope


def _hears(account: ProviderAccount, envelope: sns.Envelope) -> bool:
    awaited = envelope.kind == sns.CONFIRMATION and envelope.topic == account.next_sns_topic
    return awaited or envelope.topic == topics.of(account)


def confirm(tenant_id: UUID, account_id: UUID, envelope: sns.Envelope) -> None:
    """Confirm the subscription that a genuine message asks about: from now on the account hears that topic alone.

    Call it outside a transaction. Raises as `genuine` does, NotFound.
    """
    _ask(envelope.confirmation_url)
    with db.tenant_session(tenant_id) as session:
        topics.confirmed(session, account_id, envelope.topic)


def _certificate(url: str) -> bytes:
    """Return the certificate at a URL of Amazon's, from memory for a day."""
    known = _certificates.get(url)
    if known is not None and time.monotonic() - known[0] < _KEPT_SECONDS:
        return known[1]
    found = _ask(url)
    if len(_certificates) >= _MOST_KEPT:
        _certificates.clear()
    _certificates[url] = (time.monotonic(), found)
    return found


def forget_certificates() -> None:
    """Fetch every certificate anew."""
    _certificates.clear()


def _ask(url: str) -> bytes:
    """Return what lies at a URL of Amazon's, under the base of the settings where they name one.

    Raises egress.Blocked, egress.Unreachable.
    """
    base = get_settings().sns_url
    guard = egress.get_guard()
    target = guard.read(base.rstrip("/") + url[url.index("/", len("https://")) :] if base else url)
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.auto_open = 0
    try:
        connection.sock = guard.connect(target, _SECONDS)
        connection.sock.settimeout(_SECONDS)
        connection.putrequest("GET", target.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", target.authority)
        connection.putheader("Connection", "close")
        connection.endheaders()
        response = connection.getresponse()
        found = response.read(_LARGEST)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise egress.Unreachable(f"no answer from {target.host}: {type(error).__name__}") from None
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise egress.Unreachable(f"{target.host} answered {response.status}")
    return found


def keep(session: Session, account_id: UUID, envelope: sns.Envelope) -> str:
    """Keep a genuine report to be read like mail; returns what became of it: kept, repeated or unbound.

    Raises sns.BadMessage where the account hears another topic by now, NotFound.
    """
    if topics.of(accounts.get(session, account_id)) != envelope.topic:
        raise sns.BadMessage("the message is of another topic than the account's")
    message_id = _message(session, envelope.text)
    if message_id is None:
        log.get("returns").info("sns.unbound", id=envelope.id[:64])
        return "unbound"
    mark = f"sns:{envelope.id}"[:320]
    tenant_id = db.tenant_of(session)
    # Two deliveries of one message at once wait for each other at the row of the message.
    session.execute(
        select(Message.id).where(Message.tenant_id == tenant_id, Message.id == message_id).with_for_update()
    )
    known = select(InboundMail.id).where(
        InboundMail.tenant_id == tenant_id, InboundMail.message_id == message_id, InboundMail.envelope_from == mark
    )
    if session.execute(known.limit(1)).first() is not None:
        return "repeated"
    mail.keep(session, Signed(tenant_id, message_id, 0), envelope_from=mark, raw=_AS_MAIL + envelope.text.encode())
    return "kept"


def _message(session: Session, text: str) -> UUID | None:
    """Return which message of this tenant a report is about."""
    tenant_id = db.tenant_of(session)
    source, ids = provider.addressed(text)
    wanted = _by_path(source, tenant_id)
    if wanted is None:
        ours = next((found for each in ids if (found := _OUR_ID.fullmatch(each.lower()))), None)
        wanted = UUID(ours.group(1)) if ours else None
    if wanted is None:
        return None
    return session.execute(
        select(Message.id).where(Message.tenant_id == tenant_id, Message.id == wanted, Message.channel == "email")
    ).scalar_one_or_none()


def _by_path(source: str, tenant_id: UUID) -> UUID | None:
    domain = get_settings().bounce_domain
    if domain is None:
        return None
    try:
        return return_path.read(source, domain, lambda _code: [tenant_id]).ref_id
    except BadToken:
        return None
