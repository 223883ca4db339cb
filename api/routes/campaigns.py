"""Campaigns: from a goal to approved messages."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_in
from api.idempotency import IdempotentRoute
from api.schemas.campaigns import (
    AnswerIn,
    CampaignIn,
    CampaignOut,
    CampaignPatch,
    CampaignRow,
    GenerateIn,
    QuestionOut,
    RunOut,
    ScheduleIn,
)
from api.schemas.members import ChannelName
from domain.campaigns import lifecycle, reviews
from domain.campaigns import queries as campaign_queries
from domain.campaigns import service as campaigns
from domain.delivery import queries as delivery
from domain.identity.service import Principal
from kernel.errors import NotFound
from models import Campaign

router = APIRouter(prefix="/campaigns", tags=["campaigns"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Writer = Annotated[Principal, requires("campaigns:write")]
Launcher = Annotated[Principal, requires("campaigns:send")]


def shown(session: Session, campaign: Campaign) -> CampaignOut:
    """Build the whole answer about one campaign."""
    run = campaign_queries.last_run(session, campaign.id)
    questions = campaign_queries.questions(session, campaign.id)
    return CampaignOut.of(
        campaign,
        counts=delivery.counts(session, campaign.id),
        allowed=sorted(lifecycle.allowed(lifecycle.Status(campaign.status))),
        run=RunOut.of(run.run, stage=run.stage, percent=run.percent) if run else None,
        questions=[QuestionOut.of(question) for question in questions],
    )


@router.post("", status_code=201)
def create_campaign(payload: CampaignIn, session: TenantSession, who: Writer) -> CampaignOut:
    """Create a draft."""
    fields = payload.model_dump(mode="json", exclude={"sender_id", "template_id", "schedule"})
    fields |= {"sender_id": payload.sender_id, "template_id": payload.template_id}
    if payload.schedule is not None:
        fields["schedule"] = payload.schedule.model_dump(exclude_defaults=True)
    return shown(session, campaigns.create(session, actor=who.actor, **fields))


@router.get("")
def list_campaigns(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    status: Annotated[list[lifecycle.Status] | None, Query(description="Only these states.")] = None,
    kind: Annotated[Literal["broadcast", "scheduled", "follow_up", "drip"] | None, Query()] = None,
    channel: Annotated[ChannelName | None, Query()] = None,
    q: Annotated[str | None, Query(max_length=200, description="Part of the name.")] = None,
) -> Page[CampaignRow]:
    """List campaigns, newest first."""
    statement = campaign_queries.matching(session, statuses=status, kind=kind, channel=channel, text=q)

    def counted(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        return {row_id: {"counts": counts} for row_id, counts in delivery.counts_of_many(session, ids).items()}

    return page_in(session, statement, Campaign.id, paging, CampaignRow, counted)


@router.get("/{campaign_id}")
def get_campaign(campaign_id: UUID, session: TenantSession, _who: Reader) -> CampaignOut:
    """Show one campaign with its state, counters, the agent's run and what is possible now."""
    return shown(session, campaigns.get(session, campaign_id))


@router.put("/{campaign_id}")
def change_campaign(campaign_id: UUID, payload: CampaignPatch, session: TenantSession, who: Writer) -> CampaignOut:
    """Change fields; a change of what is sealed voids the approval."""
    changes: dict[str, Any] = payload.model_dump(mode="json", exclude_unset=True, exclude={"version"})
    for key in ("sender_id", "template_id"):
        if key in changes:
            changes[key] = getattr(payload, key)
    campaign = campaigns.edit(session, campaign_id, actor=who.actor, version=payload.version, changes=changes)
    return shown(session, campaign)


@router.delete("/{campaign_id}", status_code=204)
def delete_campaign(campaign_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Delete a campaign that nothing was sent for."""
    campaigns.delete(session, campaign_id, actor=who.actor)
    return Response(status_code=204)


@router.post("/{campaign_id}/generate", status_code=202)
def generate_draft(campaign_id: UUID, payload: GenerateIn, session: TenantSession, who: Writer) -> RunOut:
    """Ask the agent to write the draft from the goal; poll the campaign for its progress."""
    options = reviews.Options(
        unattended=payload.ask == "never",
        alternatives=payload.alternatives,
        without_ai=payload.without_ai,
        judge=payload.judge,
    )
    return RunOut.of(
        reviews.generate(session, campaign_id, actor=who.actor, variation=payload.variation, options=options)
    )


@router.get("/{campaign_id}/runs/{run_id}")
def get_run(campaign_id: UUID, run_id: UUID, session: TenantSession, _who: Reader) -> RunOut:
    """Show how far a run of the agent is."""
    seen = campaign_queries.run(session, campaign_id, run_id)
    if seen is None:
        raise NotFound("run")
    return RunOut.of(seen.run, stage=seen.stage, percent=seen.percent)


@router.post("/{campaign_id}/questions/{question_id}/answer", status_code=202)
def answer_question(
    campaign_id: UUID, question_id: UUID, payload: AnswerIn, session: TenantSession, who: Writer
) -> CampaignOut:
    """Answer a question of the agent; after the last answer it goes on writing."""
    reviews.answer(session, campaign_id, question_id, text=payload.text, actor=who.actor)
    return shown(session, campaigns.get(session, campaign_id))


@router.post("/{campaign_id}/schedule")
def schedule_campaign(campaign_id: UUID, payload: ScheduleIn, session: TenantSession, who: Launcher) -> CampaignOut:
    """Set the time of sending. Another time than the approved one must be approved again."""
    campaign = campaigns.schedule(session, campaign_id, actor=who.actor, **payload.model_dump())
    return shown(session, campaign)


@router.post("/{campaign_id}/unschedule")
def unschedule_campaign(campaign_id: UUID, session: TenantSession, who: Launcher) -> CampaignOut:
    """Take it out of the calendar; it stays approved."""
    return shown(session, campaigns.unschedule(session, campaign_id, actor=who.actor))


@router.post("/{campaign_id}/start")
def start_campaign(campaign_id: UUID, session: TenantSession, who: Launcher) -> CampaignOut:
    """Start sending an approved campaign."""
    return shown(session, campaigns.start(session, campaign_id, actor=who.actor))


@router.post("/{campaign_id}/pause")
def pause_campaign(campaign_id: UUID, session: TenantSession, who: Launcher) -> CampaignOut:
    """Stop sending; what is already on the wire ends, the rest waits."""
    return shown(session, campaigns.pause(session, campaign_id, actor=who.actor))


@router.post("/{campaign_id}/resume")
def resume_campaign(campaign_id: UUID, session: TenantSession, who: Launcher) -> CampaignOut:
    """Go on where it stopped."""
    return shown(session, campaigns.resume(session, campaign_id, actor=who.actor))


@router.post("/{campaign_id}/cancel")
def cancel_campaign(campaign_id: UUID, session: TenantSession, who: Launcher) -> CampaignOut:
    """End it for good."""
    return shown(session, campaigns.cancel(session, campaign_id, actor=who.actor))


@router.post("/{campaign_id}/duplicate", status_code=201)
def duplicate_campaign(campaign_id: UUID, session: TenantSession, who: Writer) -> CampaignOut:
    """Make a new draft with the same goal, audience and sender."""
    return shown(session, campaigns.duplicate(session, campaign_id, actor=who.actor))
