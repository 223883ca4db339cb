"""Reads about hits: the links of a campaign by their place, counted from the clicks' own index."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from kernel import db
from models import TrackedLink

# Index-only on ix_message_event_clicks. The message knows the language, so the count is per message first.
_CLICKS = text("""
WITH click AS (
  SELECT link_n, message_id, count(*) FILTER (WHERE actor = 'human') AS human,
    count(*) FILTER (WHERE actor IN ('machine', 'proxy')) AS machine,
    count(*) FILTER (WHERE actor = 'unknown') AS unknown
  FROM message_event
  WHERE tenant_id = :tenant AND campaign_id = :campaign AND kind = 'clicked' AND link_n >= 0
  GROUP BY link_n, message_id
)
SELECT c.link_n AS n, m.language, sum(c.human)::bigint AS human, count(*) FILTER (WHERE c.human > 0) AS people,
  sum(c.machine)::bigint AS machine, sum(c.unknown)::bigint AS unknown
FROM click c JOIN message m ON m.tenant_id = :tenant AND m.id = c.message_id
GROUP BY c.link_n, m.language
""")


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a campaign's content and who followed it."""

    n: int
    language: str
    url: str
    human_clicks: int = 0
    human_unique: int = 0
    machine_clicks: int = 0
    unknown_clicks: int = 0


def links(session: Session, campaign_id: UUID) -> list[Link]:
    """Return a campaign's links by language and place, with the clicks of people and of machines apart."""
    tenant_id = db.tenant_of(session)
    known = session.execute(
        select(TrackedLink.n, TrackedLink.language, TrackedLink.url)
        .where(TrackedLink.tenant_id == tenant_id, TrackedLink.campaign_id == campaign_id)
        .order_by(TrackedLink.language, TrackedLink.n)
    ).all()
    counted = {
        (row.n, row.language): (row.human, row.people, row.machine, row.unknown)
        for row in session.execute(_CLICKS, {"tenant": tenant_id, "campaign": campaign_id})
    }
    return [Link(n, language, url, *counted.get((n, language), (0, 0, 0, 0))) for n, language, url in known]
