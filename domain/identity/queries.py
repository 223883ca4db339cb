"""Reads about a tenant's people, keys and senders."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from kernel import db
from models import ApiKey, AppUser, Sender


def users(session: Session) -> Select[AppUser]:
    return select(AppUser).where(AppUser.tenant_id == db.tenant_of(session))


def keys(session: Session) -> Select[ApiKey]:
    return select(ApiKey).where(ApiKey.tenant_id == db.tenant_of(session))


def senders(session: Session) -> Select[Sender]:
    return select(Sender).where(Sender.tenant_id == db.tenant_of(session))
