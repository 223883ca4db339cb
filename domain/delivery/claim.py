"""Claiming a slice: due messages, judged by the gate and taken, in one statement and one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.content.member_values import MemberFacts
from domain.conversations import insights
from domain.delivery import gate, hours
from domain.delivery.rules import CAP_WAIT_HOURS, OPEN, Reason
from kernel import db
from kernel.ids import new_id
from models import Tenant

LARGEST_SLICE = 1_000
_PREFIX = max(map(len, hours.CALLING_HOURS))


@dataclass(frozen=True, slots=True)
class Work:
    """Whose messages a run sends: those of a campaign, or the notices of one channel and account.

    `free_text` names the languages whose text needs an open conversation (WhatsApp without an approved template).
    """

    campaign_id: UUID | None
    channel: str
    account_id: UUID | None = None
    free_text: Sequence[str] = ()
    chats: bool = False  # its texts rest on what chats told of members
    patient: bool = False  # waits where a frequency cap would end it
    siblings: Sequence[UUID] = ()  # of a step: campaigns whose older messages to the same member go out first


_OF_CAMPAIGN = "campaign_id = :campaign"
_OF_NOTICES = "campaign_id IS NULL AND channel = :channel AND account_id IS NOT DISTINCT FROM CAST(:account AS uuid)"
# A scalar, so that the campaign is read once and not joined.
_APPROVED = """AND approval_hash = (SELECT approval_hash FROM campaign c
      WHERE c.tenant_id = :tenant AND c.id = :campaign AND c.status = 'sending')"""

_WAKE = """
UPDATE message SET state = 'pending', updated_at = clock_timestamp()
WHERE tenant_id = :tenant AND {mine} AND state = 'deferred' AND not_before <= clock_timestamp()
"""

# The steps of a sequence reach a member in their order, whatever held an earlier one up.
_EARLIER = f"""(SELECT '{Reason.EARLIER_STEP}' FROM message e
  WHERE e.tenant_id = m.tenant_id AND e.member_id = m.member_id AND e.campaign_id = ANY(CAST(:siblings AS uuid[]))
    AND e.state IN ({", ".join(f"'{state}'" for state in OPEN)}) AND e.created_at < m.created_at LIMIT 1)"""  # noqa: S608
_AFTER_EARLIER = "least(greatest((clock_timestamp() - m.created_at) / 2, interval '1 second'), interval '5 minutes')"

# A step of a sequence is not dropped because of other messages: it waits until the cap allows it.
_CAPPED = f"(j.reason = '{Reason.FREQUENCY_CAP}' AND CAST(:patient AS bool))"

# The id of a member is made before the join: `coalesce` counts as leaky, and row-level security would then read every
# member of the tenant for each slice.
_CLAIM = f"""
WITH due AS MATERIALIZED (
  SELECT id FROM message
  WHERE tenant_id = :tenant AND {{mine}} AND state = 'pending' AND not_before <= clock_timestamp() {{approved}}
  ORDER BY priority, id LIMIT :slice FOR UPDATE SKIP LOCKED
), judged AS MATERIALIZED (
  SELECT m.id, {{reason}} AS reason, {gate.ZONE} AS zone
  FROM due JOIN message m ON m.tenant_id = :tenant AND m.id = due.id
  JOIN tenant t ON t.id = m.tenant_id
  LEFT JOIN member b ON b.tenant_id = m.tenant_id AND b.id = m.member_id
  CROSS JOIN LATERAL (SELECT clock_timestamp() AT TIME ZONE {gate.ZONE} AS local) z
  CROSS JOIN LATERAL (SELECT z.local AS local, z.local::time AS clock) l
), taken AS (
  UPDATE message m SET
    state = CASE WHEN j.reason IS NULL THEN 'claimed'
      WHEN j.reason IN ('{Reason.QUIET_HOURS}', '{Reason.NO_OPEN_HOUR}', '{Reason.EARLIER_STEP}') OR {_CAPPED}
        THEN 'deferred'
      WHEN j.reason = '{Reason.SUPPRESSED}' THEN 'suppressed' WHEN j.reason = '{Reason.TOO_LATE}' THEN 'expired'
      ELSE 'skipped' END,
    reason = j.reason,
    not_before = CASE WHEN j.reason IN ('{Reason.QUIET_HOURS}', '{Reason.NO_OPEN_HOUR}')
      THEN clock_timestamp() + interval '1 hour'
      WHEN {_CAPPED} THEN clock_timestamp() + interval '{CAP_WAIT_HOURS} hours'
      WHEN j.reason = '{Reason.EARLIER_STEP}' THEN clock_timestamp() + {_AFTER_EARLIER} ELSE m.not_before END,
    owner = CASE WHEN j.reason IS NULL THEN CAST(:owner AS uuid) END,
    attempt_id = CASE WHEN j.reason IS NULL THEN CAST(:attempt AS uuid) END,
    attempt = m.attempt + CASE WHEN j.reason IS NULL THEN 1 ELSE 0 END,
    lease_until = CASE WHEN j.reason IS NULL THEN clock_timestamp() + make_interval(secs => :lease) END,
    updated_at = clock_timestamp()
  FROM judged j WHERE m.tenant_id = :tenant AND m.id = j.id
  RETURNING m.id, m.member_id, m.notice_id, m.address, m.address_norm, m.language, m.tracked, m.attempt, m.state,
    m.reason, m.purpose, m.variant, m.updated_at, j.zone AS clock_zone
), told AS (
  INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
  SELECT :tenant, CAST(:campaign AS uuid), id, state, reason FROM taken
  WHERE state <> 'claimed' AND reason <> '{Reason.EARLIER_STEP}'
)
SELECT k.id, k.address, k.address_norm, k.language, k.tracked, k.attempt, k.state, k.reason, k.purpose, k.variant,
  k.updated_at, k.clock_zone, n.content AS notice, n.campaign_id AS about, n.revision_id AS revision,
  :channel = 'sms' AND EXISTS (SELECT FROM message x WHERE x.tenant_id = :tenant AND x.member_id = k.member_id
    AND x.channel = 'sms' AND x.accepted_at IS NOT NULL) AS known,
  b.id AS member_id, b.first_name, b.last_name, b.salutation, b.time_zone, b.favourite_course, b.last_visit_at,
  b.joined_on, b.attributes
