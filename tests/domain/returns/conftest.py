from collections.abc import Iterator
from uuid import UUID

import make
import pytest
from sqlalchemy import select, update

from ariia.inbound import Door
from domain.delivery import materialise
from kernel import db
from models import Message

DOMAIN = "rueck.studio.example"


@pytest.fixture
def door(database) -> Iterator[Door]:
    with Door(DOMAIN, "127.0.0.1:0", "127.0.0.1:0") as opened:
        yield opened


def sent(tenant_id: UUID, *addresses: str, name: str = "a") -> list[Message]:
    """Messages of a running campaign that the relay has accepted."""
    with db.tenant_session(tenant_id) as session:
        make.sender(session)
        for address in addresses:
            make.member(session, address)
        campaign = make.started(session)
        materialise.materialise(session, campaign.id)
        session.execute(update(Message).where(Message.campaign_id == campaign.id).values(state="sent"))
    with db.tenant_session(tenant_id) as session:
        return list(
            session.execute(
                select(Message).where(Message.campaign_id == campaign.id).order_by(Message.address_norm)
            ).scalars()
        )
