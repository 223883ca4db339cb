"""What is shown of a task: its derived state, what is open, what came out, and what it cost."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from domain.agent_tasks import actions, skills, texts
from domain.agent_tasks.states import OVER, WAITING, Facts, Part, State, state_of, state_of_part
from domain.audience import selection
from domain.campaigns import queries, revisions
from domain.segments.sentences import CHANNELS
from kernel import db
from kernel.settings import get_settings
from models import AgentRun, AgentStep, AgentTask, AgentTaskCampaign, Campaign, DraftRevision, ModelCall, Review

_LONGEST_SUMMARY = 600
_MOST_FINDINGS = 20
_MOST_STEPS = 200
CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens and millionths of a euro that the model calls of the task took."""

    input: int = 0
    cached: int = 0
    output: int = 0
    micro_eur: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """What the task waits for; answer by `id`."""

    id: UUID
    code: str
    text: str
    options: list[Any] = field(default_factory=list)
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in a list; `campaign_id` is its campaign where it has exactly one."""

    id: UUID
    skill: str
    state: State
    requester: str
    context_id: str | None
    campaign_id: UUID | None
    campaign_ids: list[UUID]
    created_at: datetime

    @property
    def over(self) -> bool:
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class TaskView(TaskRow):
    """A task with everything that its requester may know."""

    status_message: str
    stage: str | None
    percent: int
    questions: list[OpenQuestion]
    result: dict[str, Any]
    refusal: dict[str, Any] | None
    cost: Cost


@dataclass(frozen=True, slots=True)
class Step:
    """A finished step of a run of the task; of one campaign ids grow with time."""

    id: UUID
    campaign_id: UUID
    node: str
    status: str
    ms: int | None
    at: datetime


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
class _Known:
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


def campaigns_of(session: Session, task: AgentTask) -> list[UUID]:
    """Return the campaigns that the task is about, without those that were deleted."""
    return [campaign_id for campaign_id in _links(session, [task]).get(task.id, ()) if campaign_id is not None]


def parts(session: Session, task: AgentTask) -> list[PartView]:
    """Return how each campaign of the task stands, in the task's order."""
    return _look_up(session, [task]).parts(task)


def _look_up(session: Session, tasks: Sequence[AgentTask]) -> _Known:
    links = _links(session, tasks)
    wanted = sorted({campaign_id for ids in links.values() for campaign_id in ids if campaign_id is not None})
    if not wanted:
        return _Known(links, {}, {}, {})
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
    return _Known(links, {row.id: row for row in found.scalars()}, by_campaign, verdicts)


def rows(session: Session, tasks: Sequence[AgentTask]) -> list[TaskRow]:
    """Return tasks with their states, in as many queries as for one."""
    known = _look_up(session, tasks)
    return [TaskRow(**_row(task, known)) for task in tasks]


def _row(task: AgentTask, known: _Known) -> dict[str, Any]:
    names = ("id", "skill", "requester", "context_id", "created_at")
    ids = known.campaign_ids(task)
    return {name: getattr(task, name) for name in names} | {
        "state": state_of(known.facts(task)),
        "campaign_id": ids[0] if len(ids) == 1 else None,
        "campaign_ids": ids,
    }


def state(session: Session, task: AgentTask) -> State:
    """Return how the task stands."""
    return state_of(_look_up(session, [task]).facts(task))


