"""Templates that WhatsApp approves, as the provider has them; and a tenant's own words that stop."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.schemas.content_templates import (
    ContentTemplateOut,
    OptOutWordsIn,
    OptOutWordsOut,
    SyncIn,
    SyncOut,
)
from api.threads import ThreadRoute
from domain.consent import opt_outs
from domain.identity.service import Principal
from domain.senders import content_templates as service
from models import ContentTemplate

router = APIRouter(tags=["senders"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("templates:read")]
Writer = Annotated[Principal, requires("templates:write")]
ConsentWriter = Annotated[Principal, requires("consent:write")]
ConsentReader = Annotated[Principal, requires("settings:read")]


@router.post("/content-templates/sync")
def sync_content_templates(payload: SyncIn, who: Writer) -> SyncOut:
    """Take over an account's templates and WhatsApp's word about each, as the provider has them now."""
    done = service.sync(who.tenant_id, payload.account_id)
    return SyncOut(known=done.known, gone=done.gone)


@router.get("/content-templates")
def list_content_templates(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    account_id: Annotated[UUID | None, Query()] = None,
    approval: Annotated[str | None, Query(max_length=40)] = None,
) -> Page[ContentTemplateOut]:
    """List the templates that were taken over, newest first."""
    statement = service.matching(session, account_id=account_id, approval=approval)
    rows, cursor = page_of(session, statement, ContentTemplate.id, paging)
    return Page(items=[ContentTemplateOut.of(row) for row in rows], next_cursor=cursor)


@router.get("/content-templates/{template_id}")
def get_content_template(template_id: UUID, session: TenantSession, _who: Reader) -> ContentTemplateOut:
    """Show one template."""
    return ContentTemplateOut.of(service.get(session, template_id))


@router.get("/opt-out-words")
def get_opt_out_words(session: TenantSession, _who: ConsentReader) -> OptOutWordsOut:
    """Show the tenant's own words that end messages."""
    return OptOutWordsOut(words=opt_outs.words(session))


@router.put("/opt-out-words")
def set_opt_out_words(payload: OptOutWordsIn, session: TenantSession, who: ConsentWriter) -> OptOutWordsOut:
    """Replace the tenant's own words that end messages; those known to all stay in force."""
    return OptOutWordsOut(words=opt_outs.set_words(session, payload.words, actor=who.actor))
