"""A migrated template once, a fresh database per test module, two tenants in every test."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from uuid import UUID, uuid5

import hypothesis
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from ariia import migrate
from ariia.embedded import postgres
from kernel import clock, db, settings
from kernel.ids import new_id
from models import Tenant, TenantRoute

ROOT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")


def pytest_report_header() -> str:
    where = "external" if os.environ.get("ARIIA_TEST_DATABASE_URL") else "embedded"
    return f"database: {where} PostgreSQL"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that take a minute begin first, those that wait and those that reckon by turns: none is left for the end.

    The order of everything else stays as random as it is.
    """
    by_marker = [
        list(dict.fromkeys(str(item.path) for item in items if item.get_closest_marker(marker)))
        for marker in ("chaos", "browser")
    ]
    turns = [path for pair in zip_longest(*by_marker) for path in pair if path]
    place = {path: n for n, path in enumerate(turns)}
    items.sort(key=lambda item: place.get(str(item.path), len(place)))


@dataclass(frozen=True)
class Cluster:
    """A server that tests may fill with databases."""

    owner_url: str
    app_url: str | None  # None: the owner assumes the application role

    def url_of(self, database: str) -> str:
        return make_url(self.owner_url).set(database=database).render_as_string(hide_password=False)

    def app_url_of(self, database: str) -> str:
        base = make_url(self.app_url or self.owner_url)
        return base.set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The external server of ARIIA_TEST_DATABASE_URL where that is set, else an embedded one of our own."""
    external = os.environ.get("ARIIA_TEST_DATABASE_URL")
    if external:
        yield Cluster(owner_url=db.driver_url(external), app_url=None)
        return
    with postgres.start(tmp_path_factory.mktemp("pg") / "data", durable=False) as server:
        superuser = create_engine(server.superuser_url, isolation_level="AUTOCOMMIT")
        with superuser.connect() as connection:
            connection.execute(text("ALTER ROLE ariia_owner CREATEDB"))
        superuser.dispose()
        yield Cluster(owner_url=server.owner_url, app_url=server.app_url)


def _admin(cluster: Cluster, statement: str) -> None:
    engine = create_engine(cluster.owner_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


@dataclass(frozen=True)
class Database:
    """One migrated database: `owner_url` migrates, `app_url` (+ `app_role`) is what the service uses."""

    owner_url: str
    app_url: str
    app_role: str | None


@pytest.fixture(scope="session")
def template_database(cluster: Cluster) -> Iterator[tuple[str, str | None]]:
    name = f"ariia_template_{new_id().hex[-12:]}"
    _admin(cluster, f"CREATE DATABASE {name}")
    role = "ariia_app" if cluster.app_url else _external_role(cluster)
    migrate.upgrade(cluster.url_of(name), role)
    _keep_still(cluster.url_of(name))
    yield name, role
    _drop(cluster, name)


def _keep_still(owner_url: str) -> None:
    """Let only tests give the planner statistics: when autovacuum would is luck, and so would be what plans show."""
    engine = create_engine(owner_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table in connection.execute(text("SELECT relname FROM pg_stat_user_tables")).scalars():
            connection.execute(text(f'ALTER TABLE "{table}" SET (autovacuum_enabled = off)'))
    engine.dispose()


def _external_role(cluster: Cluster) -> str:
    role = "ariia_test_app"
    engine = create_engine(cluster.owner_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(7201416)"))  # two workers begin at once; it ends with us
        known = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :r"), {"r": role}).scalar()
        if not known:
            connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
            connection.execute(text(f"GRANT {role} TO current_user"))
    engine.dispose()
    return role


def _drop(cluster: Cluster, name: str) -> None:
    """A background worker of the server may sit in it for a moment, and only the server may end that one."""
    for _ in range(20):
        try:
            return _admin(cluster, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        except DBAPIError:
            time.sleep(0.25)
    return _admin(cluster, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def database(
    cluster: Cluster, template_database: tuple[str, str | None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """A database of its own for each module, and the settings and engine of the process pointed at it."""
    template, role = template_database
    name = f"ariia_test_{new_id().hex[-12:]}"
    _admin(cluster, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    made = Database(cluster.url_of(name), cluster.app_url_of(name), None if cluster.app_url else role)
    settings.use(
        settings.Settings(
            data_dir=tmp_path_factory.mktemp("ariia"), database_url=made.app_url, environment="development"
        )
    )
    db.configure(made.app_url, app_role=made.app_role)
    yield made
    db.dispose()
    _drop(cluster, name)


@pytest.fixture
def analyse(database: Database) -> Callable[[str], None]:
    """Give the planner the statistics of a table as it is now: only its owner may, and a plan must not hang on luck."""

    def run(table: str) -> None:
        owner = create_engine(database.owner_url, isolation_level="AUTOCOMMIT")
        with owner.connect() as connection:
            connection.execute(text(f"ANALYZE {table}"))
        owner.dispose()

    return run


def make_tenant(slug: str, *, tier: str = "business", language: str = "de", **fields: object) -> UUID:
    """A tenant with an address and an imprint, as every tenant that may send has."""
    tenant_id = new_id()
    values: dict[str, object] = {
        "name": slug.title(),
        "time_zone": "Europe/Berlin",
        "currency": "EUR",
        "postal_address": "Lindenstraße 5, 50674 Köln",
        "imprint_url": f"https://www.{slug}.example/impressum",
        "website": f"https://www.{slug}.example",
        "approved_hosts": [f"www.{slug}.example"],
    }
    values.update(fields)
    with db.all_tenants_session("make a tenant") as session:
        session.add(TenantRoute(slug=slug, tenant_id=tenant_id))
    with db.tenant_session(tenant_id) as session:
        session.add(Tenant(id=tenant_id, slug=slug, tier=tier, language=language, **values))
    return tenant_id


@dataclass(frozen=True)
class TwoTenants:
    a: UUID
    b: UUID


@pytest.fixture
def tenants(database: Database) -> TwoTenants:
    """Two tenants in every test, so that leaks show."""
    unique = new_id().hex[-10:]
    return TwoTenants(make_tenant(f"alpha-{unique}"), make_tenant(f"beta-{unique}", language="en"))


@pytest.fixture
def frozen_clock() -> Iterator[Callable[[datetime], None]]:
    """Set the application's clock: `frozen_clock(instant)`."""

    def freeze(instant: datetime) -> None:
        clock.set_source(lambda: instant)

    yield freeze
    clock.set_source(None)


def stable(name: str) -> UUID:
    """The same id for the same name, for readable tests."""
    return uuid5(UUID(int=0), name)


def in_process(code: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, from the repository root."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def settled() -> None:
    """Wait until whatever is being written on this server now has ended, other tests' transactions too."""
    look = text(
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, "
        "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
    )
    with db.all_tenants_session("test") as session:
        mark = session.execute(look).one()[1]
    for _ in range(500):
        with db.all_tenants_session("test") as session:
            if session.execute(look).one()[0] >= mark:
                return
        time.sleep(0.02)
