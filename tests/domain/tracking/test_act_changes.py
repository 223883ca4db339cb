"""Hits move the hours of send times: a person's count, a machine's are taken out again, and counting is asked for."""

from sqlalchemy import func, select

from domain.analytics import send_times
from kernel import db
from models import ActChange, ActHour, TenantDue


def hours(sent) -> dict[str, int]:
    """Acts per kind, once everything that waits is counted."""
    send_times.run(sent.tenant_id)
    with db.tenant_session(sent.tenant_id) as session:
        rows = session.execute(
            select(ActHour.kind, func.sum(ActHour.n)).where(ActHour.clock == "member").group_by(ActHour.kind)
        )
        return {kind: int(n) for kind, n in rows if n}


def test_acts_of_people_count_once_and_those_of_machines_are_taken_back(sent):
    with db.tenant_session(sent.tenant_id) as session:
        send_times.count(session)
    sent.keep(sent.hit(after=20), sent.hit("clicked", after=22), sent.hit("clicked", 1, after=30))
    with db.tenant_session(sent.tenant_id) as session:
        asked = select(TenantDue.kind).where(TenantDue.tenant_id == sent.tenant_id, TenantDue.kind == send_times.DUE)
        assert session.execute(asked).scalars().all() == [send_times.DUE]
        assert session.execute(select(func.count()).select_from(ActChange)).scalar_one() == 3
    assert hours(sent) == {"opened": 1, "clicked": 2}
    sent.keep(sent.hit(after=40), sent.hit("clicked", after=42))
    assert hours(sent) == {"opened": 1, "clicked": 2}
    sent.keep(*(sent.hit("clicked", 1, link=n, after=30.2 + n / 10) for n in range(4)))
    assert hours(sent) == {"opened": 1, "clicked": 1}
