"""What comes back about a message moves it along its lattice, never backwards.

unknown or sending → sent → delivered → read; sent → bounced. A callback may come before our own answer is written,
twice, or out of order: the row decides, in one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb
from domain.consent import service as consents
from domain.delivery.rules import Reason
from kernel import db, outbox
from kernel.errors import Conflict
from models import Message

# What each proof may replace.
_BEFORE: dict[str, tuple[str, ...]] = {
    "sent": ("sending", "unknown"),
    "delivered": ("sending", "unknown", "sent"),
    "read": ("sending", "unknown", "sent", "delivered"),
    "bounced": ("sending", "unknown", "sent"),
    "failed": ("sending", "unknown", "sent"),
}
PROOFS = frozenset(_BEFORE)
_WAITING = ("deferred", "pending")

_PROVE = text("""
WITH moved AS (
  UPDATE message m SET state = p.state, reason = p.reason, provider_id = coalesce(m.provider_id, p.provider_id),
    provider_code = coalesce(p.code, m.provider_code), provider_text = coalesce(p.words, m.provider_text),
    accepted_at = CASE WHEN p.state = 'failed' THEN m.accepted_at
      ELSE coalesce(m.accepted_at, p.at, clock_timestamp()) END,
    owner = NULL, lease_until = NULL, updated_at = clock_timestamp()
  FROM (SELECT CAST(:state AS text) AS state, CAST(:reason AS text) AS reason,
    CAST(:provider_id AS text) AS provider_id, CAST(:code AS text) AS code, CAST(:words AS text) AS words,
    CAST(:at AS timestamptz) AS at) AS p
  WHERE m.tenant_id = :tenant AND m.id = :id AND m.state = ANY(CAST(:before AS text[]))
  RETURNING m.id, m.campaign_id, m.state, m.reason, p.code
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason, actor, details)
SELECT :tenant, campaign_id, id, state, reason, :source, jsonb_strip_nulls(jsonb_build_object('code', code))
FROM moved RETURNING id
""")


def prove(
    session: Session,
    message_id: UUID,
    state: str,
    *,
    source: str,
    code: str | None = None,
    words: str | None = None,
    provider_id: str | None = None,
    at: datetime | None = None,
    reason: str | None = None,
    waiting: bool = False,
) -> bool:
    """Move a message to a proven state; False when that changes nothing (repeated, late or backwards).

    `source` names who says so (`twilio`, `dsn`, `click`); with `waiting` it may be one that waits to be tried again.
    Raises ValueError for a state that nothing proves.
    """
    if state not in _BEFORE:
        raise ValueError(state)
    moved = session.execute(
        _PROVE,
        {
            "tenant": db.tenant_of(session),
            "id": message_id,
            "state": state,
            "before": [*_BEFORE[state], *(_WAITING if waiting else ())],
            "reason": reason or (Reason.REFUSED if state in {"bounced", "failed"} else None),
            "code": code,
            "words": words[:500].replace("\x00", "") if words else None,
            "provider_id": provider_id,
            "at": at,
            "source": source,
        },
    ).all()
    if moved:
        outbox.mark_due(session, "campaigns")
    return bool(moved)


def refuse_person(
    session: Session,
    message_id: UUID,
    *,
    reason: str,
    source: str,
    code: str | None = None,
    words: str | None = None,
) -> bool:
    """Note that the address does not work, or that the person said stop, and suppress it for this channel.

    `reason` is one of consent's (`hard_bounce`, `opt_out`, `complained`). Returns whether the suppression is new.
    """
    address = session.execute(
        select(Message.channel, Message.address_norm).where(
            Message.tenant_id == db.tenant_of(session), Message.id == message_id
        )
    ).one_or_none()
    prove(session, message_id, "bounced", source=source, code=code, words=words)
    if address is None or address.address_norm is None:
        return False
    return consents.suppress(
        session,
        channel=address.channel,
        address_norm=address.address_norm,
        reason=reason,
        source=source,
        actor=f"provider:{source}",
        purpose="all" if reason == "hard_bounce" else "marketing",
        evidence={"message": str(message_id), "code": code},
    )


_ABSENT = text(f"""
WITH back AS (
  UPDATE message m SET state = 'pending', reason = '{Reason.NOT_FOUND}', owner = NULL, attempt_id = NULL,
    lease_until = NULL, phase = NULL, updated_at = clock_timestamp()
  WHERE m.tenant_id = :tenant AND m.id = :id AND m.state = 'unknown'
  RETURNING m.id, m.campaign_id
), told AS (
  INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason, actor)
  SELECT :tenant, campaign_id, id, 'pending', '{Reason.NOT_FOUND}', :source FROM back
)
SELECT campaign_id FROM back
""")  # noqa: S608 - reasons of our own


def absent(session: Session, message_id: UUID, source: str) -> bool:
    """The provider certainly never had an unknown message: it may be sent again. False when it is not unknown."""
    row = session.execute(_ABSENT, {"tenant": db.tenant_of(session), "id": message_id, "source": source}).one_or_none()
    if row is None:
        return False
    if row.campaign_id is not None:
        reopen(session, row.campaign_id, actor=f"provider:{source}")
    outbox.mark_due(session, "campaigns")
    return True


# What the provider certainly did not deliver, and may yet: back into the queue, without the id of the lost attempt.
_AGAIN = text("""
WITH back AS (
  UPDATE message m SET state = 'deferred', reason = :reason, provider_id = NULL, provider_code = :code,
    provider_text = :words, phase = NULL, accepted_at = NULL, owner = NULL, attempt_id = NULL, lease_until = NULL,
    attempt = greatest(0, m.attempt - CASE WHEN CAST(:most AS int) IS NULL THEN 1 ELSE 0 END),
    not_before = clock_timestamp() + make_interval(secs => :wait), updated_at = clock_timestamp()
  WHERE m.tenant_id = :tenant AND m.id = :id AND m.state IN ('sending', 'unknown', 'sent')
    AND (CAST(:most AS int) IS NULL OR m.attempt < :most)
    AND (m.expires_at IS NULL OR m.expires_at > clock_timestamp())
  RETURNING m.id, m.campaign_id
), told AS (
  INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason, actor, details)
  SELECT :tenant, campaign_id, id, 'deferred', :reason, :source,
    jsonb_strip_nulls(jsonb_build_object('code', CAST(:code AS text), 'sid', CAST(:provider_id AS text)))
  FROM back
)
SELECT id FROM back
""")
_RETIRED = text("""
SELECT message_id, details ->> 'sid' AS sid FROM message_event
WHERE tenant_id = :tenant AND message_id = ANY(:ids) AND kind = 'deferred' AND details ->> 'sid' IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class Again:
    """How a lost attempt is repeated: after `wait` seconds, at most `most` times in all; None: it did not count."""

    wait: float
    most: int | None
    reason: str = Reason.RETRY


