"""Pooled connections that the server has ended are replaced, and nobody sees it."""

from contextlib import ExitStack

from sqlalchemy import create_engine, text

from kernel import db

_PID = text("SELECT pg_backend_pid()")
_END = text("SELECT pg_terminate_backend(:pid, 30000)")


def _pids(tenant_id, n: int) -> set[int]:
    """Return the backends of so many sessions that are open at once."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(db.tenant_session(tenant_id)) for _ in range(n)]
        return {session.execute(_PID).scalar_one() for session in sessions}


def test_connections_that_were_ended_are_replaced(database, tenants):
    known = _pids(tenants.a, 3)
    assert len(known) == 3
    login = create_engine(db.driver_url(database.app_url))  # the role that signed in may end what it opened
    with login.connect() as connection:
        for pid in known:
            assert connection.execute(_END, {"pid": pid}).scalar_one()
    login.dispose()
    again = _pids(tenants.b, 3)
    assert len(again) == 3
    assert not again & known
