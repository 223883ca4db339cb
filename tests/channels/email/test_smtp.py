import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from channels.base import FailureKind, Scope, SendFailed
from channels.email.adapter import run
from channels.email.settings import Relay, parse
from channels.email.smtp import Envelope, SmtpPool, SmtpSession
from tests.fakes.smtp_conversation import Conversation
from tests.fakes.smtp_sink import Fault, SmtpSink

BODY = b"Message-ID: <%d@studio.example>\r\nSubject: Hallo\r\n\r\nGuten Tag.\r\n"


def message(n: int = 1, body: bytes = BODY) -> Envelope:
    return Envelope("bounce@studio.example", f"member{n}@mail.example", body % n if b"%d" in body else body)


def relay(sink: SmtpSink, **changes: object) -> Relay:
    return replace(parse(sink.url), **{"command_timeout": 30, "data_timeout": 30, "dot_timeout": 30, **changes})


async def send_all(chosen: Relay, numbers: range, sessions: int = 1) -> dict[int, SendFailed | None]:
    """Send each number once; a session's next message follows whatever happened to the last."""
    results: dict[int, SendFailed | None] = {}
    waiting = iter(numbers)

    async def worker(pool: SmtpPool) -> None:
        async with pool.session() as session:
            for n in waiting:
                try:
                    await session.send(message(n))
                    results[n] = None
                except SendFailed as failure:
                    results[n] = failure

    async with SmtpPool(chosen, sessions) as pool:
        await asyncio.gather(*(worker(pool) for _ in range(sessions)))
    return results


def send_one(chosen: Relay, envelope: Envelope | None = None) -> SendFailed | None:
    async def once() -> SendFailed | None:
        async with SmtpPool(chosen, 1) as pool, pool.session() as session:
            try:
                await session.send(envelope or message())
            except SendFailed as failure:
                return failure
            return None

    return run(once())


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_thousand_messages_arrive_once_each(pipelining: bool) -> None:
    with SmtpSink(pipelining=pipelining) as sink:
        results = run(send_all(relay(sink), range(1000), sessions=4))
    assert set(results.values()) == {None}
    assert Counter(kept.rcpt_to[0] for kept in sink.messages) == Counter(f"member{n}@mail.example" for n in range(1000))
    assert sink.messages[0].mail_from == "bounce@studio.example"
    assert sink.connections == 4


def test_the_answer_carries_the_queue_id() -> None:
    async def once(chosen: Relay) -> str | None:
        async with SmtpPool(chosen) as pool, pool.session() as session:
            return (await session.send(message())).provider_id

    with SmtpSink() as sink:
        assert run(once(relay(sink))) == "S000001"


def test_without_pipelining_each_command_waits_for_its_answer() -> None:
    with SmtpSink([Fault("mail", reply="550 5.1.8 who are you", every=1)], pipelining=False) as sink:
        failure = send_one(relay(sink))
    assert failure is not None
    assert failure.phase == "mail"
    assert "RCPT" not in sink.commands
    assert "DATA" not in sink.commands


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("always_354", [True, False])
def test_listmonk_1629_error_does_not_poison_session(pipelining: bool, always_354: bool) -> None:
    faults = [Fault("rcpt", reply="550 5.1.1 no such user", every=3)]
    with SmtpSink(faults, pipelining=pipelining, always_354=always_354) as sink:
        results = run(send_all(relay(sink, messages_per_connection=10_000), range(3000)))
    failed = {n: failure for n, failure in results.items() if failure}
    assert (len(failed), len(results) - len(failed)) == (1000, 2000)
    assert {failure.kind for failure in failed.values()} == {FailureKind.PERMANENT_RECIPIENT}
    assert {failure.phase for failure in failed.values()} == {"rcpt"}
    assert sink.connections == 1
    assert {kept.rcpt_to[0] for kept in sink.messages} == {
        f"member{n}@mail.example" for n in set(results) - set(failed)
    }
    assert sink.empty == (1000 if always_354 and pipelining else 0)


def test_postal_3016_final_dot_timeout_parks() -> None:
    with SmtpSink([Fault("dot", stored=True)]) as sink:
        results = run(send_all(relay(sink), range(100)))
        assert sink.count == 100
    assert {(failure.kind, failure.phase) for failure in results.values() if failure} == {("ambiguous", "dot")}
    assert len(results) == 100


