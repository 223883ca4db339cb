"""Importing a member file: read and check in Python, compare and write in a few set-based statements.

An import adds and updates members. It never lifts a suppression, never raises a consent that exists, and
records a consent for a new member only with its evidence and a person who attests to it.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import phonenumbers
from psycopg import Connection
from sqlalchemy import text
from sqlalchemy.orm import Session

from channels.email.addresses import normalise_address
from domain.audience import columns, service
from domain.audience.import_sql import MERGE, STAGING, STAGING_COLUMNS
from domain.audit import service as audit
from domain.consent import erased
from domain.webhooks import events
from kernel import db
from kernel.errors import Invalid
from kernel.ids import new_id
from models import ImportBatch

_DECIDING = {"status"}  # a cell that decides who is written to must be readable
_NESTED = {"tags", "attributes"}
_STEP = 2_000  # rows between two words about the progress
_MANY = 500  # from so many rows on the planner is told about them


@dataclass(slots=True)
class Row:
    """One row on its way in."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[dict[str, str]] = field(default_factory=list)
    rejected: bool = False
    fresh_id: UUID = field(default_factory=new_id)  # of its line in the report, and of the member it makes

    def reject(self, column: str, problem: str) -> None:
        self.problems.append({"column": column, "problem": problem})
        self.rejected = True

    def note(self, column: str, problem: str) -> None:
        self.problems.append({"column": column, "problem": problem})


def run(
    session: Session,
    *,
    data: bytes,
    file_name: str,
    actor: str,
    dry_run: bool,
    mapping: dict[str, str] | None = None,
    attested_by: str | None = None,
) -> ImportBatch:
    """Import a file, or say what an import would do (`dry_run`), with a report per row.

    Raises Invalid for a file or mapping that cannot be read. `attested_by` names the person who vouches for
    the consents in the file; without one no consent is recorded.
    """
    batch = ImportBatch(
        tenant_id=db.tenant_of(session),
        kind="members",
        file_name=file_name[:200],
        dry_run=dry_run,
        status="running",
        mapping={},
        options={},
        counts={},
        attested_by=attested_by,
        created_by=actor,
    )
    session.add(batch)
    apply(session, batch, data, mapping=mapping)
    return batch


def apply(
    session: Session,
    batch: ImportBatch,
    data: bytes,
    *,
    mapping: dict[str, str] | None,
    tell: Callable[[dict[str, int]], None] | None = None,
) -> None:
    """Do what `batch` asks for, all of it or nothing; `mapping` None is guessed.

    `tell` hears how many of the file's rows are checked so far. Raises Invalid as `run` does.
    """
    session.execute(text("SELECT set_config('statement_timeout', '600000', true)"))
    table = columns.read_table(data, batch.file_name)
    mapping = mapping_of(table, mapping)
    rows = _checked(session, table, mapping, tell)
    _refuse_erased(session, rows)
    batch.mapping = mapping
    batch.options = {"ignored_columns": [column for column in table.header if column not in mapping]}
    session.flush()
    outcomes = _merge(session, batch, rows)
    _report(session, batch, rows, outcomes)
    if not batch.dry_run and len(rows) >= _MANY:
        session.execute(text("SELECT refresh_statistics()"))
    batch.status = "done"
    audit.append(
        session,
        actor=batch.created_by or "",
        action="import.members",
        subject=str(batch.id),
        dry_run=batch.dry_run,
        counts=batch.counts,
    )
    if not batch.dry_run:
        events.emit(
            session, "crm.import.finished", aggregate="import", id=batch.id, kind=batch.kind, counts=batch.counts
        )
    session.flush()


def mapping_of(table: columns.Table, wanted: dict[str, str] | None) -> dict[str, str]:
    """Return the column → field mapping for a file. Raises Invalid where it names nobody."""
    mapping = columns.guess_mapping(table.header) if wanted is None else wanted
    columns.check_mapping(mapping, table.header)
    if not {"email", "phone", "external_id"} & set(mapping.values()):
        raise Invalid("mapping", "no column holds an e-mail address, phone number or member number")
    return mapping


def _checked(
    session: Session,
    table: columns.Table,
    mapping: dict[str, str],
    tell: Callable[[dict[str, int]], None] | None,
) -> list[Row]:
    region = service.region_of(session)
    seen: dict[tuple[str, str], int] = {}
    rows = []
    for line, cells in table.rows:
        row = _row(line, cells, mapping, region, columns_wanted=len(table.header) if table.tabular else 0)
        key = _identity(row)
        if key is None:
            row.reject("", "has neither a member number, a usable e-mail address nor a phone number")
        elif not row.rejected:
            first = seen.setdefault(key, line)
            if first != line:
                row.reject("", f"repeats line {first}")
        rows.append(row)
        if tell is not None and len(rows) % _STEP == 0:
            tell({"rows": len(table.rows), "checked": len(rows)})
    return rows


def _row(line: int, cells: dict[str, str], mapping: dict[str, str], region: str, *, columns_wanted: int) -> Row:
    row = Row(line)
    if "" in cells:
        row.reject("", "has more cells than the header; quote cells that hold the separator")
    elif len(cells) < columns_wanted:
        row.reject("", "has fewer cells than the header; the row is torn")
    for column, target in mapping.items():
        cell = cells.get(column)
        if not cell:
            continue
        try:
            value = columns.read_cell(target, cell)
        except columns.BadCell as error:
            refuse = row.reject if target in _DECIDING else row.note
            refuse(column, str(error))
            continue
        if value is None:
            continue
        if target.startswith("attribute:"):
            row.values.setdefault("attributes", {})[target.removeprefix("attribute:")] = value
        else:
            row.values[target] = value
    _normalise(row, region)
    return row


