"""Whose clock a member lives by: the one that is known, else that of the country of the phone number, else none.

A country counts where all of it has one clock. Also which version of the time zone database decides here.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH, available_timezones

from sqlalchemy import ColumnElement, SQLColumnExpression, case, func, literal, null, select
from sqlalchemy.orm import Session

from channels.sms import regions
from kernel import db
from models import ContactPoint, Member

_NUMBERED = "sms"
_TELEPHONES = frozenset({"sms", "whatsapp"})
_VERSION = re.compile(r"#?\s*(?:version\s+)?(\d{4}[a-z]{1,2})\b")


def names(session: Session) -> set[str]:
    """Return the zones of the tenant's members, from numbers too."""
    rows = session.execute(select(Member.time_zone).where(Member.tenant_id == db.tenant_of(session)).distinct())
    return {zone for zone in rows.scalars() if zone is not None} | set(by_prefix(session).values())


def by_prefix(session: Session) -> dict[str, str]:
    """Return the zones of members without one of their own, by how their numbers begin (`prefix_of`)."""
    prefix = func.left(ContactPoint.address_norm, regions.TELLING)
    rows = session.execute(
        select(prefix.label("prefix"), func.min(ContactPoint.address_norm).label("number"))
        .join(Member, (Member.tenant_id == ContactPoint.tenant_id) & (Member.id == ContactPoint.member_id))
        .where(
            ContactPoint.tenant_id == db.tenant_of(session),
            ContactPoint.channel == _NUMBERED,
            ContactPoint.is_primary.is_(True),
            Member.time_zone.is_(None),
        )
        .group_by(prefix)
    )
    found = {row.prefix: regions.zone_of(row.number) for row in rows}
    return {begin: zone for begin, zone in found.items() if zone is not None}


def prefix_of(session: Session, member_id: SQLColumnExpression[Any]) -> ColumnElement[str]:
    """Return the beginning of a member's number, as a part of a statement."""
    return (
        select(func.left(ContactPoint.address_norm, regions.TELLING))
        .where(
            ContactPoint.tenant_id == db.tenant_of(session),
            ContactPoint.member_id == member_id,
            ContactPoint.channel == _NUMBERED,
            ContactPoint.is_primary.is_(True),
        )
        .limit(1)
        .scalar_subquery()
    )


def of_address(channel: str, address_norm: str) -> str | None:
    """Return the zone that an address tells: that of the country of a number; None of any other address."""
    return regions.zone_of(address_norm) if channel in _TELEPHONES else None


def of_number(
    session: Session, zone: SQLColumnExpression[str | None], member_id: SQLColumnExpression[Any]
) -> ColumnElement[Any]:
    """Return, as a part of a statement, the zone of the number of a member whose own `zone` is not known, else null."""
    prefixes = by_prefix(session)
    if not prefixes:
        return null()
    return case((zone.is_(None), case(prefixes, value=prefix_of(session, member_id), else_=null())), else_=null())


def choose(
    session: Session,
    planned: Mapping[str | None, datetime],
    zone: SQLColumnExpression[str | None],
    member_id: SQLColumnExpression[Any],
) -> ColumnElement[datetime]:
    """Return, as a part of a statement, the instant that is planned for a member's zone.

    A member's own zone decides, else the one of the number's country, else what is planned for None.
    """
    prefixes = by_prefix(session)
    named = {name: at for name, at in planned.items() if name is not None}
    fallback = planned[None]
    otherwise: ColumnElement[datetime] = literal(fallback)
    by_number = {begin: named[name] for begin, name in prefixes.items() if named[name] != fallback}
    if by_number:
        otherwise = case(
            (zone.is_(None), case(by_number, value=prefix_of(session, member_id), else_=fallback)),
            else_=fallback,
        )
    return case(named, value=zone, else_=otherwise) if named else otherwise


@cache
def rules() -> str:
    """Return the version of the time zone database that this process reckons with, such as 2026a.

    Where it does not say, a digest of its contents stands for it.
    """
    for folder in TZPATH:
        for name in ("tzdata.zi", "+VERSION", "version"):
            path = Path(folder, name)
            if path.is_file() and (found := _version_in(path.read_text("utf-8", "replace")[:80])):
                return found
        if Path(folder, "UTC").exists():
            return _digest(Path(folder))
    try:
        return str(import_module("tzdata").IANA_VERSION)
    except ModuleNotFoundError:
        return "unknown"


def _version_in(text: str) -> str | None:
    found = _VERSION.search(text)
    return found[1] if found else None


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in sorted(available_timezones()):
        path = folder / name
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def is_newer(ours: str, theirs: str | None) -> bool:
    """Return whether what was reckoned by `theirs` is to be reckoned anew: never by an older database."""
    if theirs is None or not (_VERSION.fullmatch(ours) and _VERSION.fullmatch(theirs)):
        return ours != theirs
    return ours > theirs
