"""What nodes may reach: short sessions of one tenant, the run, and a writer. Never a session that stays open."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from agents.campaign.replies import BriefPlan, CampaignBase, Claim, CohortCopy, PersonalLine, Scope, TextBase
from agents.campaign.state import Desk, Spot
from agents.judge import Verdict
from domain.content.cohorts import Cohort
from domain.content.lines import Target

OpenSession = Callable[[], AbstractContextManager[Session]]


class Writer(Protocol):
    """Fills the forms: a model behind the ledger, or the built-in phrases."""

    @property
    def name(self) -> str: ...

    def provenance(self) -> dict[str, Any]:
        """Return the versions of the prompts and the model as reported, of everything asked so far."""
        ...

    def scope(self, feedback: Sequence[str]) -> Scope | None:
        """Return what free feedback asks for; None where the writer cannot tell."""
        ...

    def plan(self, desk: Desk) -> BriefPlan: ...

    def base(self, plan: BriefPlan, language: str, desk: Desk, *, alternative: bool) -> CampaignBase: ...

    def text(self, plan: BriefPlan, language: str, desk: Desk, *, channel: str, alternative: bool) -> TextBase: ...

    def cohorts(
        self, plan: BriefPlan, cohorts: Sequence[Cohort], desk: Desk, *, channel: str, base: dict[str, dict[str, str]]
    ) -> list[CohortCopy]:
        """Return the copy of each cohort that differs from the base copy, at most ten per call."""
        ...

    def lines(
        self, plan: BriefPlan, targets: Sequence[Target], desk: Desk, *, base: dict[str, dict[str, str]]
    ) -> dict[str, PersonalLine]:
        """Return what people get said by the id of their target, at most 25 per call; a line may be None."""
        ...

    def edit(self, plan: BriefPlan, spots: Sequence[Spot], desk: Desk) -> tuple[dict[str, str], list[Claim]]:
        """Return new texts by path, and the claims that they make."""
        ...

    def shorten(self, plan: BriefPlan, spots: Sequence[Spot], desk: Desk) -> tuple[dict[str, str], list[Claim]]:
        """Return the same said in fewer words, by path, and the claims that it makes."""
        ...

    def judge(self, plan: BriefPlan, language: str, texts: Mapping[str, str], desk: Desk) -> Verdict:
        """Return what a second reader notes on the texts of a language, by path."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    tenant_id: UUID
    run_id: UUID
    campaign_id: UUID
    owner: UUID
    open_session: OpenSession
    writer: Writer
