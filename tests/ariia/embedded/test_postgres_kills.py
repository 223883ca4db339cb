"""Killed services and servers: nothing keeps running, nothing committed is lost, the next start works."""

import os
import random
import signal
import subprocess
import threading
import time
from contextlib import suppress

import psycopg
import pytest

from ariia.embedded import postgres
from tests.ariia.embedded.services import ROOT, alive, command, connected, gone, methods

pytestmark = pytest.mark.chaos


def numbers(server: postgres.Server) -> int:
    with connected(server) as connection:
        return connection.execute("SELECT count(*) FROM numbers").fetchone()[0]


def fill(service) -> None:
    with service.connect() as connection:
        connection.execute("CREATE TABLE numbers AS SELECT generate_series(1, 1000) AS n")


@pytest.mark.parametrize("method", methods())
def test_a_killed_service_takes_its_server_along_and_the_next_finds_the_rows(tmp_path, serve, method):
    service = serve(tmp_path / "data", method=method)
    assert service.method == method
    fill(service)
    service.kill()
    assert gone(service.server_pid)
    with postgres.start(tmp_path / "data", method=method) as server:
        assert numbers(server) == 1000


@pytest.mark.parametrize("method", methods())
def test_the_next_service_starts_while_the_last_server_is_still_ending(tmp_path, serve, method):
    service = serve(tmp_path / "data", method=method)
    fill(service)
    with service.connect() as held:
        service.kill()  # and no waiting
        with postgres.start(tmp_path / "data", method=method) as server:
            assert numbers(server) == 1000
            assert not alive(service.server_pid)
        held.close()


@pytest.mark.parametrize("method", methods())
def test_service_and_server_killed_together_leave_a_folder_that_opens(tmp_path, serve, method):
    service = serve(tmp_path / "data", method=method)
    fill(service)
    os.kill(service.process.pid, signal.SIGSTOP)  # so that it cannot start another one
    os.kill(service.server_pid, signal.SIGKILL)
    service.kill()
    with postgres.start(tmp_path / "data", method=method) as server:
        assert numbers(server) == 1000


@pytest.mark.parametrize("method", methods())
def test_a_killed_server_is_started_again_while_the_service_lives(tmp_path, method):
    with postgres.start(tmp_path / "data", method=method) as server:
        with connected(server) as connection:
            connection.execute("CREATE TABLE numbers AS SELECT generate_series(1, 1000) AS n")
        for _ in range(2):
            first = server.pid
            os.kill(first, signal.SIGKILL)
            assert gone(first)
            deadline = time.monotonic() + 90
            while server.pid == first and time.monotonic() < deadline:
                time.sleep(0.01)
            server.ensure_running()
            assert numbers(server) == 1000
    assert gone(server.pid, 0)


def test_a_process_that_still_works_for_a_killed_server_ends_before_the_next_one_writes(tmp_path):
    """Two servers' processes in one folder destroy it: the pid file that tells of the first must not be removed."""
    with postgres.start(tmp_path / "data") as server:
        with connected(server) as connection:
            connection.execute("CREATE TABLE numbers AS SELECT generate_series(1, 1000) AS n")
        busy = psycopg.connect(host=str(server.socket_dir), user="postgres", dbname="ariia")
        worker = busy.info.backend_pid

        def work() -> None:
            with suppress(psycopg.Error):
                busy.execute("DO $$ DECLARE n bigint := 0; BEGIN WHILE n < 1e12 LOOP n := n + 1; END LOOP; END $$")

        thread = threading.Thread(target=work)
        thread.start()
        with connected(server) as connection:
            working = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND query LIKE 'DO %%'"
            while connection.execute(working, [worker]).fetchone() is None:
                assert thread.is_alive()
        first = server.pid
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 90
        while server.pid == first and time.monotonic() < deadline:
            time.sleep(0.005)
        assert not alive(worker)
        server.ensure_running()
        assert numbers(server) == 1000
        thread.join(60)
        busy.close()


def test_a_pid_that_was_given_to_a_stranger_bars_nobody_and_the_stranger_lives(tmp_path, serve):
    service = serve(tmp_path / "data")
    fill(service)
    os.kill(service.process.pid, signal.SIGSTOP)
    os.kill(service.server_pid, signal.SIGKILL)
    service.kill()
    pid_file = tmp_path / "data" / "pgdata" / "postmaster.pid"
    assert pid_file.read_text().startswith(f"{service.server_pid}\n")
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text(pid_file.read_text().replace(str(service.server_pid), str(stranger.pid), 1))
        with postgres.start(tmp_path / "data") as server:
            assert numbers(server) == 1000
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_socket_lock_that_names_a_stranger_bars_nobody(tmp_path, serve):
    service = serve(tmp_path / "data")
    fill(service)
    service.end()
    with postgres.start(tmp_path / "data") as server:
        sockets = server.socket_dir
    sockets.mkdir(mode=0o700)
    (sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getppid()}\n/nowhere\n1\n5432\n{sockets}\n")
    (sockets / ".s.PGSQL.5432").touch()
    with postgres.start(tmp_path / "data") as server:
        assert numbers(server) == 1000


@pytest.mark.parametrize("content", ["", "\n", "not a number\n", "-\n"])
def test_a_pid_file_cut_off_by_a_power_cut_bars_nobody(tmp_path, content):
    with postgres.start(tmp_path / "data", durable=False) as server:
        pgdata = server.pgdata
    (pgdata / "postmaster.pid").write_text(content)
    with postgres.start(tmp_path / "data", durable=False) as server:
        assert alive(server.pid)


def test_a_first_start_killed_at_any_moment_leaves_a_folder_that_opens(tmp_path):
    chance = random.Random(7)
    for number in range(6):
        folder = tmp_path / str(number)
        process = subprocess.Popen(command(folder), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        time.sleep(0.3 + chance.random() * 0.9)
        process.kill()
        process.communicate()
        with postgres.start(folder, durable=False) as server, connected(server, "ariia_app") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not list(folder.glob("pgdata-new-*"))


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.1])
def test_stopping_while_the_server_is_being_started_again_leaves_none(tmp_path, delay):
    server = postgres.start(tmp_path / "data", durable=False)
    first = server.pid
    os.kill(first, signal.SIGKILL)
    time.sleep(delay)
    server.stop()
    assert gone(first, 0)
    assert gone(server.pid, 0)
    with postgres.start(tmp_path / "data", durable=False) as again:
        assert alive(again.pid)


def test_a_stopped_service_that_is_continued_finds_its_server_again(tmp_path, serve):
    service = serve(tmp_path / "data")
    fill(service)
    os.kill(service.process.pid, signal.SIGSTOP)
    os.kill(service.server_pid, signal.SIGKILL)
    os.kill(service.process.pid, signal.SIGCONT)
    deadline = time.monotonic() + 90
    found = None
    while found is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError), service.connect() as connection:
            found = connection.execute("SELECT count(*) FROM numbers").fetchone()
        time.sleep(0.02)
    assert found == (1000,)
    assert service.end() == 0
