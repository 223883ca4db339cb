import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from agents.llm.errors import Delivery, Fault, ModelError
from agents.llm.port import Dialect, SchemaMode
from tests.agents.llm.bench import Bench, request
from tests.fakes import openai_steps as steps


def soon() -> float:
    return time.monotonic() + 60


def test_a_request_carries_the_strict_form_and_nothing_that_was_not_asked_for(bench: Bench):
    bench.port.complete(request(), deadline=soon())
    sent = bench.server.requests[0]
    assert set(sent.body) == {"model", "messages", "max_tokens", "response_format"}
    assert sent.body["response_format"]["json_schema"]["name"] == "Letter"
    assert sent.headers["authorization"] == "Bearer none"


def test_nothing_from_the_environment_is_sent_along(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "http://from.the.environment.invalid")
    bench.port.complete(request(), deadline=soon())
    assert "environment" not in str(bench.server.requests[0].headers)


def test_a_port_never_asks_twice(bench: Bench):
    for step in (steps.server_error(), steps.rate_limited(0), steps.error(408, "x"), steps.error(409, "x")):
        bench.server.script("Letter", step)
        with pytest.raises(ModelError):
            bench.port.complete(request(), deadline=soon())
    assert [each.headers["x-stainless-retry-count"] for each in bench.server.requests] == ["0"] * 4


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("strict", "strict"), ("json_schema", "json_schema"), ("json_object", "json_object"), ("plain", "plain")],
)
def test_each_rung_asks_in_its_own_way(bench: Bench, mode: str, kind: str):
    asked = replace(request(), dialect=Dialect(mode=SchemaMode(mode)))
    reply = bench.port.complete(asked, deadline=soon())
    assert bench.server.requests[0].mode == kind
    assert bench.server.requests[0].schema == "Letter"
    assert '"subject"' in (reply.text or "")


def test_usage_is_read_even_when_the_answer_is_no_good(bench: Bench):
    for step in (steps.refusal(), steps.no_choices(), steps.content_filter(), steps.null_content()):
        bench.server.script("Letter", step)
        reply = bench.port.complete(request(), deadline=soon())
        assert reply.usage is not None
        assert reply.usage.total > 0


def test_a_usage_that_makes_no_sense_is_none(bench: Bench):
    bench.server.script("Letter", steps.strange_usage(), steps.no_usage())
    assert bench.port.complete(request(), deadline=soon()).usage is None
    assert bench.port.complete(request(), deadline=soon()).usage is None


def test_request_id_and_status_are_kept_for_support(bench: Bench):
    bench.server.script("Letter", steps.error(500, "secret detail"))
    with pytest.raises(ModelError) as caught:
        bench.port.complete(request(), deadline=soon())
    assert caught.value.http_status == 500
    assert (caught.value.request_id or "").startswith("req_")
    assert "secret" not in str(caught.value)


def test_labels_from_a_server_are_short_and_printable(bench: Bench):
    bench.server.script("Letter", steps.other_model("m\x00\n" + "x" * 5000))
    model = bench.port.complete(request(), deadline=soon()).model
    assert model.isprintable()
    assert len(model) <= 120


def test_a_deadline_that_has_passed_sends_nothing(bench: Bench):
    with pytest.raises(ModelError) as caught:
        bench.port.complete(request(), deadline=time.monotonic() - 1)
    assert (caught.value.fault, caught.value.delivery) == (Fault.TIMEOUT, Delivery.NO)
    assert bench.server.requests == []


def test_a_redirect_is_not_followed_with_the_prompt(make_bench: Callable[..., Bench]):
    bench, other = make_bench(), make_bench()
    away = steps.Step("away", 307, {"location": f"{other.server.base_url}/chat/completions"}, b"")
    bench.server.script("Letter", away)
    with pytest.raises(ModelError) as caught:
        bench.port.complete(request(), deadline=soon())
    assert caught.value.fault is Fault.PROTOCOL
    assert other.server.requests == []
