"""The public pages on a real socket, and a reader without scripts."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from api.app import create_app
from api.guesses import Guesses
from ariia.demo.client import Browser
from kernel import settings
from preview import routes
from tests.preview import studio as studios


@pytest.fixture(scope="module")
def site(database) -> Iterator[str]:
    """The base address of a running service."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings.use(settings.get_settings().model_copy(update={"public_url": url}))
    app = create_app()
    routes.install(app)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", http="httptools"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield url
    server.should_exit = True
    thread.join(timeout=60)
    listener.close()


@pytest.fixture(autouse=True)
def _nobody_guessed_before(monkeypatch) -> None:
    """Wrong links of one test slow down no other test."""
    monkeypatch.setattr(routes, "_guesses", Guesses("preview"))


@pytest.fixture
def studio(tenants, site) -> studios.Studio:
    return studios.build(tenants.a)


@pytest.fixture
def browser() -> Browser:
    return Browser()
