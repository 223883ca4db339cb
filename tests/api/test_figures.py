"""/metrics: what is late and what waits, read by index."""

import re

import pytest
from sqlalchemy import text

from api import figures
from kernel import db, outbox
from kernel.ids import new_id


def value(page: str, name: str) -> float:
    return float(re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)[1])


@pytest.fixture
def nothing_due(database):
    with db.all_tenants_session("test") as session:
        session.execute(text("DELETE FROM tenant_due"))


def test_late_work_and_the_outbox_show_for_all_tenants_together(http, tenants, nothing_due):
    for tenant_id, rows in ((tenants.a, 2), (tenants.b, 1)):
        with db.tenant_session(tenant_id) as session:
            for _ in range(rows):
                outbox.enqueue(session, "campaigns.start", id=new_id())
    with db.all_tenants_session("test") as session:
        session.execute(text("UPDATE tenant_due SET next_due_at = clock_timestamp() - interval '90 seconds'"))
    page = http.get("/metrics").text
    assert value(page, "ariia_database_up") == 1
    assert 89 < value(page, 'ariia_oldest_open_age_seconds{kind="outbox"}') < 120
    assert value(page, 'ariia_tenants_due{kind="outbox"}') == 2
    assert value(page, "ariia_outbox_depth") == 3
    assert value(page, 'ariia_oldest_open_age_seconds{kind="webhooks"}') == 0


def test_work_for_later_is_not_late(http, tenants, nothing_due):
    with db.tenant_session(tenants.a) as session:
        outbox.mark_due(session, "webhooks")
    with db.all_tenants_session("test") as session:
        session.execute(text("UPDATE tenant_due SET next_due_at = clock_timestamp() + interval '1 hour'"))
    page = http.get("/metrics").text
    assert value(page, 'ariia_tenants_due{kind="webhooks"}') == 0
    assert value(page, 'ariia_oldest_open_age_seconds{kind="webhooks"}') == 0


def test_the_map_of_who_is_due_is_read_by_its_index(tenants, nothing_due):
    with db.all_tenants_session("test") as session:
        session.execute(
            text(
                "INSERT INTO tenant_due (tenant_id, kind, next_due_at) "
                "SELECT new_id(), 'campaigns', clock_timestamp() + n * interval '1 second' "
                "FROM generate_series(1, 5000) n"
            )
        )
        plan = session.execute(
            text(
                "EXPLAIN SELECT next_due_at FROM tenant_due WHERE kind = 'outbox' "
                "AND next_due_at <= clock_timestamp() ORDER BY next_due_at LIMIT 100"
            )
        ).scalars()
        assert any("ix_tenant_due_next" in line for line in plan)


def test_without_a_database_the_page_says_so(database):
    url = db.engine().url.render_as_string(hide_password=False)
    db.dispose()
    page = figures.live().decode()
    db.configure(url, app_role=database.app_role)
    assert value(page, "ariia_database_up") == 0
    assert "ariia_outbox_depth" not in page