FROM taken k LEFT JOIN notice n ON n.tenant_id = :tenant AND n.id = k.notice_id
CROSS JOIN LATERAL (SELECT coalesce(k.member_id, n.member_id) AS member_id OFFSET 0) w
LEFT JOIN member b ON b.tenant_id = :tenant AND b.id = w.member_id
"""  # noqa: S608 - reasons and rules of our own

_WAKES = {mine: text(_WAKE.format(mine=mine)) for mine in (_OF_CAMPAIGN, _OF_NOTICES)}
_CLAIMS = {
    _OF_CAMPAIGN: text(_CLAIM.format(mine=_OF_CAMPAIGN, approved=_APPROVED, reason=gate.CLAIM_GATE)),
    _OF_NOTICES: text(_CLAIM.format(mine=_OF_NOTICES, approved="", reason=gate.CLAIM_GATE)),
}
_CLAIM_STEP = text(
    _CLAIM.format(mine=_OF_CAMPAIGN, approved=_APPROVED, reason=f"coalesce({gate.CLAIM_GATE}, {_EARLIER})")
)

_WAIT = text(
    "UPDATE message m SET not_before = x.at "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:openings AS timestamptz[])) AS x(id, at) "
    "WHERE m.tenant_id = :tenant AND m.id = x.id"
)

_HAND_BACK = text(
    "UPDATE message SET state = 'pending', owner = NULL, attempt_id = NULL, lease_until = NULL, "
    "attempt = attempt - 1, updated_at = clock_timestamp() "
    "WHERE tenant_id = :tenant AND owner = :owner AND state = 'claimed' AND id <> ALL(:answered)"
)


@dataclass(frozen=True, slots=True)
class NoticeContent:
    """What a notice says, or of which campaign's revision it is a test."""

    content: dict[str, Any]
    campaign_id: UUID | None
    revision_id: UUID | None


