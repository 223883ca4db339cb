"""Running the whole service in this process: database, mailbox, web, worker and beat."""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from pydantic import HttpUrl

from ariia import inbound, process, web
from ariia.process import Prepared
from kernel import settings as kernel_settings
from kernel.settings import Settings

_HOST = "127.0.0.1"
_PATIENCE = 30.0


class DidNotStart(RuntimeError):  # noqa: N818
    """The web server does not answer."""


@dataclass
class RunningService:
    """A service in threads of this process, for the demo and for tests."""

    url: str
    mailbox: Path
    settings: Settings
    _server: uvicorn.Server
    _thread: threading.Thread
    _prepared: Prepared

    def stop(self) -> None:
        """Let requests and tasks end, then stop everything."""
        self._server.should_exit = True
        self._thread.join(60)
        self._prepared.stop()


def start_service(settings: Settings, *, port: int = 0, durable: bool = True) -> RunningService:
    """Start everything on loopback; the public address becomes the port that was free.

    Raises DidNotStart, or what `process.prepare` raises.
    """
    listener = _listen(port)
    chosen = listener.getsockname()[1]
    url = f"http://{_HOST}:{chosen}"
    kernel_settings.use(settings.model_copy(update={"public_url": HttpUrl(url)}))
    prepared = process.prepare(durable=durable)
    prepared.door = inbound.open_door(prepared.settings)
    server = uvicorn.Server(config(web.build()))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    deadline = time.monotonic() + _PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            prepared.stop()
            raise DidNotStart(f"the web server at {url} does not answer")
        time.sleep(0.01)
    folder = prepared.mailbox.folder if prepared.mailbox is not None else settings.data_dir / "mailbox"
    return RunningService(url, folder, prepared.settings, server, thread, prepared)


def config(app: object) -> uvicorn.Config:
    """Return the one way in which the web server runs: our own logs, no access log with tokens in paths."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type] # an ASGI application
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=30,
        proxy_headers=False,
        server_header=False,
    )


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((_HOST, port))
    return listener


def run_forever(*, host: str, port: int, announce: Callable[[], None]) -> None:
    """Serve until a signal; SIGTERM and SIGINT end gracefully. `announce` is called once the service answers."""
    prepared = process.prepare()
    try:
        prepared.door = inbound.open_door(prepared.settings)
        server = uvicorn.Server(config(web.build()))
        server.config.host, server.config.port = host, port
        threading.Thread(target=_announce, args=(server, announce), name="announce", daemon=True).start()
        server.run()
    finally:
        prepared.stop()


def _announce(server: uvicorn.Server, announce: Callable[[], None]) -> None:
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.02)
    announce()
