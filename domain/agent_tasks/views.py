"""What is shown of a task: its derived state, what is open, what came out, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from domain.agent_tasks import actions, outcome, progress, skills, standing, texts
from domain.agent_tasks.progress import Cost
from domain.agent_tasks.standing import Known, PartView, Seen
from domain.agent_tasks.states import OVER, WAITING, State, state_of
from domain.campaigns import queries
from domain.segments.sentences import CHANNELS
from models import AgentTask

CONFIRM = "confirm"


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


def rows(session: Session, tasks: Sequence[AgentTask]) -> list[TaskRow]:
    """Return tasks with their states, in as many queries as for one."""
    known = standing.look_up(session, tasks)
    return [TaskRow(**_row(task, known)) for task in tasks]


def _row(task: AgentTask, known: Known) -> dict[str, Any]:
    names = ("id", "skill", "requester", "context_id", "created_at")
    ids = known.campaign_ids(task)
    return {name: getattr(task, name) for name in names} | {
        "state": state_of(known.facts(task)),
        "campaign_id": ids[0] if len(ids) == 1 else None,
        "campaign_ids": ids,
    }


def view(session: Session, task: AgentTask) -> TaskView:
    """Return the whole task."""
    known = standing.look_up(session, [task])
    row = _row(task, known)
    now, ids = row["state"], row["campaign_ids"]
    language = actions.tenant_of(session).language
    found = [standing.seen(session, part, language) for part in known.parts(task)]
    return TaskView(
        **row,
        status_message=_message(task, now, found, language),
        stage=_slowest(found).stage if found else None,
        percent=100 if now in OVER or not skills.SKILLS[task.skill].lasting else _percent(found),
        questions=_questions(session, task, now, found, language),
        result=outcome.result(session, task, found),
        refusal=task.refusal,
        cost=progress.cost(session, task, ids) if skills.SKILLS[task.skill].lasting and ids else Cost(),
    )


def _slowest(found: Sequence[Seen]) -> Seen:
    """Return the campaign that is least far, of those that still move if there are any."""
    moving = [seen for seen in found if seen.part.state not in OVER | WAITING]
    return min(moving or found, key=lambda seen: seen.percent)


def _percent(found: Sequence[Seen]) -> int:
    return sum(seen.percent for seen in found) // len(found) if found else 0


def _message(task: AgentTask, now: State, found: Sequence[Seen], language: str) -> str:
    if now == State.REFUSED and task.refusal is not None:
        return str(task.refusal["detail"])
    if now == State.CANCELLED or not found:
        return texts.of_state(now, language)
    said = [seen.message for seen in found]
    if len(set(said)) == 1:
        return said[0]
    return " ".join(f"{CHANNELS.get(seen.part.channel, '–')}: {seen.message}" for seen in found)


def _questions(
    session: Session, task: AgentTask, now: State, found: Sequence[Seen], language: str
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
