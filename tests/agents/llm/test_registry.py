from collections.abc import Iterator

import pytest

from agents.llm import registry
from kernel.settings import Settings
from tests.fakes import openai_steps as steps
from tests.fakes.openai_server import FakeModelServer


@pytest.fixture
def server() -> Iterator[FakeModelServer]:
    with FakeModelServer(api_key="key-1") as running:
        yield running
    registry._provider.cache_clear()


def settings_for(server: FakeModelServer, key: str = "key-1") -> Settings:
    return Settings(llm_base_url=server.base_url, llm_api_key=key, llm_model="some-model")


def test_without_a_base_url_the_built_in_writer_writes():
    assert registry.provider_for(Settings()) is None
    assert registry.probe(Settings()) is None


def test_equal_settings_share_one_provider_and_its_memory(server: FakeModelServer):
    first = registry.provider_for(settings_for(server))
    assert first is registry.provider_for(settings_for(server))
    assert first is not registry.provider_for(settings_for(server, "key-2"))
    assert first is not None
    first.port.close()


def test_a_probe_is_one_request_that_names_model_and_mode(server: FakeModelServer):
    probe = registry.probe(settings_for(server))
    assert probe is not None
    assert (probe.ok, probe.code, probe.model, probe.schema_mode) == (True, "ok", "some-model", "strict")
    assert len(server.requests) == 1
    registry.provider_for(settings_for(server)).port.close()


def test_a_probe_with_a_wrong_key_says_so_after_one_request(server: FakeModelServer):
    probe = registry.probe(settings_for(server, "wrong"))
    assert probe is not None
    assert (probe.ok, probe.code) == (False, "auth")
    assert probe.request_id is not None
    assert len(server.requests) == 1
    registry.provider_for(settings_for(server, "wrong")).port.close()


def test_a_probe_of_a_server_that_asks_for_patience_does_not_wait(server: FakeModelServer):
    server.script("Greeting", steps.rate_limited(3600))
    probe = registry.probe(settings_for(server))
    assert probe is not None
    assert (probe.ok, probe.code) == (False, "rate_limited")
    assert probe.ms < 5_000
    registry.provider_for(settings_for(server)).port.close()
