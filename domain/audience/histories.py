"""Importing what members did and bought: rows that name their member by number."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from domain.audience import columns
from domain.audit import service as audit
from domain.webhooks import events
from kernel import db
from kernel.errors import Invalid
from kernel.ids import new_id, stable_id
from models import ImportBatch, ImportRow, Tenant

_SYNONYMS = {
    "activities": {
        "mitgliedsnr": "member", "memberid": "member", "externalid": "member", "art": "kind", "kind": "kind",
        "typ": "kind", "type": "kind", "am": "at", "zeit": "at", "datum": "at", "at": "at", "date": "at",
        "kurs": "subject", "course": "subject", "subject": "subject", "id": "external_id", "nr": "external_id",
    },
    "purchases": {
        "mitgliedsnr": "member", "memberid": "member", "externalid": "member", "produkt": "product",
        "product": "product", "artikel": "product", "betrag": "amount", "amount": "amount", "preis": "amount",
        "waehrung": "currency", "currency": "currency", "am": "at", "datum": "at", "zeit": "at", "at": "at",
        "date": "at", "id": "external_id", "nr": "external_id",
    },
}  # fmt: skip
_KINDS = {"besuch": "visit", "buchung": "booking", "checkin": "visit", "check-in": "visit"}
_NEEDED = {"activities": ("member", "kind", "at"), "purchases": ("member", "product", "amount", "at")}

_STAGE = """
CREATE TEMPORARY TABLE history (
  line int, id uuid, external_id text, member text, member_id uuid, kind text, at timestamptz, subject text,
  product text, amount_minor int, currency text, outcome text
) ON COMMIT DROP
"""
_FIND = "UPDATE history h SET member_id = m.id FROM member m WHERE m.tenant_id = :tenant AND m.external_id = h.member"
_ADD_ACTIVITIES = """
WITH added AS (
  INSERT INTO activity (id, tenant_id, member_id, external_id, kind, at, subject, import_batch_id, created_by)
  SELECT id, :tenant, member_id, external_id, kind, at, subject, :batch, :actor FROM history
  WHERE member_id IS NOT NULL ON CONFLICT (tenant_id, external_id) DO NOTHING RETURNING id
) UPDATE history SET outcome = 'created' FROM added WHERE added.id = history.id
"""
_ADD_PURCHASES = """
WITH added AS (
  INSERT INTO purchase (id, tenant_id, member_id, external_id, product, amount_minor, currency, at, import_batch_id,
    created_by)
  SELECT id, :tenant, member_id, external_id, product, amount_minor, currency, at, :batch, :actor FROM history
  WHERE member_id IS NOT NULL ON CONFLICT (tenant_id, external_id) DO NOTHING RETURNING id
) UPDATE history SET outcome = 'created' FROM added WHERE added.id = history.id
"""
_LAST_VISIT = """
UPDATE member m SET last_visit_at = v.at, updated_at = clock_timestamp() FROM (
  SELECT member_id, max(at) AS at FROM history WHERE kind = 'visit' AND outcome = 'created' GROUP BY member_id) v
