"""What a refused webhook costs: `./dev bench refused [--requests 2000] [--rounds 5] [--quick]`.

The application itself, called without sockets, against one bare Starlette route: CPU of this process per request, in
interleaved rounds, and the statements that reached the database. Requests for Twilio with a signature that does not
fit, with none, and with a wrong token in the address of a status.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import texters
from conftest import make_tenant
from sqlalchemy import Engine, event
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.app import create_app
from api.hook_callers import guesses
from bench import measure
from channels.twilio.signature import sign
from kernel import log
from kernel.tokens import get_signer

_BODY = b"MessageSid=SM" + b"1" * 32 + b"&MessageStatus=delivered&To=%2B4915112345678&From=%2B4930111222"
_MOST_MS, _MOST_STATEMENTS = 0.2, 60
_BARE = "a bare route"


def bare() -> Starlette:
    """The least that reads a body and answers."""

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(status_code=403)

    return Starlette(routes=[Route("/{rest:path}", answer, methods=["POST"])])


async def ask(app: Any, path: str, given: str) -> int:
    """Make one request of an application; returns its status."""
    status = 0
    headers = [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("localhost", 80), "headers": [*headers, (b"x-twilio-signature", given.encode())],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": _BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


def cost(app: Any, path: str, given: str, n: int, expected: int) -> float:
    """CPU of this process for one request, in milliseconds."""

    async def flood() -> float:
        await ask(app, path, given)
        began = time.process_time()
        for _ in range(n):
            status = await ask(app, path, given)
            assert status == expected, status
        return (time.process_time() - began) / n * 1_000

    return asyncio.run(flood())


@contextmanager
def statements() -> Iterator[list[str]]:
    """What reaches the database meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def flood(app: Any, kind: tuple[str, str, int], n: int, asked: dict[str, int], name: str, _: int) -> float:
    """CPU of a refused request of one kind; notes the statements."""
    path, given, expected = kind
    with statements() as seen:
        taken = cost(app, path, given, n, expected)
    asked[name] = max(asked.get(name, 0), len(seen))
    return taken


def main() -> None:
    """Measure, and keep the figures."""
    options = measure.options(__doc__, requests=(2_000, "requests of each kind in a round"))
    n, rounds = (200, 1) if options.quick else (options.requests, options.rounds)
    with measure.database():
        log.configure("critical")
        guesses._most = 10**9  # noqa: SLF001 - who guesses too often is refused for less
        tenant_id = make_tenant("bench")
        account = texters.account(tenant_id)
        ours, other = create_app(), bare()
        door = f"/hooks/twilio/{account.path_token}"
        wrong = sign("e" * 32, "http://localhost", [])
        token = get_signer().sign("s", tenant_id, account.id)
        kinds = {
            "a signature that does not fit": (f"{door}/status/{token}", wrong, 403),
            "no signature": (f"{door}/status/{token}", "", 403),
            "a token that was never made": (f"{door}/status/{token[:-2]}xx", wrong, 404),
        }
        asked: dict[str, int] = {}
        sides: dict[str, Callable[[int], float]] = {_BARE: lambda _: cost(other, f"{door}/inbound", wrong, n, 403)}
        sides |= {name: partial(flood, ours, kind, n, asked, name) for name, kind in kinds.items()}
        series = measure.interleaved(sides, rounds)
    worst = max(series.median(name) for name in kinds)
    measure.keep(
        "a refused webhook",
        goal=f"at most {_MOST_MS} ms of CPU, at most {_MOST_STATEMENTS} statements in {n:,} requests",
        seen=f"{worst:.2f} ms of CPU, {max(asked.values())} statements; a bare route {series.median(_BARE):.2f} ms",
        met=worst <= _MOST_MS and max(asked.values()) <= _MOST_STATEMENTS,
        quick=options.quick,
        statements=asked,
        requests=n,
        **series.details(),
    )


if __name__ == "__main__":
    main()
