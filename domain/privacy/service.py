"""A person's rights: everything about one member as data, and the removal of one member from everywhere.

What is counted stays: messages and what happened to them keep their rows, without member, address or whereabouts.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from domain.audience import service as audience
from domain.audit import service as audit
from domain.consent import erased
from domain.follow_ups import store as follow_ups
from domain.follow_ups.rules import Why
from domain.privacy.holdings import HOLDINGS, Holding
from domain.privacy.person import Person, load, mentions, rows_of, table_of
from domain.webhooks import events
from kernel import clock
from models import IdempotencyKey

FORMAT = "json"
_TENANTS_OWN = frozenset({"tenant_id", "search"})
_OPEN_NOTICES = text("""
WITH ended AS (
  UPDATE message m SET state = 'skipped', reason = 'erased', updated_at = clock_timestamp()
  WHERE m.tenant_id = :tenant AND m.member_id = :member AND m.notice_id IS NOT NULL
    AND m.state IN ('pending', 'deferred')
  RETURNING m.id
)
INSERT INTO message_event (tenant_id, message_id, kind, reason)
SELECT :tenant, id, 'skipped', 'erased' FROM ended
""")


def export(session: Session, member_id: UUID, *, actor: str) -> dict[str, Any]:
    """Return everything that is held about a member: table by table, every row; raises NotFound.

    Secrets (hashes of tokens) and ids of the tenant are left out. The handing out is written into the audit chain.
    """
    person = load(session, member_id)
    tables = {holding.table: _rows(session, person, holding) for holding in HOLDINGS}
    counts = {name: len(rows) for name, rows in tables.items() if rows}
    audit.append(session, actor=actor, action="member.export", subject=str(member_id), rows=counts)
    events.emit(session, "crm.gdpr.exported", aggregate="member", id=member_id, format=FORMAT)
    return {"member_id": str(member_id), "exported_at": clock.now().isoformat(), "tables": tables}


def _rows(session: Session, person: Person, holding: Holding) -> list[dict[str, Any]]:
    table = table_of(holding)
    shown = [column for column in table.c if column.name not in holding.hidden | _TENANTS_OWN]
    found = session.execute(select(*shown).where(rows_of(person, holding)).order_by(*table.primary_key.columns))
    return [{name: _plain(value) for name, value in row.items()} for row in found.mappings()]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def erase(session: Session, member_id: UUID, *, actor: str, reason: str = "on request") -> None:
    """Remove a member everywhere; totals stay as they are; raises NotFound.

    What was promised to them is ended and given back to the plan. Their own addresses and number are kept as keyed
    hashes, so that no file brings them back. An address that another member has, too, stays for that one.
    """
    follow_ups.close(session, member_id, why=Why.BY_PERSON, actor=actor)
    person = load(session, member_id, lock=True)
    erased.remember(session, person.identities, actor=actor)
    session.execute(_OPEN_NOTICES, {"tenant": person.tenant_id, "member": member_id})
    session.execute(text("SELECT forget_whereabouts(:ids)"), {"ids": list(person.messages)})
    for holding in HOLDINGS:
        _forget(session, person, holding)
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.tenant_id == person.tenant_id, mentions(IdempotencyKey.body, person)
        )
    )
    session.expire_all()
    audience.delete(session, member_id, actor=actor)
    audit.append(session, actor=actor, action="member.erase", subject=str(member_id), reason=reason)
    events.emit(session, "crm.gdpr.erased", aggregate="member", id=member_id)


def _forget(session: Session, person: Person, holding: Holding) -> None:
    if holding.by == "id":
        return  # goes last, and takes along what hangs on it
    table, mine = table_of(holding), rows_of(person, holding)
    if holding.erasure == "delete":
        session.execute(delete(table).where(mine))
    elif holding.blank:
        session.execute(update(table).where(mine).values(**holding.blank))
