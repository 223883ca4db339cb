import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.llm.errors import BudgetExhausted, CallStopped, Fault, Outcome
from agents.llm.port import Message, ModelRequest, Usage
from agents.llm.provider import ATTEMPTS, Breaker, Meter, estimate_of
from agents.llm.schema import parse, unusable
from tests.agents.llm.bench import Bench, Letter, request
from tests.fakes import openai_steps as steps
from tests.fakes.openai_server import ANY

FAILED, PAUSED = Outcome.FAILED, Outcome.PAUSED_PROVIDER

# step, outcome and code when it is played for ever, HTTP requests
FAULTS = [
    (steps.rate_limited(), PAUSED, "rate_limited", 3),
    (steps.rate_limited(2), PAUSED, "rate_limited", 3),
    (steps.rate_limited("tomorrow"), PAUSED, "rate_limited", 3),
    (steps.insufficient_quota(), FAILED, "quota_exhausted", 1),
    (steps.error(402, "payment required"), FAILED, "quota_exhausted", 1),
    (steps.unauthorized(), FAILED, "auth", 1),
    (steps.error(403, "forbidden"), FAILED, "auth", 1),
    (steps.error(404, "no such model", code="model_not_found"), FAILED, "bad_request", 1),
    (steps.error(408, "slow"), PAUSED, "timeout", 3),
    (steps.server_error(), PAUSED, "transient", 3),
    (steps.bad_gateway(), PAUSED, "transient", 3),
    (steps.unavailable(), PAUSED, "transient", 3),
    (steps.error(504, "gateway timeout"), PAUSED, "timeout", 3),
    (steps.html_page(), FAILED, "protocol", 3),
    (steps.redirect(), FAILED, "protocol", 3),
    (steps.too_long(), FAILED, "bad_request", 1),
    (steps.filtered_prompt(), FAILED, "content_filtered", 1),
    (steps.drop_before_reply(), PAUSED, "transient", 3),
    (steps.drop_mid_body(), PAUSED, "transient", 3),
    (steps.truncated_json(), FAILED, "malformed", 2),
    (steps.malformed_json(), FAILED, "malformed", 2),
    (steps.wrong_shape(), FAILED, "malformed", 2),
    (steps.duplicate_keys(), FAILED, "malformed", 2),
    (steps.null_character(), FAILED, "malformed", 2),
    (steps.empty(), FAILED, "empty", 3),
    (steps.null_content(), FAILED, "empty", 3),
    (steps.refusal(), FAILED, "refused", 1),
    (steps.content_filter(), FAILED, "content_filtered", 1),
    (steps.length(), FAILED, "truncated", 2),
    (steps.no_choices(), FAILED, "protocol", 3),
    (steps.huge(), FAILED, "protocol", 3),
    (steps.invalid_utf8(), FAILED, "protocol", 3),
    (steps.not_an_object(), FAILED, "protocol", 3),
]


@pytest.mark.parametrize(
    ("step", "outcome", "code", "requests"), FAULTS, ids=[f"{n}-{each[0].name}" for n, each in enumerate(FAULTS)]
)
def test_every_fault_ends_in_a_named_state_within_three_requests(
    bench: Bench, step: steps.Step, outcome: Outcome, code: str, requests: int
):
    bench.server.script("Letter", *[step] * 10)
    with pytest.raises(CallStopped) as caught:
        bench.ask()
    assert (caught.value.outcome, caught.value.code) == (outcome, code)
    assert len(bench.server.requests) == requests
    assert (caught.value.retry_at is not None) == (outcome is PAUSED)


@pytest.mark.parametrize("step", [each[0] for each in FAULTS if each[3] > 1], ids=lambda step: step.name)
def test_a_fault_that_passes_is_not_seen_by_the_caller(bench: Bench, step: steps.Step):
    bench.server.script("Letter", step)
    assert bench.ask().attempts == 2


@pytest.mark.parametrize(
    "step", [steps.fenced(), steps.no_usage(), steps.strange_usage(), steps.other_model("else-1")], ids=lambda s: s.name
)
def test_a_harmless_oddity_is_one_request(bench: Bench, step: steps.Step):
    bench.server.script("Letter", step)
    assert bench.ask().attempts == 1


