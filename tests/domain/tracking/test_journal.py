"""Segments: durable records, torn ends, owners that die."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tracking import journal
from tests.conftest import ROOT

SMALL = 64 * 1024


def written(folder: Path, *records: bytes, size: int = SMALL) -> journal.Segment:
    segment = journal.Segment.create(folder, size)
    for record in records:
        segment.append(record)
    return segment


def read(segment: journal.Segment) -> list[bytes]:
    return list(segment.records(0, segment.end))


@given(st.lists(st.binary(min_size=1, max_size=500), max_size=20))
def test_what_was_appended_is_read_by_the_next_owner(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("journal")
    segment = written(folder, *records)
    end = segment.end
    assert read(segment) == records
    segment.close()
    heir = journal.Segment.adopt(segment.path)
    assert (heir.end, read(heir)) == (end, records)
    heir.remove()
    assert journal.segments_in(folder) == []


@pytest.mark.parametrize("torn", range(1, 30))
def test_a_torn_end_loses_only_the_record_that_was_never_answered(tmp_path, torn):
    segment = written(tmp_path, b"first", b"second" * 4)
    with segment.path.open("r+b") as file:
        file.seek(segment.end - torn)
        file.write(bytes(torn))
    segment.close()
    heir = journal.Segment.adopt(segment.path)
    assert read(heir) == [b"first"]
    heir.append(b"third")
    assert read(heir) == [b"first", b"third"]
    heir.close()


def test_a_segment_has_one_owner_at_a_time(tmp_path):
    segment = written(tmp_path, b"one")
    assert journal.Segment.adopt(segment.path) is None
    segment.close()
    heir = journal.Segment.adopt(segment.path)
    assert heir is not None
    assert journal.Segment.adopt(segment.path) is None
    heir.remove()
    assert journal.Segment.adopt(segment.path) is None


def test_a_full_segment_takes_nothing_more(tmp_path):
    segment = written(tmp_path, b"x" * 1_000, size=2_048)
    with pytest.raises(journal.Full):
        segment.append(b"y" * 1_100)
    segment.append(b"y" * 1_000)
    assert [len(record) for record in read(segment)] == [1_000, 1_000]
    with pytest.raises(ValueError, match="bytes"):
        segment.append(b"")
    segment.close()


def test_reading_goes_on_where_it_ended(tmp_path):
    records = [bytes([n]) * 100 for n in range(1, 50)]
    segment = written(tmp_path, *records)
    found: list[bytes] = []
    place = 0
    while place < segment.end:
        part = list(segment.records(place, segment.end, most=1_000))
        assert 0 < len(part) <= 11
        found += part
        place += journal.framed_size(part)
    assert found == records
    segment.close()


HOLD = """
import sys, time
from pathlib import Path
from domain.tracking import journal
segment = journal.Segment.create(Path(sys.argv[1]), 4096)
segment.append(b"from a process that dies")
print(segment.path, flush=True)
time.sleep(60)
"""


def test_the_records_of_a_killed_process_are_taken_over(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        path = Path(process.stdout.readline().strip())
        assert journal.Segment.adopt(path) is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    heir = journal.Segment.adopt(path)
    assert read(heir) == [b"from a process that dies"]
    heir.close()


def test_drafts_that_nobody_holds_are_removed(tmp_path):
    (tmp_path / "a.draft").write_bytes(b"x")
    segment = written(tmp_path, b"one")
    assert journal.segments_in(tmp_path) == [segment.path]
    assert list(tmp_path.iterdir()) == [segment.path]
    segment.close()


def test_a_record_is_durable_in_a_few_milliseconds(tmp_path):
    segment = written(tmp_path, size=1024 * 1024)
    began = time.perf_counter()
    for _ in range(20):
        segment.append(b"x" * 200)
    assert (time.perf_counter() - began) / 20 < 0.25
    segment.close()


def test_a_segment_that_is_being_made_is_no_leftover(tmp_path):
    """Whoever looks for drafts of the dead while others begin takes none of theirs away."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            journal.segments_in(tmp_path)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        made = [journal.Segment.create(tmp_path, 4_096) for _ in range(300)]
    finally:
        over.set()
        for looker in lookers:
            looker.join()
    for n, segment in enumerate(made):
        segment.append(str(n).encode())
    assert {one.path for one in made} == set(journal.segments_in(tmp_path))
    assert list(tmp_path.glob("*.draft")) == []
    for segment in made:
        segment.remove()
