"""People who were erased, as keyed hashes: enough to know one who comes back, too little to say who it was.

An import does not take them in again. Whoever adds them by hand may: then what stood against their address stands
again, until the person agrees anew.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.consent import service as consents
from kernel import db
from kernel.ids import new_id
from kernel.settings import get_settings
from models import ErasedIdentity, Suppression

EXTERNAL_ID = "external_id"
Identity = tuple[str, str]  # a channel or `external_id`, and the normalised address or the number
_SOURCE = "erasure"
_AT_ONCE = 5_000


def digest(tenant_id: UUID, kind: str, value: str) -> bytes:
    """Return the keyed hash of an identity (HMAC-SHA-256, RFC 2104); the key is the installation's secret."""
    key = get_settings().secret_key.get_secret_value().encode()
    return hmac.new(key, "\x1f".join(("erased", str(tenant_id), kind, value)).encode(), hashlib.sha256).digest()


def remember(session: Session, identities: Iterable[Identity], *, actor: str) -> None:
    """Keep the hashes, with what stood against each address; the suppressions themselves go."""
    tenant_id = db.tenant_of(session)
    for kind, value in identities:
        stood = _suppressions(session, kind, value)
        values = {"tenant_id": tenant_id, "kind": kind, "digest": digest(tenant_id, kind, value)}
        session.execute(
            insert(ErasedIdentity)
            .values(id=new_id(), created_by=actor, suppressions=stood, **values)
            .on_conflict_do_nothing()
        )
        session.execute(delete(Suppression).where(*_against(tenant_id, kind, value)))


def _against(tenant_id: UUID, channel: str, address_norm: str) -> tuple[Any, ...]:
    return (
        Suppression.tenant_id == tenant_id,
        Suppression.channel == channel,
        Suppression.address_norm == address_norm,
    )


def _suppressions(session: Session, kind: str, value: str) -> list[dict[str, str]]:
    rows = session.execute(
        select(Suppression.purpose, Suppression.reason)
        .where(*_against(db.tenant_of(session), kind, value), Suppression.lifted_at.is_(None))
        .order_by(Suppression.purpose)
    )
    return [{"purpose": row.purpose, "reason": row.reason} for row in rows]


def known(session: Session, identities: Iterable[Identity]) -> set[Identity]:
    """Return which of these were erased and have not come back."""
    tenant_id = db.tenant_of(session)
    any_ = select(ErasedIdentity.id).where(ErasedIdentity.tenant_id == tenant_id).limit(1)
    if session.execute(any_).first() is None:
        return set()
    of_digest = {(kind, digest(tenant_id, kind, value)): (kind, value) for kind, value in identities}
    return {of_digest[key] for key in _found(session, of_digest)}


def _found(session: Session, wanted: Mapping[tuple[str, bytes], Identity]) -> list[tuple[str, bytes]]:
    digests = [value for _, value in wanted]
    found: list[tuple[str, bytes]] = []
    for start in range(0, len(digests), _AT_ONCE):
        rows = session.execute(
            select(ErasedIdentity.kind, ErasedIdentity.digest).where(
                ErasedIdentity.tenant_id == db.tenant_of(session),
                ErasedIdentity.digest.in_(digests[start : start + _AT_ONCE]),
            )
        )
        found += [(row.kind, bytes(row.digest)) for row in rows]
    return [key for key in found if key in wanted]


def come_back(session: Session, kind: str, value: str, *, actor: str) -> bool:
    """Note that somebody added an erased person by hand; what stood against the address stands again.

    Also where nothing did: an erasure was an objection. Returns whether the identity was erased.
    """
    tenant_id = db.tenant_of(session)
    stood = session.execute(
        delete(ErasedIdentity)
        .where(
            ErasedIdentity.tenant_id == tenant_id,
            ErasedIdentity.kind == kind,
            ErasedIdentity.digest == digest(tenant_id, kind, value),
        )
        .returning(ErasedIdentity.suppressions)
    ).scalar_one_or_none()
    if stood is None:
        return False
    if kind != EXTERNAL_ID:
        for one in stood or [{"purpose": "marketing", "reason": "objection"}]:
            consents.suppress(session, channel=kind, address_norm=value, source=_SOURCE, actor=actor, **one)
    return True
