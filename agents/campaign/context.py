"""What nodes may reach: short sessions of one tenant, the run, and a writer. Never a session that stays open."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from agents.campaign.feedback import Style
from agents.campaign.replies import BriefPlan, CampaignBase, TextBase
from agents.campaign.state import Source

OpenSession = Callable[[], AbstractContextManager[Session]]


class Writer(Protocol):
    """Fills the forms: a model behind the ledger, or the built-in phrases."""

    @property
    def name(self) -> str: ...

    def plan(self, goal: str, sources: list[Source], style: Style, feedback: list[str]) -> BriefPlan: ...

    def base(
        self, plan: BriefPlan, language: str, sources: list[Source], style: Style, feedback: list[str]
    ) -> CampaignBase: ...

    def text(
        self,
        plan: BriefPlan,
        language: str,
        sources: list[Source],
        style: Style,
        feedback: list[str],
        *,
        channel: str,
    ) -> TextBase: ...


@dataclass(frozen=True, slots=True)
class Context:
    tenant_id: UUID
    run_id: UUID
    campaign_id: UUID
    owner: UUID
    open_session: OpenSession
    writer: Writer