def test_a_server_that_never_answers_the_dot_is_ambiguous() -> None:
    with SmtpSink([Fault("dot", silent=True, stored=True)]) as sink:
        failure = send_one(relay(sink, dot_timeout=0.5))
        assert sink.count == 1
    assert failure is not None
    assert (failure.kind, failure.phase, failure.text) == (FailureKind.AMBIGUOUS, "dot", "no answer in time")


def test_a_slow_answer_to_the_dot_is_waited_for() -> None:
    with SmtpSink([Fault("dot", only_late=True, delay=0.5)]) as sink:
        assert send_one(relay(sink)) is None
        assert sink.count == 1


def test_a_lost_connection_before_the_dot_is_safe_to_repeat() -> None:
    async def twice(chosen: Relay) -> tuple[dict[int, SendFailed | None], dict[int, SendFailed | None]]:
        first = await send_all(chosen, range(100))
        return first, await send_all(chosen, range(100))

    with SmtpSink([Fault("rcpt", times=100)]) as sink:
        first, second = run(twice(relay(sink)))
        assert sink.count == 100
    assert {(failure.kind, failure.phase) for failure in first.values() if failure} == {("transient", "rcpt")}
    assert len([failure for failure in first.values() if failure]) == 100
    assert set(second.values()) == {None}


MATRIX = [
    ("connect", None, "transient", "greeting"),
    ("greeting", "421 4.3.2 too many connections", "throttle", "greeting"),
    ("greeting", "450 4.3.2 later", "transient", "greeting"),
    ("greeting", "554 5.7.1 you are blocked", "permanent_config", "greeting"),
    ("ehlo", None, "transient", "ehlo"),
    ("ehlo", "421 4.3.2 closing", "throttle", "ehlo"),
    ("ehlo", "452 4.3.1 later", "transient", "ehlo"),
    ("mail", None, "transient", "mail"),
    ("mail", "421 4.3.2 closing", "throttle", "mail"),
    ("mail", "450 4.1.8 later", "transient", "mail"),
    ("mail", "452 4.3.1 full", "transient", "mail"),
    ("mail", "550 5.1.8 bad sender", "sender_fault", "mail"),
    ("mail", "530 5.7.0 sign in", "permanent_config", "mail"),
    ("rcpt", None, "transient", "rcpt"),
    ("rcpt", "421 4.7.28 too much mail", "throttle", "rcpt"),
    ("rcpt", "450 4.2.0 greylisted, try again in 300 seconds", "transient", "rcpt"),
    ("rcpt", "452 4.5.3 too many recipients", "transient", "rcpt"),
    ("rcpt", "550 5.1.1 no such user", "permanent_recipient", "rcpt"),
    ("rcpt", "550 5.7.1 spam", "sender_fault", "rcpt"),
    ("data", None, "transient", "data"),
    ("data", "421 4.3.2 closing", "throttle", "data"),
    ("data", "452 4.3.1 later", "transient", "data"),
    ("data", "554 5.7.1 policy", "sender_fault", "data"),
    ("dot", None, "ambiguous", "dot"),
    ("dot", "421 4.3.2 closing", "transient", "dot"),
    ("dot", "450 4.3.0 later", "transient", "dot"),
    ("dot", "452 4.3.1 later", "transient", "dot"),
    ("dot", "550 5.6.1 not in this form", "permanent_content", "dot"),
    ("dot", "552 5.3.4 too big", "permanent_content", "dot"),
    ("dot", "554 5.7.1 spam", "sender_fault", "dot"),
]


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("phase", "reply", "kind", "reported"), MATRIX)
def test_every_fault_gets_its_kind_and_phase_and_the_next_message_goes_out(
    phase: str, reply: str | None, kind: str, reported: str, pipelining: bool
) -> None:
    with SmtpSink([Fault(phase, reply=reply, times=1)], pipelining=pipelining) as sink:
        results = run(send_all(relay(sink), range(3)))
        assert [kept.message_id for kept in sink.messages] == ["1@studio.example", "2@studio.example"]
    failure = results[0]
    assert failure is not None
    assert (failure.kind, failure.phase) == (kind, reported)
    assert results[1] is None
    assert results[2] is None
    if reply:
        assert failure.code.startswith(reply[:3])


