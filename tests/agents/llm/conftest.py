from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from agents.llm.openai_compatible import OpenAICompatible
from agents.llm.provider import Provider
from kernel import clock
from tests.agents.llm.bench import Bench, SkippingClock
from tests.fakes.openai_server import FakeModelServer


@pytest.fixture
def make_bench() -> Iterator[Callable[..., Bench]]:
    """Build a bench; server options and provider options are told apart by their names."""
    opened: list[Bench] = []

    def build(*, read_seconds: float = 90, budget_seconds: float = 180, **server_options: object) -> Bench:
        server = FakeModelServer(**server_options)
        server.__enter__()
        skipping = SkippingClock()
        port = OpenAICompatible(
            base_url=server.base_url,
            api_key="none",
            model="fake-model",
            read_seconds=read_seconds,
            monotonic=skipping.monotonic,
        )
        provider = Provider(
            port,
            budget_seconds=budget_seconds,
            sleep=skipping.sleep,
            monotonic=skipping.monotonic,
            jitter=lambda: 0.5,
        )
        opened.append(Bench(server, skipping, port, provider))
        return opened[-1]

    yield build
    for bench in opened:
        bench.port.close()
        bench.server.__exit__(None, None, None)


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def frozen_now() -> Iterator[datetime]:
    instant = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    clock.set_source(lambda: instant)
    yield instant
    clock.set_source(None)
