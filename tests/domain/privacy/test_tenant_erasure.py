"""A tenant taken away: no row of any table is left of it, and every row of the other tenant is as it was."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import make
import pytest
from errands import key_of, submit, write
from known import known_everywhere
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, create_engine, select, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from ariia import tenants as commands
from domain.audit import service as audit
from domain.identity import service as identity
from domain.knowledge import service as knowledge
from domain.privacy import tenants as ending
from domain.senders import accounts
from domain.webhooks import service as webhooks
from kernel import db
from kernel.errors import NotFound, Unauthorised
from kernel.ids import new_id
from kernel.settings import get_settings
from kernel.tokens import get_signer
from models import AuditEntry, Base, Campaign, Message, Tenant, TenantErasure, TenantRoute

OWNED = [table for table in Base.metadata.sorted_tables if "tenant_id" in table.c and table.name != "tenant_erasure"]
# Where something must have been, or the test would prove nothing about it.
FILLED = {
    "member", "contact_point", "consent_event", "message", "message_event", "conversation_message", "conversion",
    "audit_entry", "audit_head", "domain_event", "campaign", "draft_revision", "agent_run", "agent_step", "agent_task",
    "agent_task_campaign", "chunk", "document", "provider_account", "webhook_endpoint", "credential_index", "api_key",
    "tenant_route", "login_identity", "app_user", "outbox", "tenant_due", "suppression", "import_row",
}  # fmt: skip


@pytest.fixture
def owner(database):
    engine = create_engine(db.driver_url(database.owner_url))
    yield engine
    engine.dispose()


@pytest.fixture
def full(tenants):
    """Both tenants with rows in many tables."""
    for tenant_id in (tenants.a, tenants.b):
        known_everywhere(tenant_id)
        with db.tenant_session(tenant_id) as session:
            knowledge.store_document(
                session, name="a.md", body="# A\n\nText", media_type="text/markdown", language="de", actor="t"
            )
            accounts.create(
                session, kind="smtp", label="A", settings={"host": "relay.example", "user": "a"}, secret="pw", actor="t"
            )
            webhooks.create(session, url="https://hooks.example.org/a", wanted=["crm.*"], actor="t")
            email = f"mara-{tenant_id.hex[-8:]}@studio.example"
            identity.add_user(session, name="Mara", email=email, role="owner", password="long enough 1", actor="t")
        submit(tenant_id, key_of(tenant_id), key="k")
        write(tenant_id)
    return tenants


def rows_of(owner, tenant_id):
    """Every row of every table of a tenant, as text."""
    with db.session_on(owner, tenant_id) as session:
        return {
            table.name: sorted(
                session.execute(
                    text(f"SELECT t::text FROM {table.name} t WHERE tenant_id = :tenant"), {"tenant": tenant_id}
                ).scalars()
            )
            for table in OWNED
        }


def is_gone(owner, tenant_id):
    with db.session_on(owner, tenant_id) as session:
        assert session.get(Tenant, tenant_id) is None
    return not any(rows_of(owner, tenant_id).values())


@contextmanager
def here(owner_url, folder):
    yield SimpleNamespace(owner_url=owner_url, settings=SimpleNamespace(data_dir=folder))


def erase(database, folder, *arguments, typed=""):
    command = commands.commands(lambda: here(database.owner_url, folder))
    return CliRunner().invoke(command, ["erase", *arguments], input=typed)


def test_asked_for_by_name_nothing_of_the_tenant_is_left(tenants, owner, database, tmp_path):
    with db.tenant_session(tenants.a) as session:
        make.member(session, "a@example.org")
        slug = session.get_one(Tenant, tenants.a).slug
    before = rows_of(owner, tenants.a)
    assert erase(database, tmp_path, slug, typed="something else\n").exit_code == 0
    assert rows_of(owner, tenants.a) == before
    done = erase(database, tmp_path, slug, "--reason", "contract ended", typed=f"{slug}\n")
    assert done.exit_code == 0, done.output
    assert "Nothing is left" in done.output
    assert is_gone(owner, tenants.a)
    with Session(owner) as session:
        note = session.get_one(TenantErasure, tenants.a)
        assert (note.slug, note.reason) == (None, "contract ended")
        assert note.finished_at is not None
        assert note.rows > sum(map(len, before.values()))
    assert erase(database, tmp_path, slug).exit_code == 1
    assert erase(database, tmp_path, str(tenants.a), "--yes").exit_code == 0, "what is over may be swept again"


def mail_of(tenants, folder):
    """Put mails of both tenants into the built-in mailbox; return which stay.

    The first tenant's are known by a signed link, because a message may be gone before the process was killed.
    """
    kept = []
    (folder / "mailbox" / "new").mkdir(parents=True)
    for tenant_id, name in ((tenants.a, "mine"), (tenants.b, "kept")):
        with db.tenant_session(tenant_id) as session:
            message_id = session.execute(select(Message.id)).scalars().first()
        link = f"https://x.example/u/{get_signer().sign('u', tenant_id, new_id())}"
        heads = [f"Message-ID: <{new_id()}@x.example>\r\nList-Unsubscribe:\r\n <{link}>"]
        heads += [f"Message-ID: <{message_id}@x.example>"] * (tenant_id == tenants.b)
        for n, head in enumerate(heads):
            path = folder / "mailbox" / "new" / f"{name}-{n}.eml"
            path.write_bytes(f"Return-Path: <a@b.example>\r\n{head}\r\nSubject: x\r\n\r\nText\r\n".encode())
            kept += [path.name] * (name == "kept")
    return kept


def test_it_stops_before_it_deletes(tenants, owner):
    known_everywhere(tenants.a)
    secret = identity_of(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert "sending" in set(session.execute(select(Campaign.status)).scalars())
        path = session.get_one(Tenant, tenants.a).slug
    ending.begin(owner, tenants.a, reason="x")
    ending.begin(owner, tenants.a, reason="y")
    with pytest.raises(Unauthorised):
        identity.authenticate(secret)
    with db.tenant_session(tenants.a) as session:
        assert set(session.execute(select(Campaign.status)).scalars()) == {"cancelled"}
        open_notices = select(Message.id).where(Message.notice_id.is_not(None), Message.state == "pending")
        assert session.execute(open_notices).all() == []
        assert session.get_one(Tenant, tenants.a).suspended_at is not None
        entry = session.execute(select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(1)).scalar_one()
    with Session(owner) as session:
        note = session.get_one(TenantErasure, tenants.a)
        assert (note.reason, note.chain_seq, note.chain_hash) == ("x", entry.seq, entry.hash)
        assert session.execute(select(TenantRoute).where(TenantRoute.slug == path)).one_or_none() is None
    assert ending.find(owner, path).begun
    with pytest.raises(NotFound):
        ending.find(owner, "nobody-here")


def identity_of(tenant_id):
    with db.tenant_session(tenant_id) as session:
        return identity.issue_key(session, name="k", actor="t").secret


_KILLED = """
import sys
from uuid import UUID
from sqlalchemy import create_engine
from domain.privacy import tenants
from kernel import db
owner = create_engine(db.driver_url(sys.argv[1]))
tenants.begin(owner, UUID(sys.argv[2]), reason="x")
for step in tenants.sweep(owner, UUID(sys.argv[2]), batch=1):
    print(step, flush=True)
