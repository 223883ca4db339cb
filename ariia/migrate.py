"""Bring a database to the newest schema and give the application role its rights, both repeatable."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text

from kernel.db import driver_url
from models import Base

_ROOT = Path(__file__).resolve().parent.parent
_LOCK = 7_201_415_001  # an advisory lock, so that two processes do not migrate at once

# What the application may do on tables that only grow.
APPEND_ONLY = (
    "audit_entry",
    "consent_event",
    "message_event",
    "draft_revision",
    "template_version",
    "domain_event",
    "experiment_look",
    "experiment_decision",
    "sequence_version",
)


class SuperuserRefused(RuntimeError):  # noqa: N818
    """Row-level security does not bind a superuser."""


def _config(connection: Connection) -> Config:
    config = Config(_ROOT / "alembic.ini")
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade(owner_url: str, app_role: str | None = None) -> None:
    """Migrate to head as the owner and grant the application role what it may.

    Raises SuperuserRefused when the role of `owner_url` is a superuser or bypasses row-level security.
    """
    engine = create_engine(driver_url(owner_url))
    try:
        with engine.begin() as connection:
            _refuse_superuser(connection)
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            command.upgrade(_config(connection), "head")
            if app_role is not None:
                grant(connection, app_role)
    finally:
        engine.dispose()


def _refuse_superuser(connection: Connection) -> None:
    row = connection.execute(
        text("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    ).one()
    if row[1]:
        raise SuperuserRefused(
            f"the database role '{row[0]}' is a superuser or bypasses row-level security: "
            "create an ordinary role that owns the database and use its URL"
        )


def ensure_app_role(owner_url: str) -> str | None:
    """Return the application role of an external database, made if the owner may; None where it may not.

    The role cannot log in; the application assumes it (`SET ROLE`) on each connection.
    """
    engine = create_engine(driver_url(owner_url))
    try:
        with engine.begin() as connection:
            name: str = connection.execute(text("SELECT current_database() || '_app'")).scalar_one()
            known = connection.execute(
                text("SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = :name"), {"name": name}
            ).scalar_one_or_none()
            if known is not None:
                return name if known else None
            may = connection.execute(text("SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user"))
            if not may.scalar_one():
                return None
            quoted = connection.dialect.identifier_preparer.quote(name)
            connection.execute(text(f"CREATE ROLE {quoted} NOLOGIN"))
            connection.execute(text(f"GRANT {quoted} TO current_user"))
            return name
    finally:
        engine.dispose()


def grant(connection: Connection, app_role: str) -> None:
    """Give `app_role` data rights on every table: no DDL, no TRUNCATE; append-only tables stay so."""
    role = connection.dialect.identifier_preparer.quote(app_role)
    tables = ", ".join(sorted(Base.metadata.tables))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
    connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role}"))
    connection.execute(text(f"GRANT SELECT ON alembic_version TO {role}"))
    for table in APPEND_ONLY:
        connection.execute(text(f"REVOKE UPDATE, DELETE ON {table} FROM {role}"))


def differences(engine: Engine) -> list[object]:
    """Return what the models say and the migrated database does not (empty when they agree)."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def head() -> str | None:
    """Return the newest revision that the code knows."""
    config = Config()
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    return ScriptDirectory.from_config(config).get_current_head()


def current(engine: Engine) -> str | None:
    """Return the revision that the database is at."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()
