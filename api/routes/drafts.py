"""Drafts of a campaign: revisions, their differences, feedback, decisions and preview links."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.routes.campaigns import shown
from api.schemas.campaigns import (
    CampaignOut,
    DecisionIn,
    DiffField,
    DiffOut,
    DraftIn,
    FeedbackIn,
    NewPreviewLink,
    PreviewLinkIn,
    PreviewLinkOut,
    ReviewOut,
    RevisionOut,
    RunOut,
    WaiverIn,
    WithdrawalIn,
)
from api.threads import ThreadRoute
from domain.campaigns import drafting, previews, queries, reviews, revisions
from domain.campaigns import service as campaigns
from domain.campaigns.reviews import Decision
from domain.content import diff
from domain.identity.service import Principal
from models import DraftRevision, PreviewLink, Review

router = APIRouter(prefix="/campaigns/{campaign_id}", tags=["drafts"], route_class=IdempotentRoute)
links = APIRouter(prefix="/campaigns/{campaign_id}/preview-links", tags=["drafts"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Writer = Annotated[Principal, requires("campaigns:write")]
Approver = Annotated[Principal, requires("campaigns:approve")]


def _decision(who: Principal, payload: DecisionIn | FeedbackIn) -> Decision:
    fields = payload.model_dump(exclude_none=True)
    wishes = tuple(fields.pop("wishes", ()))
    if fields.get("scope"):
        fields["scope"] = {"places": fields["scope"]}
    else:
        fields.pop("scope", None)
    return Decision(actor=who.actor, name=who.name, wishes=wishes, **fields)


@router.get("/revisions")
def list_revisions(campaign_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[RevisionOut]:
    """List the draft revisions, newest first."""
    campaigns.get(session, campaign_id)
    rows, cursor = page_of(session, queries.revisions(session, campaign_id), DraftRevision.id, paging)
    return Page(items=[RevisionOut.of(row) for row in rows], next_cursor=cursor)


@router.post("/revisions", status_code=201)
def write_revision(campaign_id: UUID, payload: DraftIn, session: TenantSession, who: Writer) -> RevisionOut:
    """Write a draft by hand; it is checked like the agent's."""
    content = payload.content.model_dump(mode="json", exclude_none=True)
    revision = drafting.write(session, campaign_id, content=content, parent_id=payload.parent_id, actor=who.actor)
    return RevisionOut.of(revision)


@router.get("/revisions/{revision_id}")
def get_revision(campaign_id: UUID, revision_id: UUID, session: TenantSession, _who: Reader) -> RevisionOut:
    """Show one revision with its sources and findings."""
    return RevisionOut.of(revisions.get(session, campaign_id, revision_id))


@router.get("/revisions/{revision_id}/diff")
def get_diff(campaign_id: UUID, revision_id: UUID, session: TenantSession, _who: Reader) -> DiffOut:
    """Show, word by word, what a revision changed."""
    revision = revisions.get(session, campaign_id, revision_id)
    parent = revisions.parent(session, revision)
    changes = diff.compare(parent.content_json if parent else {}, revision.content_json)
    fields = [DiffField(path=path, words=[(str(op), text) for op, text in words]) for path, words in changes]
    return DiffOut(revision_id=revision.id, parent_id=revision.parent_id, fields=fields)


@router.post("/feedback", status_code=202)
def give_feedback(campaign_id: UUID, payload: FeedbackIn, session: TenantSession, who: Writer) -> RunOut:
    """Ask for another revision."""
    return RunOut.of(reviews.request_changes(session, campaign_id, _decision(who, payload)))


@router.post("/approve")
def approve_campaign(campaign_id: UUID, payload: DecisionIn, session: TenantSession, who: Approver) -> CampaignOut:
    """Approve exactly this content, as a signed-in person."""
    return shown(session, reviews.approve(session, campaign_id, _decision(who, payload)))


@router.post("/withdraw-approval")
def withdraw_approval(campaign_id: UUID, payload: WithdrawalIn, session: TenantSession, who: Approver) -> CampaignOut:
    """Take an approval back before anything is sent; the draft is up for review again."""
    return shown(session, reviews.withdraw(session, campaign_id, actor=who.actor, name=None, reason=payload.reason))


@router.post("/reject")
def reject_campaign(campaign_id: UUID, payload: DecisionIn, session: TenantSession, who: Approver) -> CampaignOut:
    """Put the draft aside, with a reason."""
    return shown(session, reviews.reject(session, campaign_id, _decision(who, payload)))


@router.post("/findings/{finding_key}/waive", status_code=204)
def waive_finding(
    campaign_id: UUID, finding_key: str, payload: WaiverIn, session: TenantSession, who: Approver
) -> Response:
    """Let one blocking finding pass, by name and reason."""
    reviews.waive(session, campaign_id, finding_key, actor=who.actor, name=payload.name, reason=payload.reason)
    return Response(status_code=204)


@router.get("/reviews")
def list_reviews(campaign_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[ReviewOut]:
    """List decisions and comments, newest first."""
    campaigns.get(session, campaign_id)
    rows, cursor = page_of(session, queries.reviews(session, campaign_id), Review.id, paging)
    return Page(items=[ReviewOut.of(row) for row in rows], next_cursor=cursor)


@links.post("", status_code=201)
def create_preview_link(
    campaign_id: UUID, payload: PreviewLinkIn, session: TenantSession, who: Writer
) -> NewPreviewLink:
    """Make a link that shows the current revision to somebody who has no account; its address is shown this once."""
    made = previews.create(
        session,
        campaign_id,
        actor=who.actor,
        purpose=payload.purpose,
        hours=payload.hours,
        member_ids=payload.member_ids,
    )
    return NewPreviewLink.model_validate({**PreviewLinkOut.of(made.link).model_dump(), "url": made.url})


@links.get("")
def list_preview_links(campaign_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[PreviewLinkOut]:
    """List preview links without their addresses, newest first."""
    campaigns.get(session, campaign_id)
    rows, cursor = page_of(session, queries.preview_links(session, campaign_id), PreviewLink.id, paging)
    return Page(items=[PreviewLinkOut.of(row) for row in rows], next_cursor=cursor)


@links.delete("/{link_id}", status_code=204)
def revoke_preview_link(campaign_id: UUID, link_id: UUID, session: TenantSession, who: Writer) -> Response:
    """End a preview link at once."""
    previews.revoke(session, campaign_id, link_id, actor=who.actor)
    return Response(status_code=204)
