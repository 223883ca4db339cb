"""Importing members against copying rows: `./dev bench imports [--rows 20000] [--rounds 5] [--quick]`.

Ours reads a CSV, checks and normalises every cell, finds duplicates, compares with who is there, writes members,
addresses and consents, and a report per row that undo works from. Beside it, in the same rounds: COPY of the same cells
into a bare table, and COPY followed by an upsert into the same tables of the product, unchecked and without a report.
"""

import csv
import io
import sys
import time
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from conftest import make_tenant

from bench import measure
from domain.audience import imports
from kernel import db

_GOAL = 0.5
_HEADER = ["Mitgliedsnummer", "Vorname", "Nachname", "E-Mail", "Telefon", "Sprache", "Status", "Beitritt"]
_TABLE = (
    "number text PRIMARY KEY, first text, last text, email text, phone text, language text, status text, joined text"
)


def file_of(rows: int, first: int) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(_HEADER)
    for n in range(first, first + rows):
        writer.writerow([f"M{n}", f"Jörg{n % 90}", "Müller", f"m{n}@example.org", f"0171 {1_000_000 + n}", "de",
                         "aktiv", "01.02.2024"])  # fmt: skip
    return out.getvalue().encode()


def ours(tenant_id: UUID, data: bytes, rows: int) -> float:
    began = time.perf_counter()
    with db.tenant_session(tenant_id) as session:
        batch = imports.run(session, data=data, file_name="m.csv", actor="bench", dry_run=False, attested_by=None)
        assert batch.counts["created"] == rows, batch.counts
    return rows / (time.perf_counter() - began)


def copied(url: str, data: bytes, rows: int) -> float:
    """Raw COPY into a table of its own."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(f"CREATE TABLE bare ({_TABLE})")
        began = time.perf_counter()
        with connection.transaction():
            fill(connection, "bare", data)
        return rows / (time.perf_counter() - began)


def fill(connection: psycopg.Connection[tuple[object, ...]], table: str, data: bytes) -> None:
    cells = list(csv.reader(io.StringIO(data.decode()), delimiter=";"))[1:]
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in cells:
            copy.write_row(row)


_UPSERTS = (
    """INSERT INTO member (id, tenant_id, external_id, first_name, last_name, language, status, tags, attributes,
      restricted)
    SELECT new_id(), %(tenant)s, number, first, last, language, 'active', '[]', '{}', false FROM bare_staging
    ON CONFLICT (tenant_id, external_id) DO UPDATE SET first_name = excluded.first_name""",
    """INSERT INTO contact_point (id, tenant_id, member_id, channel, address, address_norm, is_primary)
    SELECT new_id(), m.tenant_id, m.id, 'email', email, lower(email), true
    FROM bare_staging JOIN member m ON m.tenant_id = %(tenant)s AND m.external_id = number ON CONFLICT DO NOTHING""",
    """INSERT INTO contact_point (id, tenant_id, member_id, channel, address, address_norm, is_primary)
    SELECT new_id(), m.tenant_id, m.id, 'sms', phone, phone, true
    FROM bare_staging JOIN member m ON m.tenant_id = %(tenant)s AND m.external_id = number ON CONFLICT DO NOTHING""",
)


def upserted(url: str, tenant_id: UUID, data: bytes, rows: int) -> float:
    """COPY and three statements into the product's own tables."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        began = time.perf_counter()
        with connection.transaction():
            connection.execute("SELECT set_config('app.tenant', %s, true)", (str(tenant_id),))
            connection.execute(f"CREATE TEMP TABLE bare_staging ({_TABLE}) ON COMMIT DROP")
            fill(connection, "bare_staging", data)
            for statement in _UPSERTS:
                connection.execute(statement.encode(), {"tenant": tenant_id})
        return rows / (time.perf_counter() - began)


def main() -> None:
    chosen = measure.options(__doc__, rows=(20_000, "rows of a file"))
    rows, rounds = (2_000, 1) if chosen.quick else (chosen.rows, chosen.rounds)
    with measure.database() as server:
        tenant_id, other = make_tenant("bench"), make_tenant("peer")
        ours(tenant_id, file_of(200, 90_000_000), 200)
        series = measure.interleaved(
            {
                "ours": lambda n: ours(tenant_id, file_of(rows, n * rows), rows),
                "upsert": lambda n: upserted(server.owner_url, other, file_of(rows, n * rows), rows),
                "copy": lambda n: copied(server.owner_url, file_of(rows, n * rows), rows),
            },
            rounds,
        )
        version = measure.server_version()
    measure.keep(
        "import of members",
        goal="P13: ≥ 0.5 of COPY + upsert into the same tables, unchecked",
        seen=f"{series.median('ours'):,.0f} rows/s, {series.says('ours', 'upsert')} of COPY + upsert, "
        f"{series.says('ours', 'copy')} of raw COPY",
        met=series.ratio("ours", "upsert") >= _GOAL,
        quick=chosen.quick,
        rows=rows,
        postgresql=version,
        **series.details(),
    )


if __name__ == "__main__":
    main()
