"""Reads about members, for lists and pages."""

from uuid import UUID

from sqlalchemy import Select, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from kernel import db
from models import Activity, ContactPoint, ImportBatch, ImportRow, Member, Purchase


def matching(
    session: Session,
    *,
    status: str | None = None,
    tag: str | None = None,
    address_norm: str | None = None,
    external_id: str | None = None,
    text: str | None = None,
) -> Select[Member]:
    """Return the statement of the tenant's members that fit every given filter."""
    tenant_id = db.tenant_of(session)
    statement = select(Member).where(Member.tenant_id == tenant_id)
    if status:
        statement = statement.where(Member.status == status)
    if tag:
        statement = statement.where(type_coerce(Member.tags, JSONB).has_key(tag))
    if external_id:
        statement = statement.where(Member.external_id == external_id)
    if address_norm:
        holders = select(ContactPoint.member_id).where(
            ContactPoint.tenant_id == tenant_id, ContactPoint.address_norm == address_norm
        )
        statement = statement.where(Member.id.in_(holders))
    if text:
        name = Member.first_name.icontains(text, autoescape=True) | Member.last_name.icontains(text, autoescape=True)
        statement = statement.where(name)
    return statement


def activities(session: Session, member_id: UUID) -> Select[Activity]:
    return select(Activity).where(Activity.tenant_id == db.tenant_of(session), Activity.member_id == member_id)


def purchases(session: Session, member_id: UUID) -> Select[Purchase]:
    return select(Purchase).where(Purchase.tenant_id == db.tenant_of(session), Purchase.member_id == member_id)


def batches(session: Session) -> Select[ImportBatch]:
    return select(ImportBatch).where(ImportBatch.tenant_id == db.tenant_of(session))


def rows(session: Session, batch_id: UUID, outcome: str | None = None) -> Select[ImportRow]:
    statement = select(ImportRow).where(ImportRow.tenant_id == db.tenant_of(session), ImportRow.batch_id == batch_id)
    return statement.where(ImportRow.outcome == outcome) if outcome else statement
