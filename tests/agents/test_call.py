import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from agents import ledger
from agents.call import Caller
from agents.llm.errors import CallStopped, Outcome
from agents.llm.port import ModelReply, ModelRequest, Profile
from agents.llm.provider import Provider, estimate_of
from kernel import db
from kernel.ids import new_id
from tests.agents.llm.bench import Letter, SkippingClock
from tests.agents.model_rows import Desk, desk, question
from tests.fakes import openai_steps as steps
from tests.fakes.openai_server import FakeModelServer

ROOT = Path(__file__).resolve().parents[2]


def test_an_answer_is_paid_once_and_then_comes_from_the_ledger(mine: Desk, server: FakeModelServer):
    first = mine.caller.ask(question())
    second = mine.caller.ask(question())
    assert (first.from_ledger, second.from_ledger) == (False, True)
    assert (first.value, first.call_id, first.model) == (second.value, second.call_id, "fake-model")
    assert len(server.requests) == 1


def test_another_run_of_the_tenant_gets_the_kept_answer_too(mine: Desk, provider: Provider, server: FakeModelServer):
    mine.caller.ask(question())
    assert desk(provider, mine.tenant_id).caller.ask(question()).from_ledger
    assert len(server.requests) == 1


def test_another_tenant_never_gets_it(mine: Desk, theirs: Desk, server: FakeModelServer):
    mine.caller.ask(question())
    assert not theirs.caller.ask(question()).from_ledger
    assert mine.caller.key(question()) != theirs.caller.key(question())
    assert len(server.requests) == 2
    assert mine.row().id != theirs.row().id


def test_row_and_run_show_exactly_what_the_server_counted(mine: Desk, server: FakeModelServer):
    mine.caller.ask(question())
    row, run = mine.row(), mine.run()
    assert row.in_tokens + row.out_tokens == run.spent_tokens == server.billed
    assert row.cost_micro == run.cost_micro == row.in_tokens + 4 * row.out_tokens
    assert (row.state, row.attempts, row.estimated, row.http_status) == ("done", 1, False, 200)
    assert (row.finish, row.model, row.lease_until) == ("stop", "fake-model", None)
    assert row.request_id is not None
    assert run.reserved_tokens == 0


def test_what_changes_the_question_changes_the_key(mine: Desk):
    base = question()
    others = [
        question("Another one."),
        question(variation=1),
        question(temperature=0.2),
        question(max_output_tokens=501),
        replace(base, purpose="note"),
        replace(base, prompt_version=2),
        replace(base, form=type("Other", (Letter,), {})),
    ]
    keys = {mine.caller.key(each) for each in [base, *others]}
    assert len(keys) == 8
    assert mine.caller.key(question()) == mine.caller.key(base)


def test_a_failed_call_is_named_in_its_row_and_may_be_asked_again(mine: Desk, server: FakeModelServer):
    server.script("Letter", steps.unauthorized())
    with pytest.raises(CallStopped) as caught:
        mine.caller.ask(question())
    row = mine.row()
    assert (caught.value.outcome, row.state, row.error_code, row.http_status) == ("failed", "failed", "auth", 401)
    assert mine.booked() == mine.run().spent_tokens == 0
    assert not mine.caller.ask(question()).from_ledger
    assert (mine.row().state, mine.row().error_code, mine.row().attempts) == ("done", None, 2)


def test_a_lost_reply_stays_booked_as_unknown(mine: Desk, server: FakeModelServer):
    server.script("Letter", *[steps.drop_mid_body()] * 3)
    with pytest.raises(CallStopped) as caught:
        mine.caller.ask(question())
    assert (caught.value.outcome, mine.row().state) == (Outcome.PAUSED_PROVIDER, "unknown")
    assert mine.row().estimated
    assert mine.booked() == mine.run().spent_tokens >= server.billed
    before = mine.booked()
    mine.caller.ask(question())
    assert mine.booked() == mine.run().spent_tokens > before
    assert mine.row().estimated


