"""The audit chain of a tenant: each entry carries a keyed hash over the one before it."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel import clock, db
from kernel.settings import get_settings
from models import AuditEntry, AuditHead

_KEY_ID = 0
_START = "0" * 64


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a chain stops being what was written."""

    seq: int
    problem: str


def append(session: Session, *, actor: str, action: str, subject: str, **details: Any) -> AuditEntry:
    """Add one entry; the locked head makes parallel appends wait for each other, so there is no gap."""
    tenant_id = db.tenant_of(session)
    head = _locked_head(session, tenant_id)
    entry = AuditEntry(
        tenant_id=tenant_id,
        seq=head.seq + 1,
        at=clock.now(),
        actor=actor,
        action=action,
        subject=subject,
        details=json.loads(json.dumps(details, default=str)),
        key_id=_KEY_ID,
        previous=head.hash,
    )
    entry.hash = _hash(entry)
    session.add(entry)
    head.seq, head.hash = entry.seq, entry.hash
    session.flush()
    return entry


def _locked_head(session: Session, tenant_id: UUID) -> AuditHead:
    session.execute(insert(AuditHead).values(tenant_id=tenant_id, seq=0, hash=_START).on_conflict_do_nothing())
    return session.execute(
        select(AuditHead)
        .where(AuditHead.tenant_id == tenant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()


def _hash(entry: AuditEntry) -> str:
    fields = [
        str(entry.tenant_id),
        entry.seq,
        entry.at.isoformat(),
        entry.actor,
        entry.action,
        entry.subject,
        entry.details,
        entry.key_id,
    ]
    body = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key = hashlib.sha256(b"audit\x1f" + get_settings().secret_key.get_secret_value().encode()).digest()
    return hmac.new(key, f"{entry.previous}\x1f{body}".encode(), hashlib.sha256).hexdigest()


def verify(session: Session) -> Broken | None:
    """Return the first place where the chain was altered, cut or reordered; None where it is whole."""
    previous, seq = _START, 0
    entries = session.execute(
        select(AuditEntry).where(AuditEntry.tenant_id == db.tenant_of(session)).order_by(AuditEntry.seq)
    ).scalars()
    for entry in entries:
        seq += 1
        if entry.seq != seq:
            return Broken(seq, "an entry is missing")
        if entry.previous != previous or entry.hash != _hash(entry):
            return Broken(seq, "the entry is not what was written")
        previous = entry.hash
    head = session.get(AuditHead, db.tenant_of(session))
    if head is not None and (head.seq, head.hash) != (seq, previous):
        return Broken(seq + 1, "the end of the chain is missing")
    return None
