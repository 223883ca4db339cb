"""Templates: contents that are kept and reused."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.knowledge import TemplateDetail, TemplateIn, TemplateOut, TemplatePatch
from domain.identity.service import Principal
from domain.templates import service as templates
from models import Template

router = APIRouter(prefix="/templates", tags=["templates"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("templates:read")]
Writer = Annotated[Principal, requires("templates:write")]


def _detail(session: Session, template: Template, n: int | None = None) -> TemplateDetail:
    version = templates.version(session, template, n)
    row = TemplateOut.of(template).model_dump()
    return TemplateDetail(**row, content=version.content_json, content_hash=version.content_hash)


@router.post("", status_code=201)
def create_template(payload: TemplateIn, session: TenantSession, who: Writer) -> TemplateDetail:
    """Keep a new template, within the plan's limit."""
    return _detail(session, templates.create(session, actor=who.actor, **payload.model_dump()))


@router.get("")
def list_templates(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    kind: Annotated[Literal["email"] | None, Query()] = None,
    active: Annotated[bool | None, Query()] = None,
) -> Page[TemplateOut]:
    """List templates, newest first."""
    rows, cursor = page_of(session, templates.matching(session, kind=kind, active=active), Template.id, paging)
    return Page(items=[TemplateOut.of(row) for row in rows], next_cursor=cursor)


@router.get("/{template_id}")
def get_template(
    template_id: UUID,
    session: TenantSession,
    _who: Reader,
    version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> TemplateDetail:
    """Show a template with its content, the current version by default."""
    return _detail(session, templates.get(session, template_id), version)


@router.put("/{template_id}")
def change_template(template_id: UUID, payload: TemplatePatch, session: TenantSession, who: Writer) -> TemplateDetail:
    """Change a template; another content becomes a new version."""
    fields = {key: value for key, value in payload.model_dump(exclude_unset=True).items() if value is not None}
    content = fields.pop("content", None)
    return _detail(session, templates.change(session, template_id, actor=who.actor, content=content, **fields))


@router.delete("/{template_id}", status_code=204)
def delete_template(template_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Remove a template that no campaign uses; its place in the plan is free again."""
    templates.delete(session, template_id, actor=who.actor)
    return Response(status_code=204)
