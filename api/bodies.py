"""JSON bodies that say one thing: an object that names a key twice is refused (RFC 7493, 2.3).

RFC 8259 leaves it open which of the two counts. Whoever looked at a request before us may have seen the other one.
"""

import json
from collections import Counter
from typing import Any

from fastapi import HTTPException, Request
from starlette.types import Scope


class ReadRequest(Request):
    """A request whose body is here already."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        super().__init__(scope)
        self._content = body

    async def body(self) -> bytes:
        return self._content

    async def json(self) -> Any:
        """Return the value of the body. Raises JSONDecodeError, and HTTPException 400 for a key that stands twice."""
        return json.loads(self._content, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    seen = Counter(name for name, _ in pairs)
    twice = next(name for name, count in seen.items() if count > 1)
    raise HTTPException(400, f"The JSON names {_printable(twice)} twice in one object; send it once.")


def _printable(name: str) -> str:
    return repr(name[:100].encode("utf-8", "replace").decode())