def test_a_run_at_its_limit_pauses_before_the_request_and_goes_on_after_a_top_up(
    provider: Provider, tenants: Any, server: FakeModelServer
):
    short = desk(provider, tenants.a, token_limit=600)
    with pytest.raises(CallStopped) as caught:
        short.caller.ask(question())
    assert (caught.value.outcome, short.row().error_code) == (Outcome.PAUSED_BUDGET, "run_token_limit")
    assert server.requests == []
    assert short.run().spent_tokens == 0
    with db.tenant_session(short.tenant_id) as session:
        session.execute(text("UPDATE agent_run SET token_limit = 5000"))
    assert short.caller.ask(question()).value.tone == "warm"


def test_sixteen_calls_at_once_never_pass_the_limit(provider: Provider, tenants: Any, server: FakeModelServer):
    one = estimate_of(ModelRequest("letter", question("Letter 00").messages, Letter, 500)).total
    short = desk(provider, tenants.a, token_limit=one * 3)
    ends: list[str] = []

    def ask(n: int) -> None:
        try:
            short.caller.ask(question(f"Letter {n:02}"))
            ends.append("answered")
        except CallStopped as stop:
            ends.append(stop.outcome)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(ends) <= {"answered", "paused_budget"}
    assert ends.count("answered") >= 3
    assert short.booked() == short.run().spent_tokens == server.billed <= one * 3


def test_two_callers_at_once_make_one_request(mine: Desk, server: FakeModelServer):
    server.script("Letter", steps.delay(0.3))
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.append(mine.caller.ask(question()).from_ledger)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False, True, True]
    assert len(server.requests) == 1


KILLED = """
import os, sys
from functools import partial
from uuid import UUID
from agents.call import Caller
from agents.llm.openai_compatible import OpenAICompatible
from agents.llm.provider import Provider
from datetime import timedelta
from kernel import db, settings
from tests.agents.model_rows import question

class Dying(OpenAICompatible):
    def complete(self, request, *, deadline):
        reply = super().complete(request, deadline=deadline)
        os._exit(9)

url, role, tenant, run, base_url, secret = sys.argv[1:]
settings.use(settings.Settings(secret_key=secret))
db.configure(url, app_role=role or None)
port = Dying(base_url=base_url, api_key="none", model="fake-model")
open_session = partial(db.tenant_session, UUID(tenant))
Caller(Provider(port), open_session, UUID(tenant), UUID(run), lease=timedelta(seconds=1.5)).ask(question())
"""


def test_a_later_caller_takes_over_from_a_killed_process_and_both_requests_are_paid(
    mine: Desk, server: FakeModelServer, database: Any
):
    secret = "s" * 40
    arguments = (database.app_url, database.app_role or "", str(mine.tenant_id), str(mine.run_id), server.base_url)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments, secret], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 9, done.stderr
    row = mine.row()
    assert (row.state, row.attempts, row.estimated) == ("started", 1, True)
    estimate = row.in_tokens + row.out_tokens
    assert estimate == mine.run().reserved_tokens == row.reserved_tokens > 0
    assert mine.run().spent_tokens == 0
    assert not mine.caller.ask(question()).from_ledger
    assert len(server.requests) == 2
    row = mine.row()
    assert (row.state, row.attempts, row.estimated) == ("done", 2, True)
    assert mine.booked() == mine.run().spent_tokens == estimate + server.billed // 2 == mine.month()
    assert mine.run().reserved_tokens == row.reserved_tokens == 0


def test_a_caller_that_finds_the_call_in_flight_for_too_long_pauses(mine: Desk):
    clock = SkippingClock()
    waiting = replace(mine.caller, provider=Provider(mine.caller.provider.port, sleep=clock.sleep))
    waiting = replace(waiting, monotonic=clock.monotonic, lease=timedelta(seconds=20))
    ledger.begin(mine.caller.open_session, mine.caller._entry(question()), lease=timedelta(hours=1))
    with pytest.raises(CallStopped) as caught:
        waiting.ask(question())
    assert (caught.value.outcome, caught.value.code) == (Outcome.PAUSED_PROVIDER, "call_in_flight")
    assert caught.value.retry_at is not None


