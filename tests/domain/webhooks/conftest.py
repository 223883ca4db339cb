"""A receiver on loopback, and an endpoint that points to it."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from fakes.webhook_receiver import WebhookReceiver

from domain.webhooks import service
from kernel import db, settings


@pytest.fixture(autouse=True)
def loopback(database) -> None:
    """Let webhooks go to this machine, as an operator may."""
    current = settings.get_settings()
    settings.use(current.model_copy(update={"egress_allow": "127.0.0.0/8"}))


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as made:
        yield made


Subscribe = Callable[..., UUID]


@pytest.fixture
def subscribe(receiver) -> Subscribe:
    """An endpoint of a tenant at the receiver, which then accepts its signatures."""

    def make(tenant_id: UUID, *patterns: str, url: str | None = None) -> UUID:
        with db.tenant_session(tenant_id) as session:
            endpoint, secret = service.create(
                session, url=url or f"{receiver.url}/hook", wanted=patterns or ("*",), actor="t"
            )
        receiver.secrets.append(secret)
        return endpoint.id

    return make
