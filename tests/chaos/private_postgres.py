"""A PostgreSQL of the distribution that a test may restart without warning."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self


def programs() -> Path | None:
    """Where initdb and pg_ctl are; None where the distribution has none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class PrivatePostgres:
    """On a port of loopback, with every commit on the disk."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self._bin = found
        self._folder = Path(tempfile.mkdtemp(prefix="ariia-pg-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        return f"postgresql://owner@127.0.0.1:{self.port}/service"

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._bin / program), *words]
        options = {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid} if self._user else {}
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=self._folder, **options)

    def _control(self, verb: str, *words: str) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-l", str(self._folder / "log"), "-w", verb, *words)

    def restart_at_once(self) -> None:
        """Drop every connection without a word, and recover from the log as after a power cut."""
        self._control("restart", "-m", "immediate")

    def __enter__(self) -> Self:
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8")  # fmt: skip
        settings = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c max_connections=60"
        self._control("start", "-o", settings)
        for statement in ("CREATE ROLE owner LOGIN CREATEROLE", "CREATE DATABASE service OWNER owner"):
            self._run("psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "postgres",
                      "-c", statement)  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._control("stop", "-m", "immediate")
        shutil.rmtree(self._folder, ignore_errors=True)
