"""Payloads of tasks that agents give to this service."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.base import Input, Output
from domain.agent_tasks.states import State

Note = Annotated[str, Field(min_length=1, max_length=2_000)]


class TaskIn(Input):
    """A skill and its input; the shapes are in docs/lead-agent.md."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "skill": "draft_campaign",
                    "input": {
                        "goal": "Win back members inactive for 30 days with our offer",
                        "audience": {"kind": "all_members", "inactive_days": 30},
                    },
                }
            ]
        }
    )
    skill: Annotated[str, Field(max_length=40, examples=["draft_campaign"])]
    input: dict[str, Any] = Field(default_factory=dict)
    context_id: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="Groups what belongs to one conversation of yours."
    )


class TaskAnswerIn(Input):
    question_id: UUID
    text: Annotated[str, Field(min_length=1, max_length=1_000, examples=["ohne Angebot"])]


class TaskFeedbackIn(Input):
    """What the next revision should do differently."""

    text: Annotated[Note, Field(examples=["kürzer, ohne Ausrufezeichen"])]
    revision_id: UUID | None = Field(None, description="The draft you saw; the present one if absent.")
    channel: Literal["email", "whatsapp", "telegram", "sms"] | None = Field(
        None, description="Which draft of a task with several; all that are up for review without it or revision_id."
    )
    scope: dict[str, str] = Field(default_factory=dict)


class TaskRowOut(Output):
    """A task in a list."""

    id: UUID
    skill: str
    state: State
    requester: str
    context_id: str | None
    campaign_id: UUID | None = Field(description="Of a task with exactly one.")
    campaign_ids: list[UUID] = Field(description="One for each channel, in the order asked for.")
    created_at: datetime


class OpenQuestionOut(Output):
    id: UUID
    code: str
    text: str
    options: list[Any]
    channel: str | None


class CostOut(Output):
    input: int = Field(description="Tokens.")
    cached: int
    output: int
    micro_eur: int
    estimated: bool


class TaskOut(TaskRowOut):
    """A task: how it stands, what is open, what came out, and what it cost."""

    status_message: str
    stage: str | None
    percent: int
    questions: list[OpenQuestionOut]
    result: dict[str, Any]
    refusal: dict[str, Any] | None = Field(description="Why it did not begin: code and detail.")
    cost: CostOut


class StepOut(Output):
    """A finished step of a run."""

    id: UUID
    campaign_id: UUID
    node: str
    status: str
    ms: int | None
    at: datetime


class TurnIn(Input):
    """One message of a chat with the lead agent."""

    text: Annotated[Note, Field(examples=["Entwirf eine Kampagne für alle, die 30 Tage nicht da waren"])]
    conversation: Annotated[str, Field(min_length=1, max_length=200, examples=["desk-7"])]


class TurnOut(Output):
    """What the lead agent says; a question waits for yes or no in the same conversation."""

    kind: str = Field(description="question, task, answer, clarify, handoff or refused.")
    text: str
    task_id: UUID | None
    intent: str
    by: str = Field(description="What chose the intent: rules, model or code.")
    sources: list[dict[str, str]] = Field(description="The passages that an answer is taken from.")
    code: str | None
