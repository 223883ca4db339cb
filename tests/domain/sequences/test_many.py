"""Many members due at once: killed in the middle, by several workers, and what the database does for it."""

import re
import signal
import threading
from datetime import timedelta
from uuid import UUID

import comparing
import make
import pytest
from chaos import crowd
from conftest import in_process, settled
from sqlalchemy import event, text
from walking import ACTOR, delay, enrol, got, live, message, move, places, ready

from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.delivery import claim, supply
from domain.experiments import allocation
from domain.experiments import drafts as variants
from domain.experiments.rules import Settings
from domain.segments import service as segments
from domain.sequences import queries, run, service
from kernel import clock, db, settings
from kernel.ids import new_id

KILLED = """
import os, signal, sys
from pathlib import Path
from uuid import UUID
from domain.sequences import run
from kernel import db, settings

url, role, folder, tenant, sequence, size, last = sys.argv[1:]
settings.use(settings.Settings(data_dir=Path(folder), database_url=url))
db.configure(url, app_role=role or None)
tell, batches = run._tell, []

def die(*arguments):
    tell(*arguments)
    batches.append(1)
    if len(batches) == int(last):  # all is written, nothing of this batch is committed
        os.kill(os.getpid(), signal.SIGKILL)

run._tell = die
while run.batch(UUID(tenant), UUID(sequence), size=int(size)):
    pass
"""


@pytest.fixture
def studio(tenants) -> UUID:
    ready(tenants.a)
    ready(tenants.b)
    return tenants.a


def due(tenant_id: UUID, n: int, *steps) -> UUID:
    """A live sequence with `n` members who are due at its first step."""
    with db.tenant_session(tenant_id) as session:
        sequence_id = live(session, *steps)
        crowd.gather(session, n)
        session.execute(
            text(
                "INSERT INTO enrolment (id, tenant_id, sequence_id, member_id, pass_n, state, step, since, due_at, "
                "done, why) SELECT new_id(), tenant_id, :s, id, 0, 'active', :step, :at, :at, '[]', 't' FROM member"
            ),
            {"s": sequence_id, "step": steps[0]["key"], "at": clock.now() - timedelta(seconds=1)},
        )
    return sequence_id


def totals(tenant_id: UUID) -> tuple[int, int]:
    with db.tenant_session(tenant_id) as session:
        return tuple(session.execute(text("SELECT count(*), count(DISTINCT member_id) FROM message")).one())


_RECOUNTED = text("""
SELECT coalesce(step, ''), CASE WHEN state = 'active' AND due_at IS NULL THEN 'held' ELSE state END,
  coalesce(reason, ''), count(*) FROM enrolment GROUP BY 1, 2, 3
""")
_COUNTED = text("""
SELECT step, state, reason, sum(n) FROM enrolment_count WHERE state <> 'passed' GROUP BY 1, 2, 3 HAVING sum(n) <> 0
""")
_PASSED = text("SELECT step, sum(n) FROM enrolment_count WHERE state = 'passed' GROUP BY step")


def counted(tenant_id: UUID) -> dict[str, int]:
    """Assert that the counters are what a scan finds; returns how many went on from each step."""
    with db.tenant_session(tenant_id) as session:
        scanned, kept = (sorted(map(tuple, session.execute(each))) for each in (_RECOUNTED, _COUNTED))
        assert kept == scanned
        return dict(map(tuple, session.execute(_PASSED)))


def test_killed_in_the_middle_of_a_batch_nobody_gets_it_twice_and_nobody_is_lost(studio, database):
    sequence_id = due(studio, 70, message("a"), delay("d", days=1), message("b"))
    folder = str(settings.get_settings().data_dir)
    arguments = (database.app_url, database.app_role or "", folder, str(studio), str(sequence_id), "20", "3")
    assert in_process(KILLED, *arguments, timeout=600).returncode == -signal.SIGKILL
    assert totals(studio) == (40, 40)
    move(studio)
    assert totals(studio) == (70, 70)
    assert {(row.step, tuple(row.done)) for row in places(studio, sequence_id)} == {("d", ("a",))}
    assert counted(studio) == {"a": 70}


