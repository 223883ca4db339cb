"""The application over a real socket, under the address that its agent card names."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from pydantic import HttpUrl

from api.app import create_app
from kernel import settings


@contextmanager
def serving(url_is_public: bool) -> Iterator[str]:
    """One more web process of the service, in threads of this one."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    if url_is_public:
        settings.use(settings.get_settings().model_copy(update={"public_url": HttpUrl(url)}))
    server = uvicorn.Server(uvicorn.Config(create_app(), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield url
    server.should_exit = True
    thread.join(30)
    listener.close()


@pytest.fixture(scope="module")
def address(database) -> Iterator[str]:
    with serving(url_is_public=True) as url:
        yield url


@pytest.fixture
def elsewhere(address) -> Iterator[str]:
    """Another process behind the same address."""
    with serving(url_is_public=False) as url:
        yield url
