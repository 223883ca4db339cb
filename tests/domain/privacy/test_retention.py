"""What agents and providers leave behind is kept so long and no longer; an open campaign keeps what it needs."""

from datetime import timedelta

import make
import pytest
from errands import call, key_of, stock, submit, write
from sqlalchemy import func, select, text, update

from ariia.tasks import retention as task
from domain.agent_tasks.states import State
from domain.campaigns import service as campaigns
from domain.privacy import retention
from domain.privacy.retention import RULES
from kernel import clock, db
from kernel.ids import new_id
from kernel.settings import get_settings
from models import AgentRun, AgentStep, AgentTask, IdempotencyKey, MemberInsight, ModelCall, TenantDue

_LONG = timedelta(days=1_000)


@pytest.fixture
def lead(tenants):
    stock(tenants.a, tenants.b)
    return {tenant_id: key_of(tenant_id) for tenant_id in (tenants.a, tenants.b)}


def counts(tenant_id):
    entities = (AgentTask, AgentStep, AgentRun, IdempotencyKey, MemberInsight)
    with db.tenant_session(tenant_id) as session:
        found = {
            each.__tablename__: session.execute(select(func.count()).select_from(each)).scalar_one()
            for each in entities
        }
        replies = session.execute(select(func.count()).where(ModelCall.reply.is_not(None))).scalar_one()
        return found | {"calls": session.query(ModelCall).count(), "replies": replies}


def age(tenant_id, *entities):
    """Make every row as old as can be."""
    with db.tenant_session(tenant_id) as session:
        for entity in entities:
            session.execute(update(entity).values(created_at=entity.created_at - _LONG))


def leave(tenant_id, n, *, over):
    """What expires by its own date, `n` of each."""
    until = clock.now() - timedelta(seconds=1) if over else clock.now() + timedelta(days=1)
    with db.tenant_session(tenant_id) as session:
        member = make.member(session, f"{new_id()}@example.org")
        for i in range(n):
            session.add(
                IdempotencyKey(
                    tenant_id=tenant_id, principal="k", route="/x", key=str(new_id()), request_hash="h",
                    lease_until=until, expires_at=until,
                )
            )  # fmt: skip
            session.add(
                ModelCall(
                    tenant_id=tenant_id, call_key=str(new_id()), purpose="p", prompt_id="p", prompt_version=1,
                    provider="p", model="m", state="done", reply="sealed", cost_micro=7, expires_at=until,
                )
            )  # fmt: skip
            session.add(
                MemberInsight(
                    tenant_id=tenant_id, member_id=member.id, key=f"k{i}", value="v", evidence_message_id=new_id(),
                    source="rules", confidence=1, expires_at=until,
                )
            )  # fmt: skip


def test_only_what_is_over_goes_and_the_bill_stays(tenants, lead, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention.forget, "__kwdefaults__", {"most": 2})
    for tenant_id in (tenants.a, tenants.b):
        leave(tenant_id, 5, over=True)
        leave(tenant_id, 1, over=False)
    untouched = counts(tenants.b)
    task.sweep(tenants.a, tenants.a)
    left = counts(tenants.a)
    assert (left["idempotency_key"], left["member_insight"], left["replies"], left["calls"]) == (1, 1, 1, 6)
    assert counts(tenants.b) == untouched
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(func.sum(ModelCall.cost_micro))).scalar_one() == 42
        due = session.execute(
            select(TenantDue.next_due_at).where(TenantDue.tenant_id == tenants.a, TenantDue.kind == retention.DUE)
        ).scalar_one()
        assert due > clock.now()


