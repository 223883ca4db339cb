import time
from collections.abc import Iterator
from typing import Any

import pytest

from agents.llm.openai_compatible import OpenAICompatible
from agents.llm.port import Prices, Profile
from agents.llm.provider import Provider
from tests.agents.llm.bench import SkippingClock
from tests.agents.model_rows import Desk, desk
from tests.fakes.openai_server import FakeModelServer


@pytest.fixture
def server() -> Iterator[FakeModelServer]:
    with FakeModelServer() as running:
        yield running


@pytest.fixture
def provider(server: FakeModelServer) -> Iterator[Provider]:
    clock = SkippingClock()
    profile = Profile(prices=Prices(input=1_000_000, cached=100_000, output=4_000_000))
    port = OpenAICompatible(
        base_url=server.base_url, api_key="none", model="fake-model", profile=profile, monotonic=clock.monotonic
    )
    yield Provider(port, sleep=lambda _: time.sleep(0.01), monotonic=clock.monotonic, jitter=lambda: 0.1)
    port.close()


@pytest.fixture
def mine(provider: Provider, tenants: Any) -> Desk:
    return desk(provider, tenants.a)


@pytest.fixture
def theirs(provider: Provider, tenants: Any) -> Desk:
    return desk(provider, tenants.b)
