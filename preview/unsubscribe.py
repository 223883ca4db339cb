"""The page behind the unsubscribe link of a message: what its reader gets, and how it ends."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from domain.consent import service as consents
from domain.delivery import service as delivery
from domain.identity import tenants
from kernel.errors import Invalid, NotFound
from kernel.tokens import BadToken, Signed, get_signer
from models import Message, Suppression
from preview import preferences, view

_SOURCES = {"one_click": "one_click", "unsubscribe": "unsubscribe_page"}


def read(token: str) -> Signed:
    """Return whose message the link came with; raises NotFound, the same for every token that is not ours."""
    try:
        return get_signer().read("u", token)
    except BadToken:
        raise NotFound("link") from None


def state(
    session: Session, message_id: UUID, token: str, *, saved: bool, asked: bool = False
) -> tuple[view.Preferences, str]:
    """Return the page for a message and the language it was written in. Old links keep their answer."""
    tenant = tenants.current(session)
    message = delivery.find(session, message_id)
    if message is None or message.address is None:
        return view.Preferences(token, tenant.name, "", "gone"), tenant.language
    ended = _suppression(session, message)
    address = view.mask(message.address)
    if ended is not None:
        page = view.Preferences(token, tenant.name, address, "stopped", ended.created_at, saved=saved)
    elif asked:
        page = view.Preferences(token, tenant.name, address, "asked")
    else:
        measured = _measured(session, message)
        page = view.Preferences(token, tenant.name, address, "receiving", measured=measured, saved=saved)
    more = preferences.address_of(message.tenant_id, message.id) if message.member_id is not None else ""
    return replace(page, more=more), message.language


def _suppression(session: Session, message: Message) -> Suppression | None:
    return (
        session.execute(
            consents.matching(session, channel=message.channel)
            .where(Suppression.address_norm == (message.address_norm or ""))
            .order_by(Suppression.created_at)
        )
        .scalars()
        .first()
    )


def _measured(session: Session, message: Message) -> bool:
    if message.member_id is None:
        return False
    return any(
        consent.channel == message.channel and consent.purpose == "tracking" and consent.state == "granted"
        for consent in consents.of_member(session, message.member_id)
    )


def asks(session: Session, message_id: UUID, action: str, *, sure: bool) -> bool:
    """Say whether the page asks once more before it unsubscribes; a mailbox provider's POST is never asked."""
    return action == "unsubscribe" and not sure and preferences.fresh(delivery.find(session, message_id))


def act(session: Session, message_id: UUID, action: str) -> None:
    """Do what the form asks; unknown messages are done already. Raises Invalid for an unknown action."""
    if action in _SOURCES:
        delivery.unsubscribe(session, message_id, source=_SOURCES[action])
    elif action == "stop_measuring":
        _stop_measuring(session, message_id)
    else:
        raise Invalid("action", "use unsubscribe or stop_measuring")


def _stop_measuring(session: Session, message_id: UUID) -> None:
    message = delivery.find(session, message_id)
    if message is None or message.member_id is None or not _measured(session, message):
        return
    consents.record(
        session,
        message.member_id,
        channel=message.channel,
        purpose="tracking",
        state="withdrawn",
        source="unsubscribe_page",
        actor=f"message:{message.id}",
        evidence={"message": str(message.id)},
    )