"""


def test_killed_in_the_middle_it_goes_on_and_the_other_tenant_is_untouched(full, owner, database, tmp_path):
    before, mine = rows_of(owner, full.b), rows_of(owner, full.a)
    assert FILLED - {name for name, rows in mine.items() if rows} == set()
    mails = mail_of(full, tmp_path)
    with db.tenant_session(full.a) as session:
        slug = session.get_one(Tenant, full.a).slug
    environment = os.environ | {"ARIIA_SECRET_KEY": get_settings().secret_key.get_secret_value()}
    command = [sys.executable, "-c", _KILLED, database.owner_url, str(full.a)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        steps = [child.stdout.readline() for _ in range(25)]
        child.send_signal(signal.SIGKILL)
    assert all(steps)
    assert child.returncode == -signal.SIGKILL
    left = sum(map(len, rows_of(owner, full.a).values()))
    assert 0 < left < sum(map(len, mine.values()))
    done = erase(database, tmp_path, slug)  # without a question: it was answered when it began
    assert "has begun before" in done.output, done.output
    assert is_gone(owner, full.a)
    assert rows_of(owner, full.b) == before
    assert sorted(path.name for path in (tmp_path / "mailbox" / "new").iterdir()) == mails


def test_only_the_chain_of_a_tenant_that_is_taken_away_can_be_deleted(tenants, owner):
    with db.tenant_session(tenants.b) as session:
        audit.append(session, actor="t", action="t", subject="t")
    with pytest.raises(Exception, match="append-only"), db.session_on(owner, tenants.b) as session:
        session.execute(text("DELETE FROM audit_entry"))


def test_rows_that_appear_meanwhile_go_too(tenants, owner):
    with db.tenant_session(tenants.a) as session:
        make.member(session, "early@example.org")
    ending.begin(owner, tenants.a, reason="x")
    seen = []
    for table, _ in ending.sweep(owner, tenants.a):
        if table == "member" and not seen:
            with db.tenant_session(tenants.a) as session:  # somebody who was at work, and knows nothing
                seen.append(make.member(session, "late@example.org").id)
    assert seen
    assert is_gone(owner, tenants.a)


def test_every_deletion_is_served_by_an_index():
    """By one of the tenant over all rows, so that taking one away does not read the others."""
    missing = [table.name for table in OWNED if table.name != "tenant_route" and not any(map(_of_tenant, _keys(table)))]
    assert missing == []


def _keys(table):
    whole = [index for index in table.indexes if index.dialect_options["postgresql"]["where"] is None]
    return [*whole, *(key for key in table.constraints if isinstance(key, UniqueConstraint | PrimaryKeyConstraint))]


def _of_tenant(key):
    return [column.name for column in key.columns][:1] == ["tenant_id"]
