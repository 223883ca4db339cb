"""/metrics of a service in several processes: with a shared folder each of them answers for all."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT

# A process that works: counts, says what waits, and lives until its input ends, or dies at once.
WORKER = """
import os, sys
from domain.tracking import ingest
from domain.webhooks import deliveries
deliveries.ATTEMPTS.labels("delivered").inc(int(sys.argv[1]))
ingest._KEPT.inc(int(sys.argv[1]))
ingest._BACKLOG.set(int(sys.argv[1]))
ingest._FLUSH.observe(0.1)
print("counted", flush=True)
sys.stdin.read()
os._exit(9)
"""
WEB = """
import sys
from api import figures
from domain.tracking import ingest
for _ in range(2):
    page = (figures.counted() + figures.live()).decode()
sys.stdout.write(page)
"""


def environment(folder: Path | None) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)} | ({} if folder is None else {"PROMETHEUS_MULTIPROC_DIR": str(folder)})


@contextmanager
def worker(folder: Path, n: int) -> Iterator[None]:
    command = [sys.executable, "-c", WORKER, str(n)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(folder), cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"counted\n"
        yield


def page(folder: Path | None) -> str:
    """What a web process answers, asked twice."""
    done = subprocess.run(
        [sys.executable, "-c", WEB], env=environment(folder), cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


def value(text: str, name: str) -> float:
    found = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert len(found) == 1, (name, found)
    return float(found[0])


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "figures"
    folder.mkdir()
    return folder


def test_what_every_process_counted_is_counted_once_also_of_those_that_died(shared):
    with worker(shared, 3):
        pass
    with worker(shared, 4), worker(shared, 5):
        text = page(shared)
    assert value(text, 'ariia_webhook_attempts_total{outcome="delivered"}') == 12
    assert value(text, "ariia_tracking_hits_total") == 12
    assert value(text, "ariia_tracking_flush_seconds_count") == 3
    assert value(text, "ariia_tracking_journal_bytes") == 9  # what waits, of those that live
    assert value(text, "ariia_database_up") == 0


def test_no_figure_is_named_twice(shared):
    with worker(shared, 1):
        names = re.findall(r"^# TYPE (\S+) ", page(shared), re.MULTILINE)
    assert len(names) == len(set(names))
    assert "ariia_tracking_journal_bytes" in names


def test_without_a_folder_a_process_answers_for_itself():
    text = page(None)
    assert value(text, "ariia_tracking_hits_total") == 0
    assert value(text, "ariia_database_up") == 0
