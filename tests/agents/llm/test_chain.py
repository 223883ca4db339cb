"""Azure's way of asking, a second model, and the built-in writer at the end: over real HTTP."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from agents.llm import registry
from agents.llm.azure import AzureOpenAI
from agents.llm.errors import Fault, ModelError
from agents.llm.port import Message, ModelRequest
from agents.llm.registry import Greeting
from ariia import doctor
from kernel import db, settings
from kernel.settings import Settings
from models import ModelCall
from tests.agents.campaign.test_run import current, generated, offer, studio  # noqa: F401 - a fixture
from tests.agents.campaign.test_with_a_model import run_of
from tests.fakes import openai_steps as steps
from tests.fakes.openai_server import FakeModelServer, load_campaign_handlers


@pytest.fixture
def servers() -> Iterator[tuple[FakeModelServer, FakeModelServer]]:
    load_campaign_handlers()
    with FakeModelServer(api_key="key-1") as first, FakeModelServer(api_key="key-2") as second:
        yield first, second
    registry._provider.cache_clear()


def two(servers: tuple[FakeModelServer, FakeModelServer], **more: object) -> Settings:
    first, second = servers
    values = {
        "llm_base_url": first.base_url, "llm_api_key": "key-1", "llm_model": "big",
        "llm_fallback_base_url": second.base_url, "llm_fallback_api_key": "key-2", "llm_fallback_model": "small",
    }  # fmt: skip
    return Settings(**(values | more))


@pytest.fixture
def use(database) -> Iterator[object]:
    before = settings.get_settings()

    def using(given: Settings) -> None:
        names = [name for name in Settings.model_fields if name.startswith("llm_")]
        settings.use(before.model_copy(update={name: getattr(given, name) for name in names}))

    yield using
    settings.use(before)


def test_azure_is_asked_under_the_deployment_with_its_own_key_and_version(servers):
    first, _ = servers
    base = first.base_url.removesuffix("/v1")
    port = AzureOpenAI(base_url=base, api_key="key-1", model="copy-1", api_version="2024-10-21")
    request = ModelRequest("probe", (Message("user", "hello"),), Greeting, 64)
    reply = port.complete(request, deadline=time.monotonic() + 30)
    assert reply.http_status == 200
    asked = first.requests[0]
    assert asked.path == "/openai/deployments/copy-1/chat/completions?api-version=2024-10-21"
    assert asked.headers["api-key"] == "key-1"
    wrong = AzureOpenAI(base_url=base, api_key="other", model="copy-1", api_version="2024-10-21")
    with pytest.raises(ModelError) as refused:
        wrong.complete(request, deadline=time.monotonic() + 30)
    assert refused.value.fault is Fault.AUTH
    port.close()
    wrong.close()


def test_the_settings_choose_azure_and_the_second_model(servers):
    azure = registry.provider_for(two(servers, llm_azure_api_version="2024-10-21"))
    assert azure is not None
    assert azure.port.name == "azure"
    assert [provider.port.model for provider in registry.providers_for(two(servers))] == ["big", "small"]
    same = registry.providers_for(two(servers, llm_fallback_base_url=None))
    assert [provider.port.endpoint for provider in same] == [servers[0].base_url.rstrip("/")] * 2
    assert registry.providers_for(Settings()) == []


def test_the_second_model_writes_where_the_first_has_no_credit(servers, use, studio):  # noqa: F811
    first, second = servers
    use(two(servers))
    with db.tenant_session(studio) as session:
        offer(session)
    first.script("BriefPlan", steps.insufficient_quota())
    campaign_id = generated(studio)
    assert run_of(studio, campaign_id).status == "done"
    revision = current(studio, campaign_id)
    assert revision.origin == "model"
    assert [request.schema for request in second.requests] == ["BriefPlan"]
    with db.tenant_session(studio) as session:
        models = session.execute(select(ModelCall.model, ModelCall.state).order_by(ModelCall.id)).all()
    assert ("small", "done") in {tuple(row) for row in models}


def test_where_nobody_answers_the_run_ends_with_the_first_reason(servers, use, studio):  # noqa: F811
    first, second = servers
    use(two(servers))
    with db.tenant_session(studio) as session:
        offer(session)
    first.script("BriefPlan", steps.insufficient_quota())
    second.script("BriefPlan", steps.unauthorized())
    campaign_id = generated(studio)
    run = run_of(studio, campaign_id)
    assert (run.status, run.error_code) == ("failed", "quota_exhausted")


def test_the_built_in_writer_finishes_where_the_operator_allows_it(servers, use, studio):  # noqa: F811
    use(two(servers, llm_fallback_model=None, llm_fallback_builtin=True))
    with db.tenant_session(studio) as session:
        offer(session)
    servers[0].script("BriefPlan", steps.insufficient_quota())
    campaign_id = generated(studio)
    run = run_of(studio, campaign_id)
    assert (run.status, run.writer) == ("done", "builtin")
    assert current(studio, campaign_id).origin == "builtin"


def test_a_month_without_budget_asks_no_second_model(servers, use, studio):  # noqa: F811
    use(two(servers, llm_run_token_limit=1_000, llm_fallback_builtin=True))
    with db.tenant_session(studio) as session:
        offer(session)
    campaign_id = generated(studio)
    assert run_of(studio, campaign_id).status == "paused_budget"
    assert servers[1].requests == []


def test_the_doctor_says_what_answers_and_what_does_not(servers, use):
    use(two(servers))
    said = doctor._model(settings.get_settings())
    assert said.good
    assert "big answers" in said.text
    assert "then small" in said.text
    use(two(servers, llm_api_key="wrong"))
    refused = doctor._model(settings.get_settings())
    assert refused.good is False
    assert "auth" in refused.text
