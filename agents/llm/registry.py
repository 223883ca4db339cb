"""Which model the settings name, and whether it answers."""

import time
from dataclasses import dataclass
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from agents.llm.azure import AzureOpenAI
from agents.llm.errors import CallStopped
from agents.llm.openai_compatible import OpenAICompatible
from agents.llm.port import Message, ModelRequest
from agents.llm.provider import Provider
from agents.llm.schema import parse
from kernel.settings import Settings, get_settings

_PROBE_TOKENS = 256
_PROBE_SECONDS = 30.0


def provider() -> Provider | None:
    """Return the provider the settings name, one per process; `None` means the built-in writer."""
    return provider_for(get_settings())


def provider_for(settings: Settings) -> Provider | None:
    """Return the provider for these settings; equal settings share breaker, ladder and connections."""
    if not settings.llm_base_url or not settings.llm_model:
        return None
    key = settings.llm_api_key.get_secret_value()
    return _provider(settings.llm_base_url, key, settings.llm_model, settings.llm_azure_api_version)


def providers() -> list[Provider]:
    """Return the configured model and the second one, in the order in which they are asked."""
    return providers_for(get_settings())


def providers_for(settings: Settings) -> list[Provider]:
    """Return the models that these settings name, the first one first."""
    first = provider_for(settings)
    if first is None:
        return []
    if not settings.llm_fallback_model:
        return [first]
    own = settings.llm_fallback_base_url
    key = (settings.llm_fallback_api_key if own else settings.llm_api_key).get_secret_value()
    version = None if own else settings.llm_azure_api_version
    return [first, _provider(own or settings.llm_base_url or "", key, settings.llm_fallback_model, version)]


def embedder() -> Provider | None:
    """Return the model for vectors that the settings name; `None` where the search is lexical only."""
    return embedder_for(get_settings())


def embedder_for(settings: Settings) -> Provider | None:
    """Return the model for vectors of these settings; it has a breaker of its own."""
    if not settings.llm_base_url or not settings.llm_embedding_model:
        return None
    key = settings.llm_api_key.get_secret_value()
    return _provider(settings.llm_base_url, key, settings.llm_embedding_model, settings.llm_azure_api_version)


def briefly(provider: Provider, seconds: float) -> Provider:
    """Return the same endpoint for one attempt that somebody waits for."""
    return Provider(provider.port, breaker=provider.breaker, ladder=provider.ladder, attempts=1, budget_seconds=seconds)


@lru_cache(maxsize=8)
def _provider(base_url: str, api_key: str, model: str, azure: str | None = None) -> Provider:
    if azure is not None:
        return Provider(AzureOpenAI(base_url=base_url, api_key=api_key, model=model, api_version=azure))
    return Provider(OpenAICompatible(base_url=base_url, api_key=api_key, model=model))


def forget() -> None:
    """Drop every provider with what it learnt of its endpoint, for processes that change their settings."""
    _provider.cache_clear()


class Greeting(BaseModel):
    """The form of the cheapest question."""

    model_config = ConfigDict(extra="forbid")

    word: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What one cheap call showed; `code` names the fault where `ok` is false."""

    ok: bool
    code: str
    model: str
    schema_mode: str
    ms: int
    request_id: str | None = None


def probe_vectors(settings: Settings) -> tuple[int, str]:
    """Ask for the vector of one word and return how many numbers it has and the model as reported; nothing is booked.

    Raises CallStopped, with the fault as its code; ValueError where no model for vectors is configured.
    """
    known = embedder_for(settings)
    if known is None:
        raise ValueError("no model for embeddings is configured")
    made = briefly(known, _PROBE_SECONDS).embed(["hello"], dimensions=settings.llm_embedding_dimensions)
    return len(made.vectors[0]), made.model or known.port.model


def probe(settings: Settings | None = None) -> Probe | None:
    """Ask the configured model for one word, within 30 s; `None` where no model is configured.

    Nothing is booked. A first probe may take up to three requests until the way to ask for JSON is found.
    """
    known = provider_for(settings or get_settings())
    if known is None:
        return None
    one = Provider(known.port, breaker=known.breaker, ladder=known.ladder, budget_seconds=_PROBE_SECONDS)
    request = ModelRequest("probe", (Message("user", "Fill the form with the word hello."),), Greeting, _PROBE_TOKENS)
    started = time.monotonic()
    try:
        done = one.complete(request, lambda text: parse(Greeting, text))
    except CallStopped as stop:
        return Probe(False, stop.code, one.port.model, _mode(one), _ms(started), stop.request_id)
    return Probe(True, "ok", done.reply.model or one.port.model, _mode(one), _ms(started), done.reply.request_id)


def _mode(one: Provider) -> str:
    return one.ladder.dialect(one.port.endpoint, one.port.profile).mode.value


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