def test_the_reported_model_is_kept(bench: Bench):
    bench.server.script("Letter", steps.other_model("else-1"))
    assert bench.ask().reply.model == "else-1"


def end_of(bench: Bench, meter: Meter | None = None) -> str:
    try:
        bench.ask(meter=meter)
    except CallStopped as stop:
        return stop.code
    return "answered"


SCRIPTS = st.lists(
    st.sampled_from([each[0] for each in FAULTS if each[0].name != "huge"] + [steps.fenced(), steps.faithful()]),
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SCRIPTS)
def test_any_script_of_faults_ends_in_a_named_state_within_three_requests(bench: Bench, script: list[steps.Step]):
    bench.provider.breaker.succeeded(bench.port.endpoint)
    before = len(bench.server.requests)
    bench.server.script(ANY, *script)
    assert end_of(bench) in {"answered", "endpoint_down", *Fault}
    bench.server.clear()
    assert 0 < len(bench.server.requests) - before <= ATTEMPTS


def test_a_server_that_does_not_answer_is_a_timeout(make_bench: Callable[..., Bench]):
    bench = make_bench(read_seconds=0.15)
    bench.server.script("Letter", *[steps.delay(60)] * 3)  # until the bench ends
    with pytest.raises(CallStopped) as caught:
        bench.ask()
    assert (caught.value.outcome, caught.value.code, caught.value.unknown) == (PAUSED, "timeout", True)
    assert len(bench.clock.slept) == 2  # between three attempts


def test_a_server_that_drips_its_answer_cannot_hold_a_worker(make_bench: Callable[..., Bench]):
    bench = make_bench()
    passed = 0.0

    def monotonic() -> float:
        """Twenty seconds go by for each piece that is read."""
        nonlocal passed
        passed += 20.0 * bool(bench.server.requests)
        return passed

    bench.provider.monotonic = bench.port._monotonic = monotonic
    bench.server.script("Letter", steps.drip(0.05))
    with pytest.raises(CallStopped) as caught:
        bench.ask()
    assert caught.value.code == "timeout"
    assert len(bench.server.requests) == 1
    assert 180 < passed < 300  # and not at the end of what is dripped


def test_nobody_at_the_address_is_transient_and_costs_nothing(make_bench: Callable[..., Bench]):
    bench = make_bench()
    meter = Recorder()
    bench.server.__exit__(None, None, None)
    with pytest.raises(CallStopped) as caught:
        bench.ask(meter=meter)
    assert (caught.value.code, caught.value.unknown) == ("transient", False)
    assert meter.spent == Usage()


def test_waits_grow_are_jittered_and_follow_the_server(bench: Bench):
    bench.server.script("Letter", steps.server_error(), steps.rate_limited(7))
    bench.ask()
    assert bench.clock.slept == [1.0, 7.5]  # half of 2 s; 7 s as asked and half a second more


def test_a_wait_beyond_the_time_of_a_call_pauses_until_the_server_wants_to_be_asked(bench: Bench, frozen_now: datetime):
    bench.server.script("Letter", steps.rate_limited(600))
    with pytest.raises(CallStopped) as caught:
        bench.ask()
    assert (caught.value.outcome, caught.value.code) == (PAUSED, "rate_limited")
    assert caught.value.retry_at == frozen_now + timedelta(seconds=600)
    assert bench.clock.slept == []
    assert len(bench.server.requests) == 1


def test_a_retry_date_is_understood(bench: Bench, frozen_now: datetime):
    at = frozen_now + timedelta(hours=2)
    bench.server.script("Letter", steps.rate_limited(at.strftime("%a, %d %b %Y %H:%M:%S GMT")))
    with pytest.raises(CallStopped) as caught:
        bench.ask()
    assert caught.value.retry_at == at


