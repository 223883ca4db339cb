"""Insights: what a conversation says about a member, as one word of a short list per key, for a while.

Words of a chat are never kept here, only the id of the message that says so. Nothing about health, belief or the like.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.audience import service as audience
from kernel import clock, db
from kernel.errors import Invalid
from kernel.ids import new_id
from models import Conversation, ConversationMessage, MemberInsight

VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "topic": ("membership", "trial", "course", "appointment", "offer", "payment"),
        "intent": ("join", "return", "pause", "leave", "book", "ask", "complain", "praise"),
        "objection": ("price", "time", "distance", "crowded", "undecided"),
        "preferred_time": ("morning", "noon", "afternoon", "evening", "weekend"),
    }
)
ABSENCE = "absent_until"  # its value is a date that code computed
KEYS = (*VALUES, ABSENCE)
SOURCES = ("rules", "model")
# What a campaign's text may rest on, the telling ones first; the rest is for people alone.
SPOKEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "objection": VALUES["objection"],
        "preferred_time": VALUES["preferred_time"],
        "intent": ("return", "join", "book"),
    }
)
_KEPT = {"topic": 90, "intent": 60, "objection": 120, "preferred_time": 365}  # days
MOST_MESSAGES = 40
_OLDEST = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Insight:
    """One word about a member, which message says so, and how sure the reading is (0 to 1)."""

    key: str
    value: str
    evidence_message_id: UUID
    confidence: float


def put(session: Session, member_id: UUID, found: Sequence[Insight], *, source: str) -> None:
    """Keep insights in place of older ones of the same key. Raises Invalid for a word that is in no list."""
    now = clock.now()
    for one in found:
        values = {
            "value": _known(one.key, one.value),
            "evidence_message_id": one.evidence_message_id,
            "source": source,
            "confidence": one.confidence,
            "expires_at": _expires(one, now),
        }
        keys = {"tenant_id": db.tenant_of(session), "member_id": member_id, "key": one.key}
        session.execute(
            insert(MemberInsight)
            .values(id=new_id(), created_by=source, **keys, **values)
            .on_conflict_do_update(index_elements=list(keys), set_={**values, "updated_at": now})
        )


def _known(key: str, value: str) -> str:
    if key == ABSENCE:
        return date.fromisoformat(value).isoformat()
    if value not in VALUES.get(key, ()):
        raise Invalid("insight", f"{key} cannot be {value!r}")
    return value


def _expires(one: Insight, now: datetime) -> datetime:
    if one.key == ABSENCE:
        back = datetime.combine(date.fromisoformat(one.value), datetime.min.time(), now.tzinfo)
        return max(back + timedelta(days=1), now)
    return now + timedelta(days=_KEPT[one.key])


def of_member(session: Session, member_id: UUID) -> Sequence[MemberInsight]:
    """Return what is known of a member and not over. Raises NotFound."""
    audience.get(session, member_id)
    return (
        session.execute(
            select(MemberInsight)
            .where(
                MemberInsight.tenant_id == db.tenant_of(session),
                MemberInsight.member_id == member_id,
                MemberInsight.expires_at > clock.now(),
            )
            .order_by(MemberInsight.key)
        )
        .scalars()
        .all()
    )


# Without a consent to profiling on the channel nothing is said to anybody about what they wrote in a chat.
_SPOKEN_OF = """
SELECT i.member_id, array_agg(i.key || ':' || i.value) AS words FROM member_insight i
WHERE i.tenant_id = :tenant AND i.member_id = ANY(:members) AND i.expires_at > clock_timestamp()
  AND i.key || ':' || i.value = ANY(:spoken) AND {agreed}
GROUP BY i.member_id
"""
AGREED = """EXISTS (SELECT FROM consent c WHERE c.tenant_id = i.tenant_id AND c.member_id = i.member_id
    AND c.channel = :channel AND c.purpose = 'profiling' AND c.state = 'granted'
    AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp()))"""
_OF_MEMBERS = text(_SPOKEN_OF.format(agreed=AGREED))


def spoken_words() -> list[str]:
    """Return every `key:value` that a campaign's text may rest on."""
    return [f"{key}:{value}" for key, values in SPOKEN.items() for value in values]


def spoken(session: Session, member_ids: Collection[UUID], channel: str) -> dict[UUID, frozenset[str]]:
    """Return what a text on a channel may rest on, by member: `key:value`, not over, and agreed to."""
    if not member_ids:
        return {}
    values = {
        "tenant": db.tenant_of(session), "members": list(member_ids), "channel": channel, "spoken": spoken_words(),
    }  # fmt: skip
    return {row.member_id: frozenset(row.words) for row in session.execute(_OF_MEMBERS, values)}


def forget_expired(session: Session) -> None:
    """Remove what is over."""
    session.execute(
        delete(MemberInsight).where(
            MemberInsight.tenant_id == db.tenant_of(session), MemberInsight.expires_at <= clock.now()
        )
    )


def recent(session: Session, conversation: Conversation) -> Sequence[ConversationMessage]:
    """Return what the member lately wrote in this conversation, and in no other, the oldest first."""
    rows = session.execute(
        select(ConversationMessage)
        .where(
            ConversationMessage.tenant_id == conversation.tenant_id,
            ConversationMessage.conversation_id == conversation.id,
            ConversationMessage.author == "member",
            ConversationMessage.at > clock.now() - _OLDEST,
        )
        .order_by(ConversationMessage.at.desc(), ConversationMessage.id.desc())
        .limit(MOST_MESSAGES)
    ).scalars()
    return list(rows)[::-1]
