"""Rows that model calls need, and questions to ask, for tests."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from agents import budget
from agents.call import Caller, Question
from agents.llm.port import Message
from agents.llm.provider import Provider
from kernel import db
from kernel.ids import new_id
from models import PlanUsage
from models.agent import AgentRun, ModelCall
from models.campaigns import Campaign
from tests.agents.llm.bench import Letter


def add_run(tenant_id: UUID, *, token_limit: int = 100_000) -> UUID:
    campaign_id, run_id = new_id(), new_id()
    with db.tenant_session(tenant_id) as session:
        session.add(
            Campaign(id=campaign_id, tenant_id=tenant_id, name="Test", kind="broadcast", channel="email", audience={})
        )
        session.flush()
        session.add(
            AgentRun(id=run_id, tenant_id=tenant_id, campaign_id=campaign_id, kind="draft", token_limit=token_limit)
        )
    return run_id


def question(text: str = "A letter, please.", **changes: Any) -> Question[Letter]:
    messages = (Message("system", "Write only the fields."), Message("user", text))
    values: dict[str, Any] = {"max_output_tokens": 500} | changes
    return Question("letter", "letter", 1, messages, Letter, **values)


@dataclass(frozen=True)
class Desk:
    """One tenant's caller with a run, and a look at what was booked."""

    tenant_id: UUID
    run_id: UUID
    caller: Caller

    def row(self) -> ModelCall:
        with db.tenant_session(self.tenant_id) as session:
            return session.scalars(select(ModelCall)).one()

    def run(self) -> AgentRun:
        with db.tenant_session(self.tenant_id) as session:
            return session.scalars(select(AgentRun).where(AgentRun.id == self.run_id)).one()

    def booked(self) -> int:
        """Tokens on the ledger rows of this tenant."""
        with db.tenant_session(self.tenant_id) as session:
            total = session.scalar(select(func.sum(ModelCall.in_tokens + ModelCall.out_tokens)))
        return total or 0

    def month(self) -> int:
        """Tokens that the tenant's month counts, spent and reserved."""
        with db.tenant_session(self.tenant_id) as session:
            return session.scalar(select(func.sum(PlanUsage.used)).where(PlanUsage.limit_key == budget.KEY)) or 0

    def change_row(self, change: Callable[[ModelCall], None]) -> None:
        with db.tenant_session(self.tenant_id) as session:
            change(session.scalars(select(ModelCall)).one())


def desk(provider: Provider, tenant_id: UUID, *, token_limit: int = 100_000, **options: Any) -> Desk:
    run_id = add_run(tenant_id, token_limit=token_limit)
    return Desk(
        tenant_id, run_id, Caller(provider, partial(db.tenant_session, tenant_id), tenant_id, run_id, **options)
    )
