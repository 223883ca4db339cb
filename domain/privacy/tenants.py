"""The end of a tenant: first it stops, then every row of every table goes, in short transactions, until none is left.

Works as the owner of the tables, because the application may not delete from those that only grow. What stays is one
row that names nobody (`tenant_erasure`): when it was, why, and where the tenant's audit chain ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Table, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns.lifecycle import Status
from kernel import db
from kernel.errors import NotFound
from models import (
    Base,
    Campaign,
    ChangeBell,
    CredentialIndex,
    LoginIdentity,
    Sequence,
    Tenant,
    TenantDue,
    TenantErasure,
    TenantRoute,
    WebhookEndpoint,
)

BATCH = 2_000
# Where a process finds the tenant, before it knows whose a request is or who has work.
_WAYS_IN = (CredentialIndex, LoginIdentity, TenantRoute, TenantDue, ChangeBell)
_OF_NOBODY = frozenset({"tenant", "tenant_erasure", "worker", "tracking_journal"})
_OPEN_NOTICES = text("""
UPDATE message SET state = 'skipped', reason = 'erased', updated_at = clock_timestamp()
WHERE tenant_id = :tenant AND notice_id IS NOT NULL AND state IN ('pending', 'deferred')
""")


@dataclass(frozen=True, slots=True)
class Found:
    """A tenant that is here, or one whose erasure has begun."""

    tenant_id: UUID
    name: str
    slug: str
    begun: bool


def find(owner: Engine, word: str) -> Found:
    """Return the tenant of a slug or id, also one that an interrupted erasure left behind; raises NotFound."""
    with Session(owner) as session:
        known = select(TenantRoute.tenant_id, TenantRoute.slug)
        route = session.execute(known.where(_named(TenantRoute, word))).one_or_none()
        begun = select(TenantErasure.tenant_id, TenantErasure.slug).where(_named(TenantErasure, word))
        erasure = session.execute(begun).one_or_none()
    row = route if erasure is None else erasure
    if row is None:
        raise NotFound("tenant")
    with db.session_on(owner, row.tenant_id) as session:
        tenant = session.get(Tenant, row.tenant_id)
        slug = row.slug or str(row.tenant_id)
        return Found(row.tenant_id, tenant.name if tenant else slug, slug, begun=erasure is not None)


def _named(entity: type[TenantRoute | TenantErasure], word: str) -> ColumnElement[bool]:
    try:
        return entity.tenant_id == UUID(word)
    except ValueError:
        return entity.slug == word


def begin(owner: Engine, tenant_id: UUID, *, reason: str) -> None:
    """Stop a tenant for good, in one transaction: nothing goes out, nobody gets in, nothing is called back.

    Campaigns and sequences end, keys, sessions, links and addresses lead nowhere, webhooks are off. A second call
    changes nothing. Raises NotFound.
    """
    with db.session_on(owner, tenant_id) as session:
        tenant = session.get(Tenant, tenant_id, with_for_update=True)
        if session.get(TenantErasure, tenant_id) is not None:
            return
        if tenant is None:
            raise NotFound("tenant")
        last = audit.append(session, actor="operator", action="tenant.erase", subject=str(tenant_id), reason=reason)
        noted = insert(TenantErasure).values(
            tenant_id=tenant_id, slug=tenant.slug, reason=reason, chain_seq=last.seq, chain_hash=last.hash
        )
        session.execute(noted)
        tenant.suspended_at = func.clock_timestamp()
        for entity, ends in (
            (Campaign, {"status": str(Status.CANCELLED)}),
            (Sequence, {"status": "archived"}),
            (WebhookEndpoint, {"active": False, "disabled_reason": "erased"}),
        ):
            session.execute(update(entity).where(entity.tenant_id == tenant_id).values(**ends))
        session.execute(_OPEN_NOTICES, {"tenant": tenant_id})
        _close(session, tenant_id)


def _close(session: Session, tenant_id: UUID) -> None:
    """Let nobody find the tenant: keys, sessions, links and the short name are unknown, and no process has work."""
    for entity in _WAYS_IN:
        session.execute(delete(entity).where(entity.tenant_id == tenant_id))


def sweep(owner: Engine, tenant_id: UUID, *, batch: int = BATCH) -> Iterator[tuple[str, int]]:
    """Delete the tenant's rows, at most `batch` in one transaction; yield table and rows after each.

    May be left at any row and called again. Ends once a pass over all tables finds nothing: a deletion writes notes
    about itself (`member_change`), and a process that was at work may have added a row.
    """
    while True:
        found = 0
        for table in reversed(Base.metadata.sorted_tables):
            if table.name in _OF_NOBODY:
                continue
            while n := _delete(owner, tenant_id, table, batch):
                found += n
                yield table.name, n
        if not found and _finish(owner, tenant_id):
            return


def _delete(owner: Engine, tenant_id: UUID, table: Table, most: int) -> int:
    some = f"SELECT ctid FROM {table.name} WHERE tenant_id = :tenant LIMIT :most"  # noqa: S608 - a name of our own
    statement = text(
        f"DELETE FROM {table.name} WHERE tenant_id = :tenant AND ctid = ANY(ARRAY({some}))"  # noqa: S608
    )
    with db.session_on(owner, tenant_id) as session:
        done = session.execute(statement, {"tenant": tenant_id, "most": most})
        n: int = done.rowcount  # type: ignore[attr-defined] # a DELETE has a row count
        if n:
            counted = update(TenantErasure).where(TenantErasure.tenant_id == tenant_id)
            session.execute(counted.values(rows=TenantErasure.rows + n))
        return n


def _finish(owner: Engine, tenant_id: UUID) -> bool:
    """Take the tenant itself away; False where somebody wrote a row meanwhile."""
    with db.session_on(owner, tenant_id) as session:
        session.execute(delete(Tenant).where(Tenant.id == tenant_id))
        _close(session, tenant_id)
        if any(left(session, tenant_id).values()):
            return False
        over = update(TenantErasure).where(TenantErasure.tenant_id == tenant_id)
        session.execute(over.values(slug=None, finished_at=func.clock_timestamp(), rows=TenantErasure.rows + 1))
    return True


def left(session: Session, tenant_id: UUID) -> dict[str, int]:
    """Return how many rows of the tenant each table has."""
    tables = [table for table in Base.metadata.sorted_tables if table.name not in _OF_NOBODY]
    return {
        table.name: session.execute(select(func.count()).where(table.c.tenant_id == tenant_id)).scalar_one()
        for table in tables
    }
