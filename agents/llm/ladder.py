"""What an endpoint understands: start high, step down where it refuses, remember per endpoint."""

import json
from dataclasses import replace
from threading import Lock
from typing import Any

from agents.llm.errors import Hint
from agents.llm.port import Dialect, Message, ModelRequest, Profile, SchemaMode
from agents.llm.schema import strict_schema

_RUNGS = tuple(SchemaMode)
_TOKEN_PARAMETERS = {"max_tokens", "max_completion_tokens"}
_HOPELESS_CODES = {"context_length_exceeded", "model_not_found", "string_above_max_length"}


class Ladder:
    """The dialects of all endpoints of this process; safe to share between threads."""

    def __init__(self) -> None:
        self._known: dict[str, Dialect] = {}
        self._lock = Lock()

    def dialect(self, endpoint: str, profile: Profile) -> Dialect:
        """Return how to speak to an endpoint: what was learnt, else what its profile says."""
        with self._lock:
            return self._known.get(endpoint) or Dialect(
                profile.schema_mode, profile.max_tokens_param, profile.temperature_ok
            )

    def remember(self, endpoint: str, dialect: Dialect) -> None:
        """Keep a dialect that was answered, or that the server itself asked for."""
        with self._lock:
            self._known[endpoint] = dialect


def step_down(dialect: Dialect, hint: Hint) -> Dialect | None:
    """Return the next dialect to try after a refused request, `None` when another would not help."""
    if hint.code in _HOPELESS_CODES:
        return None
    if hint.parameter in _TOKEN_PARAMETERS:
        if dialect.max_tokens_param == "max_tokens":
            return replace(dialect, max_tokens_param="max_completion_tokens")
        return replace(dialect, max_tokens_param="max_tokens")
    if hint.parameter == "temperature":
        return replace(dialect, temperature_ok=False) if dialect.temperature_ok else None
    lower = _RUNGS[_RUNGS.index(dialect.mode) + 1 :]
    return replace(dialect, mode=lower[0]) if lower else None


def is_certain(hint: Hint) -> bool:
    """Whether the refusal named what it disliked, so that the step is worth keeping before an answer."""
    return hint.speaks_of_schema or hint.parameter in {*_TOKEN_PARAMETERS, "temperature"}


def response_format(request: ModelRequest) -> dict[str, Any] | None:
    """Return the `response_format` parameter for the request's rung; `None` for plain text."""
    mode = request.dialect.mode
    if mode is SchemaMode.PLAIN:
        return None
    if mode is SchemaMode.JSON_OBJECT:
        return {"type": "json_object"}
    form: dict[str, Any] = {"name": request.schema_name, "schema": strict_schema(request.form)}
    if mode is SchemaMode.STRICT:
        form["strict"] = True
    return {"type": "json_schema", "json_schema": form}


def messages(request: ModelRequest) -> tuple[Message, ...]:
    """Return the messages to send: on the lower rungs the last one carries the schema as text.

    It is appended at the very end, so that the stable beginning stays a cacheable prefix.
    """
    dialect = request.dialect
    if dialect.mode in {SchemaMode.STRICT, SchemaMode.JSON_SCHEMA} and not dialect.show_schema:
        return request.messages
    *before, last = request.messages
    schema = json.dumps(strict_schema(request.form), ensure_ascii=False, separators=(",", ":"))
    told = f"Answer with one JSON object and nothing else. JSON schema of {request.schema_name}:\n{schema}"
    return (*before, replace(last, content=f"{last.content}\n\n{told}"))