def _normalise(row: Row, region: str) -> None:
    email = row.values.get("email")
    if email is not None:
        try:
            row.values["email_norm"] = normalise_address(email)
        except ValueError as error:
            row.note("email", f"cannot be written to: {error}")
    phone = row.values.get("phone")
    if phone is not None:
        number = _phone(phone, region)
        if number is None:
            row.note("phone", "is no valid phone number; write it as +49 221 1234567")
        else:
            row.values["phone_norm"] = number


def _phone(raw: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(raw.replace("(0)", ""), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _identity(row: Row) -> tuple[str, str] | None:
    values = row.values
    if "external_id" in values:
        return ("external_id", values["external_id"])
    for key in ("email_norm", "phone_norm"):
        if key in values:
            return (key, f"{values[key]}\x1f{values.get('first_name', '').lower()}")
    return None


_IDENTITIES = ((erased.EXTERNAL_ID, "external_id"), ("email", "email_norm"), ("sms", "phone_norm"))


def _refuse_erased(session: Session, rows: list[Row]) -> None:
    """Reject rows about people who were erased: a file from before does not bring them back."""
    accepted = [row for row in rows if not row.rejected]
    known = erased.known(session, (identity for row in accepted for identity in _identities(row)))
    for row in accepted if known else ():
        if known.intersection(_identities(row)):
            row.reject("", "was erased on request; add the person by hand if they came back")
            row.values.clear()


def _identities(row: Row) -> list[erased.Identity]:
    return [(kind, row.values[name]) for kind, name in _IDENTITIES if row.values.get(name)]


@dataclass(frozen=True, slots=True)
class _Outcome:
    outcome: str
    member_id: UUID | None
    problems: list[dict[str, str]]
    before: dict[str, Any] | None


def _merge(session: Session, batch: ImportBatch, rows: list[Row]) -> dict[int, _Outcome]:
    """Write the accepted rows and return what became of each; a dry run leaves nothing behind."""
    accepted = [row for row in rows if not row.rejected]
    savepoint = session.begin_nested() if batch.dry_run else None
    session.execute(text(STAGING))
    _copy(session, accepted)
    parameters = {
        "tenant": batch.tenant_id,
        "batch": batch.id,
        "source": f"import:{batch.id}",
        "actor": batch.created_by,
        "attested_by": batch.attested_by,
    }
    for statement in MERGE:
        session.execute(text(statement), parameters)
    result = session.execute(text("SELECT line, outcome, member_id, notes, before FROM staging"))
    outcomes = {r.line: _Outcome(r.outcome, r.member_id, r.notes or [], r.before) for r in result}
    session.execute(text("DROP TABLE staging"))
    if savepoint is not None:
        savepoint.rollback()
    session.expire_all()
    return outcomes


def _copy(session: Session, rows: list[Row]) -> None:
    used = {name for row in rows for name in row.values}
    names = [name for name in STAGING_COLUMNS if name in used]
    for row in rows:
        for name in _NESTED & row.values.keys():
            row.values[name] = json.dumps(row.values[name])
    raw = cast("Connection[Any]", session.connection().connection.dbapi_connection)
    into = ", ".join(["line", "fresh_id", *names])
    with raw.cursor() as cursor, cursor.copy(f"COPY staging ({into}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row.line, row.fresh_id, *map(row.values.get, names)])


_REPORT_STAGING = """
CREATE TEMP TABLE report_staging (id uuid, line int, outcome text, member_id uuid, problems jsonb, before jsonb)
ON COMMIT DROP
"""
_WRITE_REPORT = text("""
INSERT INTO import_row (id, tenant_id, batch_id, line, outcome, member_id, problems, before, created_by)
SELECT id, :tenant, :batch, line, outcome, member_id, problems, before, :actor FROM report_staging
""")


def _report(session: Session, batch: ImportBatch, rows: list[Row], outcomes: dict[int, _Outcome]) -> None:
    """Write what became of each row; by COPY, because it is as long as the file."""
    counts: Counter[str] = Counter()
    dry_run = batch.dry_run  # read before COPY: an attribute loaded within it would wait for its own connection
    session.execute(text(_REPORT_STAGING))
    raw = cast("Connection[Any]", session.connection().connection.dbapi_connection)
    with raw.cursor() as cursor, cursor.copy("COPY report_staging FROM STDIN") as copy:
        for row in rows:
            done = outcomes.get(row.line)
            outcome = done.outcome if done else "rejected"
            counts[outcome] += 1
            problems = row.problems + done.problems if done else row.problems
            if problems and outcome != "rejected":
                counts.update(f"note_{problem['column'] or 'row'}" for problem in problems)
            kept = done if done and not dry_run else None
            before = json.dumps(kept.before) if kept and kept.before is not None else None
            member_id = kept.member_id if kept else None
            said = json.dumps(problems) if problems else "[]"
            copy.write_row((row.fresh_id, row.line, outcome, member_id, said, before))
    session.execute(_WRITE_REPORT, {"tenant": batch.tenant_id, "batch": batch.id, "actor": batch.created_by})
    session.execute(text("DROP TABLE report_staging"))
    batch.counts = {"rows": len(rows), **{key: counts[key] for key in sorted(counts)}}