class Claimed(NamedTuple):
    """One message to render and hand over. `known`: the person had a text from us before.

    `variant` is the text of a comparison that it carries, None where nothing is compared.
    """

    id: UUID
    attempt_id: UUID
    attempt: int
    address: str
    address_norm: str
    language: str
    tracked: bool
    purpose: str
    known: bool
    member: MemberFacts
    notice: NoticeContent | None = None
    variant: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """What a claim took. `looked_at` counts refused ones too, so an all-refused slice is not the end."""

    messages: list[Claimed]
    looked_at: int
    attempt_id: UUID


def claim(session: Session, work: Work, *, owner: UUID, lease_seconds: int, size: int) -> Slice:
    """Take up to `size` due messages for `owner`; the gate judges each of them.

    The caller has asked `gate.obstacle` about the campaign as a whole.
    """
    attempt_id = new_id()
    mine = _OF_CAMPAIGN if work.campaign_id is not None else _OF_NOTICES
    keys = {
        "tenant": db.tenant_of(session),
        "campaign": work.campaign_id,
        "channel": work.channel,
        "account": work.account_id,
    }
    session.execute(_WAKES[mine], keys)
    rows = session.execute(
        _CLAIM_STEP if work.siblings else _CLAIMS[mine],
        {
            **keys,
            **({"siblings": list(work.siblings)} if work.siblings else {}),
            "slice": min(size, LARGEST_SLICE),
            "owner": owner,
            "attempt": attempt_id,
            "lease": lease_seconds,
            "free_text": list(work.free_text),
            "patient": work.patient,
        },
    ).all()
    _let_wait(session, work.channel, [row for row in rows if row.reason == Reason.QUIET_HOURS])
    claimed = [row for row in rows if row.state == "claimed"]
    people = {row.member_id for row in claimed if row.member_id} if work.chats else set()
    spoken = insights.spoken(session, people, work.channel)
    taken = [_claimed(row, attempt_id, spoken) for row in claimed]
    return Slice(taken, len(rows), attempt_id)


def _let_wait(session: Session, channel: str, quiet: Sequence[Any]) -> None:
    """Write when each of those in quiet hours may go out on its member's clock.

    What this process cannot reckon, because the database knows other rules of a time zone, is asked again in an hour.
    """
    if not quiet:
        return
    tenant = session.get_one(Tenant, db.tenant_of(session))
    mine = hours.of_tenant(tenant.quiet_from, tenant.quiet_until)
    now = max(row.updated_at for row in quiet)

    @cache
    def opening(zone: str, number: str) -> datetime | None:
        try:
            return hours.opening(mine, channel, number, now, ZoneInfo(zone))
        except (ZoneInfoNotFoundError, ValueError):
            return None

    openings = {row.id: opening(row.clock_zone, row.address_norm[:_PREFIX]) for row in quiet}
    known = {id_: at for id_, at in openings.items() if at is not None and at > now}
    keys = {"tenant": tenant.id, "ids": list(known), "openings": list(known.values())}
    session.execute(_WAIT, keys)


def _claimed(row: Any, attempt_id: UUID, spoken: Mapping[UUID, frozenset[str]]) -> Claimed:
    return Claimed(
        id=row.id,
        attempt_id=attempt_id,
        attempt=row.attempt,
        address=row.address,
        address_norm=row.address_norm,
        language=row.language,
        tracked=row.tracked,
        purpose=row.purpose,
        known=row.known,
        member=_member(row, spoken),
        notice=NoticeContent(row.notice, row.about, row.revision) if row.notice is not None else None,
        variant=row.variant,
    )


def _member(row: Any, spoken: Mapping[UUID, frozenset[str]]) -> MemberFacts:
    last: datetime | None = row.last_visit_at
    return MemberFacts(
        id=row.member_id or UUID(int=0),
        first_name=row.first_name,
        last_name=row.last_name,
        salutation=row.salutation,
        time_zone=row.time_zone,
        favourite_course=row.favourite_course,
        last_visit_at=last,
        joined_on=row.joined_on,
        attributes=row.attributes or {},
        insights=spoken.get(row.member_id, frozenset()),
    )


def hand_back(session: Session, tenant_id: UUID, owner: UUID, answered: Sequence[UUID] = ()) -> None:
    """Return what the owner claimed and did not begin to transmit; the attempt is not counted.

    `answered` are those that a provider refused before anything was begun: their answer is being written.
    """
    session.execute(_HAND_BACK, {"tenant": tenant_id, "owner": owner, "answered": list(answered)})
