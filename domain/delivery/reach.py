"""Whom a campaign reaches: the one statement that the flight check counts and the recipients are fixed from."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from domain.campaigns import content_templates, revisions
from domain.delivery import gate
from kernel import db
from models import Campaign, Tenant


def of(
    session: Session,
    campaign: Campaign,
    revision_id: UUID | None,
    *,
    audience: dict[str, Any] | None = None,
    cap: tuple[int, int] | None = None,
    parts: ColumnElement[int] | None = None,
) -> CTE:
    """Return one row per targeted member with the reason why not, as `gate.eligibility`, for a revision's languages.

    `audience` is that of the campaign where none is given.
    """
    languages, fallback = languages_of(session, campaign, revision_id)
    return gate.eligibility(
        campaign.audience if audience is None else audience,
        session=session,
        tenant_id=campaign.tenant_id,
        channel=campaign.channel,
        languages=languages,
        fallback=fallback,
        now=None,
        cap=cap,
        account_id=content_templates.account_of(session, campaign),
        parts=parts,
    )


def languages_of(session: Session, campaign: Campaign, revision_id: UUID | None) -> tuple[list[str], str]:
    """Return the languages of the content and the one for members who prefer another."""
    own = session.get_one(Tenant, db.tenant_of(session)).language
    if revision_id is None:
        return [own], own
    known = list(revisions.get(session, campaign.id, revision_id).content_json.get("languages", {}))
    return known, own if own in known else known[0]
