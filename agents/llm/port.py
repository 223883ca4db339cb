"""The port between our calls and any model server: typed request in, raw reply out, one attempt."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import BaseModel


class SchemaMode(StrEnum):
    """How a server is asked for JSON; the order is the ladder, downwards."""

    STRICT = "strict"
    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prices:
    """Micro-units of money per million tokens; zero where the operator set no price."""

    input: int = 0
    cached: int = 0
    output: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known about an endpoint before the first call; the ladder learns the rest.

    `max_tokens` is the parameter every compatible server knows; one that wants `max_completion_tokens`
    answers 400 and names it, while an unknown parameter would be ignored in silence.
    """

    schema_mode: SchemaMode = SchemaMode.STRICT
    max_tokens_param: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature_ok: bool = True
    prices: Prices = Prices()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one endpoint is spoken to, as learnt so far."""

    mode: SchemaMode = SchemaMode.STRICT
    max_tokens_param: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature_ok: bool = True
    show_schema: bool = False


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question: messages and the form of the answer. `max_output_tokens` bounds the reply."""

    purpose: str
    messages: tuple[Message, ...]
    form: type[BaseModel]
    max_output_tokens: int
    temperature: float | None = None
    dialect: Dialect = Dialect()

    @property
    def schema_name(self) -> str:
        return self.form.__name__


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more attempts; `cached` and `reasoning` are parts of `input` and `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.input + self.output

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
            self.estimated or other.estimated,
        )

    def cost(self, prices: Prices) -> int:
        """Micro-units of money, rounded up."""
        full = (self.input - self.cached) * prices.input
        return -(-(full + self.cached * prices.cached + self.output * prices.output) // 1_000_000)


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What came back with HTTP 200; nothing of it is checked yet."""

    text: str | None
    refusal: str | None
    usage: Usage | None
    finish: str | None
    model: str
    request_id: str | None
    http_status: int


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors in the order of the texts, all of the same length, finite and with a direction."""

    vectors: "list[array[float]]"
    usage: Usage | None
    model: str
    request_id: str | None
    http_status: int


class ModelPort(Protocol):
    """One model at one endpoint."""

    name: str  # of the provider, for the ledger
    endpoint: str  # what breaker, ladder and call keys are kept by
    model: str
    profile: Profile

    def complete(self, request: ModelRequest, *, deadline: float) -> ModelReply:
        """Make one attempt that ends before `deadline` (`time.monotonic()` seconds).

        Raises ModelError and nothing else.
        """
        ...

    def embed(self, texts: Sequence[str], *, dimensions: int | None = None, deadline: float) -> Embedded:
        """Make one attempt to get a vector per text, of `dimensions` numbers where the model can choose.

        Raises ModelError and nothing else.
        """
        ...
