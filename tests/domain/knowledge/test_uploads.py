"""Files: small ones at once, large ones by a task, whole or not at all."""

import signal
import subprocess
import sys
from uuid import UUID

import papers
import pytest
from conftest import ROOT
from sqlalchemy import func, select

from ariia.tasks.table import TASKS
from domain.knowledge import service, uploads
from domain.knowledge.service import About
from kernel import db
from kernel import settings as app_settings
from kernel.errors import Invalid
from models import Chunk, Document, DocumentUpload, Outbox

RUN = TASKS["knowledge.read"]
KILLED = """
import os, signal, sys
from uuid import UUID
from ariia.tasks.table import TASKS
from domain.knowledge import service, uploads
from kernel import db
url, role, tenant, upload, when = sys.argv[1:]
db.configure(url, app_role=role or None)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if when == "reading":
    uploads.tell = die
else:
    uploads.service.vocabulary.index = die
TASKS["knowledge.read"](UUID(tenant), UUID(upload))
"""


def long_pdf(pages: int = 40) -> bytes:
    lines = [
        [(800 - 14 * n, False, 11.0, f"Kurs {page} Satz {n} kostet {n} Euro.") for n in range(50)]
        for page in range(pages)
    ]
    return papers.pdf(lines) + b"\n%" + b" " * uploads.MOST_BYTES_AT_ONCE["application/pdf"]


def take(tenant_id: UUID, name: str, data: bytes) -> Document | DocumentUpload:
    with db.tenant_session(tenant_id) as session:
        return uploads.take(session, About(name, service.media_type_of(name), "de"), data, actor="t")


def seen(tenant_id: UUID, upload_id: UUID) -> tuple[DocumentUpload, int, bool]:
    """The upload, how many chunks there are, and whether its bytes are still kept."""
    with db.tenant_session(tenant_id) as session:
        upload = uploads.get(session, upload_id)
        chunks = session.execute(select(func.count()).select_from(Chunk)).scalar_one()
        kept = session.execute(select(DocumentUpload.data.is_not(None)).where(DocumentUpload.id == upload_id))
        return upload, chunks, kept.scalar_one()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.md", b"# Preise\n\nYoga kostet 9 Euro."),
        ("a.txt", "Yoga kostet 9 €.".encode("cp1252")),
        ("a.CSV", b"Kurs;Preis\nYoga;9"),
        ("a.html", b"<h1>Preise</h1><p>Yoga kostet 9 Euro."),
        ("a.pdf", papers.pdf([[(700, False, 11, "Yoga kostet 9 Euro.")]])),
    ],
)
def test_a_small_file_is_a_document_at_once(tenants, name, data):
    stored = take(tenants.a, name, data)
    assert isinstance(stored, Document)
    with db.tenant_session(tenants.a) as session:
        assert "9" in service.search(session, "Yoga", language="de")[0].text
    with db.tenant_session(tenants.b) as session:
        assert service.search(session, "Yoga", language="de") == []


def test_a_large_file_is_queued_then_done_and_its_bytes_are_forgotten(tenants):
    upload = take(tenants.a, "a.pdf", long_pdf())
    assert isinstance(upload, DocumentUpload)
    assert seen(tenants.a, upload.id)[1:] == (0, True)
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Outbox.task)).scalars().all() == ["knowledge.read"]
    RUN(tenants.a, upload.id)
    done, chunks, kept = seen(tenants.a, upload.id)
    assert (done.status, kept) == ("done", False)
    assert done.counts == {"done": 40, "of": 40, "chunks": chunks}
    assert chunks > 40
    RUN(tenants.a, upload.id)
    assert seen(tenants.a, upload.id)[1] == chunks


def test_another_tenants_task_reads_nothing(tenants):
    upload = take(tenants.a, "a.pdf", long_pdf())
    RUN(tenants.b, upload.id)
    assert seen(tenants.a, upload.id)[0].status == "queued"


