"""What the nodes may reach: short sessions of one tenant, and a model where the tenant lets chat turns reach one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from agents.call import Caller


@dataclass(frozen=True, slots=True)
class Context:
    tenant_id: UUID
    turn_id: UUID
    open_session: Callable[[], AbstractContextManager[Session]]
    caller: Caller | None = None