def test_workers_side_by_side_take_different_members(studio):
    sequence_id = due(studio, 120, message("a"))
    looked_at: list[int] = []

    def work() -> None:
        while n := run.batch(studio, sequence_id, size=7):
            looked_at.append(n)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    move(studio)
    assert totals(studio) == (120, 120)
    assert {row.state for row in places(studio, sequence_id)} == {"completed"}
    assert counted(studio) == {"a": 120}
    with db.tenant_session(studio) as session:
        told = session.execute(
            text("SELECT sum(jsonb_array_length(payload -> 'member_ids')) FROM domain_event WHERE type = :t"),
            {"t": "crm.sequence.completed"},
        )
        assert told.scalar_one() == 120


def test_a_batch_asks_as_often_for_many_as_for_few(studio, tenants):
    counted = {}
    for tenant_id, n in ((studio, 20), (tenants.b, 400)):
        steps = (message("a"), {"type": "tag", "key": "t", "add": ["x"]}, message("b"))
        sequence_id = due(tenant_id, n, *steps)
        statements: list[str] = []

        def note(_connection, _cursor, statement, *_rest, into=statements) -> None:
            into.append(statement)

        run.batch(tenant_id, sequence_id, size=1)  # what is read once per process
        event.listen(db.engine(), "before_cursor_execute", note)
        run.batch(tenant_id, sequence_id)
        event.remove(db.engine(), "before_cursor_execute", note)
        counted[n] = len(statements)
    assert counted[400] == counted[20]


def test_who_is_where_is_known_without_reading_an_enrolment(studio):
    sequence_id = due(studio, 3_000, message("a"), delay("d", days=1))
    asked: list[str] = []

    def ask(_connection, _cursor, statement, *_) -> None:
        asked.append(statement)

    event.listen(db.engine(), "before_cursor_execute", ask)
    try:
        with db.tenant_session(studio) as session:
            seen = queries.overview(session, service.get(session, sequence_id))
    finally:
        event.remove(db.engine(), "before_cursor_execute", ask)
    assert (seen.enrolments, seen.steps[0].waiting) == ({"active": 3_000}, 3_000)
    assert len(asked) < 12
    assert not [each for each in asked if re.search(r"\b(FROM|JOIN) enrolment\b", each)]
    with db.tenant_session(studio) as session:
        keys = {"tenant": studio, "sequence": sequence_id}
        plan = "\n".join(session.execute(text(f"EXPLAIN {queries._COUNTS.text}"), keys).scalars())
    assert "pk_enrolment_count" in plan


def test_the_next_members_come_from_the_index_of_due_ones(studio, analyse):
    sequence_id = due(studio, 3_000, message("a"))
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE enrolment SET due_at = due_at + interval '9 days' WHERE random() < 0.95"))
    analyse("enrolment")
    with db.tenant_session(studio) as session:
        keys = {"tenant": studio, "sequence": sequence_id, "now": clock.now(), "size": 100}
        plan = session.execute(text(f"EXPLAIN {run._CLAIM.text}"), keys).scalars().all()
    assert any("ix_enrolment_due" in line for line in plan)
    assert not any("Seq Scan on enrolment" in line for line in plan)


def test_a_step_that_compares_texts_gives_each_member_one_of_them(studio):
    with db.tenant_session(studio) as session:
        make.sender(session)
        steps = {"trigger": {"type": "manual"}, "steps": [message("a")]}
        row = service.create(session, name="compared", wanted=steps, actor=ACTOR)
        campaign_id = UUID(row.campaigns["a"])
        first = drafting.write(session, campaign_id, content=make.draft_content(), parent_id=None, actor=ACTOR)
        both = variants.write(
            session, campaign_id, variants=[comparing.B], settings=Settings(), parent_id=first.id, actor=ACTOR
        )
        make.approve(session, campaign_id, both)
        service.publish(session, row.id, actor=ACTOR)
        ids = [make.member(session, f"v{n}@example.org").id for n in range(12)]
        silent = make.member(session, "silent@example.org", consent=False).id
        sequence_id = row.id
    enrol(studio, sequence_id, *ids, silent)
    move(studio)
    seed = allocation.seed_of(campaign_id)
    with db.tenant_session(studio) as session:
        rows = session.execute(text("SELECT member_id, variant, tested FROM message")).all()
    assert {row.member_id: (row.variant, row.tested) for row in rows} == {
        **{each: (allocation.variant_of(seed, each, (1, 1)), True) for each in ids}, silent: (None, None),
    }  # fmt: skip


