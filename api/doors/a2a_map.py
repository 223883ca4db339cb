"""Between the task service and A2A's messages: the card, wishes, tasks and lists."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import InvalidParamsError, UnsupportedOperationError
from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict, ParseDict

from agents.lead.run import Reply
from api.doors import work
from domain.agent_tasks import skills
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.service import TaskService
from domain.agent_tasks.states import State
from domain.agent_tasks.views import TaskRow, TaskView
from domain.identity.rules import skill_scope
from kernel import clock
from kernel.ids import new_id
from kernel.settings import get_settings

JSON = "application/json"
_TEXT = "text/plain"
_BEARER = "bearer"
_DEFAULT_PAGE, _LARGEST_PAGE = 50, 100
_MOST_LOOKED_AT = 1_000
STATE: dict[State, "pb.TaskState"] = {
    State.QUEUED: pb.TASK_STATE_SUBMITTED,
    State.RUNNING: pb.TASK_STATE_WORKING,
    State.PAUSED_BUDGET: pb.TASK_STATE_WORKING,
    State.PAUSED_PROVIDER: pb.TASK_STATE_WORKING,
    State.WAITING_REVIEW: pb.TASK_STATE_INPUT_REQUIRED,
    State.WAITING_INPUT: pb.TASK_STATE_INPUT_REQUIRED,
    State.DONE: pb.TASK_STATE_COMPLETED,
    State.FAILED: pb.TASK_STATE_FAILED,
    State.CANCELLED: pb.TASK_STATE_CANCELED,
    State.REFUSED: pb.TASK_STATE_REJECTED,
}


def card(*, rpc_path: str, rest_path: str) -> pb.AgentCard:
    """Return the card: where both bindings answer, how to sign in, and the skills with their scopes."""
    base = get_settings().base_url
    return pb.AgentCard(
        name="ARIIA Campaigns",
        description="Drafts campaigns that a person reviews, approves and has sent. No agent approves or sends.",
        version="1",
        supported_interfaces=[
            pb.AgentInterface(url=f"{base}{rpc_path}", protocol_binding="JSONRPC", protocol_version="1.0"),
            pb.AgentInterface(url=f"{base}{rest_path}", protocol_binding="HTTP+JSON", protocol_version="1.0"),
        ],
        capabilities=pb.AgentCapabilities(streaming=True, push_notifications=False, extended_agent_card=False),
        security_schemes={
            _BEARER: pb.SecurityScheme(
                http_auth_security_scheme=pb.HTTPAuthSecurityScheme(scheme="Bearer", description="An API key.")
            )
        },
        security_requirements=[pb.SecurityRequirement(schemes={_BEARER: pb.StringList()})],
        default_input_modes=[JSON, _TEXT],
        default_output_modes=[JSON, _TEXT],
        skills=[
            pb.AgentSkill(
                id=spec.name,
                name=spec.label_en.capitalize(),
                description=spec.sentence,
                tags=["campaigns", "changes" if spec.changes else "reads"],
                input_modes=[JSON],
                output_modes=[JSON],
                security_requirements=[
                    pb.SecurityRequirement(schemes={_BEARER: pb.StringList(list=[skill_scope(spec.name)])})
                ],
            )
            for spec in skills.SKILLS.values()
        ],
    )


def wish_of(message: pb.Message) -> tuple[str, dict[str, Any]]:
    """Return skill and input of the message's one data part. Raises InvalidParamsError."""
    found = [_whole(MessageToDict(part.data)) for part in message.parts if part.HasField("data")]
    wish = found[0] if len(found) == 1 else None
    if not isinstance(wish, dict) or not isinstance(wish.get("skill"), str) or set(wish) - {"skill", "input"}:
        raise InvalidParamsError('Send one data part: {"skill": "draft_campaign", "input": {…}}.')
    values = wish.get("input", {})
    if not isinstance(values, dict):
        raise InvalidParamsError("The input is an object.")
    return wish["skill"], values


