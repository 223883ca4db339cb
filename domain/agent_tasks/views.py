"""What is shown of a task: its derived state, what is open, what came out, and what it cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from domain.agent_tasks import actions, skills, texts
from domain.agent_tasks.states import OVER, Facts, State, state_of
from domain.audience import selection
from domain.campaigns import queries, revisions
from kernel import db
from kernel.settings import get_settings
from models import AgentRun, AgentStep, AgentTask, Campaign, DraftRevision, ModelCall, Review

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


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in a list."""

    id: UUID
    skill: str
    state: State
    requester: str
    context_id: str | None
    campaign_id: UUID | None
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
    """A finished step of a run of the task; ids grow with time."""

    id: UUID
    node: str
    status: str
    ms: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    campaigns: dict[UUID, Campaign]
    runs: dict[UUID, AgentRun]
    verdicts: dict[UUID, list[Review]]

    def verdict(self, task: AgentTask) -> str | None:
        decided = self.verdicts.get(task.campaign_id, []) if task.campaign_id else []
        return next((review.verb for review in decided if review.created_at > task.created_at), None)

    def facts(self, task: AgentTask) -> Facts:
        campaign = self.campaigns.get(task.campaign_id) if task.campaign_id else None
        run = self.runs.get(task.campaign_id) if task.campaign_id else None
        return Facts(
            lasting=skills.SKILLS[task.skill].lasting,
            refused=task.refusal is not None,
            cancelled=task.cancelled_at is not None,
            unconfirmed=task.to_confirm and task.confirmed_at is None,
            campaign=campaign.status if campaign else None,
            verdict=self.verdict(task),
            run=run.status if run else None,
        )


def _look_up(session: Session, tasks: Iterable[AgentTask]) -> _Known:
    wanted = sorted({task.campaign_id for task in tasks if task.campaign_id is not None})
    if not wanted:
        return _Known({}, {}, {})
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
    return _Known({row.id: row for row in found.scalars()}, {row.campaign_id: row for row in runs.scalars()}, verdicts)


def rows(session: Session, tasks: Sequence[AgentTask]) -> list[TaskRow]:
    """Return tasks with their states, in as many queries as for one."""
    known = _look_up(session, tasks)
    return [TaskRow(**_row(task, state_of(known.facts(task)))) for task in tasks]


def _row(task: AgentTask, state: State) -> dict[str, Any]:
    names = ("id", "skill", "requester", "context_id", "campaign_id", "created_at")
    return {name: getattr(task, name) for name in names} | {"state": state}


def state(session: Session, task: AgentTask) -> State:
    """Return how the task stands."""
    return state_of(_look_up(session, [task]).facts(task))


def view(session: Session, task: AgentTask) -> TaskView:
    """Return the whole task."""
    known = _look_up(session, [task])
    now = state_of(known.facts(task))
    seen = queries.last_run(session, task.campaign_id) if task.campaign_id else None
    lasting = skills.SKILLS[task.skill].lasting
    return TaskView(
        **_row(task, now),
        status_message=_message(session, task, now, known, seen.run if seen else None),
        stage=seen.stage if seen else None,
        percent=100 if now in OVER or (seen is None and not lasting) else seen.percent if seen else 0,
        questions=_questions(session, task, now),
        result=_result(session, task, known),
        refusal=task.refusal,
        cost=_cost(session, task) if lasting and task.campaign_id else Cost(),
    )


def _message(session: Session, task: AgentTask, now: State, known: _Known, run: AgentRun | None) -> str:
    language = actions.tenant_of(session).language
    if now == State.REFUSED and task.refusal is not None:
        return str(task.refusal["detail"])
    if now == State.FAILED and known.verdict(task) == "reject":
        return texts.rejected(language)
    text = texts.of_state(now, language)
    code = run.error_code if run is not None and now in {State.FAILED, State.PAUSED_PROVIDER} else None
    return f"{text} ({code})" if code else text


def _questions(session: Session, task: AgentTask, now: State) -> list[OpenQuestion]:
    if now != State.WAITING_INPUT:
        return []
    if task.to_confirm and task.confirmed_at is None:
        language = actions.tenant_of(session).language
        skill = skills.SKILLS[task.skill]
        label = skill.label_de if language == "de" else skill.label_en
        return [OpenQuestion(task.id, CONFIRM, texts.confirmation(label, language))]
    asked = queries.questions(session, task.campaign_id) if task.campaign_id else []
    return [OpenQuestion(row.id, row.code, row.text, row.options) for row in asked if row.answered_at is None]


def _result(session: Session, task: AgentTask, known: _Known) -> dict[str, Any]:
    result = dict(task.result or {})
    shown = UUID(result["campaign_id"]) if "campaign_id" in result else task.campaign_id
    if "preview_expires_at" in result:
        result["preview_url"] = f"{get_settings().base_url}/p/{actions.preview_token(task)}"
    if shown is None:
        return result
    campaign = known.campaigns.get(shown) or session.get(Campaign, shown)
    return result | _of_campaign(session, campaign) if campaign is not None else result


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


def _cost(session: Session, task: AgentTask) -> Cost:
    calls = select(
        func.coalesce(func.sum(ModelCall.in_tokens), 0),
        func.coalesce(func.sum(ModelCall.cached_tokens), 0),
        func.coalesce(func.sum(ModelCall.out_tokens), 0),
        func.coalesce(func.sum(ModelCall.cost_micro), 0),
        func.coalesce(func.bool_or(ModelCall.estimated), False),
    ).where(ModelCall.tenant_id == task.tenant_id, ModelCall.run_id.in_(_runs(task)))
    sums = session.execute(calls).one()
    return Cost(int(sums[0]), int(sums[1]), int(sums[2]), int(sums[3]), bool(sums[4]))


def _runs(task: AgentTask) -> Any:
    """Select the runs that the task began: those of its campaign since then."""
    return select(AgentRun.id).where(
        AgentRun.tenant_id == task.tenant_id,
        AgentRun.campaign_id == task.campaign_id,
        AgentRun.created_at >= task.created_at,
    )


def steps(session: Session, task: AgentTask, *, after: UUID | None = None) -> list[Step]:
    """Return what the runs of the task have finished, oldest first, at most 200."""
    if task.campaign_id is None:
        return []
    statement = select(AgentStep).where(AgentStep.tenant_id == task.tenant_id, AgentStep.run_id.in_(_runs(task)))
    if after is not None:
        statement = statement.where(AgentStep.id > after)
    found = session.execute(statement.order_by(AgentStep.id).limit(_MOST_STEPS)).scalars()
    return [Step(row.id, row.node, row.status, row.ms, row.created_at) for row in found]
