"""How tasks stand: their campaigns, what was decided about each, its last run, and the state that follows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from domain.agent_tasks import skills, texts
from domain.agent_tasks.states import OVER, Facts, Part, State, state_of, state_of_part
from domain.campaigns import queries
from kernel import db
from models import AgentRun, AgentTask, AgentTaskCampaign, Campaign, Review


@dataclass(frozen=True, slots=True)
class PartView:
    """How one campaign of a task stands; `campaign` is none once it was deleted."""

    campaign: Campaign | None
    state: State
    verdict: str | None

    @property
    def campaign_id(self) -> UUID | None:
        return self.campaign.id if self.campaign else None

    @property
    def revision_id(self) -> UUID | None:
        return self.campaign.current_revision_id if self.campaign else None

    @property
    def channel(self) -> str:
        return self.campaign.channel if self.campaign else ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A campaign of the task with its last run, as it is told."""

    part: PartView
    run: queries.SeenRun | None
    language: str

    @property
    def stage(self) -> str | None:
        return self.run.stage if self.run else None

    @property
    def percent(self) -> int:
        return 100 if self.part.state in OVER else self.run.percent if self.run else 0

    @property
    def message(self) -> str:
        """Say how it stands, with the code of what went wrong."""
        state = self.part.state
        if state == State.FAILED and self.part.verdict == "reject":
            return texts.rejected(self.language)
        text = texts.of_state(state, self.language)
        code = self.run.run.error_code if self.run and state in {State.FAILED, State.PAUSED_PROVIDER} else None
        return f"{text} ({code})" if code else text


@dataclass(frozen=True, slots=True)
class Known:
    """What the states of several tasks follow from."""

    links: dict[UUID, list[UUID | None]]
    campaigns: dict[UUID, Campaign]
    runs: dict[UUID, AgentRun]
    verdicts: dict[UUID, list[Review]]

    def campaign_ids(self, task: AgentTask) -> list[UUID]:
        return [campaign_id for campaign_id in self.links.get(task.id, ()) if campaign_id is not None]

    def part(self, task: AgentTask, campaign_id: UUID | None) -> Part:
        if campaign_id is None or campaign_id not in self.campaigns:
            return Part()
        run = self.runs.get(campaign_id)
        return Part(self.campaigns[campaign_id].status, self._verdict(task, campaign_id), run.status if run else None)

    def _verdict(self, task: AgentTask, campaign_id: UUID) -> str | None:
        """Return the first decision since the task began and before it was cancelled."""
        for review in self.verdicts.get(campaign_id, ()):
            if review.created_at > task.created_at and (
                task.cancelled_at is None or review.created_at < task.cancelled_at
            ):
                return review.verb
        return None

    def parts(self, task: AgentTask) -> list[PartView]:
        found = []
        for campaign_id in self.links.get(task.id, ()):
            part = self.part(task, campaign_id)
            campaign = self.campaigns.get(campaign_id) if campaign_id else None
            found.append(PartView(campaign, state_of_part(part), part.verdict))
        return found

    def facts(self, task: AgentTask) -> Facts:
        return Facts(
            lasting=skills.SKILLS[task.skill].lasting,
            refused=task.refusal is not None,
            cancelled=task.cancelled_at is not None,
            unconfirmed=task.to_confirm and task.confirmed_at is None,
            parts=tuple(self.part(task, campaign_id) for campaign_id in self.links.get(task.id, ())),
        )


def campaigns_of(session: Session, task: AgentTask) -> list[UUID]:
    """Return the campaigns that the task is about, without those that were deleted."""
    return [campaign_id for campaign_id in _links(session, [task]).get(task.id, ()) if campaign_id is not None]


def parts(session: Session, task: AgentTask) -> list[PartView]:
    """Return how each campaign of the task stands, in the task's order."""
    return look_up(session, [task]).parts(task)


def state(session: Session, task: AgentTask) -> State:
    """Return how the task stands."""
    return state_of(look_up(session, [task]).facts(task))


def seen(session: Session, part: PartView, language: str) -> Seen:
    """Return a campaign with its last run, as it is told in a language."""
    return Seen(part, queries.last_run(session, part.campaign.id) if part.campaign else None, language)


def look_up(session: Session, tasks: Sequence[AgentTask]) -> Known:
    """Return all that the states of tasks follow from, in as many queries as for one."""
    links = _links(session, tasks)
    wanted = sorted({campaign_id for ids in links.values() for campaign_id in ids if campaign_id is not None})
    if not wanted:
        return Known(links, {}, {}, {})
    tenant_id = db.tenant_of(session)
    found = session.execute(select(Campaign).where(Campaign.tenant_id == tenant_id, Campaign.id.in_(wanted)))
    runs = session.execute(
        select(AgentRun)
        .where(AgentRun.tenant_id == tenant_id, AgentRun.campaign_id.in_(wanted))
        .order_by(AgentRun.campaign_id, AgentRun.id.desc())
        .ext(distinct_on(AgentRun.campaign_id))
    )
    decided = session.execute(
        select(Review)
        .where(Review.tenant_id == tenant_id, Review.campaign_id.in_(wanted), Review.verb.in_(("approve", "reject")))
        .order_by(Review.id)
    )
    verdicts: dict[UUID, list[Review]] = {}
    for review in decided.scalars():
        verdicts.setdefault(review.campaign_id, []).append(review)
    by_campaign = {row.campaign_id: row for row in runs.scalars()}
    return Known(links, {row.id: row for row in found.scalars()}, by_campaign, verdicts)


def _links(session: Session, tasks: Iterable[AgentTask]) -> dict[UUID, list[UUID | None]]:
    """Return what each task is about, in its order."""
    found: dict[UUID, list[UUID | None]] = {}
    ids = [task.id for task in tasks]
    statement = select(AgentTaskCampaign.agent_task_id, AgentTaskCampaign.campaign_id)
    statement = statement.where(
        AgentTaskCampaign.tenant_id == db.tenant_of(session), AgentTaskCampaign.agent_task_id.in_(ids)
    )
    for task_id, campaign_id in session.execute(statement.order_by(AgentTaskCampaign.n)):
        found.setdefault(task_id, []).append(campaign_id)
    return found