@pytest.mark.parametrize("absurd", ["1e400", "nan", "-5", "99999999999999999999"])
def test_an_absurd_retry_time_is_bounded(bench: Bench, frozen_now: datetime, absurd: str):
    bench.server.script("Letter", *[steps.rate_limited(absurd)] * 3)
    with pytest.raises(CallStopped) as caught:
        bench.ask()
    assert caught.value.retry_at is not None
    assert frozen_now <= caught.value.retry_at <= frozen_now + timedelta(days=7)


def test_a_cut_reply_is_asked_again_with_twice_the_room(bench: Bench):
    bench.server.script("Letter", steps.length())
    bench.ask(cap=300)
    assert [each.body["max_tokens"] for each in bench.server.requests] == [300, 600]


def test_a_server_that_keeps_the_cap_gives_a_cut_reply_the_room_it_needs(bench: Bench):
    assert bench.ask(cap=40).attempts == 2


def test_the_validator_speaks_to_the_model_once(bench: Bench):
    bench.server.script("Letter", steps.reply({"subject": "x" * 61, "tone": "loud", "points": [], "note": None}))
    bench.ask()
    again = bench.server.requests[1].body["messages"]
    assert [each["role"] for each in again] == ["system", "user", "assistant", "user"]
    assert all(word in again[3]["content"] for word in ("subject:", "tone:", "points:", "JSON schema of Letter"))


def test_a_refused_value_is_asked_again_without_the_schema(bench: Bench):
    said: list[str] = []

    def accept(text: str) -> Letter:
        said.append(text)
        if len(said) == 1:
            raise unusable("points: id 7 is not one of yours")
        return parse(Letter, text)

    bench.provider.complete(request(), accept)
    last = bench.server.requests[1].body["messages"][3]["content"]
    assert "id 7 is not one of yours" in last
    assert "JSON schema" not in last


@pytest.mark.parametrize(
    ("refuses", "modes"),
    [
        ({"strict"}, ["strict", "json_schema"]),
        ({"strict", "json_schema"}, ["strict", "json_schema", "json_object"]),
    ],
)
def test_a_refused_way_to_ask_for_json_is_left_for_the_next_and_remembered(
    make_bench: Callable[..., Bench], refuses: set[str], modes: list[str]
):
    bench = make_bench(refuses=frozenset(refuses))
    bench.ask()
    bench.ask()
    assert [each.mode for each in bench.server.requests] == [*modes, modes[-1]]


def test_a_server_that_knows_no_json_mode_at_all_is_learnt_over_two_calls(make_bench: Callable[..., Bench]):
    bench = make_bench(refuses=frozenset({"strict", "json_schema", "json_object"}))
    with pytest.raises(CallStopped):
        bench.ask()
    assert bench.ask().attempts == 1
    assert [each.mode for each in bench.server.requests] == ["strict", "json_schema", "json_object", "plain"]


def test_a_server_that_accepts_a_schema_and_ignores_it_is_shown_it_as_text_from_then_on(
    make_bench: Callable[..., Bench],
):
    bench = make_bench(ignores_schema=True)
    assert bench.ask().attempts == 2
    assert bench.ask().attempts == 1


def test_parameters_that_a_model_refuses_are_replaced_and_remembered(make_bench: Callable[..., Bench]):
    bench = make_bench(refuses=frozenset({"max_tokens", "temperature"}))
    bench.ask(temperature=0.7)
    bench.ask(temperature=0.7)
    first, second, third, fourth = (set(each.body) for each in bench.server.requests)
    assert "max_tokens" in first
    assert {"max_completion_tokens", "temperature"} <= second
    assert third == fourth
    assert "temperature" not in third


def test_a_context_that_is_too_long_teaches_nothing(bench: Bench):
    bench.server.script("Letter", steps.too_long())
    with pytest.raises(CallStopped):
        bench.ask()
    bench.ask()
    assert [each.mode for each in bench.server.requests] == ["strict", "strict"]


