"""One thread for one request: what FastAPI hands to and fro between the loop and its threads is done in one go.

A `def` route with a session costs FastAPI five changes of thread: two dependencies, the route, the check of the answer
and the end of the transaction, which stays open meanwhile. Each wakes a thread that then waits for the interpreter.
Nothing in such a request waits for the loop once its body is read, so a `ThreadRoute` lets one thread go through all of
it, from the credentials to the JSON.
"""

import inspect
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache, update_wrapper
from typing import Annotated, Any, get_args, get_origin

from fastapi import HTTPException, Request, Response, params
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api import bodies

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_open: ContextVar[ExitStack] = ContextVar("open")


class ThreadRoute(APIRoute):
    """A route whose `def` endpoint, dependencies and answer are worked on by one thread, in one go.

    A dependency that yields ends before the answer leaves, whatever the way out. `async def` endpoints, and those that
    take a form, stay FastAPI's. An `async def` dependency may not wait for anything.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._through = _in_one_thread(endpoint)
        super().__init__(path, _in_line(endpoint) if self._through else endpoint, **options)

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        through, field = self._through, self.body_field
        has_json = field is not None and not isinstance(field.field_info, params.Form)

        async def answer(request: Request) -> Response:
            if has_json:
                request = await _read(request)
            return await (run_in_threadpool(_go_through, handler, request) if through else handler(request))

        return answer


async def _read(request: Request) -> Request:
    try:
        return bodies.ReadRequest(request.scope, await request.body())
    except ClientDisconnect:
        raise HTTPException(400, "There was an error parsing the body") from None


def _go_through(handler: Handler, request: Request) -> Response:
    with ExitStack() as stack:
        _open.set(stack)
        return _finished(handler(request))


def _finished(work: Coroutine[Any, Any, Response]) -> Response:
    try:
        work.send(None)
    except StopIteration as end:
        answer: Response = end.value
        return answer
    work.close()
    raise RuntimeError("a dependency of a ThreadRoute waits for the loop; read what it needs in an `async def` route")


def _in_one_thread(endpoint: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(endpoint) or inspect.isasyncgenfunction(endpoint):
        return False
    annotations = (each.annotation for each in inspect.signature(endpoint, eval_str=True).parameters.values())
    return not any(isinstance(extra, params.Form) for each in annotations for extra in get_args(each)[1:])


@cache
def _in_line(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the call as a coroutine function that runs where it is awaited, and so all that it depends on."""
    if not inspect.isfunction(call):
        return call  # a security scheme: it only looks at the headers
    if inspect.isgeneratorfunction(call):
        inner = _entered(contextmanager(call))
    elif inspect.iscoroutinefunction(call):
        inner = _waited(call)
    else:
        inner = _called(call)
    update_wrapper(inner, call)
    del inner.__wrapped__  # type: ignore[attr-defined] # else FastAPI looks at the call behind it
    signature = inspect.signature(call, eval_str=True)
    inner.__signature__ = signature.replace(  # type: ignore[attr-defined] # what inspect.signature reads
        parameters=[each.replace(annotation=_asks(each.annotation)) for each in signature.parameters.values()]
    )
    return inner


def _called(call: Callable[..., Any]) -> Callable[..., Any]:
    async def run(**values: Any) -> Any:
        return call(**values)

    return run


def _waited(call: Callable[..., Any]) -> Callable[..., Any]:
    async def run(**values: Any) -> Any:
        return await call(**values)

    return run


def _entered(manager: Callable[..., Any]) -> Callable[..., Any]:
    async def enter(**values: Any) -> Any:
        return _open.get().enter_context(manager(**values))

    return enter


def _asks(annotation: Any) -> Any:
    """Return an annotation that depends on the coroutine function instead of the call."""
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, *extras = get_args(annotation)
    return Annotated[(kind, *(_depends(extra) for extra in extras))]


def _depends(extra: Any) -> Any:
    if not isinstance(extra, params.Depends) or extra.dependency is None:
        return extra
    return replace(extra, dependency=_in_line(extra.dependency), scope=None)
