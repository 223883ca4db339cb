"""Putting a step's messages into the ledger: one statement for a whole batch, each member once per pass."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    SmallInteger,
    Text,
    Uuid,
    case,
    cast,
    func,
    literal,
    null,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.selectable import CTE

from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from domain.delivery import reach, supply
from domain.delivery.rules import Reason
from domain.experiments import allocation
from domain.experiments import rules as comparing
from domain.sequences import limits
from domain.sequences.facts import Clock, Person
from domain.sequences.step_campaigns import EVERYBODY
from kernel import db, outbox
from models import Campaign, Message, MessageEvent

# What a worker holds the lock of this moment is being handed over.
_TAKE_BACK = text(f"""
WITH open AS (
  SELECT m.id FROM unnest(CAST(:members AS uuid[]), CAST(:passes AS int[])) AS u (member_id, pass_n)
  JOIN message m ON m.tenant_id = :tenant AND m.member_id = u.member_id AND m.step = u.pass_n
    AND m.state IN ('pending', 'deferred', 'claimed')
    AND m.campaign_id IN (SELECT campaign_id FROM sequence_campaign
      WHERE tenant_id = :tenant AND sequence_id = :sequence)
  FOR UPDATE OF m SKIP LOCKED
), over AS (
  UPDATE message m SET state = 'cancelled', reason = '{Reason.LEFT_SEQUENCE}', owner = NULL, lease_until = NULL,
    updated_at = clock_timestamp()
  FROM open WHERE m.tenant_id = :tenant AND m.id = open.id RETURNING m.id, m.campaign_id, m.state, m.reason
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
SELECT :tenant, campaign_id, id, state, reason FROM over
""")  # noqa: S608 - a reason of our own


def may_send(session: Session, campaign_id: UUID, people: Sequence[Person]) -> bool:
    """Ask about a step's campaign as a whole, and whether its limits pay for these members.

    One with an obstacle is held, and members wait at the step. What they cost is set aside with the transaction.
    """
    campaign = campaigns.get(session, campaign_id)
    return supply.may_send(session, campaign) and limits.spend(session, campaign_id, _judged(session, campaign, people))


def fire(session: Session, campaign_id: UUID, people: Sequence[Person], known: Mapping[UUID, Clock]) -> int:
    """Write the messages of a step; returns how many are new. A second call for the same pass adds nobody.

    The gate judges each member as it does for every campaign: who may not get it has a row that says why. Caps and
    quiet hours are asked when it is sent: then it waits.
    """
    campaign = campaigns.get(session, campaign_id)
    judged = _judged(session, campaign, people)
    wanted = _passes(people, known)
    variant = _variant(session, campaign, judged)
    made = list(session.execute(_insert(campaign, judged, wanted, variant)).scalars())
    if len(made) < len(people):
        made += session.execute(_insert(campaign, judged, wanted, variant, taken=True)).scalars()
    _tell(session, campaign, made)
    outbox.mark_due(session, "campaigns")
    return len(made)


def take_back(session: Session, sequence_id: UUID, people: Sequence[Person]) -> None:
    """Cancel what was not handed over yet of the passes of members who left a sequence; it says why."""
    if not people:
        return
    keys = {"tenant": db.tenant_of(session), "sequence": sequence_id, "members": [each.member_id for each in people]}
    session.execute(_TAKE_BACK, {**keys, "passes": [each.pass_n for each in people]})


def _judged(session: Session, campaign: Campaign, people: Sequence[Person]) -> CTE:
    chosen = {**EVERYBODY, "kind": "selected", "member_ids": [str(each.member_id) for each in people]}
    return reach.of(session, campaign, campaign.approved_revision_id, audience=chosen)


def _passes(people: Sequence[Person], known: Mapping[UUID, Clock]) -> CTE:
    here = [(each.member_id, each.pass_n) for each in people if each.member_id is not None]
    arrays = (
        cast([member_id for member_id, _ in here], ARRAY(Uuid)),
        cast([pass_n for _, pass_n in here], ARRAY(Integer)),
        cast([known[member_id].of_number for member_id, _ in here], ARRAY(Text)),
    )
    rows = func.unnest(*arrays).table_valued("member_id", "pass_n", "of_number", name="rows").render_derived()
    return select(rows.c.member_id, rows.c.pass_n, rows.c.of_number).cte("passes")


def _variant(session: Session, campaign: Campaign, judged: CTE) -> ColumnElement[Any]:
    """Return which text of a comparison each member gets: one at a time, by the weights; NULL where none is made."""
    revision = revisions.get(session, campaign.id, campaign.approved_revision_id or UUID(int=0))
    settings = comparing.settings_of(revision.content_json)
    if settings is None or settings.arms == 1:
        return cast(null(), SmallInteger)
    return allocation.variant_for(allocation.seed_of(campaign.id), judged.c.member_id, settings.weights)


def _insert(
    campaign: Campaign, judged: CTE, wanted: CTE, variant: ColumnElement[Any], *, taken: bool = False
) -> ReturningInsert[UUID]:
    """Return the statement of a step's rows; with `taken` for those whose address another member has."""
    reason: ColumnElement[str | None] = (
        func.coalesce(judged.c.reason, Reason.SHARED_ADDRESS.value) if taken else judged.c.reason
    )
    values: dict[str, Any] = {
        "tenant_id": literal(campaign.tenant_id),
        "id": func.stable_id(
            str(campaign.tenant_id), str(campaign.id), cast(wanted.c.pass_n, Text), cast(judged.c.member_id, Text)
        ),
        "campaign_id": literal(campaign.id),
        "step": wanted.c.pass_n,
        "member_id": judged.c.member_id,
        "approval_hash": literal(campaign.approval_hash),
        "channel": literal(campaign.channel),
        "zone": wanted.c.of_number,
        "variant": case((reason.is_(None), variant), else_=null()),
        "tested": case((reason.is_(None), variant.is_not(None)), else_=null()),
        "language": judged.c.language,
        "tracked": judged.c.tracked,
        "address": judged.c.address,
        "address_norm": case((reason.is_(None), judged.c.address_norm), else_=null()),
        "state": case((reason == Reason.SUPPRESSED, "suppressed"), (reason.is_not(None), "skipped"), else_="pending"),
        "reason": reason,
        "priority": literal(5),
        "attempt": literal(0),
        "not_before": func.clock_timestamp(),
    }
    rows = select(*values.values()).join_from(judged, wanted, wanted.c.member_id == judged.c.member_id)
    return insert(Message).from_select(list(values), rows).on_conflict_do_nothing().returning(Message.id)


def _tell(session: Session, campaign: Campaign, made: Sequence[UUID]) -> None:
    """Note why somebody does not get it."""
    rows = select(
        Message.tenant_id, Message.campaign_id, Message.id.label("message_id"), Message.state, Message.reason
    ).where(Message.tenant_id == campaign.tenant_id, Message.id.in_(made), Message.state != "pending")
    names = ["tenant_id", "campaign_id", "message_id", "kind", "reason"]
    session.execute(insert(MessageEvent).from_select(names, rows, include_defaults=False))
