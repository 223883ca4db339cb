"""The embedded server as its users see it: roles, one service per folder, any folder, nothing left behind."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from ariia.embedded import postgres
from tests.ariia.embedded.services import ROOT, alive, connected, gone, parent_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    with postgres.start(tmp_path_factory.mktemp("pg") / "data", durable=False) as running:
        yield running


def one(server: postgres.Server, query: str, user: str = "postgres") -> tuple:
    with connected(server, user) as connection:
        return connection.execute(query).fetchone()


@pytest.mark.parametrize(("name", "role"), [("owner_url", "ariia_owner"), ("app_url", "ariia_app")])
def test_each_url_opens_the_database_as_its_role(server, name, role):
    engine = create_engine(getattr(server, name))
    with engine.connect() as connection:
        found = connection.execute(text("SELECT current_user, current_database()")).one()
    engine.dispose()
    assert tuple(found) == (role, "ariia")


def test_only_the_set_up_role_is_a_superuser_and_only_the_finder_bypasses_policies(server):
    with connected(server) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole OR rolcreatedb FROM pg_roles"
            " WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1"
        ).fetchall()
    assert rows == [
        ("ariia_app", False, False, True, False),
        ("ariia_owner", False, False, True, False),
        ("finder", False, True, False, False),
        ("postgres", True, True, True, True),
    ]


def test_the_database_belongs_to_the_owner_and_the_application_makes_no_tables(server):
    owner = one(server, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'ariia'")
    assert owner == ("ariia_owner",)
    with connected(server, "ariia_app") as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (n int)")


def test_the_database_sorts_by_the_builtin_rules_of_unicode(server):
    found = one(server, "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database LIMIT 1")
    assert tuple(str(value) for value in found) in {("b", "C.UTF-8", "UTF8"), ("b'b'", "C.UTF-8", "UTF8")}
    assert one(server, "SELECT upper('jörg')") == ("JÖRG",)


def test_nothing_listens_on_the_network_and_the_socket_is_private(server):
    assert one(server, "SHOW listen_addresses") == ("",)
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.pgdata.stat().st_mode) == 0o700
    inodes = {str(entry.readlink()) for entry in Path(f"/proc/{server.pid}/fd").iterdir()}
    listening = {
        f"socket:[{line.split()[9]}]"
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    }
    assert not inodes & listening


def test_the_server_is_our_direct_child(server):
    assert parent_of(server.pid) == os.getpid()


@pytest.mark.parametrize(("durable", "setting"), [(True, "on"), (False, "off")])
def test_writes_are_durable_unless_a_test_says_otherwise(tmp_path, durable, setting):
    with postgres.start(tmp_path / "data", durable=durable) as server:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert one(server, f"SHOW {name}") == (setting,)


def test_rows_survive_a_clean_stop_and_nothing_else_is_left(tmp_path):
    with postgres.start(tmp_path / "data", durable=False) as server:
        pid, sockets = server.pid, server.socket_dir
        with connected(server) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    assert gone(pid, 0)
    assert not sockets.exists()
    assert not (tmp_path / "data" / "pgdata" / "postmaster.pid").exists()
    with postgres.start(tmp_path / "data", durable=False) as server:
        assert one(server, "SELECT n FROM kept") == (42,)


def test_a_second_stop_does_nothing(tmp_path):
    server = postgres.start(tmp_path / "data", durable=False)
    server.stop()
    server.stop()
    with pytest.raises(postgres.CannotRun):
        server.ensure_running(1)


def test_a_second_service_on_the_folder_is_told_the_folder_and_the_process(server):
    code = (
        "import sys; from pathlib import Path; from ariia.embedded import postgres; postgres.start(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(server.data_dir)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "AlreadyOpen" in last
    assert str(server.data_dir) in last
    assert str(os.getpid()) in last
    assert one(server, "SELECT 1") == (1,)


def test_a_second_service_in_the_same_process_is_refused_and_harms_nothing(server):
    with pytest.raises(postgres.AlreadyOpen, match=str(os.getpid())):
        postgres.start(server.data_dir)
    assert one(server, "SELECT 1") == (1,)


def test_another_name_of_the_same_folder_is_the_same_folder(server, tmp_path):
    (tmp_path / "other").symlink_to(server.data_dir)
    with pytest.raises(postgres.AlreadyOpen):
        postgres.start(tmp_path / "other")


def test_the_server_outlives_the_thread_that_asked_for_it(tmp_path):
    """The kernel sends the parent-death signal when the starting thread ends, not only the process."""
    made = []
    thread = threading.Thread(target=lambda: made.append(postgres.start(tmp_path / "data", durable=False)))
    thread.start()
    thread.join()
    with made[0] as server:
        assert not gone(server.pid, 0.3)
        assert one(server, "SELECT 1") == (1,)


def test_a_service_that_forgets_to_stop_leaves_no_server(tmp_path, serve):
    service = serve(tmp_path / "data", end="forget")
    assert service.end() == 0
    assert gone(service.server_pid)


def test_a_folder_of_any_length_and_name_will_do(tmp_path, serve):
    """A socket's path has 107 bytes; the data folder's and TMPDIR's may have more."""
    folder = tmp_path / ("länger " * 20) / 'it\'s a "folder"'
    temporary = tmp_path / ("t" * 150)
    temporary.mkdir()
    service = serve(folder, env={"TMPDIR": str(temporary)})
    with service.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert len(service.socket_dir) < 90
    assert service.end() == 0


def test_the_environment_of_other_servers_is_not_ours(tmp_path, serve):
    service = serve(tmp_path / "data", env={"PGPORT": "6000", "PGDATA": "/nowhere", "PGUSER": "x", "PGDATABASE": "x"})
    with psycopg.connect(host=service.socket_dir, port=5432, user="ariia_app", dbname="ariia") as connection:
        assert connection.execute("SHOW port").fetchone() == ("5432",)
    assert service.end() == 0


def test_the_log_of_the_server_holds_no_values(server):
    canary = "jörg.canary@studio.example"
    with connected(server) as connection:
        connection.execute("CREATE TABLE addresses (address text UNIQUE, n int)")
        connection.execute("INSERT INTO addresses VALUES (%s, 1)", [canary])
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO addresses VALUES (%s, 1)", [canary])
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute(f"SELECT '{canary}'::int")
    assert canary not in (server.data_dir / "postgres.log").read_text()


def test_a_folder_of_another_version_is_refused_by_name(tmp_path):
    with postgres.start(tmp_path / "data", durable=False) as server:
        pgdata = server.pgdata
    (pgdata / "PG_VERSION").write_text("17\n")
    with pytest.raises(postgres.CannotRun, match="PostgreSQL 17"):
        postgres.start(tmp_path / "data")


def test_a_server_that_cannot_start_says_why_at_once(tmp_path):
    with postgres.start(tmp_path / "data", durable=False) as server:
        pgdata = server.pgdata
    (pgdata / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(postgres.CannotRun, match="no_such_setting"):
        postgres.start(tmp_path / "data", durable=False)
    (pgdata / "postgresql.conf").write_text("")
    with postgres.start(tmp_path / "data", durable=False) as server:
        assert alive(server.pid)
