"""What stands behind the A2A door: the protocol's request handler on the task service. It holds no rule."""

import asyncio
import functools
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from a2a.auth.user import User
from a2a.server.context import ServerCallContext
from a2a.server.events.event_queue import Event
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.routes.common import DefaultServerCallContextBuilder
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import (
    A2AError,
    ExtendedAgentCardNotConfiguredError,
    InternalError,
    InvalidParamsError,
    InvalidRequestError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.lead import run as lead
from api import errors
from api.doors import a2a_map, work
from domain.agent_tasks.requester import Requester
from domain.agent_tasks.service import TaskService
from domain.agent_tasks.states import OVER, WAITING
from domain.agent_tasks.views import TaskView
from domain.identity.service import Principal
from kernel import log
from kernel.errors import AriiaError, Conflict, Forbidden, Invalid, NotFound
from kernel.ids import new_id

WAIT_SECONDS = 25.0
_STREAM_SECONDS = 60.0
_LOOK_SECONDS = 0.3
_AT_REST = OVER | WAITING
_REQUEST = "request"

Result = TypeVar("Result")
Act = Callable[[TaskService, Requester], Result]


class _Known(User):
    """Who holds the key."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def user_name(self) -> str:
        return self.principal.actor


class _Contexts(DefaultServerCallContextBuilder):
    """The library's contexts (headers, version, extensions) with the principal of the request."""

    def build(self, request: Request) -> ServerCallContext:
        context = super().build(request)
        context.state[_REQUEST] = request
        return context

    def build_user(self, request: Request) -> User:
        return _Known(request.state.principal)


class _Refusals:
    """Answers what the key may not with 403, which the protocol's own errors cannot say, and torn texts with 422."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request.state.refused = None
        body = await request.body()
        if _is_torn(body):  # the library would log and repeat it, and can do neither
            await _refuse(request, Invalid("body", "a text holds half of a surrogate pair; remove it"), send)
            return
        instead: list[AriiaError] = []

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and request.state.refused is not None:
                instead.append(request.state.refused)
            if not instead:
                await send(message)

        await self._app(scope, _again(body, receive), answer)
        if instead:
            await _refuse(request, instead[0], send)


async def _refuse(request: Request, error: AriiaError, send: Send) -> None:
    response = errors.problem(request, error.status, error.code, error.detail, **error.extra)
    await response(request.scope, request.receive, send)


def _is_torn(body: bytes) -> bool:
    """Say whether a JSON text holds half of a surrogate pair, which is no character and has no UTF-8 form."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False  # the protocol says what is wrong with it
    return False


def _again(body: bytes, receive: Receive) -> Receive:
    """Give out a body that was read, and then whatever else comes."""
    unread = [body]

    async def receive_again() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return receive_again


def application(*, card_path: str, rpc_path: str, rest_path: str) -> ASGIApp:
    """Return the application of the door."""
    handler, contexts = TaskHandler(), _Contexts()
    card = a2a_map.card(rpc_path=rpc_path, rest_path=rest_path)
    calls = Starlette(
        routes=[
            *create_jsonrpc_routes(handler, rpc_path, context_builder=contexts),
            *create_rest_routes(handler, context_builder=contexts, path_prefix=rest_path),
        ]
    )
    inside = work.KeyDoor(_Refusals(calls))
    shown = create_agent_card_routes(card, card_url=card_path, cache_control="public, max-age=300")
    known = [Route(path, inside) for path in (rpc_path, f"{rest_path}/{{rest:path}}")]
    return Starlette(routes=[*shown, *known])


def _mapped(error: AriiaError, context: ServerCallContext) -> A2AError:
    """Return the protocol's error for a refusal; a lacking scope also sets the HTTP status."""
    said = work.refusal(error)
    if isinstance(error, Forbidden):
        context.state[_REQUEST].state.refused = error
        return InvalidRequestError(error.detail, said)
    if isinstance(error, NotFound):
        return TaskNotFoundError(error.detail, said) if error.extra["thing"] == "task" else _invalid(error, said)
    if error.code == "task_over":
        return TaskNotCancelableError(error.detail, said)
    return UnsupportedOperationError(error.detail, said) if isinstance(error, Conflict) else _invalid(error, said)


def _invalid(error: AriiaError, said: dict[str, Any]) -> A2AError:
    return InvalidParamsError(error.detail, said)


async def _ask(context: ServerCallContext, act: Act[Result]) -> Result:
    """Ask the task service as the principal of the call; raises errors of the protocol only."""
    return await _told(context, lambda principal: work.work(principal, act))


async def _told(context: ServerCallContext, call: Callable[[Principal], Awaitable[Result]]) -> Result:
    user = context.user
    if not isinstance(user, _Known) or context.tenant not in {"", str(user.principal.tenant_id)}:
        raise InvalidParamsError("The tenant is the key's; leave it out.")
    try:
        return await call(user.principal)
    except AriiaError as error:
        raise _mapped(error, context) from None
    except Exception as error:  # noqa: BLE001 - nothing of the inside goes out
        log.get("api").error("a2a.failed", exc_info=error)
        raise InternalError("Something went wrong on our side.") from None


async def _speak(context: ServerCallContext, message: pb.Message) -> pb.Message:
    """Answer words that belong to no task: the lead agent's reply, with the task that it is about."""
    text, conversation = a2a_map.text_of(message), message.context_id or str(new_id())

    def turn(principal: Principal) -> Awaitable[lead.Reply]:
        who, key = Requester.of(principal), message.message_id
        return run_in_threadpool(lead.answer, principal.tenant_id, who, text, conversation=conversation, key=key)

    return a2a_map.words(await _told(context, turn), conversation)


def _submit(message: pb.Message) -> Act[TaskView]:
    """Return what a message asks for: a new task, or a word about one."""
    if message.task_id:
        words = (a2a_map.text_of(message), a2a_map.channel_of(message), message.message_id)
        return functools.partial(_reply, message.task_id, words)
    skill, values = a2a_map.wish_of(message)
    context_id = message.context_id or str(new_id())

    def act(service: TaskService, who: Requester) -> TaskView:
        return service.get(service.submit(skill, values, who, message.message_id, context_id=context_id), who)

    return act


def _reply(task_id: str, words: tuple[str, str | None, str], service: TaskService, who: Requester) -> TaskView:
    text, channel, key = words
    known = work.task_id_of(task_id)
    return service.get(service.reply(known, who, text=text, channel=channel, idempotency_key=key), who)


def _get(task_id: UUID, service: TaskService, who: Requester) -> TaskView:
    return service.get(task_id, who)


class TaskHandler(RequestHandler):
    """The protocol's eleven methods. Task life, scopes and idempotency are the task service's."""

    async def on_message_send(self, params: pb.SendMessageRequest, context: ServerCallContext) -> pb.Task | pb.Message:
        if a2a_map.is_chat(params.message):
            return await _speak(context, params.message)
        view = await _ask(context, _submit(params.message))
        until = asyncio.get_running_loop().time() + WAIT_SECONDS
        while view.state not in _AT_REST and not params.configuration.return_immediately:
            if asyncio.get_running_loop().time() >= until:
                break
            await asyncio.sleep(_LOOK_SECONDS)
            view = await _ask(context, functools.partial(_get, view.id))
        return a2a_map.task(view)

    async def on_message_send_stream(
        self, params: pb.SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        if a2a_map.is_chat(params.message):
            yield await _speak(context, params.message)
            return
        view = await _ask(context, _submit(params.message))
        async for event in self._watch(view, context):
            yield event

    async def on_subscribe_to_task(
        self, params: pb.SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        view = await self._find(params.id, context)
        if view.state in OVER:
            raise UnsupportedOperationError("The task is over; get it instead.")
        async for event in self._watch(view, context):
            yield event

    async def _watch(self, view: TaskView, context: ServerCallContext) -> AsyncGenerator[Event]:
        """Tell the task, then what changes, until somebody else has to act or a minute is over."""
        until = asyncio.get_running_loop().time() + _STREAM_SECONDS
        yield a2a_map.task(view)
        while view.state not in _AT_REST and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LOOK_SECONDS)
            before, view = view, await _ask(context, functools.partial(_get, view.id))
            if (before.state, before.stage) != (view.state, view.stage):
                for event in a2a_map.updates(view, rests=view.state in _AT_REST):
                    yield event

    async def _find(self, task_id: str, context: ServerCallContext) -> TaskView:
        return await _ask(context, lambda service, who: service.get(work.task_id_of(task_id), who))

    async def on_get_task(self, params: pb.GetTaskRequest, context: ServerCallContext) -> pb.Task:
        return a2a_map.task(await self._find(params.id, context))

    async def on_cancel_task(self, params: pb.CancelTaskRequest, context: ServerCallContext) -> pb.Task:
        def act(service: TaskService, who: Requester) -> TaskView:
            return service.get(service.cancel(work.task_id_of(params.id), who), who)

        return a2a_map.task(await _ask(context, act))

    async def on_list_tasks(self, params: pb.ListTasksRequest, context: ServerCallContext) -> pb.ListTasksResponse:
        return await _ask(context, a2a_map.listing(params))

    async def on_get_extended_agent_card(
        self, _params: pb.GetExtendedAgentCardRequest, _context: ServerCallContext
    ) -> pb.AgentCard:
        raise ExtendedAgentCardNotConfiguredError

    async def on_create_task_push_notification_config(
        self, _params: pb.TaskPushNotificationConfig, _context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        raise _no_push()

    async def on_get_task_push_notification_config(
        self, _params: pb.GetTaskPushNotificationConfigRequest, _context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        raise _no_push()

    async def on_list_task_push_notification_configs(
        self, _params: pb.ListTaskPushNotificationConfigsRequest, _context: ServerCallContext
    ) -> pb.ListTaskPushNotificationConfigsResponse:
        raise _no_push()

    async def on_delete_task_push_notification_config(
        self, _params: pb.DeleteTaskPushNotificationConfigRequest, _context: ServerCallContext
    ) -> None:
        raise _no_push()


def _no_push() -> A2AError:
    return PushNotificationNotSupportedError("Add a webhook for crm.agent_task.changed instead; it is signed.")