def _whole(value: Any) -> Any:
    """Undo that protobuf's numbers are all floating-point: 30.0 is 30 again."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_chat(message: pb.Message) -> bool:
    """Say whether a message is words that belong to no task."""
    return not message.task_id and not any(part.HasField("data") for part in message.parts)


def words(reply: Reply, conversation: str) -> pb.Message:
    """Return what the lead agent said."""
    made = pb.Message(
        message_id=str(new_id()),
        role=pb.ROLE_AGENT,
        context_id=conversation,
        parts=[pb.Part(text=reply.text)],
        reference_task_ids=[str(reply.task_id)] if reply.task_id else [],
    )
    said = {"kind": reply.kind, "intent": reply.intent, "by": reply.by, "sources": reply.sources}
    ParseDict(said, made.metadata)
    return made


def text_of(message: pb.Message) -> str:
    """Return what a message says in words. Raises InvalidParamsError where it says nothing."""
    text = "\n".join(part.text for part in message.parts if part.HasField("text")).strip()
    if not text:
        raise InvalidParamsError("Say in a text part what should change, or answer the question.")
    return text


def channel_of(message: pb.Message) -> str | None:
    """Return which campaign of a task with several the words are about. Raises InvalidParamsError."""
    channel = MessageToDict(message.metadata).get("channel")
    if channel is not None and not isinstance(channel, str):
        raise InvalidParamsError("The channel in the metadata is a text.")
    return channel


def task(view: TaskView) -> pb.Task:
    """Return a task as the protocol shows it."""
    said = work.plain(view)
    made = pb.Task(
        id=str(view.id),
        context_id=_context_of(view),
        status=_status(view),
        artifacts=[_artifact(view)] if view.result else [],
    )
    ParseDict({name: said[name] for name in ("skill", "state", "percent", "cost", "refusal")}, made.metadata)
    return made


def _context_of(row: TaskRow) -> str:
    return row.context_id or str(row.id)


def _status(view: TaskView) -> pb.TaskStatus:
    parts = [pb.Part(text=view.status_message)]
    parts += [pb.Part(text=question.text) for question in view.questions]
    spoken = pb.Message(
        message_id=f"{view.id}:{view.state}",
        role=pb.ROLE_AGENT,
        parts=parts,
        task_id=str(view.id),
        context_id=_context_of(view),
    )
    return pb.TaskStatus(state=STATE[view.state], message=spoken, timestamp=clock.now())


def _artifact(view: TaskView) -> pb.Artifact:
    data = ParseDict(work.plain(view)["result"], struct_pb2.Value())
    return pb.Artifact(artifact_id="result", name=view.skill, parts=[pb.Part(data=data, media_type=JSON)])


def updates(view: TaskView, *, rests: bool) -> list[pb.TaskArtifactUpdateEvent | pb.TaskStatusUpdateEvent]:
    """Return what a stream tells of a change; the result comes with the rest."""
    task_id, context_id = str(view.id), _context_of(view)
    told: list[pb.TaskArtifactUpdateEvent | pb.TaskStatusUpdateEvent] = []
    if rests and view.result:
        told.append(
            pb.TaskArtifactUpdateEvent(
                task_id=task_id, context_id=context_id, artifact=_artifact(view), last_chunk=True
            )
        )
    status = pb.TaskStatusUpdateEvent(task_id=task_id, context_id=context_id, status=_status(view))
    ParseDict({"stage": view.stage, "percent": view.percent}, status.metadata)
    return [*told, status]


def listing(params: pb.ListTasksRequest) -> Callable[[TaskService, Requester], pb.ListTasksResponse]:
    """Return what lists tasks, newest first, as the request asks. Raises errors of the protocol."""
    size = params.page_size if params.HasField("page_size") else _DEFAULT_PAGE
    if not 1 <= size <= _LARGEST_PAGE:
        raise InvalidParamsError(f"A page has 1 to {_LARGEST_PAGE} tasks.")
    if params.HasField("status_timestamp_after"):
        raise UnsupportedOperationError("States are derived and have no time; leave status_timestamp_after out.")
    before = _before(params.page_token)
    wanted = {"context_id": params.context_id or None}

    def act(service: TaskService, who: Requester) -> pb.ListTasksResponse:
        seen = list(service.list(who, limit=_MOST_LOOKED_AT if params.status else size + 1, before=before, **wanted))
        found = [row for row in seen if not params.status or STATE[row.state] == params.status]
        page = found[:size]
        answer = pb.ListTasksResponse(page_size=size, total_size=service.count(who, **wanted))
        answer.tasks.extend(_listed(service, who, row, whole=params.include_artifacts) for row in page)
        if len(found) > size:
            answer.next_page_token = str(page[-1].id)
        elif len(seen) == _MOST_LOOKED_AT:
            answer.next_page_token = str(seen[-1].id)
        return answer

    return act


def _before(token: str) -> UUID | None:
    try:
        return UUID(token) if token else None
    except ValueError:
        raise InvalidParamsError("The page token is none of ours; start without one.") from None


def _listed(service: TaskService, who: Requester, row: TaskRow, *, whole: bool) -> pb.Task:
    if whole:
        return task(service.get(row.id, who))
    return pb.Task(
        id=str(row.id), context_id=_context_of(row), status=pb.TaskStatus(state=STATE[row.state], timestamp=clock.now())
    )
