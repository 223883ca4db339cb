"""Figures that are read when somebody asks: how late work is, how much of it waits, and what processes counted.

Only the dispatcher's map and small open queues are read, each by its index: `tenant_due` by (kind, next_due_at), the
outbox of tenants that are due by (tenant_id, due_at). No table of messages or deliveries is counted.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kernel import db
from models import Outbox, TenantDue

KINDS = ("campaigns", "outbox", "webhooks")
_MOST_TENANTS = 100


_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name: it is read before our settings are
_OF_PROCESS = re.compile(r"gauge_live\w+_(\d+)\.db")


def counted() -> bytes:
    """Return what this process counted, or, where processes share a folder for it, what all of them did."""
    folder = os.environ.get(_FOLDER)  # noqa: TID251 - see _FOLDER
    if not folder:
        return generate_latest()
    _forget_the_dead(Path(folder))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call] # the library's
    return generate_latest(registry)


def _forget_the_dead(folder: Path) -> None:
    """Remove what processes that are gone said of their present state; what they counted stays."""
    found = (_OF_PROCESS.fullmatch(path.name) for path in folder.glob("gauge_live*.db"))
    for pid in {int(match[1]) for match in found if match}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call] # the library's
        except PermissionError:  # another user's, and alive
            continue


def live() -> bytes:
    """Return the figures in Prometheus' text form; without a database the one that says so."""
    try:
        with db.all_tenants_session("figures") as session:
            read = [*_queues(session), _outbox(session)]
    except Exception:  # noqa: BLE001 - any failure means: it does not answer, and the other figures are still wanted
        return _text([_gauge("ariia_database_up", "1 while the database answers.", 0)])
    return _text([_gauge("ariia_database_up", "1 while the database answers.", 1), *read])


def _text(families: list[GaugeMetricFamily]) -> bytes:
    """Return figures of this moment: they are no process's own, and lie in nobody's folder."""
    registry = CollectorRegistry()
    registry.register(_Families(families))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        return iter(self._families)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)


def _queues(session: Session) -> list[GaugeMetricFamily]:
    age = GaugeMetricFamily("ariia_oldest_open_age_seconds", "How long the most overdue tenant waits.", labels=["kind"])
    waiting = GaugeMetricFamily("ariia_tenants_due", "Tenants with work that is due, at most 100.", labels=["kind"])
    for kind in KINDS:
        due = (
            select(TenantDue.next_due_at)
            .where(TenantDue.kind == kind, TenantDue.next_due_at <= func.clock_timestamp())
            .order_by(TenantDue.next_due_at)
            .limit(_MOST_TENANTS)
            .subquery()
        )
        oldest = func.extract("epoch", func.clock_timestamp() - func.min(due.c.next_due_at))
        row = session.execute(select(func.coalesce(oldest, 0), func.count(due.c.next_due_at))).one()
        age.add_metric([kind], float(row[0]))
        waiting.add_metric([kind], row[1])
    return [age, waiting]


def _outbox(session: Session) -> GaugeMetricFamily:
    tenants = session.execute(
        select(TenantDue.tenant_id)
        .where(TenantDue.kind == "outbox")
        .order_by(TenantDue.next_due_at)
        .limit(_MOST_TENANTS)
    ).scalars()
    total = 0
    for tenant_id in tenants.all():
        db.set_tenant(session, tenant_id)
        rows = select(func.count()).select_from(Outbox).where(Outbox.tenant_id == tenant_id)
        total += session.execute(rows).scalar_one()
    return _gauge("ariia_outbox_depth", "Outbox rows of the 100 most overdue tenants.", total)
