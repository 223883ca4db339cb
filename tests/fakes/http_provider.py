"""A provider's HTTP interface on loopback, in a thread of its own: what the fakes of providers are made of.

Each request goes to `answer(method, path, headers, body) -> (status, json)`; faults that a test scripted come first.
"""

import json
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Fault:
    """What goes wrong once: an answer instead of the usual one, silence, or a cut after the work was done."""

    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop_before: bool = False  # nothing is done, nothing answered
    drop_after: bool = False  # it is done, and the answer lost
    delay: float = 0.0
    until: threading.Event | None = None  # the answer waits for it


@dataclass(frozen=True)
class Seen:
    """A request as it came, and when, on the monotonic clock."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class HttpProvider:
    """Use as a context manager; `url` is where it listens."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                with suppress(ConnectionError):  # whoever asked does not wait any more
                    provider._work(self)

            do_GET = do_POST  # noqa: N815 - the library's name

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def answer(self, seen: Seen) -> Answer:
        raise NotImplementedError

    def _work(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        seen = Seen(
            handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()},
            handler.rfile.read(length), time.monotonic(),
        )  # fmt: skip
        with self._lock:
            self.requests.append(seen)
            fault = self.faults.popleft() if self.faults else Fault()
        time.sleep(fault.delay)
        if fault.until is not None:
            fault.until.wait(60)
        if fault.drop_before:
            handler.close_connection = True
            handler.connection.close()
            return
        if fault.status is not None:
            self._reply(handler, fault.status, fault.body, fault.headers)
            return
        with self._lock:
            status, body = self.answer(seen)
        if fault.drop_after:
            handler.close_connection = True
            handler.connection.close()
            return
        self._reply(handler, status, body, {})

    def _reply(self, handler: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str]) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(60)
