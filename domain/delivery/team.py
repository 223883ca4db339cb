"""Numbers and chats of the team's own: tests of texts go there, and nowhere else."""

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from domain.audience import service as audience
from domain.audit import service as audit
from kernel import db
from kernel.errors import Conflict, Invalid
from models import TeamAddress

MOST = 20
CHANNELS = ("sms", "whatsapp", "telegram")


def add(session: Session, *, channel: str, address: str, label: str, actor: str) -> TeamAddress:
    """Name a number or chat of the team's own.

    Raises Invalid for a channel or address that cannot be used, Conflict for one that is here, and for too many.
    """
    norm = _normal(session, channel, address)
    if find(session, channel, norm) is not None:
        raise Conflict("This address is on the list already.", code="address_exists")
    tenant_id = db.tenant_of(session)
    count = select(func.count()).select_from(TeamAddress).where(TeamAddress.tenant_id == tenant_id)
    if session.execute(count).scalar_one() >= MOST:
        raise Conflict(f"A team has at most {MOST} addresses for tests. Remove one first.", code="too_many_addresses")
    row = TeamAddress(
        tenant_id=tenant_id,
        channel=channel,
        address=address.strip(),
        address_norm=norm,
        label=label,
        created_by=actor,
    )
    session.add(row)
    session.flush()
    audit.append(session, actor=actor, action="team_address.add", subject=str(row.id), channel=channel)
    return row


def _normal(session: Session, channel: str, address: str) -> str:
    if channel not in CHANNELS:
        raise Invalid("channel", f"use one of {', '.join(CHANNELS)}")
    if channel == "telegram" and not address.strip().isdecimal():
        raise Invalid("address", "is the number of a chat with the bot, such as 123456789")
    return audience.normalise(channel, address.strip(), audience.region_of(session))


def of_tenant(session: Session) -> Select[TeamAddress]:
    """Return the statement that lists the team's addresses."""
    return select(TeamAddress).where(TeamAddress.tenant_id == db.tenant_of(session))


def find(session: Session, channel: str, norm: str) -> TeamAddress | None:
    """Return the team's address; None for anybody else's."""
    statement = of_tenant(session).where(TeamAddress.channel == channel, TeamAddress.address_norm == norm)
    return session.execute(statement).scalar_one_or_none()


def required(session: Session, channel: str, address: str) -> TeamAddress:
    """Return the team's address. Raises Invalid for an address that is not the team's."""
    found = find(session, channel, _normal(session, channel, address))
    if found is None:
        raise Invalid("to", "a test goes only to numbers and chats of your team; add it at /api/v1/team-addresses")
    return found


def remove(session: Session, address_id: UUID, *, actor: str) -> None:
    """Send no tests there any more. Raises NotFound."""
    row = db.own(session, TeamAddress, address_id, "team address")
    session.delete(row)
    audit.append(session, actor=actor, action="team_address.remove", subject=str(address_id))
    session.flush()
