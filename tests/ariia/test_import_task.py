"""Large imports: accepted at once, worked on in the background, whole or not at all."""

import signal
import subprocess
import sys
import time
from uuid import UUID

import make
import pytest
from conftest import ROOT
from sqlalchemy import func, select

from ariia.tasks.table import TASKS
from domain.audience import background, undo
from domain.audience.background import Order
from kernel import db
from kernel.errors import Conflict, Invalid, NotFound
from models import ImportBatch, ImportFile, Member, Outbox

RUN = TASKS["imports.run"]
KILLED = """
import sys
from pathlib import Path
from uuid import UUID
from ariia.tasks.table import TASKS
from kernel import db
url, role, tenant, batch = sys.argv[1:]
db.configure(url, app_role=role or None)
TASKS["imports.run"](UUID(tenant), UUID(batch))
"""


def file_of(rows: int, *, first: int = 0) -> bytes:
    lines = [f"M{n};Jörg;m{n}@example.org;0171 {1_000_000 + n}" for n in range(first, first + rows)]
    return "\n".join(["Mitgliedsnr;Vorname;E-Mail;Telefon", *lines]).encode()


def accept(tenant_id: UUID, data: bytes, **order: object) -> UUID:
    with db.tenant_session(tenant_id) as session:
        return background.accept(session, Order("members", "m.csv", make.ACTOR, **order), data).id  # type: ignore[arg-type]


def seen(tenant_id: UUID, batch_id: UUID) -> tuple[ImportBatch, int, int]:
    """The batch, how many members are here, and whether the bytes are still kept."""
    with db.tenant_session(tenant_id) as session:
        batch = undo.get_batch(session, batch_id)
        members = session.execute(select(func.count()).select_from(Member)).scalar_one()
        return batch, members, session.execute(select(func.count()).select_from(ImportFile)).scalar_one()


def test_two_thousand_rows_are_imported_at_once_and_one_more_is_not():
    assert not background.is_large(file_of(2_000))
    assert not background.is_large(file_of(2_000) + b"\r\n")
    assert background.is_large(file_of(2_001))
    assert background.is_large(b"x" * (background.MOST_BYTES_AT_ONCE + 1))


def test_a_large_file_is_queued_then_done_and_its_bytes_are_forgotten(tenants):
    batch_id = accept(tenants.a, file_of(2_500))
    batch, members, kept = seen(tenants.a, batch_id)
    assert (batch.status, batch.counts, members, kept) == ("queued", {}, 0, 1)
    with db.tenant_session(tenants.a) as session:
        assert [row.task for row in session.execute(select(Outbox)).scalars()] == ["imports.run"]
    RUN(tenants.a, batch_id)
    batch, members, kept = seen(tenants.a, batch_id)
    assert (batch.status, batch.counts["created"], members, kept) == ("done", 2_500, 2_500, 0)
    RUN(tenants.a, batch_id)  # rung twice
    assert seen(tenants.a, batch_id)[1] == 2_500
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(func.count()).select_from(Member)).scalar_one() == 0


def test_another_tenant_neither_sees_nor_runs_it(tenants):
    batch_id = accept(tenants.a, file_of(2_001))
    with db.tenant_session(tenants.b) as session, pytest.raises(NotFound):
        undo.get_batch(session, batch_id)
    with pytest.raises(NotFound):
        RUN(tenants.b, batch_id)
    assert seen(tenants.a, batch_id)[0].status == "queued"


def test_a_file_whose_header_names_nobody_is_refused_before_it_is_kept(tenants):
    with pytest.raises(Invalid, match="no column holds"):
        accept(tenants.a, b"Farbe;Form\n" + b"rot;rund\n" * 3_000)
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(func.count()).select_from(ImportFile)).scalar_one() == 0


def test_a_file_that_cannot_be_read_fails_with_the_reason_and_nothing_is_applied(tenants):
    batch_id = accept(tenants.a, b'[{"Vorname": "Jo"}' + b" " * (background.MOST_BYTES_AT_ONCE + 1))
    RUN(tenants.a, batch_id)
    batch, members, kept = seen(tenants.a, batch_id)
    assert (batch.status, members, kept) == ("failed", 0, 0)
    assert "is no readable JSON" in batch.options["problem"]
    with db.tenant_session(tenants.a) as session, pytest.raises(Conflict, match="failed"):
        undo.undo(session, batch_id, actor=make.ACTOR)


def test_a_worker_killed_in_the_middle_leaves_nothing_and_the_next_one_ends_it(database, tenants):
    batch_id = accept(tenants.a, file_of(20_000))
    words = [database.app_url, database.app_role or "", str(tenants.a), str(batch_id)]
    with subprocess.Popen([sys.executable, "-c", KILLED, *words], cwd=ROOT) as process:
        deadline = time.monotonic() + 90
        while seen(tenants.a, batch_id)[0].counts.get("checked", 0) < 4_000:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    batch, members, kept = seen(tenants.a, batch_id)
    assert (batch.status, batch.counts["rows"], members, kept) == ("running", 20_000, 0, 1)
    RUN(tenants.a, batch_id)
    batch, members, kept = seen(tenants.a, batch_id)
    assert (batch.status, batch.counts["created"], members, kept) == ("done", 20_000, 20_000, 0)


def test_a_second_worker_on_the_same_import_comes_back_later_instead(tenants):
    batch_id = accept(tenants.a, file_of(2_001))
    with db.tenant_session(tenants.a) as first:
        background.work(first, batch_id, lambda _counts: None)
        with db.tenant_session(tenants.a) as second:
            background.work(second, batch_id, lambda _counts: None)
        first.rollback()
    with db.tenant_session(tenants.a) as session:
        due = session.execute(select(Outbox.due_at > func.clock_timestamp()).order_by(Outbox.id)).scalars().all()
    assert due == [False, True]
    assert seen(tenants.a, batch_id)[1] == 0


def test_after_five_tries_that_did_not_end_an_import_is_given_up(tenants):
    batch_id = accept(tenants.a, file_of(2_001))
    for _ in range(5):
        with db.tenant_session(tenants.a) as session:
            assert background.begin(session, batch_id)
    RUN(tenants.a, batch_id)
    batch, members, kept = seen(tenants.a, batch_id)
    assert (batch.status, members, kept) == ("failed", 0, 0)
    assert "given up" in batch.options["problem"]
