"""One POST to an endpoint: a connection to a judged address, fifteen seconds, the beginning of the answer.

The standard library's HTTP client: it takes a connection that the guard made, follows nothing and knows no proxy.
"""

import http.client
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from kernel import egress

SECONDS = 15.0
_EXCERPT_BYTES = 1_024
_AGENT = "ARIIA-Webhooks/1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Without `status` the `problem` says why; both texts are for the tenant."""

    status: int | None
    problem: str | None
    excerpt: str
    milliseconds: int


class _Connection(http.client.HTTPConnection):
    """Speaks over a connection that is already there."""

    def __init__(self, target: egress.Target, sock: socket.socket) -> None:
        super().__init__(target.host, target.port)
        self.sock = sock

    def connect(self) -> None:
        raise OSError("the connection was closed")


def post(url: str, headers: dict[str, str], body: bytes, guard: egress.Guard, *, seconds: float = SECONDS) -> Answer:
    """Send `body` once and return the answer; never raises for what the other side does."""
    began = time.monotonic()
    status, problem, excerpt = None, None, b""
    try:
        target = guard.read(url)
        status, excerpt = _ask(target, headers, body, guard, began + seconds)
    except (egress.Blocked, egress.Unreachable) as error:
        problem = str(error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = time.monotonic() - began >= seconds or isinstance(error, TimeoutError)
        problem = f"no answer within {seconds:g} seconds" if late else f"no answer: {type(error).__name__}"
    spent = round((time.monotonic() - began) * 1_000)
    return Answer(status, problem, _readable(excerpt), spent)


def _ask(
    target: egress.Target, headers: dict[str, str], body: bytes, guard: egress.Guard, until: float
) -> tuple[int, bytes]:
    sock = guard.connect(target, max(0.1, until - time.monotonic()))
    # A timeout of the socket begins anew with every byte; this one ends the whole exchange.
    end = threading.Timer(max(0.1, until - time.monotonic()), _cut, (sock,))
    end.daemon = True
    end.start()
    try:
        connection = _Connection(target, sock)
        lines = {"Content-Type": "application/json", "User-Agent": _AGENT, "Connection": "close", **headers}
        connection.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", target.authority)
        for name, value in {**lines, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        with suppress(OSError, http.client.HTTPException, ValueError):  # the status decides; a torn body does not
            return response.status, response.read(_EXCERPT_BYTES)
        return response.status, b""
    finally:
        end.cancel()
        sock.close()


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # also beneath TLS, whose own end would wait


def _readable(data: bytes) -> str:
    """Return text of at most 1 KB without control characters."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in data.decode("utf-8", "replace"))
    return shown.encode()[:_EXCERPT_BYTES].decode("utf-8", "ignore")