def test_quiet_hours_and_the_cap_make_a_step_wait_and_never_drop_it(studio):
    with db.tenant_session(studio) as session:
        sequence_id = live(session, message("a"))
        campaign = campaigns.get(session, UUID(service.get(session, sequence_id).campaigns["a"]))
        one = make.member(session, "one@example.org").id
    enrol(studio, sequence_id, one)
    move(studio)
    with db.tenant_session(studio) as session:
        work = supply.work_of(session, campaign)
        session.execute(text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '23:59', frequency_cap = NULL"))
        assert claim.claim(session, work, owner=new_id(), lease_seconds=9, size=9).messages == []
    assert got(studio, sequence_id) == [("a", "deferred", "quiet_hours")]
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE message SET state = 'pending', not_before = now()"))
        session.execute(
            text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '00:00', frequency_cap = 0, frequency_days = 1")
        )
        claim.claim(session, work, owner=new_id(), lease_seconds=9, size=9)
    assert got(studio, sequence_id) == [("a", "deferred", "frequency_cap")]
    with db.tenant_session(studio) as session:
        later = session.execute(text("SELECT not_before > now() + interval '5 hours' FROM message")).scalar_one()
        assert later is True
        session.execute(text("UPDATE message SET not_before = now()"))
        session.execute(text("UPDATE tenant SET frequency_cap = NULL"))
        assert len(claim.claim(session, work, owner=new_id(), lease_seconds=9, size=9).messages) == 1


def test_steps_reach_a_member_in_their_order_although_nothing_lies_between_them(studio):
    with db.tenant_session(studio) as session:
        sequence_id = live(session, message("a"), message("b"), message("c"))
        steps = {key: UUID(each) for key, each in service.get(session, sequence_id).campaigns.items()}
        one = make.member(session, "one@example.org").id
    enrol(studio, sequence_id, one)
    move(studio)

    def claimed(step: str) -> int:
        with db.tenant_session(studio) as session:
            session.execute(text("UPDATE message SET not_before = now() WHERE state = 'deferred'"))
            campaign = campaigns.get(session, steps[step])
            return len(supply.slice_of(session, campaign, owner=new_id(), lease_seconds=9, size=9).messages)

    assert (claimed("c"), claimed("b")) == (0, 0)
    assert got(studio, sequence_id) == [
        ("a", "pending", None), ("b", "deferred", "earlier_step"), ("c", "deferred", "earlier_step"),
    ]  # fmt: skip
    assert (claimed("a"), claimed("b")) == (1, 0)
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE message SET state = 'sent' WHERE state = 'claimed'"))
    assert (claimed("c"), claimed("b")) == (0, 1)
    with db.tenant_session(studio) as session:
        waits = session.execute(text("SELECT not_before - now() < '5 minutes' FROM message WHERE state = 'deferred'"))
        assert waits.scalars().all() == [True]
        assert session.execute(text("SELECT count(*) FROM message_event")).scalar_one() == 0
        campaigns.hold(session, steps["b"], reason="held")  # who is held keeps nobody waiting for ever
    assert claimed("c") == 1


def test_a_sequence_whose_segment_is_gone_is_paused_and_says_why(studio):
    rule = {"type": "tag", "any_of": ["x"]}
    with db.tenant_session(studio) as session:
        segment = segments.create(session, name="X", kind="dynamic", rule=rule, actor=ACTOR)
        test = {"type": "rule", "rule": {"type": "segment", "segment_id": str(segment.id)}}
        steps = {"type": "condition", "key": "c", "test": test}, message("a")
        sequence_id = live(session, *steps)
        one = make.member(session, "one@example.org").id
        segments.remove(session, segment.id, actor=ACTOR)
    enrol(studio, sequence_id, one)
    move(studio)
    with db.tenant_session(studio) as session:
        row = service.get(session, sequence_id)
        assert (row.status, "there is no segment" in (row.stop_reason or "")) == ("paused", True)


def test_a_dynamic_segment_lets_in_whom_its_rules_begin_to_mean(studio):
    from ariia.tasks.table import TASKS  # noqa: PLC0415 - the background work of segments, by its name

    with db.tenant_session(studio) as session:
        rule = {"type": "tag", "any_of": ["yoga"]}
        segment = segments.create(session, name="Y", kind="dynamic", rule=rule, actor=ACTOR)
        sequence_id = live(session, message("a"), trigger={"type": "segment_joined", "segment_id": str(segment.id)})
        one = make.member(session, "one@example.org", tags=["yoga"]).id
        make.member(session, "two@example.org", tags=["box"])
    for _ in range(2):  # what was under way when following began is asked for by the second look
        settled()
        TASKS["segments.refresh"](studio, studio)
    move(studio)
    assert [row.member_id for row in places(studio, sequence_id)] == [one]
