"""Roll-ups equal the raw events, whatever the order, the batches, the repetitions and the crashes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import ledger
import pytest
from conftest import in_process, make_tenant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger import ORIGIN, Happened
from sqlalchemy import create_engine, text, update

from domain.analytics import background, rollup
from kernel import db, outbox
from kernel.ids import new_id
from models import RollupDay, RollupPosition, RollupQuarter

_KINDS = (
    "sent", "delivered", "read", "bounced", "failed", "skipped", "suppressed", "cancelled", "expired", "opened",
    "clicked", "complained", "unsubscribed", "replied", "converted", "deferred", "claimed",
)  # fmt: skip
_HITS = ("opened", "clicked")
_ACTORS = ("human", "proxy", "machine", "unknown")
_SHAPES = [
    (0, "email", "de", None, 0b11),
    (0, "email", "en", 1, 0b10),
    (1, "sms", "de", 2, 1 << 19),
    (1, "email", "de", None),
]


@st.composite
def _events(draw, most=30):
    found = []
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.sampled_from(_KINDS + _HITS * 4))
        hit = kind in _HITS
        found.append(
            (
                draw(st.integers(0, 3)),
                {
                    "kind": kind,
                    "at": ORIGIN
                    + timedelta(minutes=draw(st.integers(0, 4 * 24 * 60)), seconds=draw(st.integers(0, 59))),
                    "actor": draw(st.sampled_from(_ACTORS)) if hit else "system",
                    "reason": draw(st.sampled_from([None, "undelivered", "refused"])) if not hit else None,
                    "link_n": draw(st.sampled_from([None, -1, 0, 1, 2])) if kind == "clicked" else None,
                    "value": draw(st.integers(0, 10_000)) if kind == "converted" else None,
                    "currency": draw(st.sampled_from(["EUR", "CHF"])),
                },
            )
        )
    return found


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), _events(12)),
        st.tuples(st.just("count"), st.integers(0, 7)),
        st.tuples(st.just("crash"), st.integers(0, 7)),
        st.tuples(st.just("again"), st.integers(0, 100)),
        st.tuples(st.just("mark"), st.lists(st.integers(0, 100), max_size=4)),
    ),
    min_size=2,
    max_size=14,
)


class _CrashError(Exception):
    pass


def _crash(tenant: UUID, most: int) -> None:
    with pytest.raises(_CrashError), db.tenant_session(tenant) as session:
        rollup.advance(session, most=most)
        raise _CrashError


def _chosen(happened: list[Happened], numbers: list[int]) -> set[int]:
    """Hits that may still show to be a machine's."""
    hits = [n for n, each in enumerate(happened) if each.kind in _HITS and each.actor in {"human", "unknown"}]
    return {hits[n % len(hits)] for n in numbers} if hits else set()


def _play(tenant: UUID, steps: list) -> list[Happened]:
    """Do what the steps say and return what has happened after all."""
    sent = ledger.messages(tenant, _SHAPES)
    happened: list[Happened] = []
    ids: list[UUID] = []
    for what, with_what in steps:
        if what == "write":
            new = [Happened(sent[n], **fields) for n, fields in with_what]
            ids += ledger.write(tenant, new)
            happened += new
        elif what == "again" and happened:  # the same thing, told once more
            ids += ledger.write(tenant, [happened[with_what % len(happened)]])
            happened.append(happened[with_what % len(happened)])
        elif what == "count":
            with db.tenant_session(tenant) as session:
                rollup.advance(session, most=with_what)
        elif what == "crash":
            _crash(tenant, with_what)
        elif what == "mark" and happened:
            chosen = _chosen(happened, with_what)
            ledger.mark(tenant, [ids[n] for n in chosen])
            for n in chosen:
                happened[n] = replace(happened[n], actor="machine")
    return happened


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps)
def test_figures_equal_the_raw_events_in_any_order_with_repetitions_batches_and_crashes(tenants, steps):
    tenant = make_tenant(f"figures-{new_id().hex[-12:]}")
    happened = _play(tenant, steps)
    ledger.settle(tenant)
    assert ledger.kept(tenant) == ledger.expected(happened)
    assert ledger.kept(tenant, RollupDay) == ledger.expected(happened, "Europe/Berlin")
    with db.tenant_session(tenant) as session:
        assert rollup.verify(session) == []
    with db.tenant_session(tenant) as session:
        rollup.rebuild(session)
    assert ledger.kept(tenant) == ledger.expected(happened)
    assert ledger.kept(tenants.b) == {}


