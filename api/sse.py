"""Server-sent events: a look at rows, again and again, until nothing more will happen (WHATWG HTML, 9.2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from kernel.errors import Invalid

LOOK_SECONDS = 0.5
LONGEST_SECONDS = 60.0
RETRY_MS = 2_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found: events that are new, with the ids to go on from; the present state; whether it is over."""

    events: Sequence[tuple[str, UUID, dict[str, Any]]]
    state: dict[str, Any]
    over: bool


Look = Callable[[UUID | None], Seen]


def last_id(value: str | None) -> UUID | None:
    """Read a `Last-Event-ID`; raises Invalid for one that was never given out."""
    try:
        return UUID(value) if value else None
    except ValueError:
        raise Invalid("Last-Event-ID", "is none of ours; start without one") from None


async def stream(look: Look, after: UUID | None, *, state: str) -> StreamingResponse:
    """Return the stream; the first look happens before it starts, so that its refusals are ordinary answers.

    Each look is one call in a thread, with a transaction of its own. `state` names the event of the present state, sent
    whenever that differs. After a minute the stream ends, and a client connects again with the last id.
    """
    first = await run_in_threadpool(look, after)
    return StreamingResponse(
        _lines(look, first, after, state), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _lines(look: Look, seen: Seen, after: UUID | None, name: str) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    told: dict[str, Any] | None = None
    until = asyncio.get_running_loop().time() + LONGEST_SECONDS
    while True:
        for event, event_id, data in seen.events:
            after = event_id
            yield f"id: {event_id}\nevent: {event}\ndata: {json.dumps(data)}\n\n"
        if seen.state != told:
            told = seen.state
            yield f"event: {name}\ndata: {json.dumps(told)}\n\n"
        if seen.over or asyncio.get_running_loop().time() >= until:
            return
        await asyncio.sleep(LOOK_SECONDS)
        seen = await run_in_threadpool(look, after)
