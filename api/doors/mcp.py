"""The MCP door: each skill is a tool that returns at once, and `get_task` tells how it stands.

Streamable HTTP without sessions and with JSON replies, so that any process can answer any call. The server library is
loaded when the application starts, not when it is imported.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from starlette.types import ASGIApp, Receive, Scope, Send

from api.doors import work
from domain.agent_tasks import skills
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.service import TaskService
from domain.agent_tasks.states import State
from domain.agent_tasks.views import TaskView
from domain.identity.service import Principal
from kernel import log
from kernel.errors import AriiaError, Invalid
from kernel.settings import get_settings

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, Tool

PATH = "/mcp"
_NAME = "ariia-campaigns"
_STATUS = {
    State.QUEUED: "working",
    State.RUNNING: "working",
    State.PAUSED_BUDGET: "working",
    State.PAUSED_PROVIDER: "working",
    State.WAITING_REVIEW: "input_required",
    State.WAITING_INPUT: "input_required",
    State.DONE: "completed",
    State.REFUSED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
_INSTRUCTIONS = (
    "Tools return a task_id at once; ask get_task until it is over or needs input. Nothing is approved or sent here: "
    "a person approves a draft. Give an idempotency_key to be able to repeat a call safely."
)
_TEXT = {"type": "string", "minLength": 1, "maxLength": 2_000}
_ID = {"type": "string", "format": "uuid"}
_KEY = {"type": "string", "minLength": 1, "maxLength": 255, "description": "A repeat returns the same task."}
_CHANNEL = {"type": "string", "enum": ["email", "whatsapp", "telegram", "sms"]}
_WORDS = ("text", "channel", "idempotency_key")
_BESIDE = ("idempotency_key", "context_id")
_CONTEXT = {"type": "string", "minLength": 1, "maxLength": 200, "description": "Groups tasks of one conversation."}
_OUTPUT = {
    "type": "object",
    "properties": {
        "task_id": _ID,
        "state": {"type": "string"},
        "status": {"type": "string", "enum": sorted(set(_STATUS.values()))},
        "status_message": {"type": "string"},
        "result": {"type": "object"},
    },
}


def _form(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


# The tools beside the skills: what they say, what they take, whether they only read.
_VERBS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "get_task": ("Tell how a task stands, what is open and what came out.", _form(["task_id"], task_id=_ID), True),
    "list_tasks": (
        "List tasks, newest first; before is the last id of the page before.",
        _form([], limit={"type": "integer", "minimum": 1, "maximum": 50}, before=_ID, context_id=_CONTEXT),
        True,
    ),
    "answer_task": (
        "Answer a question of a task.",
        _form(["task_id", "question_id", "text"], task_id=_ID, question_id=_ID, text=_TEXT, idempotency_key=_KEY),
        False,
    ),
    "comment_task": (
        "Ask for another revision of the draft of a task, of several the one seen or on a channel; decides nothing.",
        _form(["task_id", "text"], task_id=_ID, text=_TEXT, revision_id=_ID, channel=_CHANNEL, idempotency_key=_KEY),
        False,
    ),
    "cancel": ("End a task that no person has decided on.", _form(["task_id"], task_id=_ID), False),
}


class McpDoor:
    """An ASGI application that answers at exactly `/mcp` while `running`."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            raise RuntimeError("the MCP door is not running: enter it in the application's lifespan")
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer calls until the context ends."""
        from mcp.server.lowlevel.server import Server  # noqa: PLC0415
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager  # noqa: PLC0415
        from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415

        settings = get_settings()
        manager = StreamableHTTPSessionManager(
            Server(_NAME, instructions=_INSTRUCTIONS, on_list_tools=_list_tools, on_call_tool=_call_tool),
            json_response=True,
            stateless=True,
            security_settings=TransportSecuritySettings(
                allowed_hosts=settings.agent_host_list, allowed_origins=[settings.base_url]
            ),
        )
        async with manager.run():
            self._app = work.KeyDoor(manager.handle_request)
            try:
                yield
            finally:
                self._app = None


def _principal(context: "ServerRequestContext[Any, Any]") -> Principal:
    principal = context.request.state.principal if context.request is not None else None
    if not isinstance(principal, Principal):
        raise TypeError("a call came in without a principal")
    return principal


async def _list_tools(
    context: "ServerRequestContext[Any, Any]", _params: "PaginatedRequestParams | None"
) -> "ListToolsResult":
    from mcp_types import ListToolsResult  # noqa: PLC0415

    return ListToolsResult(tools=_tools(Requester.of(_principal(context))))


def _tools(who: Requester) -> "list[Tool]":
    """Return what this requester may call: the skills of its scopes, and the verbs on tasks."""
    held = [_tool(name, spec.sentence, _input_of(spec), not spec.changes) for name, spec in skills.SKILLS.items()]
    verbs = [_tool(name, *verb) for name, verb in _VERBS.items() if name != "cancel" or who.may(name)]
    return [tool for tool in held if who.may(tool.name)] + verbs


def _tool(name: str, sentence: str, form: dict[str, Any], reads: bool) -> "Tool":  # noqa: FBT001 - a column of a table
    from mcp_types import Tool, ToolAnnotations  # noqa: PLC0415

    marks = ToolAnnotations(read_only_hint=reads, destructive_hint=name == "cancel", open_world_hint=False)
    return Tool(name=name, description=sentence, input_schema=form, output_schema=_OUTPUT, annotations=marks)


def _input_of(spec: skills.Skill) -> dict[str, Any]:
    form = spec.form.model_json_schema()
    properties = {**form["properties"], "idempotency_key": _KEY, "context_id": _CONTEXT}
    return {**form, "properties": properties}


async def _call_tool(context: "ServerRequestContext[Any, Any]", params: "CallToolRequestParams") -> "CallToolResult":
    arguments = dict(params.arguments or {})
    try:
        said = await work.work(_principal(context), lambda service, who: _act(service, who, params.name, arguments))
    except AriiaError as error:
        return _reply(work.refusal(error), failed=True)
    except Exception as error:  # noqa: BLE001 - nothing of the inside goes out
        log.get("api").error("mcp.failed", tool=params.name, exc_info=error)
        return _reply({"status": 500, "code": "internal", "detail": "Something went wrong on our side."}, failed=True)
    return _reply(said, failed=said.get("state") == State.REFUSED)


def _reply(content: dict[str, Any], *, failed: bool) -> "CallToolResult":
    from mcp_types import CallToolResult, TextContent  # noqa: PLC0415

    text = str(content.get("detail") or content.get("status_message") or "")
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=content, is_error=failed)


def _act(service: TaskService, who: Requester, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if name in _VERBS:
        return _verb(service, who, name, arguments)
    key, context_id = (
        _word(arguments, name) if name in arguments else None for name in ("idempotency_key", "context_id")
    )
    return _shown(service.get(service.submit(name, arguments, who, key, context_id=context_id), who))


def _word(arguments: dict[str, Any], name: str) -> str:
    """Take a text out of the arguments."""
    value = arguments.pop(name)
    if not isinstance(value, str):
        raise Invalid(name, "is a text")
    return value


def _verb(service: TaskService, who: Requester, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    form = _VERBS[name][1]
    unknown = sorted(set(arguments) - set(form["properties"]))
    missing = [field for field in form["required"] if field not in arguments]
    if unknown or missing:
        raise Invalid((unknown or missing)[0], "is unknown" if unknown else "is missing")
    if name == "list_tasks":
        return _listed(service, who, arguments)
    task_id = work.task_id_of(arguments["task_id"])
    words: dict[str, Any] = {name: _word(arguments, name) for name in _WORDS if name in arguments}
    if name == "answer_task":
        service.answer(task_id, who, question_id=work.task_id_of(arguments["question_id"]), **words)
    elif name == "comment_task":
        seen = arguments.get("revision_id")
        service.feedback(task_id, who, revision_id=work.task_id_of(seen) if seen else None, **words)
    elif name == "cancel":
        service.cancel(task_id, who)
    return _shown(service.get(task_id, who))


def _listed(service: TaskService, who: Requester, arguments: dict[str, Any]) -> dict[str, Any]:
    limit = arguments.get("limit", 20)
    context_id = _word(arguments, "context_id") if "context_id" in arguments else None
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 50:  # noqa: PLR2004
        raise Invalid("limit", "a whole number from 1 to 50")
    before: UUID | None = work.task_id_of(arguments["before"]) if arguments.get("before") else None
    rows = service.list(who, limit=limit, before=before, context_id=context_id)
    return {
        "tasks": [
            {"task_id": str(row.id), "skill": row.skill, "state": row.state, "status": _STATUS[row.state]}
            for row in rows
        ]
    }


def _shown(view: TaskView) -> dict[str, Any]:
    return work.plain(view) | {"status": _STATUS[view.state]}