@pytest.mark.parametrize("when", ["reading", "storing"])
def test_a_killed_worker_leaves_nothing_and_the_next_one_does_all(tenants, database, when):
    upload = take(tenants.a, "a.pdf", long_pdf())
    assert isinstance(upload, DocumentUpload)
    command = [database.app_url, database.app_role or "", str(tenants.a), str(upload.id), when]
    ended = subprocess.run([sys.executable, "-c", KILLED, *command], cwd=ROOT, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL
    left, chunks, kept = seen(tenants.a, upload.id)
    assert (left.status, chunks, kept) == ("running", 0, True)
    RUN(tenants.a, upload.id)
    assert seen(tenants.a, upload.id)[0].status == "done"


def test_a_file_that_kills_its_workers_is_given_up(tenants):
    upload = take(tenants.a, "a.pdf", long_pdf())
    for _ in range(3):
        with db.tenant_session(tenants.a) as session:
            assert uploads.begin(session, upload.id) is not None
    RUN(tenants.a, upload.id)
    failed, chunks, kept = seen(tenants.a, upload.id)
    assert (failed.status, chunks, kept) == ("failed", 0, False)
    assert "given up after 3 tries" in (failed.problem or "")


def test_a_large_file_that_is_not_read_says_why(tenants):
    upload = take(tenants.a, "a.pdf", b"%PDF-1.7\n" + b"x" * 300_000)
    RUN(tenants.a, upload.id)
    failed, _, kept = seen(tenants.a, upload.id)
    assert (failed.status, kept) == ("failed", False)
    assert "damaged" in (failed.problem or "")


def test_of_two_workers_one_stores(tenants):
    upload = take(tenants.a, "a.pdf", long_pdf(2))
    with db.tenant_session(tenants.a) as session:
        about, data = uploads.begin(session, upload.id) or (None, b"")
    assert about is not None
    blocks = uploads.read(about, data)
    for _ in range(2):
        with db.tenant_session(tenants.a) as session:
            uploads.finish(session, upload.id, about, blocks)
    assert seen(tenants.a, upload.id)[0].status == "done"


@pytest.mark.parametrize(
    ("name", "data", "because"),
    [
        ("a.exe", b"x", "use csv, docx, htm"),
        ("a.md", b" \n", "is empty"),
        ("a.md", b"---\n\n***", "is empty"),
        ("a.txt", b"\x00\x01\x02" * 50, "is no text"),
        ("a.pdf", papers.pdf([[]]), "no text on its 1 pages"),
        ("a.docx", b"x", "no Word document"),
        ("a.csv", b"a;b\n" + b'"' + b"x" * 200_000, "no readable CSV"),
        ("a.csv", b";".join(b"c%d" % n for n in range(300)) + b"\n1", "300 columns"),
        ("a.csv", b"a\n" + b"x\ny\n" * 3_000, "at most 5,000"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tenants, name, data, because):
    with pytest.raises(Invalid, match=because) as refusal:
        take(tenants.a, name, data)
    assert refusal.value.extra["field"] == "file"
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(func.count()).select_from(Document)).scalar_one() == 0


def test_a_file_larger_than_the_setting_is_refused(tenants):
    before = app_settings.get_settings()
    app_settings.use(before.model_copy(update={"knowledge_file_mb": 1}))
    try:
        with pytest.raises(Invalid, match="larger than 1 MiB"):
            take(tenants.a, "a.md", b"x" * (1024 * 1024 + 1))
    finally:
        app_settings.use(before)


def test_what_takes_too_long_at_once_is_read_later(tenants, monkeypatch):
    def too_much(*_):
        raise uploads.TooMuch

    monkeypatch.setattr(uploads.sandbox, "read", too_much)
    upload = take(tenants.a, "a.pdf", b"%PDF-1.7")
    assert isinstance(upload, DocumentUpload)
    RUN(tenants.a, upload.id)
    failed = seen(tenants.a, upload.id)[0]
    assert (failed.status, "too long or too much memory" in (failed.problem or "")) == ("failed", True)
