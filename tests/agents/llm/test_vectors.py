"""Vectors over real HTTP: two spellings of numbers, the limits of the API, faults by name, Azure, and the doctor."""

import math
import time
from array import array
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm import embeddings, registry
from agents.llm.azure import AzureOpenAI
from agents.llm.errors import CallStopped, Delivery, Fault, ModelError
from agents.llm.openai_compatible import OpenAICompatible
from agents.llm.port import Embedded
from agents.llm.provider import Provider
from ariia import doctor
from kernel.settings import Settings
from tests.fakes import openai_embeddings as rules
from tests.fakes import openai_steps as steps
from tests.fakes.openai_server import FakeModelServer


@pytest.fixture
def server() -> Iterator[FakeModelServer]:
    with FakeModelServer(api_key="key-1") as one:
        yield one
    registry.forget()


@pytest.fixture
def port(server: FakeModelServer) -> Iterator[OpenAICompatible]:
    one = OpenAICompatible(base_url=server.base_url, api_key="key-1", model="vectors")
    yield one
    one.close()


def asked(port: OpenAICompatible, *texts: str, dimensions: int | None = None) -> Embedded:
    return port.embed(list(texts), dimensions=dimensions, deadline=time.monotonic() + 60)


def near(one: array, other: array) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


def test_every_text_gets_its_own_vector_in_their_order_and_the_bill_is_read(server, port):
    made = asked(port, "die Kündigungsfrist", "Yoga am Morgen", "Kündigungsfrist")
    alone = asked(port, "Yoga am Morgen").vectors[0]
    assert made.vectors[1] == alone
    assert near(made.vectors[0], made.vectors[2]) > near(made.vectors[0], made.vectors[1])
    assert made.usage.total + asked(port, "Yoga am Morgen").usage.total * 2 == server.billed
    assert server.requests[0].body["encoding_format"] == "base64"
    assert len(asked(port, "kurz", dimensions=64).vectors[0]) == 64


def test_a_server_that_knows_no_packed_numbers_is_asked_for_plain_ones_from_then_on(server, port):
    packed = asked(port, "Sauna").vectors[0]
    server.refuses = frozenset({"base64"})
    server.requests.clear()
    assert asked(port, "Sauna").vectors[0] == asked(port, "Sauna").vectors[0] == packed
    assert [each.body["encoding_format"] for each in server.requests] == ["base64", "float", "float"]


def test_azure_is_asked_under_the_deployment(server):
    base = server.base_url.removesuffix("/v1")
    port = AzureOpenAI(base_url=base, api_key="key-1", model="vectors-1", api_version="2024-10-21")
    assert len(asked(port, "hallo").vectors[0]) == rules.NATIVE
    assert server.requests[-1].path == "/openai/deployments/vectors-1/embeddings?api-version=2024-10-21"
    port.close()


@pytest.mark.parametrize(
    ("texts", "dimensions"),
    [
        (["a"] * (rules.MOST_INPUTS + 1), None),
        (["x" * (rules.MOST_TOKENS * 4 + 1)], None),
        (["x" * 30_000] * 41, None),
        ([""], None),
        (["a"], rules.NATIVE + 1),
    ],
)
def test_the_fake_refuses_what_the_api_refuses(port, texts, dimensions):
    with pytest.raises(ModelError) as refused:
        asked(port, *texts, dimensions=dimensions)
    assert refused.value.fault is Fault.BAD_REQUEST
    assert refused.value.delivery is Delivery.NO


FAULTS = {
    "rate_limited": (steps.rate_limited(), Fault.RATE_LIMITED),
    "quota": (steps.insufficient_quota(), Fault.QUOTA_EXHAUSTED),
    "auth": (steps.unauthorized(), Fault.AUTH),
    "server": (steps.server_error(), Fault.TRANSIENT),
    "page": (steps.html_page(), Fault.PROTOCOL),
    "cut": (steps.drop_mid_body(), Fault.TRANSIENT),
    "no object": (steps.not_an_object(), Fault.PROTOCOL),
    "too few": (steps.too_few_vectors(), Fault.PROTOCOL),
    "twice": (steps.same_index(), Fault.PROTOCOL),
    "zeros": (steps.vector_of([0.0, 0.0]), Fault.PROTOCOL),
    "not numbers": (steps.vector_of([float("nan"), 1.0]), Fault.PROTOCOL),
    "infinite": (steps.vector_of([float("inf"), 1.0]), Fault.PROTOCOL),
    "words": (steps.vector_of(["1", "2"]), Fault.PROTOCOL),
    "no base64": (steps.vector_of("?"), Fault.PROTOCOL),
    "half a number": (steps.vector_of("AAAAAAA="), Fault.PROTOCOL),
    "none": (steps.vector_of([]), Fault.PROTOCOL),
    "endless": (steps.vector_of([1.0] * (embeddings.MOST_DIMENSIONS + 1)), Fault.PROTOCOL),
}


@pytest.mark.parametrize("name", FAULTS)
def test_vectors_that_do_not_come_are_a_named_error(server, port, name):
    step, fault = FAULTS[name]
    server.script("Embedding", step)
    with pytest.raises(ModelError) as error:
        asked(port, "eins", "zwei")
    assert error.value.fault is fault


def test_a_server_that_drips_ends_at_the_deadline(server, port):
    now = [0.0]

    def monotonic() -> float:
        now[0] += 1.0
        return now[0]

    port._monotonic = monotonic
    server.script("Embedding", steps.drip(0.0001))
    with pytest.raises(ModelError) as error:
        port.embed(["eins"], deadline=5.0)
    assert error.value.fault is Fault.TIMEOUT


class Meter:
    def __init__(self) -> None:
        self.reserved, self.spent = 0, 0

    def reserve(self, estimate):
        self.reserved += estimate.total

    def settle(self, estimate, actual):
        assert actual.total <= estimate.total
        self.spent += actual.total


def test_attempts_are_booked_before_and_after_and_tried_three_times_at_most(server, port):
    meter, waits = Meter(), []
    provider = Provider(port, sleep=waits.append)
    server.script("Embedding", steps.server_error(), steps.rate_limited(retry_after=2))
    made = provider.embed(["Öffnungszeiten am Feiertag"], meter=meter)
    assert (len(made.vectors), len(server.requests), len(waits)) == (1, 3, 2)
    assert waits[1] >= 2
    assert meter.reserved > meter.spent >= server.billed > 0
    server.script("Embedding", *[steps.server_error()] * 3)
    with pytest.raises(CallStopped) as stop:
        provider.embed(["noch einmal"], meter=meter)
    assert stop.value.code == "transient"
    assert len(server.requests) == 6


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_a_vector_that_was_packed_is_the_same_again(numbers):
    vector = array("f", numbers)
    assert embeddings.unpack(embeddings.pack(vector)) == vector


def test_the_doctor_asks_the_model_for_vectors_or_says_that_the_search_is_lexical(server):
    values = {"llm_base_url": server.base_url, "llm_api_key": "key-1", "llm_model": "big"}
    lexical = doctor._vectors(Settings(**values))
    assert lexical.good is None
    assert "lexical only" in lexical.text
    asks = Settings(**values, llm_embedding_model="vectors", llm_embedding_dimensions=64)
    said = doctor._vectors(asks)
    assert said.good
    assert "vectors of 64 numbers" in said.text
    server.script("Embedding", steps.unauthorized())
    refused = doctor._vectors(asks)
    assert refused.good is False
    assert "auth" in refused.text
