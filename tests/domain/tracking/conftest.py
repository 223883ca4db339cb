"""Tracked messages that were sent, and hits on them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import make
import pytest
from chaos import crowd
from sqlalchemy import insert, select, text

from domain.delivery import materialise
from domain.tracking import hits, store
from domain.tracking.hits import Hit
from kernel import clock, db
from models import Message, MessageEvent, TrackedLink

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"


@dataclass(frozen=True)
class Sent:
    """A campaign with four links that people got a minute ago."""

    tenant_id: UUID
    campaign_id: UUID
    ids: list[UUID]
    accepted_at: datetime
    ticks: Iterator[int] = field(default_factory=count)

    def keep(self, *found: Hit) -> None:
        """Bring hits into the database as the journal does."""
        with db.tenant_session(self.tenant_id) as session:
            store.store(session, list(found), 0)

    def hit(
        self, kind: str = "opened", n: int = 0, *, link: int = 0, agent: str = PHONE, after: float = 60, **more
    ) -> Hit:
        """A hit on the n-th message, `after` seconds after it was accepted; a later one is later."""
        at = self.accepted_at + timedelta(seconds=after, microseconds=next(self.ticks))
        flags = hits.METHODS[more.get("method", "GET")] | (hits.PREFETCH if more.get("prefetch") else 0)
        return Hit(
            self.tenant_id.bytes, self.ids[n].bytes, hits.KINDS.index(kind), flags, link,
            int(at.timestamp() * 1_000_000), more.get("network", b"203.0.113.0/24"), agent.encode(),
            more.get("details", b""),
        )  # fmt: skip

    def messages(self) -> list[Message]:
        with db.tenant_session(self.tenant_id) as session:
            rows = {row.id: row for row in session.execute(select(Message)).scalars()}
            return [rows[one] for one in self.ids]

    def events(self) -> list[tuple]:
        """Kind, actor, reason and link of what was kept, in order."""
        with db.tenant_session(self.tenant_id) as session:
            rows = session.execute(
                select(MessageEvent.kind, MessageEvent.actor, MessageEvent.reason, MessageEvent.link_n)
                .where(MessageEvent.kind.in_(("opened", "clicked", "converted")))
                .order_by(MessageEvent.at, MessageEvent.id)
            )
            return [tuple(row) for row in rows]


def prepare(tenant_id: UUID, people: int, *, links: int = 4) -> Sent:
    with db.tenant_session(tenant_id) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
        crowd.gather(session, people, tracking=True)
        campaign = make.started(session)
        materialise.materialise(session, campaign.id)
        more = [
            {"tenant_id": tenant_id, "campaign_id": campaign.id, "language": "de", "n": n,
             "url": f"https://www.studio.example/{n}"}
            for n in range(1, links)
        ]  # fmt: skip
        if more:
            session.execute(insert(TrackedLink), more)
        accepted_at = clock.now() - timedelta(minutes=1)
        session.execute(text("UPDATE message SET state = 'sent', accepted_at = :at"), {"at": accepted_at})
        ids = list(session.execute(select(Message.id).order_by(Message.id)).scalars())
    return Sent(tenant_id, campaign.id, ids, accepted_at)


@pytest.fixture
def sent(tenants) -> Sent:
    return prepare(tenants.a, 3)
