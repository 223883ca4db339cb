"""What a run and a tenant's month may spend on models: reserved before each attempt, settled after it.

Both counters change in one conditional UPDATE each, so callers in parallel cannot pass a limit together. The month is
a row of `plan_usage` in the tenant's own time zone; it counts what is spent and what is reserved.
"""

from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import CursorResult, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from agents.llm.errors import BudgetExhausted
from kernel import clock, db
from kernel.ids import new_id
from kernel.settings import get_settings
from models import PlanUsage, Tenant
from models.agent import AgentRun

KEY = "llm_tokens"
_SHARE = 2  # what nobody waits for stops at a half of the month, so that the drafts keep the other


def reserve(session: Session, run_id: UUID | None, tokens: int, cost_micro: int) -> date:
    """Reserve tokens of the run and of the month, and return the month that pays.

    Raises BudgetExhausted, and then nothing is reserved, where one of the limits would be passed.
    """
    if run_id is not None:
        room = AgentRun.token_limit - AgentRun.spent_tokens - AgentRun.reserved_tokens
        taken = session.execute(
            update(AgentRun)
            .where(AgentRun.id == run_id, room >= tokens)
            .values(reserved_tokens=AgentRun.reserved_tokens + tokens, cost_micro=AgentRun.cost_micro + cost_micro)
        )
        if _count(taken) != 1:
            raise BudgetExhausted("run_token_limit")
    month = _month(session)
    session.execute(
        insert(PlanUsage)
        .values(id=new_id(), tenant_id=db.tenant_of(session), limit_key=KEY, period=month, used=0)
        .on_conflict_do_nothing()
    )
    limit = get_settings().llm_month_token_limit
    taken = session.execute(
        _row(session, month).where(PlanUsage.used + tokens <= limit).values(used=PlanUsage.used + tokens)
    )
    if _count(taken) != 1:
        raise BudgetExhausted("month_token_limit")
    return month


def leave_room(session: Session) -> None:
    """Raise BudgetExhausted where half of the month is spent or reserved: the rest is for what people wait for."""
    used = session.execute(
        select(PlanUsage.used).where(
            PlanUsage.tenant_id == db.tenant_of(session),
            PlanUsage.limit_key == KEY,
            PlanUsage.period == _month(session),
        )
    ).scalar_one_or_none()
    if used is not None and used * _SHARE >= get_settings().llm_month_token_limit:
        raise BudgetExhausted("month_share_spent")


def settle(
    session: Session, run_id: UUID | None, month: date, *, reserved: int, spent: int, cost_change_micro: int
) -> None:
    """Replace a reservation by what the attempt really took; `cost_change_micro` corrects the reserved cost."""
    if run_id is not None:
        session.execute(
            update(AgentRun)
            .where(AgentRun.id == run_id)
            .values(
                reserved_tokens=AgentRun.reserved_tokens - reserved,
                spent_tokens=AgentRun.spent_tokens + spent,
                cost_micro=AgentRun.cost_micro + cost_change_micro,
            )
        )
    session.execute(_row(session, month).values(used=PlanUsage.used + spent - reserved))


def abandon(session: Session, run_id: UUID | None, tokens: int) -> None:
    """Count a reservation whose holder died as spent: nobody knows what became of its attempt."""
    if run_id is not None and tokens:
        session.execute(
            update(AgentRun)
            .where(AgentRun.id == run_id)
            .values(reserved_tokens=AgentRun.reserved_tokens - tokens, spent_tokens=AgentRun.spent_tokens + tokens)
        )


def _month(session: Session) -> date:
    zone = session.get_one(Tenant, db.tenant_of(session)).time_zone
    return clock.now().astimezone(ZoneInfo(zone)).date().replace(day=1)


def _row(session: Session, month: date) -> Any:
    return update(PlanUsage).where(
        PlanUsage.tenant_id == db.tenant_of(session), PlanUsage.limit_key == KEY, PlanUsage.period == month
    )


def _count(result: Any) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
