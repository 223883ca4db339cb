"""What a look and a release cost must hang on the campaign alone, also behind row-level security."""

import comparing as own
import make
import pytest
from sqlalchemy import event, text

from domain.experiments import queries, service
from kernel import clock, db


@pytest.fixture
def studio(tenants, frozen_clock):
    with db.tenant_session(tenants.a) as session:
        make.sender(session)
        own.people(session, 200)
    yield tenants.a
    clock.set_source(None)


def explained(tenant_id, beginning, act):
    """Return the plan of the statement that begins so, with indexes only."""
    seen = []

    def note(_c, _u, statement, parameters, *_):
        seen.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", note)
    act()
    event.remove(db.engine(), "before_cursor_execute", note)
    statement, parameters = next(each for each in seen if beginning in each[0])
    with db.tenant_session(tenant_id) as session:
        for way in ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"):
            session.execute(text(f"SET LOCAL {way} = off"))
        cursor = session.connection().connection.cursor()
        cursor.execute(f"EXPLAIN (COSTS OFF) {statement}", parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize("metric", ["opens", "clicks", "revenue"])
def test_a_look_reads_the_messages_of_the_test_only(studio, metric, analyse):
    with db.tenant_session(studio) as session:
        campaign_id = own.compared(session, own.B, test_percent=20, metric=metric).id
    analyse("message")

    def count():
        with db.tenant_session(studio) as session:
            experiment = queries.get(session, campaign_id)
            queries.seen(session, experiment, service.settings_of(experiment))

    plan = explained(studio, "AS allocated, count(m.accepted_at)", count)
    assert "ix_message_tested" in plan, plan


def test_the_rest_is_found_by_its_state_and_its_members_by_their_ids(studio, analyse):
    with db.tenant_session(studio) as session:
        campaign_id = own.compared(session, own.B, test_percent=20).id
        own.hand_over(session, campaign_id)
    analyse("message")

    def release():
        with db.tenant_session(studio) as session:
            service.decide(session, campaign_id, outcome="split", variant=None, reason="x", actor="t")

    plan = explained(studio, "WITH freed", release)
    assert "Seq Scan on member" not in plan, plan
    assert "ix_message_deferred" in plan or "ix_message_outcome" in plan, plan
