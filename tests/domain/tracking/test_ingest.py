"""From a hit to its row: durable first, once, also after kills and outages, and bounded."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from domain.tracking import drain, hits, ingest, journal
from domain.tracking.ingest import Ingest
from kernel import db
from kernel.tokens import get_signer
from models import MessageEvent, TrackingJournal
from tests.domain.tracking.conftest import PHONE, Sent, prepare


def packed(sent: Sent, n: int = 0, kind: int = hits.OPENED) -> bytes:
    signer = get_signer()
    body = signer.check("o", signer.sign("o", sent.tenant_id, sent.ids[n]))
    return hits.pack(kind, 0, body, b"203.0.113.0/24", PHONE.encode())


def keep(taken: Ingest, *found: bytes, kind: int = hits.OPENED) -> list[bool]:
    async def all_at_once() -> list[bool]:
        return await asyncio.gather(*(taken.keep(kind, one) for one in found))

    return asyncio.run(all_at_once())


def rows(sent: Sent) -> int:
    with db.tenant_session(sent.tenant_id) as session:
        wanted = select(func.count()).select_from(MessageEvent).where(MessageEvent.kind.in_(("opened", "clicked")))
        return session.execute(wanted).scalar_one()


@pytest.fixture
def taken(tmp_path, database):
    made = Ingest(tmp_path / "tracking", limit=1024 * 1024, segment_bytes=64 * 1024)
    yield made
    made.stop()


def until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_hit_is_on_the_disk_when_it_is_answered_and_soon_in_the_database(sent, taken, monkeypatch):
    assert keep(taken, packed(sent)) == [True]
    kept = [segment for path in journal.segments_in(taken.folder) if (segment := path.read_bytes()).strip(b"\0")]
    assert len(kept) == 1
    assert sent.ids[0].bytes in kept[0]
    until(lambda: rows(sent) == 1)


def test_many_hits_share_the_turns_of_the_disk(sent, taken, monkeypatch):
    turns = []
    before = journal.Segment.append
    monkeypatch.setattr(journal.Segment, "append", lambda segment, record: (turns.append(1), before(segment, record)))
    assert all(keep(taken, *[packed(sent, n % 3) for n in range(500)]))
    assert len(turns) < 100
    until(lambda: rows(sent) == 500)


def journals() -> int:
    with db.all_tenants_session("test") as session:
        return session.execute(select(func.count()).select_from(TrackingJournal)).scalar_one()


def test_segments_that_are_full_are_drained_and_removed(sent, taken):
    left_by_others = journals()
    for _ in range(8):
        keep(taken, *[packed(sent, n % 3) for n in range(200)])
    until(lambda: rows(sent) == 1_600)
    until(lambda: len(journal.segments_in(taken.folder)) <= 2)
    until(lambda: journals() <= left_by_others + 1)


def test_a_turn_whose_answer_was_lost_is_not_repeated(sent, tmp_path):
    segment = journal.Segment.create(tmp_path, 64 * 1024)
    segment.append(hits.batch(0, [packed(sent)]))
    drain.drain(segment)
    segment.flushed = 0  # as if the commit's answer had not come
    segment.append(hits.batch(1, [packed(sent, 1)]))
    drain.drain(segment)
    assert rows(sent) == 2
    segment.close()
    heir = journal.Segment.adopt(segment.path)
    drain.drain(heir)
    drain.forget(heir)
    assert rows(sent) == 2
    assert not heir.path.exists()


def test_what_a_predecessor_left_is_brought_in_once(sent, tmp_path):
    folder = tmp_path / "tracking"
    folder.mkdir()
    left = journal.Segment.create(folder, 64 * 1024)
    left.append(hits.batch(0, [packed(sent), packed(sent, 1)]))
    drain.drain(left)
    left.append(hits.batch(0, [packed(sent, 2)]))
    left.close()
    heir = Ingest(folder, limit=1024 * 1024)
    until(lambda: rows(sent) == 3)
    until(lambda: not left.path.exists())
    heir.stop()
    assert rows(sent) == 3


def test_while_the_database_is_away_hits_wait_and_then_come(sent, taken, monkeypatch):
    tried = []

    def away(*_: object) -> None:
        tried.append(1)
        raise ConnectionError

    monkeypatch.setattr(drain, "drain", away)
    assert all(keep(taken, *[packed(sent, n % 3) for n in range(300)]))
    until(lambda: len(tried) > 1)
    assert rows(sent) == 0
    assert taken.backlog() > 300 * 100
    monkeypatch.undo()
    until(lambda: rows(sent) == 300)
    until(lambda: taken.backlog() == 0)


def test_a_full_journal_gives_up_opens_before_clicks_and_both_in_the_end(sent, tmp_path, monkeypatch):
    monkeypatch.setattr(drain, "drain", lambda _: (_ for _ in ()).throw(ConnectionError()))
    small = Ingest(tmp_path / "small", limit=32 * 1024, segment_bytes=16 * 1024)
    try:
        kept_opens = sum(sum(keep(small, *[packed(sent)] * 10)) for _ in range(30))
        kept_clicks = sum(sum(keep(small, *[packed(sent)] * 10, kind=hits.CLICKED)) for _ in range(30))
        assert 0 < kept_opens < 200
        assert 0 < kept_clicks < 100
        assert keep(small, packed(sent), kind=hits.CLICKED) == [False]
        assert small.backlog() < 40 * 1024
    finally:
        small.stop()


def test_a_disk_that_refuses_is_answered_and_counted(sent, taken, monkeypatch):
    monkeypatch.setattr(journal.Segment, "append", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    assert keep(taken, packed(sent)) == [False]
    monkeypatch.undo()
    assert keep(taken, packed(sent)) == [True]
    until(lambda: rows(sent) == 1)


def test_a_hit_that_can_never_be_stored_stops_no_other(sent, tmp_path):
    segment = journal.Segment.create(tmp_path, 64 * 1024)
    body = b"\x01\x00" + sent.tenant_id.bytes + sent.ids[1].bytes + b"\xff\xfe"  # a link beyond smallint
    poison = hits.pack(hits.CLICKED, 0, body, b"", PHONE.encode())
    segment.append(hits.batch(0, [packed(sent), poison, packed(sent, 2)]))
    segment.append(b"no batch of ours")
    segment.append(hits.batch(0, [packed(sent, 2)]))
    drain.drain(segment)
    assert rows(sent) == 3
    segment.close()


def test_hits_of_two_studios_in_one_turn_go_to_their_own(sent, tenants, taken):
    other = prepare(tenants.b, 1)
    keep(taken, packed(sent), packed(other), packed(sent, 1))
    until(lambda: (rows(sent), rows(other)) == (2, 1))


def test_two_processes_with_one_folder_share_no_segment(sent, tmp_path):
    one, two = (Ingest(tmp_path / "shared", limit=1024 * 1024, segment_bytes=16 * 1024) for _ in range(2))
    try:
        for _ in range(4):
            keep(one, *[packed(sent, n % 3) for n in range(100)])
            keep(two, *[packed(sent, n % 3) for n in range(100)])
        until(lambda: rows(sent) == 800)
    finally:
        one.stop()
        two.stop()
    assert rows(sent) == 800
    assert journal.segments_in(tmp_path / "shared") == []


def test_the_ingest_of_a_process_follows_its_settings(database, sent):
    first = ingest.current()
    assert ingest.current() is first
    assert isinstance(first.folder, Path)
    ingest.stop()
    ingest.stop()
    assert ingest.current() is not first
    ingest.stop()


def test_times_are_brought_to_the_databases_clock(sent, tmp_path):
    segment = journal.Segment.create(tmp_path, 64 * 1024)
    with db.all_tenants_session("test") as session:
        now = session.execute(text("SELECT extract(epoch FROM clock_timestamp()) * 1000000")).scalar_one()
    segment.append(hits.batch(int(now), [packed(sent)]))
    drain.drain(segment)
    with db.tenant_session(sent.tenant_id) as session:
        row = session.execute(
            text("SELECT abs(extract(epoch FROM clock_timestamp() - at)) FROM message_event WHERE kind = 'opened'")
        )
        assert row.scalar_one() < 5
    segment.close()