@pytest.mark.parametrize("phase", ["greeting", "ehlo", "mail", "rcpt", "data"])
def test_silence_before_the_dot_is_transient(phase: str) -> None:
    with SmtpSink([Fault(phase, silent=True, times=1)]) as sink:
        results = run(send_all(relay(sink, command_timeout=0.5, data_timeout=0.5), range(2)))
        assert sink.count == 1
    failure = results[0]
    assert failure is not None
    assert (failure.kind, failure.phase) == (FailureKind.TRANSIENT, phase)


def test_a_refusal_followed_by_a_disconnect_is_still_a_refusal() -> None:
    with SmtpSink([Fault("rcpt", reply="550 5.1.1 no such user", leave=True)]) as sink:
        failure = send_one(relay(sink))
    assert failure is not None
    assert failure.kind is FailureKind.PERMANENT_RECIPIENT


def test_a_throttle_names_whom_to_slow_down() -> None:
    with SmtpSink([Fault("rcpt", reply="421 4.7.0 try again in 5 minutes")]) as sink:
        failure = send_one(relay(sink))
    assert failure is not None
    assert (failure.scope, failure.retry_after, failure.retryable) == (Scope.DOMAIN, 300, True)


def test_nobody_listening_is_transient_at_connect() -> None:
    with SmtpSink() as sink:
        chosen = relay(sink)
    failure = send_one(chosen)
    assert failure is not None
    assert (failure.kind, failure.phase) == (FailureKind.TRANSIENT, "connect")


def test_the_mark_is_awaited_before_any_byte_of_the_body() -> None:
    seen: list[tuple[str, int]] = []

    async def once(sink: SmtpSink) -> None:
        async def mark() -> None:
            await asyncio.sleep(0.05)
            seen.append(("mark", sink.count))
            body_bytes = sum(len(conversation.buffer) for conversation in sink.conversations)
            seen.append(("body", body_bytes))

        async with SmtpPool(relay(sink)) as pool, pool.session() as session:
            await session.send(message(), before_dot=mark)
            seen.append(("sent", sink.count))

    with SmtpSink() as sink:
        run(once(sink))
    assert seen == [("mark", 0), ("body", 0), ("sent", 1)]


def test_a_mark_that_fails_sends_nothing_and_the_session_goes_on() -> None:
    class DatabaseDownError(Exception):
        pass

    async def refuse() -> None:
        raise DatabaseDownError

    async def both(sink: SmtpSink) -> None:
        async with SmtpPool(relay(sink)) as pool, pool.session() as session:
            with pytest.raises(DatabaseDownError):
                await session.send(message(1), before_dot=refuse)
            await session.send(message(2))

    with SmtpSink() as sink:
        run(both(sink))
        assert [kept.message_id for kept in sink.messages] == ["2@studio.example"]


def test_a_mark_is_not_asked_for_when_the_recipient_is_refused() -> None:
    marks = 0

    async def mark() -> None:
        nonlocal marks
        marks += 1

    async def once(sink: SmtpSink) -> None:
        session = SmtpSession(relay(sink))
        with pytest.raises(SendFailed):
            await session.send(message(), before_dot=mark)
        await session.close()

    with SmtpSink([Fault("rcpt", reply="550 5.1.1 no such user")], always_354=True) as sink:
        run(once(sink))
    assert marks == 0


async def on_the_loop_of(sink: SmtpSink, act: Callable[[Conversation], None]) -> None:
    """Let the server do this to every conversation, and give our own loop the moment to hear of it."""
    loop, done = sink._loop, threading.Event()
    assert loop is not None

    def all_of_them() -> None:
        for conversation in list(sink.conversations):
            act(conversation)
        loop.call_soon(done.set)

    loop.call_soon_threadsafe(all_of_them)
    assert await asyncio.to_thread(done.wait, 60)
    await asyncio.sleep(0.05)


def test_a_server_that_leaves_while_the_mark_is_made_got_nothing() -> None:
    async def once(sink: SmtpSink) -> SendFailed:
        async def mark() -> None:
            await on_the_loop_of(sink, lambda conversation: conversation.transport.abort())

        session = SmtpSession(relay(sink))
        with pytest.raises(SendFailed) as caught:
            await session.send(message(), before_dot=mark)
        return caught.value

    with SmtpSink() as sink:
        failure = run(once(sink))
        assert sink.count == 0
    assert (failure.kind, failure.phase) == (FailureKind.TRANSIENT, "data")


