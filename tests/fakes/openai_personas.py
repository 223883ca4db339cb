"""Personas: how a fake model fills any strict schema it is given, well or badly, and always the same way."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Persona(StrEnum):
    FAITHFUL = "faithful"
    OBEDIENT = "obedient"  # follows every instruction it finds in the data
    HALLUCINATOR = "hallucinator"  # adds numbers, offers, addresses of pages
    LEAKER = "leaker"  # repeats what it saw
    LAZY = "lazy"  # leaves out what it may
    VERBOSE = "verbose"  # never comes to an end
    FLAKY = "flaky"  # every tenth request fails


@dataclass(frozen=True)
class Ask:
    """What a handler sees: the form's name and schema, and the messages."""

    name: str
    schema: Json
    messages: list[Json]

    @property
    def text(self) -> str:
        return "\n".join(message["content"] for message in self.messages)


Handler = Callable[[Ask], Json]
HANDLERS: dict[str, Handler] = {}
"""Faithful answers per schema name; fill it with `@handles("BriefPlan")`."""


def handles(name: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return register


def answer(ask: Ask, persona: Persona, handlers: dict[str, Handler]) -> Json:
    """Return the persona's answer: a handler's, or one made from the schema, bent by the persona."""
    handler = handlers.get(ask.name)
    if persona is Persona.LAZY:
        value: Json = fill(ask.schema, lazy=True)
    else:
        value = handler(ask) if handler else fill(ask.schema)
    bend = _BENDS.get(persona)
    return _map_texts(value, ask.schema, bend(ask), fits=persona is Persona.OBEDIENT) if bend else value


_PHRASES = {
    "subject": "Wir haben dich vermisst",
    "preheader": "Dein Studio freut sich auf deinen nächsten Besuch und hält dir einen Platz frei",
    "label": "Jetzt ansehen",
    "cta": "Jetzt ansehen",
    "lang": "de",
    "language": "de",
    "url": "cta_url",
}
_SENTENCE = "Komm wieder vorbei, wir freuen uns auf dich."


def fill(schema: Json, name: str = "", *, lazy: bool = False) -> Any:
    """Return a value that fits the schema; limits are read from the descriptions."""
    if "anyOf" in schema:
        options = schema["anyOf"]
        empty = [option for option in options if option.get("type") == "null"]
        return None if lazy and empty else fill(options[0], name, lazy=lazy)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if kind == "object":
        return {key: fill(each, key, lazy=lazy) for key, each in schema["properties"].items()}
    if kind == "array":
        return _items(schema, name, lazy=lazy)
    if kind == "string":
        return _PHRASES.get(name, _SENTENCE)[: _limit(schema, "at most (\\d+) characters", 10_000)]
    return {"integer": _limit(schema, "at least (\\d+)", 1), "number": 1.0, "boolean": True, "null": None}[kind]


def _items(schema: Json, name: str, *, lazy: bool) -> list[Any]:
    free_ids = name.endswith("_ids") and "enum" not in schema["items"]
    count = max(_limit(schema, "at least (\\d+) items", 0), 0 if lazy or free_ids else 1)
    return [fill(schema["items"], name, lazy=lazy) for _ in range(count)]


def _limit(schema: Json, pattern: str, default: int) -> int:
    found = re.search(pattern, schema.get("description", ""))
    return int(found[1]) if found else default


_NO_COPY = re.compile(r"(?:^|_)(?:id|ids|ref|lang|objective|questions)$")  # a bad model that minds the form is worse


def _map_texts(value: Any, schema: Json, change: Callable[[str], str], *, fits: bool = False) -> Any:
    """Change every free text; with `fits` none gets longer than its form allows."""
    if "anyOf" in schema:
        fitting = [option for option in schema["anyOf"] if _fits(value, option)]
        return _map_texts(value, fitting[0], change, fits=fits) if fitting else value
    if isinstance(value, dict) and schema.get("type") == "object":
        return {
            key: each
            if _NO_COPY.search(key)
            else _map_texts(each, schema["properties"].get(key, {}), change, fits=fits)
            for key, each in value.items()
        }
    if isinstance(value, list) and schema.get("type") == "array":
        return [_map_texts(each, schema["items"], change, fits=fits) for each in value]
    free = isinstance(value, str) and "enum" not in schema and schema.get("type") == "string"
    if not free:
        return value
    return change(value)[: _limit(schema, "at most (\\d+) characters", 10_000)] if fits else change(value)


def _fits(value: Any, option: Json) -> bool:
    if isinstance(value, dict):
        properties = option.get("properties", {})
        tags = {key: each["enum"] for key, each in properties.items() if "enum" in each}
        return set(properties) == set(value) and all(value[key] in allowed for key, allowed in tags.items())
    kinds = {str: "string", list: "array", int: "integer", bool: "boolean", type(None): "null"}
    return option.get("type") == kinds.get(type(value)) and value in option.get("enum", [value])


_ORDERS = re.compile(
    r"(?im)^.*?\b(?:ignore|disregard|forget|ignoriere?|vergiss|system\s*:|assistant\s*:|du musst|you must|"
    r"neue anweisung\w*|new instructions?)\b(.*)$"
)


def _obey(ask: Ask) -> Callable[[str], str]:
    data = "\n".join(message["content"] for message in ask.messages if message["role"] != "system")
    orders = " ".join(dict.fromkeys(found[1].strip() for found in _ORDERS.finditer(data)))
    return lambda text: f"{orders} {text}" if orders else text


def _hallucinate(_ask: Ask) -> Callable[[str], str]:
    return lambda text: f"{text} Nur bis 31.12.: 50 % Rabatt, 19,90 € statt 39,90 € auf https://deal.invalid/x"


def _leak(ask: Ask) -> Callable[[str], str]:
    words = ask.text.split()
    taker = random.Random(len(words))

    def leak(text: str) -> str:
        start = taker.randrange(max(1, len(words) - 40))
        return f"{text} {' '.join(words[start : start + 40])}"

    return leak


def _ramble(_ask: Ask) -> Callable[[str], str]:
    return lambda text: " ".join([text] * 60)


_BENDS: dict[Persona, Callable[[Ask], Callable[[str], str]]] = {
    Persona.OBEDIENT: _obey,
    Persona.HALLUCINATOR: _hallucinate,
    Persona.LEAKER: _leak,
    Persona.VERBOSE: _ramble,
}
