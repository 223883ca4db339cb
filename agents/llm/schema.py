"""Forms: a pydantic model as the strict JSON schema that servers accept, and the check of what came back.

The schema keeps to the subset all servers share: objects with every property required and no other,
arrays, enums, `anyOf`, null. Lengths and ranges are told in the description and checked by us.
Source: OpenAI, "Structured model outputs", supported schemas.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agents.llm.errors import Fault, Hint, ModelError

Form = TypeVar("Form", bound=BaseModel)
Json = dict[str, Any]

_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matching {}",
    "format": "format {}",
}
_SILENT = {"title", "default", "examples", "discriminator", "uniqueItems"}
_SCALARS = {"string", "integer", "number", "boolean", "null"}
_FENCE = "```"
_PROBLEMS_SHOWN = 12


@lru_cache(maxsize=256)
def strict_schema(form: type[BaseModel]) -> Json:
    """Return the strict schema of a form; the caller must not change it.

    Raises TypeError for what strict mode cannot say: free-form objects, tuples, recursion, a root that is
    not an object.
    """
    raw = form.model_json_schema()
    built = _Builder(raw.pop("$defs", {})).build(raw, ())
    if built.get("type") != "object":
        raise TypeError(f"{form.__name__} is not an object: strict schemas start with one")
    return built


def schema_hash(form: type[BaseModel]) -> str:
    """SHA-256 of a form's name and schema; part of every call key."""
    canonical = json.dumps([form.__name__, strict_schema(form)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class _Builder:
    def __init__(self, definitions: Json) -> None:
        self._definitions = definitions

    def build(self, node: Json, path: tuple[str, ...]) -> Json:
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[-1]
            if name in path:
                raise TypeError(f"{name} refers to itself: forms are trees")
            merged = self._definitions[name] | {k: v for k, v in node.items() if k != "$ref"}
            return self.build(merged, (*path, name))
        told = _description(node)
        return {**self._shape(node, path), **({"description": told} if told else {})}

    def _shape(self, node: Json, path: tuple[str, ...]) -> Json:
        for union in ("anyOf", "oneOf"):
            if union in node:
                return {"anyOf": [self.build(each, path) for each in node[union]]}
        if "const" in node or "enum" in node:
            return _enum(node["enum"] if "enum" in node else [node["const"]])
        kind = node.get("type")
        if kind == "object":
            return self._object(node, path)
        if kind == "array":
            if "prefixItems" in node or "items" not in node:
                raise TypeError("a tuple or an untyped list cannot be part of a form")
            return {"type": "array", "items": self.build(node["items"], path)}
        if kind not in _SCALARS:
            raise TypeError(f"a form field of unknown type: {sorted(node)}")
        return {"type": kind}

    def _object(self, node: Json, path: tuple[str, ...]) -> Json:
        if node.get("additionalProperties") or "properties" not in node:
            raise TypeError("a free-form object cannot be part of a form: list its fields")
        properties = {name: self.build(each, path) for name, each in node["properties"].items()}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }


def _enum(values: list[Any]) -> Json:
    kinds = {str: "string", bool: "boolean", int: "integer", type(None): "null"}
    found = {kinds[type(value)] for value in values}
    return {"type": found.pop() if len(found) == 1 else sorted(found), "enum": values}


def _description(node: Json) -> str:
    known = {*_LIMITS, *_SILENT, "description"}
    parts = [str(node["description"]).strip()] if "description" in node else []
    parts += [words.format(node[key]) for key, words in _LIMITS.items() if key in node]
    structure = {"type", "properties", "required", "additionalProperties", "items", "prefixItems"}
    strange = set(node) - known - structure - {"anyOf", "oneOf", "enum", "const"}
    if strange:
        raise TypeError(f"a form uses schema words that strict mode does not know: {sorted(strange)}")
    return "; ".join(parts)


def parse(form: type[Form], text: str) -> Form:
    """Check a reply and return the filled form.

    Order: fence, JSON without duplicate keys, characters a database can hold, schema.
    Raises ModelError (malformed, with messages for the model) and nothing else.
    """
    body = strip_fence(text)
    try:
        _refuse_unstorable(json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant))
        return form.model_validate_json(body, extra="forbid")
    except ValidationError as error:
        raise malformed(*_messages(error)) from None
    except (ValueError, RecursionError) as error:
        raise malformed(f"the reply is not one valid JSON object: {_reason(error)}") from None


def malformed(*problems: str) -> ModelError:
    """The error for an answer that does not have the form; `problems` are shown to the model in the re-ask."""
    return ModelError(Fault.MALFORMED, problems=problems[:_PROBLEMS_SHOWN], hint=Hint(speaks_of_schema=True))


def unusable(*problems: str) -> ModelError:
    """The error for a well-formed answer that breaks a rule of its purpose, such as an unknown id."""
    return ModelError(Fault.MALFORMED, problems=problems[:_PROBLEMS_SHOWN])


def strip_fence(text: str) -> str:
    """Remove a byte-order mark and one Markdown fence around the whole reply; anything else stays."""
    body = text.strip().removeprefix("\ufeff").strip()
    if not (body.startswith(_FENCE) and body.endswith(_FENCE) and len(body) > 2 * len(_FENCE)):
        return body
    first, _, rest = body.partition("\n")
    if first.removeprefix(_FENCE).strip().lower() not in {"", "json"}:
        return body
    return rest.removesuffix(_FENCE).strip()


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a text holds a character that cannot be stored")
    elif isinstance(value, dict):
        for key, each in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(each)
    elif isinstance(value, list):
        for each in value:
            _refuse_unstorable(each)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return "too deeply nested" if isinstance(error, RecursionError) else str(error)[:200]


def _messages(error: ValidationError) -> list[str]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [f"{'.'.join(str(part) for part in each['loc']) or 'reply'}: {each['msg']}" for each in found]