WHERE m.tenant_id = :tenant AND m.id = v.member_id AND (m.last_visit_at IS NULL OR m.last_visit_at < v.at)
"""
_REST = """
UPDATE history SET outcome = CASE WHEN member_id IS NULL THEN 'rejected' ELSE 'unchanged' END WHERE outcome IS NULL
"""
_STEPS = {
    "activities": (_FIND, _ADD_ACTIVITIES, _LAST_VISIT, _REST),
    "purchases": (_FIND, _ADD_PURCHASES, _REST),
}


@dataclass(slots=True)
class _Line:
    line: int
    values: dict[str, Any]
    problems: list[dict[str, str]]


def run(session: Session, *, kind: str, data: bytes, file_name: str, actor: str) -> ImportBatch:
    """Add activities or purchases from a CSV or JSON file; a row that is already here changes nothing.

    Raises Invalid for a file that cannot be read or lacks a column.
    """
    batch = ImportBatch(
        tenant_id=db.tenant_of(session),
        kind=kind,
        file_name=file_name[:200],
        dry_run=False,
        status="running",
        mapping={},
        options={},
        counts={},
        created_by=actor,
    )
    session.add(batch)
    apply(session, batch, data)
    return batch


def apply(session: Session, batch: ImportBatch, data: bytes) -> None:
    """Do what `batch` asks for, all of it or nothing. Raises Invalid as `run` does."""
    session.execute(text("SELECT set_config('statement_timeout', '600000', true)"))
    table = columns.read_table(data, batch.file_name)
    mapping = mapping_of(table, batch.kind)
    currency = session.get_one(Tenant, batch.tenant_id).currency
    lines = [_line(batch.kind, number, cells, mapping, currency) for number, cells in table.rows]
    batch.mapping = {name: target for name, target in mapping.items() if target}
    session.flush()
    _store(session, batch, lines)
    batch.status = "done"
    audit.append(
        session,
        actor=batch.created_by or "",
        action=f"import.{batch.kind}",
        subject=str(batch.id),
        counts=batch.counts,
    )
    events.emit(session, "crm.import.finished", aggregate="import", id=batch.id, kind=batch.kind, counts=batch.counts)
    session.flush()


def mapping_of(table: columns.Table, kind: str) -> dict[str, str | None]:
    """Return what each column means. Raises Invalid where one is missing."""
    mapping = {name: _SYNONYMS[kind].get(columns.folded(name)) for name in table.header}
    missing = [need for need in _NEEDED[kind] if need not in mapping.values()]
    if missing:
        raise Invalid("file", f"has no column for {', '.join(missing)}; it has {', '.join(table.header)}")
    return mapping


def _line(kind: str, number: int, cells: dict[str, str], mapping: dict[str, str | None], currency: str) -> _Line:
    line = _Line(number, {"currency": currency}, [])
    for column, target in mapping.items():
        raw = (cells.get(column) or "").strip()
        if target is None or not raw:
            continue
        try:
            line.values[target] = _value(target, raw)
        except columns.BadCell as error:
            line.problems.append({"column": column, "problem": str(error)})
    for need in _NEEDED[kind]:
        if need not in line.values and not line.problems:
            line.problems.append({"column": need, "problem": "is empty"})
    return line


def _value(target: str, raw: str) -> Any:
    if target == "at":
        return columns.instant(raw)
    if target == "kind":
        return _KINDS.get(raw.lower(), raw.lower())
    if target == "amount":
        return _minor(raw)
    return raw[:300]


def _minor(raw: str) -> int:
    digits = raw.replace("€", "").replace("EUR", "").strip()
    if "," in digits:
        digits = digits.replace(".", "").replace(",", ".")
    try:
        amount = Decimal(digits) * 100
    except InvalidOperation:
        raise columns.BadCell("is no amount; write 49,00 or 49.00") from None
    if amount != amount.to_integral_value() or not 0 <= amount < 2**31:
        raise columns.BadCell("is no amount with at most two decimals")
    return int(amount)


def _store(session: Session, batch: ImportBatch, lines: list[_Line]) -> None:
    session.execute(text(_STAGE))
    good = [line for line in lines if not line.problems]
    if good:
        session.execute(
            text(
                "INSERT INTO history (line, id, external_id, member, kind, at, subject, product, amount_minor,"
                " currency) "
                "VALUES (:line, :id, :external_id, :member, :kind, :at, :subject, :product, :amount, :currency)"
            ),
            [_staged(batch, line) for line in good],
        )
    parameters = {"tenant": batch.tenant_id, "batch": batch.id, "actor": batch.created_by}
    for statement in _STEPS[batch.kind]:
        session.execute(text(statement), parameters)
    outcomes = {row.line: row for row in session.execute(text("SELECT line, outcome, member_id FROM history"))}
    session.execute(text("DROP TABLE history"))
    _report(session, batch, lines, outcomes)


def _staged(batch: ImportBatch, line: _Line) -> dict[str, Any]:
    values = line.values
    external = values.get("external_id") or str(
        stable_id(str(batch.tenant_id), batch.kind, *(str(values.get(name)) for name in sorted(values)))
    )
    names = ("member", "kind", "at", "subject", "product", "amount", "currency")
    return {"line": line.line, "id": new_id(), "external_id": external, **{n: values.get(n) for n in names}}


def _report(session: Session, batch: ImportBatch, lines: list[_Line], outcomes: dict[int, Any]) -> None:
    counts: Counter[str] = Counter()
    records = []
    for line in lines:
        done = outcomes.get(line.line)
        outcome = done.outcome if done else "rejected"
        counts[outcome] += 1
        unknown = [{"column": "member", "problem": "no member has this number"}] if done and not done.member_id else []
        records.append(
            {
                "id": new_id(),
                "tenant_id": batch.tenant_id,
                "batch_id": batch.id,
                "line": line.line,
                "outcome": outcome,
                "member_id": done.member_id if done else None,
                "problems": line.problems + unknown,
                "created_by": batch.created_by,
            }
        )
    session.execute(insert(ImportRow), records)
    batch.counts = {"rows": len(lines), **{key: counts[key] for key in sorted(counts)}}
