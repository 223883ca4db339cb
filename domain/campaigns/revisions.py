"""Draft revisions: immutable contents in a chain, checked when they are stored."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.campaigns import seal
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb, follow
from kernel import db
from kernel.errors import NotFound
from models import Campaign, DraftRevision, FindingOverride


def store(  # noqa: PLR0913 - a revision is this many facts
    session: Session,
    campaign_id: UUID,
    *,
    content_json: dict[str, Any],
    origin: str,
    author: str,
    parent_id: UUID | None,
    sources: list[dict[str, Any]],
    claims: list[dict[str, Any]],
    findings: list[dict[str, Any]],
    run_id: UUID | None = None,
    prompt_versions: dict[str, Any] | None = None,
    plan: dict[str, Any] | None = None,
) -> DraftRevision:
    """Insert a revision and make it current if its parent still is; the same run stores once.

    `findings` are those of `domain.content.checks` as JSON. Earlier preview links are superseded and an
    approval of an earlier revision is void.
    """
    campaign = campaigns.lock(session, campaign_id)
    known = _of_run(session, run_id)
    if known is not None:
        return known
    revision = DraftRevision(
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        n=_next_number(session, campaign),
        parent_id=parent_id,
        run_id=run_id,
        origin=origin,
        content_json=content_json,
        claims_json=claims,
        findings_json=[{**finding, "key": finding_key(finding)} for finding in findings],
        sources_json=sources,
        content_hash=seal.content_hash(content_json),
        author=author,
        created_by=author,
        prompt_versions=prompt_versions or {},
        plan_json=plan,
    )
    session.add(revision)
    session.flush()
    if campaign.current_revision_id == parent_id:
        _make_current(session, campaign, revision)
    return revision


def _of_run(session: Session, run_id: UUID | None) -> DraftRevision | None:
    if run_id is None:
        return None
    return session.execute(
        select(DraftRevision).where(DraftRevision.tenant_id == db.tenant_of(session), DraftRevision.run_id == run_id)
    ).scalar_one_or_none()


def _next_number(session: Session, campaign: Campaign) -> int:
    highest = session.execute(
        select(func.max(DraftRevision.n)).where(
            DraftRevision.tenant_id == campaign.tenant_id, DraftRevision.campaign_id == campaign.id
        )
    ).scalar_one()
    return (highest or 0) + 1


def _make_current(session: Session, campaign: Campaign, revision: DraftRevision) -> None:
    follow(Status(campaign.status), Verb.SUBMIT)
    if campaign.status in {Status.SCHEDULED, Status.HELD}:
        campaigns.not_fixed(campaign)
    if campaign.approval_hash is not None:
        campaigns.void(session, campaign, because=f"revision {revision.n} replaces it", actor=revision.author)
    campaigns.revoke_links(session, campaign.id, because="superseded")
    campaign.current_revision_id = revision.id
    campaigns.move(session, campaign, Verb.SUBMIT, actor=revision.author, revision=revision.n)
    session.flush()


def finding_key(finding: dict[str, Any]) -> str:
    """Return the stable key of a finding within its revision, for waivers."""
    return seal.digest([finding.get("code"), finding.get("path"), finding.get("excerpt")])[:16]


def get(session: Session, campaign_id: UUID, revision_id: UUID) -> DraftRevision:
    """Return one revision of the campaign; raises NotFound, also under a wrong campaign."""
    revision = session.execute(
        select(DraftRevision).where(
            DraftRevision.tenant_id == db.tenant_of(session),
            DraftRevision.campaign_id == campaign_id,
            DraftRevision.id == revision_id,
        )
    ).scalar_one_or_none()
    if revision is None:
        raise NotFound("revision")
    return revision


def current(session: Session, campaign: Campaign) -> DraftRevision:
    """Return what the campaign says now; raises NotFound where nothing is written yet."""
    if campaign.current_revision_id is None:
        raise NotFound("revision")
    return get(session, campaign.id, campaign.current_revision_id)


def parent(session: Session, revision: DraftRevision) -> DraftRevision | None:
    """Return the revision that this one was made from."""
    return get(session, revision.campaign_id, revision.parent_id) if revision.parent_id else None


def waived(session: Session, revision_id: UUID) -> dict[str, FindingOverride]:
    """Return the waivers of a revision by finding key."""
    rows = session.execute(
        select(FindingOverride).where(
            FindingOverride.tenant_id == db.tenant_of(session), FindingOverride.revision_id == revision_id
        )
    ).scalars()
    return {row.finding_key: row for row in rows}


def open_blockers(session: Session, revision: DraftRevision) -> list[dict[str, Any]]:
    """Return the findings that stand in the way of an approval."""
    waivers = waived(session, revision.id)
    return [f for f in revision.findings_json if f.get("severity") == "block" and f["key"] not in waivers]
