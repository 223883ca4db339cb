"""How long what agents and providers leave behind is kept, and its removal a little at a time.

Each rule deletes or empties the rows of one table whose time is over; what a campaign that is not over still needs
stays. Every statement is served by an index that begins with the tenant and holds the time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import TextClause, text, update
from sqlalchemy.orm import Session

from domain.identity.tenants import RETENTION
from kernel import clock, db, outbox
from kernel.settings import get_settings
from models import Tenant, TenantDue

DUE = RETENTION
TASK = "privacy.retain"
BATCH = 1_000
_DAY = timedelta(days=1)
_OVER = "('sent', 'cancelled')"
# A run, or a task, that nothing will come of any more: its campaigns are over, or were deleted.
_OPEN_CAMPAIGN = f"""EXISTS (SELECT FROM agent_task_campaign k JOIN campaign c ON c.tenant_id = k.tenant_id
  AND c.id = k.campaign_id WHERE k.tenant_id = t.tenant_id AND k.agent_task_id = t.id AND c.status NOT IN {_OVER})"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is over: rows of `table` whose time column is at or before `now` less the days of a setting, if it has one.

    `statement` takes tenant, before and most, and touches at most so many rows.
    """

    table: str
    statement: TextClause
    setting: str | None = None

    def before(self, now: datetime) -> datetime:
        return now - timedelta(days=getattr(get_settings(), self.setting)) if self.setting else now


def _some(table: str, which: str) -> str:
    """Return the query of the rows that one statement touches; others may be at work on some."""
    found = f"SELECT t.id FROM {table} t WHERE t.tenant_id = :tenant AND {which}"  # noqa: S608 - names of our own
    return f"d.tenant_id = :tenant AND d.id = ANY(ARRAY({found} LIMIT :most FOR UPDATE OF t SKIP LOCKED))"


def _delete(table: str, which: str) -> TextClause:
    return text(f"DELETE FROM {table} d WHERE {_some(table, which)}")  # noqa: S608


_STATUS_OF_STEP = """(SELECT c.status FROM agent_run r JOIN campaign c ON c.tenant_id = r.tenant_id
  AND c.id = r.campaign_id WHERE r.tenant_id = t.tenant_id AND r.id = t.run_id)"""
_REPLIES = _some("model_call", "t.reply IS NOT NULL AND t.expires_at <= :before")
_EMPTIED = text(f"UPDATE model_call d SET reply = NULL, updated_at = clock_timestamp() WHERE {_REPLIES}")  # noqa: S608
RULES = (
    Rule("model_call", _EMPTIED),
    Rule("member_insight", _delete("member_insight", "t.expires_at <= :before")),
    Rule("idempotency_key", _delete("idempotency_key", "t.expires_at <= :before")),
    Rule(
        "provider_callback",
        _delete("provider_callback", "t.created_at <= :before AND t.processed_at IS NOT NULL"),
        "keep_callbacks_days",
    ),
    Rule(
        "agent_step",
        _delete("agent_step", f"t.created_at <= :before AND {_STATUS_OF_STEP} IN {_OVER}"),
        "keep_steps_days",
    ),
    Rule("agent_task", _delete("agent_task", f"t.created_at <= :before AND NOT {_OPEN_CAMPAIGN}"), "keep_tasks_days"),
)


def forget(session: Session, rule: Rule, *, most: int = BATCH) -> int:
    """Remove at most `most` rows of a rule whose time is over; returns how many it were."""
    values = {"tenant": db.tenant_of(session), "before": rule.before(clock.now()), "most": most}
    done: int = session.execute(rule.statement, values).rowcount  # type: ignore[attr-defined] # a DELETE has a count
    return done


def begin(session: Session) -> bool:
    """Put the next look off, so that one process looks; False, and never again, for a tenant that was taken away."""
    tenant_id: UUID = db.tenant_of(session)
    if session.get(Tenant, tenant_id) is None:
        return False
    outbox.mark_due(session, DUE)
    mine = (TenantDue.tenant_id == tenant_id, TenantDue.kind == DUE)
    session.execute(update(TenantDue).where(*mine).values(next_due_at=clock.now() + _DAY))
    return True
