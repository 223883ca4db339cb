"""What a slice costs must not depend on how many members the tenant has."""

import re

import make
from chaos import crowd
from sqlalchemy import event, text

from domain.delivery import claim, materialise
from domain.delivery.claim import Work
from kernel import db
from kernel.ids import new_id


def test_a_claim_looks_its_members_up_instead_of_reading_all_of_them(tenants):
    """Regression: `coalesce` in the join is leaky for row-level security, so each slice read the whole table."""
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, 50)
        campaign_id = make.started(session).id
        materialise.materialise(session, campaign_id)
    seen: list[tuple[str, dict[str, object]]] = []

    def note(_c: object, _u: object, statement: str, parameters: dict[str, object], *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", note)
    with db.tenant_session(tenants.a) as session:
        claim.claim(session, Work(campaign_id, "email"), owner=new_id(), lease_seconds=30, size=5)
    event.remove(db.engine(), "before_cursor_execute", note)
    statement, parameters = next(each for each in seen if each[0].lstrip().startswith("WITH due"))
    with db.tenant_session(tenants.a) as session:
        for way in ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"):
            session.execute(text(f"SET LOCAL {way} = off"))
        cursor = session.connection().connection.cursor()
        cursor.execute(f"EXPLAIN (COSTS OFF) {statement}", parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    looked_up = re.findall(r"Scan using \w+ on member \w+\n\s+Index Cond: (.+)", plan)
    assert len(looked_up) == 2, plan
    assert all(re.search(r"\bid = ", condition) for condition in looked_up), plan
