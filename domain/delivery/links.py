"""Where the links of a campaign's content lead, for the clicks on them."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.campaigns import revisions
from models import Campaign, TrackedLink


def put(session: Session, campaign: Campaign, revision_id: UUID) -> None:
    """Keep where the links of a revision lead, in the place of those of an earlier one that was tried out."""
    content = revisions.get(session, campaign.id, revision_id).content_json
    url = content.get("cta_url")
    if not url:
        return
    for language in content.get("languages", {}):
        session.execute(
            insert(TrackedLink)
            .values(tenant_id=campaign.tenant_id, campaign_id=campaign.id, language=language, n=0, url=url)
            .on_conflict_do_update(index_elements=["tenant_id", "campaign_id", "language", "n"], set_={"url": url})
        )