def test_a_check_that_the_schema_cannot_make_is_told_to_the_model_once(mine: Desk, server: FakeModelServer):
    seen: list[Letter] = []

    def check(letter: Letter) -> list[str]:
        seen.append(letter)
        return ["points: say it shorter"] if len(seen) == 1 else []

    mine.caller.ask(question(check=check))
    assert "say it shorter" in server.requests[1].body["messages"][-1]["content"]
    assert mine.booked() == mine.run().spent_tokens == server.billed


def test_no_transaction_is_open_while_a_model_works(mine: Desk, provider: Provider):
    seen: list[int] = []

    class Looking:
        name, endpoint, model, profile = "looking", "here", "m", Profile()

        def complete(self, request: ModelRequest, *, deadline: float) -> ModelReply:
            seen.append(db.engine().pool.checkedout())
            return provider.port.complete(request, deadline=deadline)

    looking = Provider(Looking(), monotonic=provider.monotonic)
    replace(mine.caller, provider=looking).ask(question())
    assert seen == [0]


def test_a_call_without_a_run_is_booked_on_its_row_only(mine: Desk, server: FakeModelServer):
    replace(mine.caller, run_id=None).ask(question())
    assert mine.booked() == server.billed
    assert mine.run().spent_tokens == 0


def test_a_run_that_does_not_exist_may_not_spend(mine: Desk, server: FakeModelServer):
    with pytest.raises(CallStopped):
        replace(mine.caller, run_id=new_id()).ask(question())
    assert server.requests == []


@pytest.mark.parametrize(
    "step",
    [
        steps.rate_limited(), steps.insufficient_quota(), steps.bad_gateway(), steps.html_page(), steps.empty(),
        steps.drop_before_reply(), steps.malformed_json(), steps.refusal(), steps.length(), steps.no_choices(),
    ],
    ids=lambda step: step.name,
)  # fmt: skip
def test_after_any_fault_row_run_and_server_agree_or_we_booked_more(
    mine: Desk, server: FakeModelServer, step: steps.Step
):
    server.script("Letter", *[step] * 3)
    with pytest.raises(CallStopped):
        mine.caller.ask(question())
    assert mine.booked() == mine.run().spent_tokens >= server.billed
    assert mine.row().state in {"failed", "unknown"}
    assert mine.row().attempts == len(server.requests) <= 3


class Death(BaseException):
    """The process is gone: nothing of ours may catch this."""


def _mortal(caller: Caller, transactions: int, *, after_commit: bool) -> Caller:
    """A caller that dies with its nth transaction: before it, or right after its commit."""
    opened: list[int] = []

    @contextmanager
    def open_session() -> Iterator[Session]:
        opened.append(1)
        if len(opened) == transactions and not after_commit:
            raise Death
        with caller.open_session() as session:
            yield session
        if len(opened) == transactions:
            raise Death

    return replace(caller, open_session=open_session, lease=timedelta(seconds=0.3))


@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("nth", range(1, 7))
@pytest.mark.parametrize("script", [[], [steps.wrong_shape()]], ids=["first try", "second try"])
def test_death_at_any_point_costs_at_most_one_more_request_and_nothing_is_unpaid(
    mine: Desk, server: FakeModelServer, nth: int, after_commit: bool, script: list[steps.Step]
):
    server.script("Letter", *script)
    with suppress(Death):
        _mortal(mine.caller, nth, after_commit=after_commit).ask(question())
    server.clear()
    requests = len(server.requests)
    answer = replace(mine.caller, lease=timedelta(seconds=0.3)).ask(question())
    assert answer.value.tone == "warm"
    assert len(server.requests) <= requests + 1
    assert mine.booked() == mine.run().spent_tokens >= server.billed
    assert mine.caller.ask(question()).from_ledger
    assert mine.run().reserved_tokens == mine.row().reserved_tokens == 0
    assert mine.month() == mine.booked()