def _counts(tenant: UUID) -> dict[str, int]:
    """Every figure about whole messages, summed."""
    found: dict[str, int] = {}
    for (*_, link_n, _detail, metric), n in ledger.kept(tenant).items():
        if link_n == rollup.WHOLE:
            found[metric] = found.get(metric, 0) + n
    return found


@pytest.fixture
def owned(database):
    """Run a statement as the owner of the tables, as an operator would; row-level security binds the owner too."""

    def run(statement: str) -> None:
        owner = create_engine(database.owner_url)
        with owner.begin() as connection:
            connection.execute(text("ALTER TABLE message_event NO FORCE ROW LEVEL SECURITY"))
            connection.execute(text(statement))
            connection.execute(text("ALTER TABLE message_event FORCE ROW LEVEL SECURITY"))
        owner.dispose()

    return run


@pytest.fixture
def sent(tenants):
    made = ledger.messages(tenants.a, _SHAPES)
    ledger.write(tenants.a, [Happened(each, "sent", ORIGIN) for each in made])
    ledger.settle(tenants.a)
    return made


def test_a_hit_that_shows_later_to_be_a_machines_moves_there_and_the_next_one_becomes_the_first(tenants, sent):
    later = ORIGIN + timedelta(days=2)
    ids = ledger.write(
        tenants.a,
        [Happened(sent[0], "clicked", ORIGIN, "human", link_n=1), Happened(sent[0], "clicked", later, "human")],
    )
    ledger.settle(tenants.a)
    assert (_counts(tenants.a)["clicked"], _counts(tenants.a)["clicks"]) == (1, 2)
    ledger.mark(tenants.a, ids[:1])
    ledger.count(tenants.a)  # a mark is no event: nothing tells that it waits but the mark itself
    ledger.write(tenants.a, [Happened(sent[0], "replied", later)])
    ledger.settle(tenants.a)
    cells = {key[1:2] + key[-1:]: n for key, n in ledger.kept(tenants.a).items() if key[-1] == "clicked"}
    assert cells == {(later, "clicked"): 1}
    assert (_counts(tenants.a)["clicks"], _counts(tenants.a)["clicks_machine"]) == (1, 1)
    with db.tenant_session(tenants.a) as session:
        assert rollup.verify(session) == []
        assert session.execute(text("SELECT count(*) FROM actor_change")).scalar_one() == 0


def test_what_a_running_transaction_writes_is_counted_after_it_and_what_came_later_waits_for_it(tenants, sent):
    with db.tenant_session(tenants.a) as slow:
        ledger.put(slow, tenants.a, Happened(sent[0], "opened", ORIGIN, "human"))
        ledger.write(tenants.a, [Happened(sent[1], "opened", ORIGIN, "human")])
        with db.tenant_session(tenants.a) as session:
            rollup.advance(session)
        with db.tenant_session(tenants.a) as session:
            assert rollup.state(session).behind == 1  # committed, and behind one that still runs
        assert "opened" not in _counts(tenants.a)
    ledger.settle(tenants.a)
    assert _counts(tenants.a)["opened"] == 2