def try_again(
    session: Session,
    message_id: UUID,
    again: Again,
    *,
    source: str,
    provider_id: str,
    code: str | None = None,
    words: str | None = None,
) -> bool:
    """Send later what the provider took and then certainly did not deliver; a campaign that was complete goes on.

    False where that is over: too many attempts, too late, cancelled, or proven otherwise meanwhile.
    """
    row = session.execute(
        select(Message.campaign_id).where(Message.tenant_id == db.tenant_of(session), Message.id == message_id)
    ).one_or_none()
    if row is None:
        return False
    if row.campaign_id is not None and campaigns.lock(session, row.campaign_id).status == Status.CANCELLED:
        return False
    back = session.execute(
        _AGAIN,
        {
            "tenant": db.tenant_of(session),
            "id": message_id,
            "wait": again.wait,
            "most": again.most,
            "reason": again.reason,
            "source": source,
            "provider_id": provider_id,
            "code": code,
            "words": words[:500].replace("\x00", "") if words else None,
        },
    ).one_or_none()
    if back is None:
        return False
    if row.campaign_id is not None:
        reopen(session, row.campaign_id, actor=f"provider:{source}")
    outbox.mark_due(session, "campaigns")
    return True


def retired(session: Session, message_ids: Sequence[UUID]) -> set[tuple[UUID, str]]:
    """Return which attempts of these messages, by the provider's ids, were given up for a later one."""
    rows = session.execute(_RETIRED, {"tenant": db.tenant_of(session), "ids": list(message_ids)})
    return {(row.message_id, row.sid) for row in rows}


def reopen(session: Session, campaign_id: UUID, *, actor: str) -> None:
    """Let a campaign that was complete send what is open again; leaves a paused or held one as it is.

    Raises PlanLimit where nothing of it was ever handed over and the plan has no broadcast left.
    """
    campaign = campaigns.lock(session, campaign_id)
    if campaign.status in {Status.SENT, Status.FAILED}:
        campaigns.reserve(session, campaign)
        campaigns.move(session, campaign, Verb.RETRY_FAILED, actor=actor)
    elif campaign.status == Status.CANCELLED:
        raise Conflict("The campaign was cancelled; nothing of it is sent any more.", code="campaign_cancelled")
