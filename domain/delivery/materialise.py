"""Fixing the recipients of a campaign: one statement, one row for every targeted member, repeatable."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    SmallInteger,
    Text,
    Uuid,
    and_,
    case,
    cast,
    column,
    delete,
    func,
    literal,
    null,
    select,
    text,
    values,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from domain.audience import selection
from domain.campaigns import revisions, zones
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.delivery import cost, gate, links, local, reach
from domain.delivery.rules import Reason
from domain.experiments import allocation
from domain.experiments import rules as comparing
from domain.experiments import service as experiments
from domain.segments import refresh
from kernel import clock, outbox
from models import Campaign, CampaignCount, CampaignPart, Message, MessageEvent, Segment

_MANY = 500  # from here on the planner of the claims must know how the table has changed
_NEVER_COUNTED = text(
    "SELECT bool_or(reltuples < 0) FROM pg_class WHERE oid IN ('member'::regclass, 'consent'::regclass)"
)
DRIFT = 0.05  # an audience that grew or shrank by more since the approval is asked about again


def materialise(session: Session, campaign_id: UUID) -> bool:
    """Write the recipients of a campaign that was started. Returns whether sending may go on.

    A campaign with an obstacle (`gate.obstacle`), or whose audience drifted, is held. A second call adds nobody.
    """
    campaign = campaigns.lock(session, campaign_id)
    if campaign.status != Status.SENDING:
        return False
    if campaign.materialised_at is not None:
        outbox.mark_due(session, "campaigns")
        return True
    if (reason := gate.obstacle(session, campaign)) is not None:
        campaigns.hold(session, campaign.id, reason=reason)
        return False
    if session.execute(_NEVER_COUNTED).scalar_one():
        session.execute(text("SELECT refresh_statistics()"))
    targeted = _insert(session, campaign)
    approved = campaign.approved_count or 0
    if abs(targeted - approved) > max(1, approved * DRIFT):
        return _take_back(session, campaign, "audience_drift")
    if not _affordable(session, campaign):
        return _take_back(session, campaign, "over_cost_ceiling")
    if targeted >= _MANY:
        session.execute(text("SELECT refresh_message_statistics()"))
    links.put(session, campaign, _approved(campaign))
    experiments.begin(session, campaign)
    campaign.materialised_at, campaign.zone_rules = clock.now(), zones.rules()
    outbox.mark_due(session, "campaigns")
    outbox.mark_due(session, "analytics")
    outbox.nudge(session, refresh.BEHAVIOUR)
    session.flush()
    return True


def _take_back(session: Session, campaign: Campaign, reason: str) -> bool:
    """Forget the recipients again and hold the campaign: somebody has to look at it first."""
    for table in (Message, CampaignPart):
        session.execute(delete(table).where(table.tenant_id == campaign.tenant_id, table.campaign_id == campaign.id))
    campaigns.hold(session, campaign.id, reason=reason)
    return False


def _affordable(session: Session, campaign: Campaign) -> bool:
    """Record what the texts will cost; False where that is more than was approved."""
    if campaign.channel != cost.CHANNEL:
        return True
    open_ = and_(
        Message.tenant_id == campaign.tenant_id,
        Message.campaign_id == campaign.id,
        Message.state.in_(("pending", "deferred")),
    )
    judged = (
        select(
            Message.member_id,
            Message.language,
            Message.tracked,
            Message.address,
            Message.address_norm,
            null().label("reason"),
        )
        .where(open_)
        .cte("judged")
    )
    n = session.execute(select(func.count()).select_from(Message).where(open_)).scalar_one()
    estimated = cost.estimate(session, campaign, judged, n)
    if estimated is None:
        return True
    if cost.is_too_dear(campaign, estimated):
        return False
    cost.record(session, campaign, estimated)
    return True


def _insert(session: Session, campaign: Campaign) -> int:
    parts, cap = selection.part_bits(session, campaign.audience), gate.cap_of(session)
    judged = reach.of(session, campaign, campaign.approved_revision_id, cap=cap, parts=parts)
    judged = _allocated(session, campaign, judged)
    waits = func.coalesce(judged.c.reason == Reason.WAITS_FOR_WINNER, literal(False))
    blocked = judged.c.reason.is_not(None) & ~waits
    identity = func.stable_id(
        str(campaign.tenant_id), str(campaign.id), "0", cast(judged.c.member_id, Text), type_=Message.id.type
    )
    state = case(
        (judged.c.reason == Reason.SUPPRESSED, "suppressed"),
        (blocked, "skipped"),
        (waits, "deferred"),
        else_="pending",
    )
    rows = select(
        identity,
        literal(campaign.tenant_id),
        literal(campaign.id),
        literal(0),
        judged.c.member_id,
        literal(campaign.channel),
        judged.c.address,
        case((blocked, null()), else_=judged.c.address_norm),
        judged.c.language,
        judged.c.tracked,
        literal(5),
        state,
        judged.c.reason,
        literal(campaign.approval_hash),
        literal(0),
        case((waits, literal(comparing.NEVER)), else_=_due(session, campaign, judged)),
        judged.c.variant,
        judged.c.tested,
        judged.c.parts,
        zones.of_number(session, judged.c.zone, judged.c.member_id),
    )
    names = [
        "id",
        "tenant_id",
        "campaign_id",
        "step",
        "member_id",
        "channel",
        "address",
        "address_norm",
        "language",
        "tracked",
        "priority",
        "state",
        "reason",
        "approval_hash",
        "attempt",
        "not_before",
        "variant",
        "tested",
        "parts",
        "zone",
    ]
    made = (
        insert(Message)
        .from_select(names, rows)
        .on_conflict_do_nothing()
        .returning(Message.id, Message.state, Message.reason, Message.parts)
        .cte("made")
    )
    told = select(literal(campaign.tenant_id), literal(campaign.id), made.c.id, made.c.state, made.c.reason)
    events = insert(MessageEvent).from_select(
        ["tenant_id", "campaign_id", "message_id", "kind", "reason"],
        told.where(made.c.state.in_(("skipped", "suppressed"))),
        include_defaults=False,
    )
    named = selection.parts_of(campaign.audience)
    session.execute(events.add_cte(_parts(campaign, named, made)) if named else events)
    total = session.execute(
        select(func.coalesce(func.sum(CampaignCount.n), 0)).where(
            CampaignCount.tenant_id == campaign.tenant_id, CampaignCount.campaign_id == campaign.id
        )
    ).scalar_one()
    return int(total)


def _parts(campaign: Campaign, named: Sequence[UUID], made: CTE) -> CTE:
    """Return what notes the segments of the audience by their names of now, and how many messages each has."""
    mixes = select(made.c.parts, func.count().label("n")).group_by(made.c.parts).cte("mixes")
    bits = values(column("n", SmallInteger), column("segment_id", Uuid), name="named").data(list(enumerate(named)))
    got = select(func.coalesce(func.sum(mixes.c.n), 0)).where(
        mixes.c.parts.op(">>")(cast(bits.c.n, Integer)).op("&")(1) == 1
    )
    rows = (
        select(
            literal(campaign.tenant_id), literal(campaign.id), bits.c.n, Segment.id, Segment.name, got.scalar_subquery()
        )
        .select_from(bits)
        .join(Segment, and_(Segment.tenant_id == campaign.tenant_id, Segment.id == bits.c.segment_id))
    )
    names = ["tenant_id", "campaign_id", "n", "segment_id", "name", "messages"]
    return insert(CampaignPart).from_select(names, rows).on_conflict_do_nothing().cte("parts_noted")


def _allocated(session: Session, campaign: Campaign, judged: CTE) -> CTE:
    """Say what each member gets of a comparison, if there is one, and who is held out or waits for its end."""
    settings = comparing.settings_of(revisions.get(session, campaign.id, _approved(campaign)).content_json)
    if settings is None:
        return allocation.unallocated(judged)
    return allocation.allocated(judged, settings, allocation.seed_of(campaign.id))


def _approved(campaign: Campaign) -> UUID:
    return campaign.approved_revision_id or UUID(int=0)


def _due(session: Session, campaign: Campaign, judged: CTE) -> ColumnElement[datetime]:
    """From when on a member may get it: at once, or when the planned time is on the member's clock."""
    if not (campaign.schedule or {}).get("per_member"):
        return func.clock_timestamp()
    return local.instant_of(session, campaign, judged.c.zone, judged.c.member_id)
