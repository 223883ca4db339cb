"""What happened with a member, newest first: one statement, whose branches read an index and give a page at most."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from domain.timeline import sentences
from kernel import db
from kernel.errors import Invalid, NotFound
from models import Member

LARGEST_PAGE = 200
_END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)
_LAST_ID = UUID(int=2**128 - 1)

# Each branch: at, id, channel, campaign, what it is about, a word, an amount with its currency, who.
_BRANCHES: Mapping[str, str] = MappingProxyType({
    "activity": """SELECT x.at, x.id, NULL, CAST(NULL AS uuid), x.subject, x.kind, CAST(NULL AS bigint), NULL,
      x.created_by
    FROM activity x WHERE x.tenant_id = :tenant AND x.member_id = :member AND x.at <= :at""",
    "purchase": """SELECT x.at, x.id, NULL, CAST(NULL AS uuid), x.product, NULL, CAST(x.amount_minor AS bigint),
      x.currency, x.created_by
    FROM purchase x WHERE x.tenant_id = :tenant AND x.member_id = :member AND x.at <= :at""",
    "message": """SELECT coalesce(m.accepted_at, m.created_at), m.id, m.channel, m.campaign_id,
      coalesce(c.name, n.kind), m.state || coalesce(':' || m.reason, ''), CAST(NULL AS bigint), NULL, NULL
    FROM message m LEFT JOIN campaign c ON c.tenant_id = :tenant AND c.id = m.campaign_id
    LEFT JOIN notice n ON n.tenant_id = :tenant AND n.id = m.notice_id
    WHERE m.tenant_id = :tenant AND m.member_id = :member AND coalesce(m.accepted_at, m.created_at) <= :at""",
    "engagement": """SELECT x.at, x.id, m.channel, m.campaign_id, coalesce(c.name, n.kind), x.kind,
      CAST(NULL AS bigint), NULL, x.actor
    FROM message m JOIN message_event x ON x.tenant_id = :tenant AND x.message_id = m.id
    LEFT JOIN campaign c ON c.tenant_id = :tenant AND c.id = m.campaign_id
    LEFT JOIN notice n ON n.tenant_id = :tenant AND n.id = m.notice_id
    WHERE m.tenant_id = :tenant AND m.member_id = :member AND x.kind = ANY(:engagements) AND x.at <= :at""",
    "conversion": """SELECT x.at, x.id, NULL, x.campaign_id, c.name, x.goal, x.value_minor, x.currency, NULL
    FROM conversion x LEFT JOIN campaign c ON c.tenant_id = :tenant AND c.id = x.campaign_id
    WHERE x.tenant_id = :tenant AND x.member_id = :member AND x.at <= :at""",
    "chat": """SELECT x.at, x.id, v.channel, CAST(NULL AS uuid), x.text, x.author, CAST(NULL AS bigint), NULL, x.author
    FROM conversation v JOIN conversation_message x ON x.tenant_id = :tenant AND x.conversation_id = v.id
    WHERE v.tenant_id = :tenant AND v.member_id = :member AND x.at <= :at""",
    "consent": """SELECT x.at, x.id, x.channel, CAST(NULL AS uuid), x.purpose, x.state, CAST(NULL AS bigint), NULL,
      x.actor
    FROM consent_event x WHERE x.tenant_id = :tenant AND x.member_id = :member AND x.at <= :at""",
    "follow_up": """SELECT x.created_at, x.id, x.channel, CAST(NULL AS uuid), x.topic, x.state, CAST(NULL AS bigint),
      NULL, x.created_by
    FROM follow_up x WHERE x.tenant_id = :tenant AND x.member_id = :member AND x.created_at <= :at""",
})  # fmt: skip

KINDS = tuple(_BRANCHES)
ENGAGEMENTS = ("opened", "clicked", "bounced", "complained", "unsubscribed", "replied")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `words` says it in German and English; `campaign_id` and `channel` where there are."""

    id: UUID
    kind: str
    at: datetime
    words: Mapping[str, str]
    channel: str | None
    campaign_id: UUID | None
    actor: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which entry a page begins."""

    at: datetime = _END_OF_TIME
    id: UUID = _LAST_ID


def page(
    session: Session, member_id: UUID, *, kinds: Collection[str] = (), after: Place | None = None, limit: int = 50
) -> tuple[list[Entry], Place | None]:
    """Return a page of what happened with a member, newest first, and where the next one begins.

    Raises NotFound for the member and Invalid for an unknown kind.
    """
    if session.get(Member, member_id) is None:
        raise NotFound("member")
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise Invalid("kind", f"{unknown[0]} is none; use {', '.join(KINDS)}")
    place, size = after or Place(), min(limit, LARGEST_PAGE)
    rows = session.execute(
        _statement(tuple(kind for kind in KINDS if not kinds or kind in kinds)),
        {
            "tenant": db.tenant_of(session), "member": member_id, "at": place.at, "id": place.id, "limit": size + 1,
            "engagements": list(ENGAGEMENTS),
        },
    ).all()  # fmt: skip
    entries = [_entry(row) for row in rows[:size]]
    return entries, Place(entries[-1].at, entries[-1].id) if len(rows) > size else None


def _statement(kinds: tuple[str, ...]) -> TextClause:
    """Put the branches together: each sorts and cuts for itself, so that a long history costs a page."""
    names = "at, id, channel, campaign_id, name, word, amount_minor, currency, actor"
    branches = (
        f"(SELECT '{kind}' AS kind, {names} FROM ({_BRANCHES[kind]}) b ({names}) "  # noqa: S608 - words of our own
        "WHERE (at, id) < (:at, :id) ORDER BY at DESC, id DESC LIMIT :limit)"
        for kind in kinds
    )
    entries = " UNION ALL ".join(branches)
    return text(f"SELECT * FROM ({entries}) entries ORDER BY at DESC, id DESC LIMIT :limit")  # noqa: S608 - as above


def _entry(row: Any) -> Entry:
    return Entry(
        id=row.id,
        kind=row.kind,
        at=row.at,
        words=sentences.words(row.kind, row),
        channel=row.channel,
        campaign_id=row.campaign_id,
        actor=row.actor,
    )
