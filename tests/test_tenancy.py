"""Tenants are kept apart by the database itself."""

import concurrent.futures
from uuid import UUID

import make
import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from kernel import db
from kernel.ids import new_id, stable_id
from models import Base, Campaign, Member

# Tables without row-level security, each for a reason that its model states.
OPEN = {
    "worker", "tenant_due", "tenant_route", "credential_index", "login_identity", "tracking_journal", "change_bell",
    "tenant_erasure",
}  # fmt: skip


@pytest.fixture
def catalogue(database):
    engine = create_engine(db.driver_url(database.owner_url))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_every_tenant_table_is_forced_and_checked(catalogue):
    rows = catalogue.execute(
        text(
            "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, p.polqual IS NOT NULL AND p.polwithcheck IS "
            "NOT NULL AS whole, p.polcmd FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid "
            "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'"
        )
    ).all()
    assert {row.relname for row in rows} == set(Base.metadata.tables)
    for row in rows:
        if row.relname in OPEN:
            assert not row.relrowsecurity, row.relname
        else:
            assert (row.relrowsecurity, row.relforcerowsecurity, row.whole, row.polcmd) == (True, True, True, "*"), row


def test_every_unique_key_of_a_tenant_table_begins_with_the_tenant_or_is_an_id(catalogue):
    rows = catalogue.execute(
        text(
            "SELECT t.relname AS table_name, i.relname AS index_name, "
            "array_agg(a.attname ORDER BY array_position(x.indkey::int2[], a.attnum)) AS columns "
            "FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid "
            "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY(x.indkey) "
            "WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace GROUP BY t.relname, i.relname"
        )
    ).all()
    loose = [
        row.index_name
        for row in rows
        if row.table_name not in OPEN | {"alembic_version", "tenant"}
        and list(row.columns) != ["id"]
        and row.columns[0] != "tenant_id"
    ]
    assert loose == []


def test_the_application_role_is_nobody_special(database, tenants):
    with db.all_tenants_session("test") as session:
        row = session.execute(
            text("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        ).one()
        assert not any(row)
        owners = session.execute(
            text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        ).scalar_one()
        assert owners == 0


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE member",
        "UPDATE audit_entry SET actor = 'x'",
        "DELETE FROM audit_entry",
        "UPDATE draft_revision SET origin = 'x'",
        "DELETE FROM consent_event",
        "DROP TABLE member",
        "ALTER TABLE member DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (id int)",
    ],
)
def test_the_application_role_may_not(statement, tenants):
    with pytest.raises(ProgrammingError), db.tenant_session(tenants.a) as session:
        session.execute(text(statement))


def test_without_a_tenant_there_are_no_rows(tenants):
    with db.tenant_session(tenants.a) as session:
        make.member(session, "a@example.org")
    with db.all_tenants_session("test") as session:
        for table in Base.metadata.tables:
            if table not in OPEN:
                assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0, table


def test_a_foreign_row_can_be_neither_seen_changed_nor_made(tenants):
    with db.tenant_session(tenants.a) as session:
        mine = make.member(session, "mine@example.org").id
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(Member).where(Member.id == mine)).scalar_one_or_none() is None
        assert session.execute(text("UPDATE member SET first_name = 'x' WHERE id = :i"), {"i": mine}).rowcount == 0
        assert session.execute(text("DELETE FROM member WHERE id = :i"), {"i": mine}).rowcount == 0
    with pytest.raises(ProgrammingError), db.tenant_session(tenants.b) as session:
        session.add(Member(tenant_id=tenants.a, first_name="planted"))
        session.flush()


def test_a_row_cannot_point_to_another_tenants_row(tenants):
    with db.tenant_session(tenants.a) as session:
        mine = make.member(session, "mine@example.org").id
    with pytest.raises(IntegrityError), db.tenant_session(tenants.b) as session:
        session.execute(
            text(
                "INSERT INTO contact_point (id, tenant_id, member_id, channel, address, address_norm, is_primary) "
                "VALUES (:id, :tenant, :member, 'email', 'x', 'x', true)"
            ),
            {"id": new_id(), "tenant": tenants.b, "member": mine},
        )


def test_pooled_connections_forget_the_tenant(tenants):
    with db.tenant_session(tenants.a) as session:
        make.campaign(session)
    with db.tenant_session(tenants.b) as session:
        make.campaign(session)

    def look(tenant_id: UUID) -> bool:
        with db.tenant_session(tenant_id) as session:
            own = session.execute(select(Campaign.tenant_id)).scalars().all()
        with db.all_tenants_session("between") as session:
            none = session.execute(select(Campaign.tenant_id)).scalars().all()
        return set(own) == {tenant_id} and none == []

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(look, [tenants.a, tenants.b] * 200))


def test_a_failed_transaction_leaves_nothing(tenants):
    with pytest.raises(RuntimeError), db.tenant_session(tenants.a) as session:
        make.member(session, "gone@example.org")
        raise RuntimeError
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Member)).scalars().all() == []


def test_database_and_application_make_the_same_stable_ids(tenants):
    parts = [str(tenants.a), "x", "ü€", "0"]
    with db.all_tenants_session("ids") as session:
        made = session.execute(text("SELECT stable_id(VARIADIC CAST(:parts AS text[]))"), {"parts": parts}).scalar_one()
        first, second = session.execute(text("SELECT new_id(), new_id()")).one()
    assert made == stable_id(*parts)
    assert (first.version, second.version) == (7, 7)
    assert abs((first.int >> 80) - (new_id().int >> 80)) < 10_000