def view(session: Session, task: AgentTask) -> TaskView:
    """Return the whole task."""
    known = _look_up(session, [task])
    row = _row(task, known)
    now, ids = row["state"], row["campaign_ids"]
    language = actions.tenant_of(session).language
    found = [_Seen(part, _last_run(session, part), language) for part in known.parts(task)]
    return TaskView(
        **row,
        status_message=_message(task, now, found, language),
        stage=_slowest(found).stage if found else None,
        percent=100 if now in OVER or not skills.SKILLS[task.skill].lasting else _percent(found),
        questions=_questions(session, task, now, found, language),
        result=_result(session, task, found),
        refusal=task.refusal,
        cost=_cost(session, task, ids) if skills.SKILLS[task.skill].lasting and ids else Cost(),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
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


def _last_run(session: Session, part: PartView) -> queries.SeenRun | None:
    return queries.last_run(session, part.campaign.id) if part.campaign else None


def _slowest(found: Sequence[_Seen]) -> _Seen:
    """Return the campaign that is least far, of those that still move if there are any."""
    moving = [seen for seen in found if seen.part.state not in OVER | WAITING]
    return min(moving or found, key=lambda seen: seen.percent)


def _percent(found: Sequence[_Seen]) -> int:
    return sum(seen.percent for seen in found) // len(found) if found else 0


def _message(task: AgentTask, now: State, found: Sequence[_Seen], language: str) -> str:
    if now == State.REFUSED and task.refusal is not None:
        return str(task.refusal["detail"])
    if now == State.CANCELLED or not found:
        return texts.of_state(now, language)
    said = [seen.message for seen in found]
    if len(set(said)) == 1:
        return said[0]
    return " ".join(f"{CHANNELS.get(seen.part.channel, '–')}: {seen.message}" for seen in found)


def _questions(
    session: Session, task: AgentTask, now: State, found: Sequence[_Seen], language: str
) -> list[OpenQuestion]:
    if now != State.WAITING_INPUT:
        return []
    if task.to_confirm and task.confirmed_at is None:
        skill = skills.SKILLS[task.skill]
        label = skill.label_de if language == "de" else skill.label_en
        return [OpenQuestion(task.id, CONFIRM, texts.confirmation(label, language))]
    asking = [seen.part for seen in found if seen.part.state == State.WAITING_INPUT]
    return [question for part in asking for question in _asked(session, part)]


def _asked(session: Session, part: PartView) -> list[OpenQuestion]:
    rows = queries.questions(session, part.campaign.id) if part.campaign else []
    open_ = [row for row in rows if row.answered_at is None]
    return [OpenQuestion(row.id, row.code, row.text, row.options, part.channel) for row in open_]


def _result(session: Session, task: AgentTask, found: Sequence[_Seen]) -> dict[str, Any]:
    """Return what came out: of one campaign flat, of several what they share and each for itself."""
    result = dict(task.result or {})
    if "preview_expires_at" in result:
        result["preview_url"] = f"{get_settings().base_url}/p/{actions.preview_token(task)}"
    if len(found) > 1:
        each = [_of_part(session, seen) for seen in found]
        return result | {"audience_count": each[0].get("audience_count"), "campaigns": each}
    shown = UUID(result["campaign_id"]) if "campaign_id" in result else None
    campaign = session.get(Campaign, shown) if shown else found[0].part.campaign if found else None
    return result | _of_campaign(session, campaign) if campaign is not None else result


def _of_part(session: Session, seen: _Seen) -> dict[str, Any]:
    said = {
        "channel": seen.part.channel,
        "state": seen.part.state,
        "status_message": seen.message,
        "stage": seen.stage,
        "percent": seen.percent,
    }
    return said | (_of_campaign(session, seen.part.campaign) if seen.part.campaign else {})


def _of_campaign(session: Session, campaign: Campaign) -> dict[str, Any]:
    said: dict[str, Any] = {
        "campaign_id": str(campaign.id),
        "campaign_status": campaign.status,
        "channel": campaign.channel,
        "audience_count": campaign.approved_count or selection.count(session, campaign.audience),
        "proposed_schedule": campaign.schedule,
    }
    if campaign.current_revision_id is None:
        return said
    revision = revisions.current(session, campaign)
    return said | {
        "revision_id": str(revision.id),
        "revision": revision.n,
        "content_hash": revision.content_hash,
        "summary": summary(revision, campaign.channel),
        "findings": [
            {key: finding.get(key) for key in ("code", "severity", "path", "reason_de", "reason_en")}
            for finding in revision.findings_json[:_MOST_FINDINGS]
        ],
    }


def summary(revision: DraftRevision, channel: str) -> str:
    """Return the beginning of what the draft says, at most 600 characters."""
    parts = []
    for language, variants in revision.content_json.get("languages", {}).items():
        variant = variants.get(channel, {})
        words = [variant.get("subject"), variant.get("preheader"), variant.get("text")]
        words += [block.get("text") for block in variant.get("blocks", []) if block.get("type") == "paragraph"]
        parts.append(f"[{language}] " + " – ".join(word.strip() for word in words if isinstance(word, str)))
    text = " ".join(" ".join(parts).split())
    return text if len(text) <= _LONGEST_SUMMARY else text[: _LONGEST_SUMMARY - 1] + "…"


def _cost(session: Session, task: AgentTask, campaign_ids: list[UUID]) -> Cost:
    calls = select(
        func.coalesce(func.sum(ModelCall.in_tokens), 0),
        func.coalesce(func.sum(ModelCall.cached_tokens), 0),
        func.coalesce(func.sum(ModelCall.out_tokens), 0),
        func.coalesce(func.sum(ModelCall.cost_micro), 0),
        func.coalesce(func.bool_or(ModelCall.estimated), False),
    ).where(ModelCall.tenant_id == task.tenant_id, ModelCall.run_id.in_(_runs(task, campaign_ids)))
    sums = session.execute(calls).one()
    return Cost(int(sums[0]), int(sums[1]), int(sums[2]), int(sums[3]), bool(sums[4]))


def _runs(task: AgentTask, campaign_ids: list[UUID]) -> Any:
    """Select the runs that the task began: those of its campaigns since then."""
    return select(AgentRun.id).where(
        AgentRun.tenant_id == task.tenant_id,
        AgentRun.campaign_id.in_(campaign_ids),
        AgentRun.created_at >= task.created_at,
    )


def steps(session: Session, task: AgentTask, *, after: Collection[UUID] = ()) -> list[Step]:
    """Return what the runs of the task have finished, oldest first, at most 200.

    `after` holds the last step that was seen of each campaign: steps of one follow each other, those of two may become
    visible in another order than that of their ids. A step that is not the task's, or is gone, counts for nothing.
    """
    ids = campaigns_of(session, task)
    if not ids:
        return []
    seen = last_of_each(session, task, after)
    news = [and_(AgentRun.campaign_id == campaign_id, AgentStep.id > last) for campaign_id, last in seen.items()]
    statement = (
        select(AgentStep, AgentRun.campaign_id)
        .join(AgentRun, AgentRun.id == AgentStep.run_id)
        .where(
            AgentStep.tenant_id == task.tenant_id,
            AgentRun.tenant_id == task.tenant_id,
            AgentStep.run_id.in_(_runs(task, ids)),
            or_(AgentRun.campaign_id.not_in(seen), *news),
        )
    )
    found = session.execute(statement.order_by(AgentStep.id).limit(_MOST_STEPS)).all()
    return [Step(row.id, campaign_id, row.node, row.status, row.ms, row.created_at) for row, campaign_id in found]


def last_of_each(session: Session, task: AgentTask, step_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return the last of these steps by campaign of the task; those of others are left out."""
    if not step_ids:
        return {}
    rows = session.execute(
        select(AgentRun.campaign_id, AgentStep.id)
        .join(AgentRun, AgentRun.id == AgentStep.run_id)
        .where(
            AgentStep.tenant_id == db.tenant_of(session),
            AgentStep.id.in_(step_ids),
            AgentRun.tenant_id == db.tenant_of(session),
            AgentRun.campaign_id.in_(campaigns_of(session, task)),
        )
        .order_by(AgentStep.id)
    )
    return {campaign_id: step_id for campaign_id, step_id in rows}  # noqa: C416 - rows are no pairs
