"""What the real chat completions API refuses: unknown parameters, roles, schemas outside the strict subset."""

import re
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_PARAMETERS = {"messages", "model", "n", "response_format", "seed", "stop", "store", "stream", "stream_options"}
_PARAMETERS |= {"temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"}
_PARAMETERS |= {"max_tokens", "max_completion_tokens", "frequency_penalty", "presence_penalty", "logit_bias"}
_PARAMETERS |= {"logprobs", "top_logprobs", "metadata", "modalities", "audio", "prediction", "reasoning_effort"}
_PARAMETERS |= {"prompt_cache_key", "safety_identifier", "service_tier", "user", "verbosity"}
_ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
_STRICT_WORDS = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"}
_STRICT_WORDS |= {"description", "title", "$ref", "$defs", "pattern", "format", "minimum", "maximum"}
_STRICT_WORDS |= {"exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"}
_DEEPEST = 10


@dataclass(frozen=True)
class Refusal:
    """An error object of the API, with its status."""

    message: str
    param: str | None = None
    code: str | None = None
    status: int = 400

    def body(self) -> Json:
        kind = "authentication_error" if self.status == 401 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def refusal_of(body: Any, refuses: frozenset[str] = frozenset()) -> Refusal | None:
    """Return why the API would answer 400, or None.

    `refuses` names what this server does not know beyond that: strict, json_schema, json_object, max_tokens,
    max_completion_tokens, temperature.
    """
    if not isinstance(body, dict):
        return Refusal("We could not parse the JSON body of your request.")
    for name in body:
        if name not in _PARAMETERS:
            return Refusal(f"Unrecognized request argument supplied: {name}", code="unknown_parameter")
    if not isinstance(body.get("model"), str) or not body["model"]:
        return Refusal("you must provide a model parameter", "model")
    return _messages(body) or _numbers(body, refuses) or _format(body, refuses)


def _messages(body: Json) -> Refusal | None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return Refusal("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    for n, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            return Refusal(f"Invalid value at 'messages[{n}].role'.", f"messages[{n}].role", "invalid_value")
        if not isinstance(message.get("content"), str):
            return Refusal(f"Invalid type for 'messages[{n}].content'.", f"messages[{n}].content", "invalid_type")
        if set(message) - {"role", "content", "name"}:
            return Refusal(f"Unknown parameter in 'messages[{n}]'.", f"messages[{n}]", "unknown_parameter")
    return None


def _numbers(body: Json, refuses: frozenset[str]) -> Refusal | None:
    for name in ("max_tokens", "max_completion_tokens", "temperature"):
        if name in body and name in refuses:
            return Refusal(f"Unsupported parameter: '{name}' is not supported.", name, "unsupported_parameter")
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is not None and (not isinstance(value, int) or value < 1):
            return Refusal(f"Invalid '{name}': integer above 0 expected.", name, "integer_below_min_value")
    temperature = body.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        return Refusal("Invalid 'temperature': 0 to 2 expected.", "temperature", "decimal_above_max_value")
    return None


def _format(body: Json, refuses: frozenset[str]) -> Refusal | None:
    wanted = body.get("response_format")
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in {"text", "json_object", "json_schema"} or kind in refuses:
        return Refusal(f"Invalid parameter: 'response_format' of type '{kind}'.", "response_format")
    if kind == "json_object" and "json" not in str(body["messages"]).lower():
        return Refusal("'messages' must contain the word 'json' in some form.", "messages")
    return _json_schema(wanted.get("json_schema"), refuses) if kind == "json_schema" else None


def _json_schema(spec: Any, refuses: frozenset[str]) -> Refusal | None:
    if not isinstance(spec, dict) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(spec.get("name", ""))):
        return Refusal("Invalid 'response_format.json_schema.name'.", "response_format.json_schema.name")
    if not spec.get("strict"):
        return None
    if "strict" in refuses:
        return Refusal("Unknown field 'strict' in response_format.", "response_format.json_schema.strict")
    problem = strict_problem(spec.get("schema"))
    if problem is None:
        return None
    message = f"Invalid schema for response_format '{spec['name']}': {problem}"
    return Refusal(message, "response_format", "invalid_json_schema")


def strict_problem(schema: Any) -> str | None:
    """Return the first rule of strict mode that a schema breaks, or None."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return "schema must be a JSON Schema of 'type: \"object\"'."
    return _node_problem(schema, (), 1)


def _node_problem(node: Any, path: tuple[str, ...], depth: int) -> str | None:
    if not isinstance(node, dict) or depth > _DEEPEST:
        return f"In context={path}, not a schema, or nested deeper than {_DEEPEST} levels."
    strange = set(node) - _STRICT_WORDS
    if strange:
        return f"In context={path}, {sorted(strange)} is not permitted."
    if "$ref" in node and set(node) != {"$ref"}:
        return f"In context={path}, $ref cannot have keywords."
    if not set(node) & {"type", "anyOf", "$ref", "enum", "const"}:
        return f"In context={path}, schema must have a 'type' key."
    if node.get("type") == "object" and (problem := _object_problem(node, path)):
        return problem
    return _children_problem(node, path, depth)


def _object_problem(node: Json, path: tuple[str, ...]) -> str | None:
    if node.get("additionalProperties") is not False:
        return f"In context={path}, 'additionalProperties' is required to be supplied and to be false."
    properties = node.get("properties")
    if not isinstance(properties, dict) or sorted(node.get("required", [])) != sorted(properties):
        return f"In context={path}, 'required' must include every key in properties."
    return None


def _children_problem(node: Json, path: tuple[str, ...], depth: int) -> str | None:
    if node.get("type") == "array" and "items" not in node:
        return f"In context={path}, array schema missing items."
    children = [(name, each, depth + 1) for name, each in node.get("properties", {}).items()]
    children += [(name, each, depth) for name, each in node.get("$defs", {}).items()]
    children += [("items", node["items"], depth)] if "items" in node else []
    children += [(str(n), each, depth) for n, each in enumerate(node.get("anyOf", []))]
    found = (_node_problem(each, (*path, name), deep) for name, each, deep in children)
    return next((problem for problem in found if problem), None)
