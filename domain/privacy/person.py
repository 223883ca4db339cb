"""Who a member is to every table: the keys by which their rows are found."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, Table, and_, cast, false, or_, select, tuple_
from sqlalchemy.orm import Session

from domain.audience import service as audience
from domain.consent import erased
from domain.consent.erased import Identity
from domain.privacy.holdings import Holding
from kernel import db
from kernel.errors import NotFound
from models import Base, ContactPoint, Conversation, Member, Message


@dataclass(frozen=True, slots=True)
class Person:
    """A member with all addresses that are, or were, theirs; `own` are those that nobody else here has."""

    tenant_id: UUID
    member_id: UUID
    external_id: str | None
    addresses: tuple[Identity, ...]
    own: tuple[Identity, ...]
    messages: tuple[UUID, ...]
    conversations: tuple[UUID, ...]

    @property
    def identities(self) -> list[Identity]:
        """Return by what a file would bring them back: own addresses, a number on every channel, the member number."""
        found = set(self.own)
        for channel, norm in self.own:
            if channel in audience.PHONE_CHANNELS:
                found |= {(other, norm) for other in audience.PHONE_CHANNELS}
        if self.external_id:
            found.add((erased.EXTERNAL_ID, self.external_id))
        return sorted(found)


def load(session: Session, member_id: UUID, *, lock: bool = False) -> Person:
    """Return the person; raises NotFound, also for another tenant's. `lock` keeps others from changing the member."""
    tenant_id = db.tenant_of(session)
    statement = select(Member).where(Member.tenant_id == tenant_id, Member.id == member_id)
    member = session.execute(statement.with_for_update() if lock else statement).scalar_one_or_none()
    if member is None:
        raise NotFound("member")
    mine = (ContactPoint.tenant_id == tenant_id, ContactPoint.member_id == member_id)
    addresses = {
        _pair(row) for row in session.execute(select(ContactPoint.channel, ContactPoint.address_norm).where(*mine))
    }
    written = session.execute(
        select(Message.id, Message.channel, Message.address_norm).where(
            Message.tenant_id == tenant_id, Message.member_id == member_id
        )
    ).all()
    addresses |= {(row.channel, row.address_norm) for row in written if row.address_norm}
    own = addresses - _elsewhere(session, addresses, member_id)
    return Person(
        tenant_id, member_id, member.external_id, tuple(sorted(addresses)), tuple(sorted(own)),
        tuple(row.id for row in written), _conversations(session, member_id, own),
    )  # fmt: skip


def _pair(row: Any) -> Identity:
    return row.channel, row.address_norm


def _elsewhere(session: Session, addresses: set[Identity], member_id: UUID) -> set[Identity]:
    """Return the addresses that another member has, too: a family's stays as it is for the others."""
    rows = session.execute(
        select(ContactPoint.channel, ContactPoint.address_norm).where(
            ContactPoint.tenant_id == db.tenant_of(session),
            ContactPoint.member_id != member_id,
            tuple_(ContactPoint.channel, ContactPoint.address_norm).in_(sorted(addresses)),
        )
    )
    return {_pair(row) for row in rows}


def _conversations(session: Session, member_id: UUID, own: set[Identity]) -> tuple[UUID, ...]:
    """Return the member's chats, and those of their numbers from before they were a member."""
    names = [f"{channel}:{norm}" for channel, norm in own]
    nobodys = and_(Conversation.member_id.is_(None), Conversation.external_id.in_(names))
    rows = session.execute(
        select(Conversation.id).where(
            Conversation.tenant_id == db.tenant_of(session), or_(Conversation.member_id == member_id, nobodys)
        )
    )
    return tuple(rows.scalars())


def table_of(holding: Holding) -> Table:
    return Base.metadata.tables[holding.table]


def rows_of(person: Person, holding: Holding) -> ColumnElement[bool]:
    """Return the condition of the rows of a table that are about a person, within their tenant."""
    table = table_of(holding)
    return and_(table.c.tenant_id == person.tenant_id, _of(person, holding, table))


def _of(person: Person, holding: Holding, table: Table) -> ColumnElement[bool]:
    match holding.by:
        case "id":
            return table.c.id == person.member_id
        case "member":
            return table.c.member_id == person.member_id
        case "message":
            return table.c.message_id.in_(person.messages) if person.messages else false()
        case "chat":
            return table.c.id.in_(person.conversations) if person.conversations else false()
        case "conversation":
            return table.c.conversation_id.in_(person.conversations) if person.conversations else false()
        case "address":
            return tuple_(table.c.channel, table.c.address_norm).in_(person.own) if person.own else false()


def mentions(column: Any, person: Person) -> ColumnElement[bool]:
    """Return the condition that a text names a person: by id or by one of their own addresses."""
    words = [str(person.member_id), *(norm for _, norm in person.own)]
    return or_(*(cast(column, String).contains(word, autoescape=True) for word in words))
