"""An SMTP conversation that ends after any byte of either side is judged by what the client can know, no more."""

import asyncio
from dataclasses import dataclass

import pytest
from fakes.smtp_sink import SmtpSink
from fakes.tcp_proxy import Cut, Side, TcpProxy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.base import FailureKind, SendFailed
from channels.email import settings as relays
from channels.email.session import Accepted, Envelope, SmtpSession

BODY = b"Message-ID: <one@studio.example>\r\n\r\nHallo Jo,\r\n..leading dots.\r\nbis bald\r\n"


@dataclass(frozen=True)
class Ended:
    """What the client made of it, whether it had said that the body follows, and how often it arrived."""

    outcome: str
    marked: bool
    arrived: int


def converse(cuts: list[Cut], *, pipelining: bool) -> tuple[Ended, dict[Side, bytes]]:
    """One mail through a proxy; returns also what both sides said to it."""
    with SmtpSink(users={"jo": "secret"}, pipelining=pipelining) as sink, TcpProxy(sink.port, cuts) as proxy:
        relay = relays.parse(f"smtp://jo:secret@127.0.0.1:{proxy.port}")
        outcome, marked = asyncio.run(_send(relay))
        return Ended(outcome, marked, sink.count), proxy.said


async def _send(relay: relays.Relay) -> tuple[str, bool]:
    session, marked = SmtpSession(relay), False

    async def before_dot() -> None:
        nonlocal marked
        marked = True

    try:
        answered = await session.send(Envelope("b@studio.example", "jo@example.org", BODY), before_dot)
        assert isinstance(answered, Accepted)
        await session.close()
    except SendFailed as failure:
        outcomes = {FailureKind.TRANSIENT: "again", FailureKind.AMBIGUOUS: "doubt"}
        return outcomes.get(failure.kind, str(failure)), marked
    return "sent", marked


@pytest.fixture(scope="module", params=[True, False], ids=["pipelining", "step-by-step"])
def whole(request) -> tuple[bool, dict[Side, bytes]]:
    """A conversation that nobody disturbed."""
    ended, said = converse([], pipelining=request.param)
    assert ended == Ended("sent", marked=True, arrived=1)
    return request.param, said


def expected(side: Side, n: int, said: dict[Side, bytes]) -> set[Ended]:
    """What may be made of a conversation whose side was heard for `n` bytes."""
    sent, again = Ended("sent", marked=True, arrived=1), {Ended("again", marked, 0) for marked in (False, True)}
    begins, ends = said["client"].index(b"DATA\r\n") + 6, said["client"].index(b"\r\n.\r\n") + 5
    if side == "client":
        if n >= ends:
            return {Ended("doubt", marked=True, arrived=1)} if n == ends else {sent}
        return {Ended("doubt", marked=True, arrived=0)} if n > begins else again
    asked = said["server"].index(b"354 ")
    asked += said["server"][asked:].index(b"\r\n") + 2
    answered = asked + said["server"][asked:].index(b"\r\n") + 2
    if n < asked:
        return again
    if n == asked:  # the end may be seen before the body is written, or after
        return {*again, Ended("doubt", marked=True, arrived=0)}
    return {Ended("doubt", marked=True, arrived=1)} if n < answered else {sent}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(side=st.sampled_from(["client", "server"]), part=st.floats(0, 1), reset=st.booleans())
def test_only_what_nobody_can_know_is_in_doubt(whole, side, part, reset):
    pipelining, said = whole
    n = max(1, round(part * len(said[side])))
    ended, _ = converse([Cut(side, more=n, reset=reset and side == "client")], pipelining=pipelining)
    assert ended in expected(side, n, said), (side, n, ended)
