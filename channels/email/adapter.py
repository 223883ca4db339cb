"""What synchronous code needs of e-mail: a loop for the sender's thread, and a rehearsal in plain words."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from channels.base import FailureKind, SendFailed
from channels.email import smtp
from channels.email.settings import Relay, parse

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in an event loop of its own: once per sender thread, or for one question."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        return runner.run(work)


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform; bench/smtp_client.py measures what it gives
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def check(relay: Relay | str) -> None:
    """Go the whole way to a relay without a message. Raises SendFailed (see `explain`) or BadRelay."""
    run(smtp.check(relay))


def problem(url: str) -> str | None:
    """Return in one sentence what keeps mail from being handed over there, None when nothing does.

    Raises BadRelay for a URL that cannot be read.
    """
    relay = parse(url)
    try:
        check(relay)
    except SendFailed as failure:
        return explain(failure, relay)
    return None


_PLACES = {
    "connect": "cannot be reached",
    "greeting": "does not let us in",
    "ehlo": "does not let us in",
    "tls": "cannot be spoken to with encryption",
    "auth": "does not take the user name or password",
    "mail": "does not take the sender's address",
    "rcpt": "does not take the recipient",
    "data": "does not take messages",
    "dot": "does not take the message",
}


def explain(failure: SendFailed, relay: Relay, *, place: str = "ARIIA_SMTP_URL") -> str:
    """Return what happened and the way out, for the person who set the relay up at `place`."""
    if failure.phase == "auth" and failure.kind is not FailureKind.PERMANENT_CONFIG:
        what = "cannot check the user name and password now"
    else:
        what = _PLACES.get(failure.phase, "does not work")
    answer = " ".join(f"{failure.code} {failure.text}".split())
    way_out = f"Correct {place}" if failure.kind is FailureKind.PERMANENT_CONFIG else "Try again later"
    return f"The mail relay {relay.name} {what}: {answer}. {way_out}, or ask whoever runs the relay."
