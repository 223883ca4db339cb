"""The API over a real socket, keys of two tenants, and a person who may approve."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import make
import pytest
import uvicorn
from fakes.webhook_receiver import WebhookReceiver

from api.app import create_app
from domain.identity import service as identity
from domain.identity.rules import Role
from kernel import db, settings


@pytest.fixture(scope="module")
def address(database) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(60)
    listener.close()


@dataclass(frozen=True)
class Client:
    """One principal's view of the API."""

    http: httpx2.Client
    key: str

    def call(self, verb: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}"} | more.pop("headers", {})
        return self.http.request(verb, f"/api/v1{path}", json=body, headers=headers, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        return self.call("POST", path, body, **more)


@pytest.fixture
def http(address) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=address, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def clients(http, tenants) -> tuple[Client, Client]:
    found = []
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            make.sender(session)
            key = identity.issue_key(session, name="test", actor="t", role=Role.OWNER).secret
        found.append(Client(http, key))
    return found[0], found[1]


@pytest.fixture
def approver(http, tenants) -> Client:
    email = f"mara-{tenants.a.hex[-8:]}@studio.example"
    with db.tenant_session(tenants.a) as session:
        identity.add_user(session, name="Mara", email=email, role=Role.APPROVER, password="long enough 1", actor="t")
    token = http.post("/api/v1/sessions", json={"email": email, "password": "long enough 1"}).json()
    return Client(http, token["token"])


@pytest.fixture
def receiver(database) -> Iterator[WebhookReceiver]:
    """A tenant's own server on loopback, where webhooks may go."""
    before = settings.get_settings()
    settings.use(before.model_copy(update={"egress_allow": "127.0.0.0/8"}))
    with WebhookReceiver() as made:
        yield made
    settings.use(before)