def test_after_five_failures_in_a_minute_no_request_is_sent_until_one_is_a_minute_old(
    bench: Bench, frozen_now: datetime
):
    bench.server.script("Letter", *[steps.server_error()] * 5)
    for _ in range(2):
        with pytest.raises(CallStopped):
            bench.ask()
    assert len(bench.server.requests) == 5
    with pytest.raises(CallStopped) as caught:
        bench.ask()
    assert (caught.value.outcome, caught.value.code) == (PAUSED, "endpoint_down")
    assert caught.value.retry_at is not None
    assert frozen_now < caught.value.retry_at <= frozen_now + timedelta(seconds=60)
    assert len(bench.server.requests) == 5
    bench.clock.sleep(61)
    assert bench.ask().attempts == 1


def test_the_breaker_of_one_endpoint_leaves_others_alone():
    breaker = Breaker()
    for at in range(5):
        breaker.failed("a", float(at))
    assert breaker.open_for("a", 5.0) == 55.0
    assert breaker.open_for("b", 5.0) == 0.0
    assert breaker.open_for("a", 60.0) == 0.0
    breaker.failed("a", 60.0)
    assert breaker.open_for("a", 60.0) == 1.0
    breaker.succeeded("a")
    assert breaker.open_for("a", 60.0) == 0.0


class Recorder:
    """A meter with a limit that keeps every booking."""

    def __init__(self, limit: int = 1_000_000) -> None:
        self.limit = limit
        self.spent = Usage()
        self.reserved: list[int] = []
        self._lock = threading.Lock()

    def reserve(self, estimate: Usage) -> None:
        with self._lock:
            if self.spent.total + estimate.total > self.limit:
                raise BudgetExhausted
            self.reserved.append(estimate.total)

    def settle(self, estimate: Usage, actual: Usage) -> None:
        with self._lock:
            self.spent += actual


@pytest.mark.parametrize("step", [each[0] for each in FAULTS], ids=lambda step: step.name)
def test_what_is_booked_is_never_less_than_what_the_server_counted(bench: Bench, step: steps.Step):
    meter = Recorder()
    bench.server.script("Letter", *[step] * 3)
    with pytest.raises(CallStopped):
        bench.ask(meter=meter)
    assert meter.spent.total >= bench.server.billed
    assert len(meter.reserved) == len(bench.server.requests)


@pytest.mark.parametrize("step", [steps.faithful(), steps.refusal(), steps.wrong_shape(), steps.length()])
def test_a_reported_usage_is_booked_exactly_even_for_a_bad_answer(bench: Bench, step: steps.Step):
    meter = Recorder()
    bench.server.script("Letter", step)
    assert end_of(bench, meter) in {"answered", "refused"}
    assert meter.spent.total == bench.server.billed
    assert not meter.spent.estimated


def test_a_lost_reply_is_booked_at_its_estimate(bench: Bench):
    meter = Recorder()
    bench.server.script("Letter", steps.drop_mid_body())
    bench.ask(meter=meter)
    assert meter.spent.estimated
    assert meter.spent.total > meter.reserved[0]


def test_an_error_status_is_not_billed(bench: Bench):
    meter = Recorder()
    bench.server.script("Letter", *[steps.unavailable()] * 3)
    with pytest.raises(CallStopped):
        bench.ask(meter=meter)
    assert meter.spent == Usage()


def test_an_attempt_that_could_pass_the_limit_is_not_made(bench: Bench):
    with pytest.raises(BudgetExhausted) as caught:
        bench.ask(meter=Recorder(limit=estimate_of(request()).total - 1))
    assert caught.value.outcome is Outcome.PAUSED_BUDGET
    assert bench.server.requests == []


def test_cached_tokens_are_counted_apart(make_bench: Callable[..., Bench]):
    meter = Recorder()
    make_bench(cached_tokens=5).ask(meter=meter)
    assert meter.spent.cached == 5


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=2000), st.integers(1, 5000))
def test_the_estimate_is_half_a_token_per_byte_and_the_whole_cap(text: str, cap: int):
    asked = ModelRequest("x", (Message("user", text),), Letter, cap)
    assert estimate_of(asked).output == cap
    assert estimate_of(asked).input >= len(text.encode()) / 2


def test_four_calls_at_once_share_one_provider(bench: Bench):
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(bench.ask().attempts)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [1, 1, 1, 1]