def test_an_open_campaign_keeps_its_tasks_and_steps_however_old(tenants, lead):
    who = lead[tenants.a]
    open_, over = submit(tenants.a, who), submit(tenants.a, who)
    answered = submit(tenants.a, who, "estimate_audience", {"audience": {"kind": "all_members"}}, key="k")
    write(tenants.a)
    call(tenants.a, "cancel", over, who)
    age(tenants.a, AgentTask, AgentStep, AgentRun)
    before = counts(tenants.a)
    task.sweep(tenants.a, tenants.a)
    left = counts(tenants.a)
    assert (before["agent_task"], left["agent_task"]) == (3, 1)
    assert 0 < left["agent_step"] < before["agent_step"]
    assert left["agent_run"] == before["agent_run"], "drafts name the run that wrote them"
    seen = call(tenants.a, "get", open_, who)
    assert (seen.state, seen.percent) == (State.WAITING_REVIEW, 100)
    assert call(tenants.a, "events", open_, who)
    assert submit(tenants.a, who, "estimate_audience", {"audience": {"kind": "all_members"}}, key="k") != answered
    with db.tenant_session(tenants.a) as session:
        campaigns.cancel(session, seen.campaign_id, actor="t")
    task.sweep(tenants.a, tenants.a)
    assert counts(tenants.a)["agent_task"] == 1, "the one that was asked for just now"


def test_what_is_younger_than_its_days_stays(tenants, lead):
    over = submit(tenants.a, lead[tenants.a])
    write(tenants.a)
    call(tenants.a, "cancel", over, lead[tenants.a])
    with db.tenant_session(tenants.a) as session:
        session.execute(
            update(AgentTask).values(
                created_at=clock.now() - timedelta(days=get_settings().keep_tasks_days) + timedelta(hours=1)
            )
        )
    before = counts(tenants.a)
    task.sweep(tenants.a, tenants.a)
    assert counts(tenants.a) == before


def test_a_tenant_that_is_gone_is_not_looked_at_again(tenants):
    nobody = new_id()
    task.sweep(nobody, nobody)
    with db.all_tenants_session("test") as session:
        assert session.execute(select(TenantDue).where(TenantDue.tenant_id == nobody)).all() == []


def test_each_rule_finds_its_rows_by_an_index_of_their_age(tenants, lead, analyse):
    submit(tenants.a, lead[tenants.a])
    with db.tenant_session(tenants.a) as session:
        run = session.execute(select(AgentRun.id)).scalar_one()
        values = {"t": tenants.a, "r": run}
        old = "clock_timestamp() - make_interval(days => CASE WHEN n % 200 = 0 THEN 500 ELSE 0 END)"
        many = "FROM generate_series(1, 4000) n"
        steps = f"SELECT gen_random_uuid(), :t, :r, 'x', 'done', '{{}}', {old} {many}"
        jobs = f"SELECT gen_random_uuid(), :t, 'get_campaign', '{{}}', 'x', 'k', false, {old} {many}"
        keys = f"SELECT gen_random_uuid(), :t, 'k', '/x', n::text, 'h', {old}, {old} + interval '1 day' {many}"
        of_task = "id, tenant_id, skill, input, input_hash, requester, to_confirm, created_at"
        columns = "id, tenant_id, principal, route, key, request_hash, lease_until, expires_at"
        for statement in (
            f"INSERT INTO agent_step (id, tenant_id, run_id, node, status, info, created_at) {steps}",
            f"INSERT INTO agent_task ({of_task}) {jobs}",
            f"INSERT INTO idempotency_key ({columns}) {keys}",
        ):
            session.execute(text(statement), values)
    for table, index in (
        ("agent_step", "ix_agent_step_age"),
        ("agent_task", "ix_agent_task_age"),
        ("idempotency_key", "ix_idempotency_key_over"),
    ):
        analyse(table)
        rule = next(rule for rule in RULES if rule.table == table)
        with db.tenant_session(tenants.a) as session:
            values = {"tenant": tenants.a, "before": rule.before(clock.now()), "most": 10}
            plan = "\n".join(session.execute(text(f"EXPLAIN {rule.statement.text}"), values).scalars())
        assert index in plan, plan
