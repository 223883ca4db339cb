"""`ariia plan`: what operators see and change, of one tenant alone."""

from contextlib import contextmanager

import make
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from ariia import plans as commands
from domain.templates import service as templates
from domain.tiers import service as tiers
from kernel import db
from models import AuditEntry, Outbox, Tenant


@contextmanager
def here():
    """The database of the test is open already."""
    yield


@pytest.fixture
def slug(tenants):
    with db.tenant_session(tenants.a) as session:
        for n in range(3):
            templates.create(session, name=f"T{n}", description=None, kind="email", content=make.email(), actor="t")
        return session.get_one(Tenant, tenants.a).slug


def run(*arguments):
    return CliRunner().invoke(commands.commands(here), list(arguments))


def tier_of(tenant_id):
    with db.tenant_session(tenant_id) as session:
        return session.get_one(Tenant, tenant_id).tier


def test_a_dry_run_says_what_would_stop_and_changes_nothing(tenants, slug):
    said = run("set", slug, "starter", "--dry-run").output
    assert "Templates: unlimited → 2 (3 in use)" in said
    assert "AI content: advanced → –" in said
    assert "template 'T2' stops, and stays readable" in said
    assert "T1" not in said
    assert "Nothing was changed" in said
    assert tier_of(tenants.a) == "business"
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(AuditEntry.seq).where(AuditEntry.action.like("plan.%"))).all() == []


def test_a_change_happens_now_with_its_reason_and_is_shown(tenants, slug):
    assert run("set", slug, "starter").exit_code == 1, "a reason is needed"
    done = run("set", slug, "starter", "--reason", "asked by mail")
    assert done.exit_code == 0, done.output
    assert (tier_of(tenants.a), tier_of(tenants.b)) == ("starter", "business")
    shown = run("show", str(tenants.a)).output
    assert ": starter, months in Europe/Berlin" in shown
    assert "Templates        3 of 2" in shown
    again = run("set", slug, "starter", "--reason", "r")
    assert (again.exit_code, "already" in again.output) == (1, True)
    back = run("set", slug, "business", "--reason", "r").output
    assert "template 'T2' works again" in back


def test_a_change_is_planned_for_the_next_month_and_taken_back(tenants, slug):
    planned = run("set", slug, "starter", "--reason", "end of contract", "--at", "next-month").output
    assert "Planned for 1 " in planned
    assert "00:00 (Europe/Berlin)" in planned
    assert "end of contract" in run("show", slug).output
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Outbox.task).where(Outbox.task == tiers.TASK)).one()
    assert "The plan stays" in run("keep", slug).output
    assert "No change is planned" in run("keep", slug).output
    assert tier_of(tenants.a) == "business"


@pytest.mark.parametrize("name", ["nobody-here", "01a1fe26-31d6-76e5-9c90-4c52a2c3f1aa"])
def test_an_unknown_tenant_is_named(database, name):
    said = run("show", name)
    assert (said.exit_code, "no tenant with this id" in said.output) == (1, True)


def test_an_unknown_tier_is_refused(tenants, slug):
    assert run("set", slug, "golden", "--reason", "r").exit_code == 2