def test_parallel_writers_and_counters_lose_nothing_and_count_nothing_twice(tenants, sent):
    over = threading.Event()
    failures: list[BaseException] = []

    def write(n: int) -> None:
        ledger.write(
            tenants.a,
            [Happened(sent[n], "opened", ORIGIN + timedelta(minutes=k), "human") for k in range(3)],
        )

    def count() -> None:
        while not over.is_set():
            try:
                rollup.run(tenants.a, seconds=1)
            except BaseException as error:  # noqa: BLE001 - it is shown by the test
                failures.append(error)
                return

    counters = [threading.Thread(target=count) for _ in range(2)]
    for thread in counters:
        thread.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [n % 4 for n in range(60)]))
    over.set()
    for thread in counters:
        thread.join()
    assert failures == []
    ledger.settle(tenants.a)
    assert (_counts(tenants.a)["opens"], _counts(tenants.a)["opened"]) == (180, 4)
    with db.tenant_session(tenants.a) as session:
        assert rollup.verify(session) == []


_KILLED = """
import os, signal, sys
from uuid import UUID
from domain.analytics import background, rollup
from kernel import db, outbox
db.configure(sys.argv[1], app_role=sys.argv[2] or None)
with db.tenant_session(UUID(sys.argv[3])) as session:
    assert rollup.advance(session).counted
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_in_the_middle_has_counted_nothing(database, tenants, sent):
    ledger.write(tenants.a, [Happened(sent[0], "opened", ORIGIN, "human")])
    before = ledger.kept(tenants.a)
    while True:  # another test's transaction may hold the horizon back for a moment
        died = in_process(_KILLED, database.app_url, database.app_role or "", str(tenants.a))
        if "AssertionError" not in died.stderr:
            break
    assert died.returncode == -9
    assert ledger.kept(tenants.a) == before
    ledger.settle(tenants.a)
    assert _counts(tenants.a)["opened"] == 1
    with db.tenant_session(tenants.a) as session:
        assert rollup.verify(session) == []


def test_after_a_restore_whose_transactions_are_numbered_anew_everything_is_counted_again(tenants, sent, owned):
    owned(f"UPDATE message_event SET xid = xid + 1000000000 WHERE tenant_id = '{tenants.a}'")
    with db.tenant_session(tenants.a) as session:
        session.execute(update(RollupPosition).values(xid=RollupPosition.xid + 1_000_000_000))
    ledger.write(tenants.a, [Happened(sent[0], "opened", ORIGIN, "human")])
    ledger.settle(tenants.a)
    assert (_counts(tenants.a)["sent"], _counts(tenants.a)["opened"]) == (4, 1)


def test_a_difference_is_found_and_named_and_a_rebuild_removes_it(tenants, sent):
    with db.tenant_session(tenants.a) as session:
        session.execute(update(RollupQuarter).where(RollupQuarter.sent == 1).values(sent=2))
        session.execute(text("UPDATE rollup_day SET opened = 9"))
    with db.tenant_session(tenants.a) as session:
        found = rollup.verify(session)
    assert {(each.level, each.metric, each.raw) for each in found} == {("quarter", "sent", 1), ("day", "opened", 0)}
    with db.tenant_session(tenants.a) as session:
        assert rollup.rebuild(session) == 2
        assert rollup.verify(session) == []


def test_the_background_counts_and_comes_again_soon_while_there_is_news(tenants):
    def due_in() -> timedelta:
        with db.tenant_session(tenants.a) as session:
            return session.execute(
                text(
                    "SELECT next_due_at - clock_timestamp() FROM tenant_due WHERE tenant_id = :t AND kind = 'analytics'"
                ),
                {"t": tenants.a},
            ).scalar_one()

    made = ledger.messages(tenants.a, _SHAPES[:1])
    ledger.write(tenants.a, [Happened(made[0], "sent", ORIGIN)])
    while not _counts(tenants.a):
        background.count(tenants.a, seconds=1)
    assert due_in() < timedelta(seconds=2)
    while due_in() < timedelta(seconds=200):
        background.count(tenants.a, seconds=1)
    with db.tenant_session(tenants.a) as session:
        outbox.nudge(session, "analytics")
    assert due_in() <= timedelta(0)
    assert _counts(tenants.a) == {"sent": 1, "reached": 1, "attempted": 1}
