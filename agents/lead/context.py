"""What the nodes of a turn may reach: the turn, who wrote it, short sessions of one tenant, and a selector."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from agents.lead.skills import Choice
from domain.agent_tasks.requester import Requester

OpenSession = Callable[[], AbstractContextManager[Session]]


class Selector(Protocol):
    """Says what a turn asks for: rules, or a model behind the ledger."""

    def choose(self, text: str, intents: tuple[str, ...], *, in_review: bool) -> Choice: ...


@dataclass(frozen=True, slots=True)
class Context:
    """`key` is the turn's idempotency key, `conversation` groups the turns of one chat."""

    tenant_id: UUID
    requester: Requester
    text: str
    conversation: str
    key: str
    open_session: OpenSession
    selector: Selector