def test_a_server_that_speaks_out_of_turn_before_the_dot_gets_nothing() -> None:
    async def once(sink: SmtpSink) -> SendFailed:
        async def mark() -> None:
            await on_the_loop_of(sink, lambda conversation: conversation.transport.write(b"421 4.4.2 timeout\r\n"))

        session = SmtpSession(relay(sink))
        with pytest.raises(SendFailed) as caught:
            await session.send(message(), before_dot=mark)
        return caught.value

    with SmtpSink() as sink:
        failure = run(once(sink))
        assert sink.count == 0
    assert (failure.kind, failure.phase, failure.code) == (FailureKind.TRANSIENT, "data", "421 4.4.2")


def test_a_connection_that_ended_while_idle_is_opened_again() -> None:
    async def twice(sink: SmtpSink) -> None:
        session = SmtpSession(relay(sink))
        await session.send(message(1))
        await on_the_loop_of(sink, lambda conversation: conversation.transport.write(b"421 4.4.2 idle too long\r\n"))
        await session.send(message(2))
        await session.close()

    with SmtpSink() as sink:
        run(twice(sink))
        assert (sink.count, sink.connections) == (2, 2)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("mail", every=3),
        Fault("mail", every=3, reply="421 4.7.0 too many messages in this connection", leave=True),
        Fault("mail", every=3, reply="421 4.7.0 too many messages in this connection"),
    ],
)
def test_a_server_that_ends_a_used_session_costs_no_message_its_turn(fault: Fault) -> None:
    """Regression: the message that met the end of a session was put off, though nothing spoke against it."""
    with SmtpSink([fault]) as sink:
        run(send_all(relay(sink), range(8)))
        assert (sink.count, sink.connections) == (8, 4)


def test_a_server_that_wants_nothing_is_asked_once_by_a_new_session() -> None:
    async def twice(sink: SmtpSink) -> SendFailed:
        session = SmtpSession(relay(sink))
        await session.send(message(1))
        with pytest.raises(SendFailed) as caught:
            await session.send(message(2))
        return caught.value

    with SmtpSink([Fault("mail", first=2, reply="421 4.3.2 closing", leave=True)]) as sink:
        failure = run(twice(sink))
        assert (sink.count, sink.connections) == (1, 2)
    assert (failure.kind, failure.phase) == (FailureKind.THROTTLE, "mail")


def test_a_session_is_recycled_after_its_messages_and_after_idling() -> None:
    async def idle(sink: SmtpSink) -> None:
        session = SmtpSession(relay(sink, idle_seconds=0))
        await session.send(message(1))
        await session.send(message(2))
        await session.close()

    with SmtpSink() as sink:
        run(send_all(relay(sink, messages_per_connection=10), range(35)))
        assert (sink.count, sink.connections) == (35, 4)
        run(idle(sink))
        assert (sink.count, sink.connections) == (37, 6)
        assert sink.commands["QUIT"] == 6


def test_a_session_carries_one_message_at_a_time() -> None:
    async def both(sink: SmtpSink) -> None:
        session = SmtpSession(relay(sink))
        first = asyncio.create_task(session.send(message(1)))
        await asyncio.sleep(0.05)
        with pytest.raises(RuntimeError, match="one message at a time"):
            await session.send(message(2))
        await first
        await session.close()

    with SmtpSink([Fault("dot", only_late=True, delay=0.3)]) as sink:
        run(both(sink))
        assert sink.count == 1


def test_the_pool_opens_no_more_connections_than_allowed() -> None:
    async def crowd(sink: SmtpSink) -> int:
        most = 0

        async def one(pool: SmtpPool, n: int) -> None:
            nonlocal most
            async with pool.session() as session:
                await session.send(message(n))
                most = max(most, len(sink.conversations))

        async with SmtpPool(relay(sink), 3) as pool:
            await asyncio.gather(*(one(pool, n) for n in range(60)))
        return most

    with SmtpSink() as sink:
        assert run(crowd(sink)) == 3
        assert (sink.count, sink.connections) == (60, 3)


def test_a_cancelled_message_leaves_no_half_transaction_behind() -> None:
    async def cancel(sink: SmtpSink) -> None:
        session = SmtpSession(relay(sink))
        task = asyncio.create_task(session.send(message(1)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await session.send(message(2))
        await session.close()

    with SmtpSink([Fault("rcpt", only_late=True, delay=0.3, times=1)]) as sink:
        run(cancel(sink))
        assert [kept.message_id for kept in sink.messages] == ["2@studio.example"]
