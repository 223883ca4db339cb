"""Sessions: a transaction and a tenant in one. Nothing else commits, and without a tenant no row is seen."""

import select as system
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Engine, Select, bindparam, create_engine, event, select, text
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import Session, sessionmaker

from kernel.errors import NotFound

_AFTER_COMMIT = "after_commit"
_RETURNED = "returned"
_TRUSTED = 5.0  # seconds
_engine: Engine | None = None
_sessions: sessionmaker[Session] | None = None


class NotConfigured(RuntimeError):  # noqa: N818
    """The database was used before a process configured it."""


def configure(
    url: str, *, app_role: str | None = None, pool: int = 10, statement_timeout_ms: int | None = None
) -> Engine:
    """Make the database at `url` the one of this process and return its engine.

    `app_role` is assumed on every connection (`SET ROLE`) where the login role is the owner;
    `statement_timeout_ms` bounds every statement.
    """
    global _engine, _sessions  # noqa: PLW0603 - one process, one database
    dispose()
    options = [f"-c statement_timeout={statement_timeout_ms}"] if statement_timeout_ms else []
    options += [f"-c role={app_role}"] if app_role else []
    options += ["-c timezone=UTC", "-c jit=off"]
    _engine = create_engine(
        driver_url(url),
        pool_size=pool,
        max_overflow=0,
        pool_timeout=30,
        connect_args={"options": " ".join(options), "application_name": "ariia"},
    )
    _ask_before_use(_engine)
    _sessions = sessionmaker(_engine, expire_on_commit=False, autoflush=True)
    return _engine


def _ask_before_use(engine: Engine) -> None:
    """Replace pooled connections that are dead, as `pool_pre_ping` does, but without a round trip for a busy one.

    A server that ends says so to its clients: where nothing came in since the connection was returned, a moment ago,
    it stands. One that lay longer may have been forgotten on the way, silently, so it is asked.
    """

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info[_RETURNED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _check(connection: Any, record: Any, _proxy: Any) -> None:
        returned = record.info.get(_RETURNED)
        if returned is None:
            return
        try:
            if time.monotonic() - returned > _TRUSTED or _something_came(connection):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _something_came(connection: Any) -> bool:
    """Say whether the server sent something that nobody asked for: its last words, or that it ended."""
    poll = system.poll()
    poll.register(connection.fileno(), system.POLLIN)
    return bool(poll.poll(0))


def driver_url(url: str) -> str:
    """Return the URL with the one driver that the application uses."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def dispose() -> None:
    """Close every pooled connection (shutdown, fork)."""
    global _engine, _sessions  # noqa: PLW0603
    if _engine is not None:
        _engine.dispose()
    _engine = _sessions = None


def engine() -> Engine:
    """Return the engine of this process; raises NotConfigured before `configure`."""
    if _engine is None:
        raise NotConfigured("no database: call kernel.db.configure first")
    return _engine


@contextmanager
def tenant_session(tenant_id: UUID, *, timeout_ms: int | None = None) -> Iterator[Session]:
    """Open a transaction on the rows of one tenant; commit on return, roll back on raise.

    `timeout_ms` bounds every statement of it.
    """
    with _transaction() as session:
        set_tenant(session, tenant_id, timeout_ms=timeout_ms)
        yield session


@contextmanager
def session_on(owner: Engine, tenant_id: UUID) -> Iterator[Session]:
    """Open a transaction on the rows of one tenant as the owner of the tables, for an operator's work.

    The policies bind the owner, too; what it may beside the application is to delete from tables that only grow.
    """
    with Session(owner, expire_on_commit=False) as session, session.begin():
        set_tenant(session, tenant_id)
        yield session


@contextmanager
def nobodys_session() -> Iterator[Session]:
    """Open a transaction without a tenant, until the caller has learnt whose it is (`set_tenant`): to sign in."""
    with _transaction() as session:
        yield session


@contextmanager
def all_tenants_session(reason: str) -> Iterator[Session]:
    """Open a transaction without a tenant: only the few tables without row-level security are visible.

    `reason` stands in the server's log beside the statements (application_name).
    """
    with _transaction() as session:
        session.execute(text("SELECT set_config('application_name', :name, true)"), {"name": f"ariia: {reason}"[:63]})
        yield session


_TENANT = text("SELECT set_config('app.tenant', :tenant, true)")
_TENANT_IN_TIME = text(
    "SELECT set_config('app.tenant', :tenant, true), set_config('statement_timeout', :timeout, true)"
)


def set_tenant(session: Session, tenant_id: UUID, *, timeout_ms: int | None = None) -> None:
    """Scope the running transaction to a tenant; the setting ends with the transaction."""
    if timeout_ms is None:
        session.execute(_TENANT, {"tenant": str(tenant_id)})
    else:
        session.execute(_TENANT_IN_TIME, {"tenant": str(tenant_id), "timeout": str(timeout_ms)})
    is_of(session, tenant_id)


def is_of(session: Session, tenant_id: UUID) -> None:
    """Note whose transaction it is where the database itself has just scoped it (`admit`)."""
    session.info["tenant_id"] = tenant_id


@contextmanager
def _transaction() -> Iterator[Session]:
    if _sessions is None:
        raise NotConfigured("no database: call kernel.db.configure first")
    with _sessions() as session, session.begin():
        yield session


def tenant_of(session: Session) -> UUID:
    """Return the tenant whose rows this session sees; raises LookupError where there is none."""
    try:
        tenant_id: UUID = session.info["tenant_id"]
    except KeyError:
        raise LookupError("this session has no tenant: open it with tenant_session") from None
    return tenant_id


Row = TypeVar("Row")


def own(session: Session, entity: type[Row], row_id: UUID, thing: str) -> Row:
    """Return the tenant's row with this id; raises NotFound naming the thing, also for another tenant's row."""
    known: Any = entity
    row: Row | None = session.execute(_own(known), {"tenant": tenant_of(session), "row": row_id}).scalar_one_or_none()
    if row is None:
        raise NotFound(thing)
    return row


@cache
def _own(entity: Any) -> Select[Any]:
    """Build the statement once: to build it and to find its compiled form costs as much as to run it."""
    return select(entity).where(entity.tenant_id == bindparam("tenant"), entity.id == bindparam("row"))


def after_commit(session: Session, action: Callable[[], Any]) -> None:
    """Run `action` once the transaction is durable; never when it rolls back."""
    session.info.setdefault(_AFTER_COMMIT, []).append(action)


@event.listens_for(Session, "after_commit")
def _run_actions(session: Session) -> None:
    for action in session.info.pop(_AFTER_COMMIT, []):
        action()


@event.listens_for(Session, "after_rollback")
def _forget_actions(session: Session) -> None:
    session.info.pop(_AFTER_COMMIT, None)
