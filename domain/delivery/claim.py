"""Claiming a slice: due messages, judged by the gate and taken, in one statement and one transaction."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.content.member_values import MemberFacts
from domain.delivery import gate
from domain.delivery.rules import Reason
from kernel.ids import new_id
from models import Campaign

LARGEST_SLICE = 1_000

_WAKE = text(
    "UPDATE message SET state = 'pending', updated_at = clock_timestamp() WHERE tenant_id = :tenant "
    "AND campaign_id = :campaign AND state = 'deferred' AND not_before <= clock_timestamp()"
)

_CLAIM = text(f"""
WITH due AS MATERIALIZED (
  SELECT id FROM message
  WHERE tenant_id = :tenant AND campaign_id = :campaign AND state = 'pending' AND not_before <= clock_timestamp()
    AND approval_hash = (SELECT approval_hash FROM campaign c
      WHERE c.tenant_id = :tenant AND c.id = :campaign AND c.status = 'sending')
  ORDER BY priority, id LIMIT :slice FOR UPDATE SKIP LOCKED
), judged AS MATERIALIZED (
  SELECT m.id, {gate.CLAIM_GATE} AS reason, {gate.NEXT_OPENING} AS opening
  FROM due JOIN message m ON m.tenant_id = :tenant AND m.id = due.id
  JOIN tenant t ON t.id = m.tenant_id
  LEFT JOIN member b ON b.tenant_id = m.tenant_id AND b.id = m.member_id
  CROSS JOIN LATERAL (SELECT clock_timestamp() AT TIME ZONE coalesce(b.time_zone, t.time_zone) AS local) z
  CROSS JOIN LATERAL (SELECT z.local AS local, z.local::time AS clock) l
), taken AS (
  UPDATE message m SET
    state = CASE WHEN j.reason IS NULL THEN 'claimed' WHEN j.reason = '{Reason.QUIET_HOURS}' THEN 'deferred'
      WHEN j.reason = '{Reason.SUPPRESSED}' THEN 'suppressed' ELSE 'skipped' END,
    reason = j.reason,
    not_before = CASE WHEN j.reason = '{Reason.QUIET_HOURS}' THEN j.opening ELSE m.not_before END,
    owner = CASE WHEN j.reason IS NULL THEN CAST(:owner AS uuid) END,
    attempt_id = CASE WHEN j.reason IS NULL THEN CAST(:attempt AS uuid) END,
    attempt = m.attempt + CASE WHEN j.reason IS NULL THEN 1 ELSE 0 END,
    lease_until = CASE WHEN j.reason IS NULL THEN clock_timestamp() + make_interval(secs => :lease) END,
    updated_at = clock_timestamp()
  FROM judged j WHERE m.tenant_id = :tenant AND m.id = j.id
  RETURNING m.id, m.member_id, m.address, m.address_norm, m.language, m.tracked, m.attempt, m.state, m.reason
), told AS (
  INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
  SELECT :tenant, :campaign, id, state, reason FROM taken WHERE state <> 'claimed'
)
SELECT k.id, k.address, k.address_norm, k.language, k.tracked, k.attempt, k.state, b.id AS member_id, b.first_name,
  b.last_name, b.salutation, b.time_zone, b.favourite_course, b.last_visit_at, b.attributes
FROM taken k LEFT JOIN member b ON b.tenant_id = :tenant AND b.id = k.member_id
""")  # noqa: S608 - reasons and rules of our own

_HAND_BACK = text(
    "UPDATE message SET state = 'pending', owner = NULL, attempt_id = NULL, lease_until = NULL, "
    "attempt = attempt - 1, updated_at = clock_timestamp() "
    "WHERE tenant_id = :tenant AND owner = :owner AND state = 'claimed'"
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One message to render and hand over."""

    id: UUID
    attempt_id: UUID
    attempt: int
    address: str
    address_norm: str
    language: str
    tracked: bool
    member: MemberFacts


@dataclass(frozen=True, slots=True)
class Slice:
    """What a claim took. `looked_at` counts refused ones too, so an all-refused slice is not the end."""

    messages: list[Claimed]
    looked_at: int
    attempt_id: UUID


def claim(session: Session, campaign: Campaign, *, owner: UUID, lease_seconds: int, size: int) -> Slice:
    """Take up to `size` due messages of a sending campaign for `owner`.

    A campaign with an obstacle (`gate.obstacle`, asked before every slice) is held and gives nothing.
    """
    attempt_id = new_id()
    nothing = Slice([], 0, attempt_id)
    if campaign.status != Status.SENDING:
        return nothing
    if (reason := gate.obstacle(session, campaign)) is not None:
        campaigns.hold(session, campaign.id, reason=reason)
        return nothing
    keys = {"tenant": campaign.tenant_id, "campaign": campaign.id}
    session.execute(_WAKE, keys)
    rows = session.execute(
        _CLAIM,
        {
            **keys,
            "slice": min(size, LARGEST_SLICE),
            "owner": owner,
            "attempt": attempt_id,
            "lease": lease_seconds,
            "purpose": gate.PURPOSE,
        },
    ).all()
    taken = [
        Claimed(
            id=row.id,
            attempt_id=attempt_id,
            attempt=row.attempt,
            address=row.address,
            address_norm=row.address_norm,
            language=row.language,
            tracked=row.tracked,
            member=_member(row),
        )
        for row in rows
        if row.state == "claimed"
    ]
    return Slice(taken, len(rows), attempt_id)


def _member(row: object) -> MemberFacts:
    names = (
        "first_name", "last_name", "salutation", "time_zone", "favourite_course", "last_visit_at", "attributes",
    )  # fmt: skip
    member_id: UUID = getattr(row, "member_id", None) or UUID(int=0)
    found = {name: getattr(row, name) for name in names}
    last: datetime | None = found.pop("last_visit_at")
    attributes = found.pop("attributes") or {}
    return MemberFacts(id=member_id, last_visit_at=last, attributes=attributes, **found)


def hand_back(session: Session, tenant_id: UUID, owner: UUID) -> None:
    """Return what the owner claimed and did not begin to transmit; the attempt is not counted."""
    session.execute(_HAND_BACK, {"tenant": tenant_id, "owner": owner})
