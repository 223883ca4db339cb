import time
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.llm.openai_compatible import OpenAICompatible
from agents.llm.port import Message, ModelRequest
from agents.llm.provider import Completed, Meter, Provider
from agents.llm.schema import parse
from tests.fakes.openai_server import FakeModelServer


class Letter(BaseModel):
    """A small form with everything a form may have."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(max_length=60)
    tone: Literal["warm", "plain"]
    points: list[str] = Field(min_length=1, max_length=3)
    note: str | None


@dataclass
class SkippingClock:
    """Waits at once: sleeping moves the clock instead of the test."""

    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@dataclass
class Bench:
    """A provider on the real SDK in front of the fake server."""

    server: FakeModelServer
    clock: SkippingClock
    port: OpenAICompatible
    provider: Provider

    def ask(self, *, meter: Meter | None = None, cap: int = 500, **changes: object) -> Completed[Letter]:
        return self.provider.complete(request(cap=cap, **changes), lambda text: parse(Letter, text), meter)


def request(*, cap: int = 500, **changes: object) -> ModelRequest:
    asked = (Message("system", "Write only the fields."), Message("user", "A letter, please."))
    return ModelRequest(purpose="letter", messages=asked, form=Letter, max_output_tokens=cap, **changes)
