"""A service that can be killed."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ariia.embedded.services import ROOT, Service, command


@pytest.fixture
def serve() -> Iterator[Callable[..., Service]]:
    """Start a service: `serve(folder, method=…, prefix=…, env=…)`; whatever is left of it ends with the test."""
    processes: list[subprocess.Popen[str]] = []

    def started(folder: Path, *, prefix: tuple[str, ...] = (), env: dict[str, str] | None = None, **how) -> Service:
        process = subprocess.Popen(
            [*prefix, *command(folder, **how)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
        )
        processes.append(process)
        line = process.stdout.readline().split()
        assert len(line) == 3, process.communicate()[1]
        return Service(process, int(line[0]), line[1], line[2])

    yield started
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
