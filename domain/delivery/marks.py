"""Durable marks by group commit: one statement writes 'about to transmit' and 'answered' of all sessions.

Every transition is fenced: owner, attempt and state must be what the worker believes.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from kernel import db

_MARK = text("""
WITH started AS (
  UPDATE message SET state = 'sending', updated_at = clock_timestamp()
  FROM unnest(CAST(:start_ids AS uuid[]), CAST(:start_attempts AS uuid[])) AS s (id, attempt_id)
  WHERE message.tenant_id = :tenant AND message.id = s.id AND message.attempt_id = s.attempt_id
    AND message.owner = :owner AND message.state = 'claimed' AND message.lease_until > clock_timestamp()
  RETURNING message.id
), answered AS (
  UPDATE message SET state = a.state, reason = a.reason, provider_id = a.provider_id, provider_code = a.code,
    provider_text = a.words, phase = a.phase,
    not_before = CASE WHEN a.wait IS NULL THEN message.not_before ELSE clock_timestamp() + make_interval(secs => a.wait)
      END,
    accepted_at = CASE WHEN a.state = 'sent' THEN clock_timestamp() ELSE message.accepted_at END,
    owner = CASE WHEN a.state = 'unknown' THEN message.owner END, lease_until = NULL, updated_at = clock_timestamp()
  FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
    CAST(:providers AS text[]), CAST(:codes AS text[]), CAST(:words AS text[]), CAST(:phases AS text[]),
    CAST(:waits AS float8[])) AS a (id, attempt_id, state, reason, provider_id, code, words, phase, wait)
  WHERE message.tenant_id = :tenant AND message.id = a.id AND message.attempt_id = a.attempt_id
    AND message.owner = :owner AND message.state IN ('sending', 'claimed', 'unknown')
  RETURNING message.id, message.campaign_id, message.state, message.reason
), told AS (
  INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
  SELECT :tenant, campaign_id, id, state, reason FROM answered WHERE state <> 'pending'
)
SELECT id FROM started
""")

_RENEW = text(
    "UPDATE message SET lease_until = clock_timestamp() + make_interval(secs => :lease) "
    "WHERE tenant_id = :tenant AND owner = :owner AND state IN ('claimed', 'sending')"
)


@dataclass(frozen=True, slots=True)
class Start:
    """A message that a session is about to transmit."""

    id: UUID
    attempt_id: UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message; `wait` is the seconds until the next attempt."""

    id: UUID
    attempt_id: UUID
    state: str
    reason: str | None = None
    provider_id: str | None = None
    code: str | None = None
    words: str | None = None
    phase: str | None = None
    wait: float | None = None


def commit(tenant_id: UUID, owner: UUID, starts: list[Start], answers: list[Answer]) -> set[UUID]:
    """Write both kinds of marks and commit; returns the ids whose transmission may begin."""
    with db.tenant_session(tenant_id) as session:
        return set(session.execute(_MARK, _parameters(tenant_id, owner, starts, answers)).scalars())


def _parameters(tenant_id: UUID, owner: UUID, starts: list[Start], answers: list[Answer]) -> dict[str, Any]:
    return {
        "tenant": tenant_id,
        "owner": owner,
        "start_ids": [start.id for start in starts],
        "start_attempts": [start.attempt_id for start in starts],
        "ids": [answer.id for answer in answers],
        "attempts": [answer.attempt_id for answer in answers],
        "states": [answer.state for answer in answers],
        "reasons": [answer.reason for answer in answers],
        "providers": [answer.provider_id for answer in answers],
        "codes": [answer.code for answer in answers],
        "words": [(answer.words or "").replace("\x00", "")[:500] or None for answer in answers],
        "phases": [answer.phase for answer in answers],
        "waits": [answer.wait for answer in answers],
    }


def renew(tenant_id: UUID, owner: UUID, lease_seconds: int) -> None:
    """Prolong the lease of everything that this worker holds, in one statement."""
    with db.tenant_session(tenant_id) as session:
        session.execute(_RENEW, {"tenant": tenant_id, "owner": owner, "lease": lease_seconds})
