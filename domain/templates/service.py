"""Templates: contents that a studio keeps and reuses, as immutable versions, within the plan's limit."""

import hashlib
import json
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.content import blocks
from domain.plans import catalog
from domain.plans import service as plans
from kernel import db
from kernel.errors import Conflict, Invalid, NotFound
from models import Campaign, Template, TemplateVersion


def get(session: Session, template_id: UUID) -> Template:
    return db.own(session, Template, template_id, "template")


def _locked(session: Session, template_id: UUID) -> Template:
    """Return the template as it is committed now, locked until the transaction ends; raises NotFound."""
    own = (Template.tenant_id == db.tenant_of(session), Template.id == template_id)
    found = select(Template).where(*own).with_for_update().execution_options(populate_existing=True)
    template = session.execute(found).scalar_one_or_none()
    if template is None:
        raise NotFound("template")
    return template


def matching(session: Session, *, kind: str | None = None, active: bool | None = None) -> Select[Template]:
    """Return the statement of the tenant's templates that fit the filters."""
    statement = select(Template).where(Template.tenant_id == db.tenant_of(session))
    if kind is not None:
        statement = statement.where(Template.kind == kind)
    if active is not None:
        statement = statement.where(Template.active.is_(active))
    return statement


def version(session: Session, template: Template, n: int | None = None) -> TemplateVersion:
    """Return a version, the current one by default; raises NotFound."""
    row = session.execute(
        select(TemplateVersion).where(
            TemplateVersion.tenant_id == template.tenant_id,
            TemplateVersion.template_id == template.id,
            TemplateVersion.n == (n or template.current_version),
        )
    ).scalar_one_or_none()
    if row is None:
        raise NotFound("template version")
    return row


def create(
    session: Session, *, name: str, description: str | None, kind: str, content: dict[str, Any], actor: str
) -> Template:
    """Keep a new template. Raises PlanLimit, Conflict for a name that is taken, Invalid for the content."""
    _check(content)
    _free_name(session, name, None)
    template = Template(
        tenant_id=db.tenant_of(session),
        name=name,
        description=description,
        kind=kind,
        current_version=1,
        created_by=actor,
    )
    session.add(template)
    session.flush()
    plans.spend(session, catalog.TEMPLATES, template.id)
    _add_version(session, template, 1, content, actor)
    audit.append(session, actor=actor, action="template.create", subject=str(template.id))
    return template


def _check(content: dict[str, Any]) -> None:
    problems = blocks.problems(content)
    if problems:
        raise Invalid(f"content.{problems[0].path}", problems[0].reason)


def _free_name(session: Session, name: str, own: UUID | None) -> None:
    other = session.execute(
        select(Template.id).where(Template.tenant_id == db.tenant_of(session), Template.name == name)
    ).scalar_one_or_none()
    if other not in {None, own}:
        raise Conflict(f"Another template is called '{name}'. Choose another name.", code="name_taken")


def _add_version(session: Session, template: Template, n: int, content: dict[str, Any], actor: str) -> None:
    body = json.dumps(content, sort_keys=True, ensure_ascii=False)
    session.add(
        TemplateVersion(
            tenant_id=template.tenant_id,
            template_id=template.id,
            n=n,
            content_json=content,
            content_hash=hashlib.sha256(body.encode()).hexdigest(),
            created_by=actor,
        )
    )
    session.flush()


def change(
    session: Session, template_id: UUID, *, actor: str, content: dict[str, Any] | None, **fields: Any
) -> Template:
    """Change fields; another content becomes a new version, the earlier ones stay.

    Raises PlanLimit for switching one on where as many work as the plan allows.
    """
    if "active" in fields:
        plans.alone(session, catalog.TEMPLATES)
    template = _locked(session, template_id)
    if fields.get("active") and not template.active:
        plans.switch_on(session, catalog.TEMPLATES, lambda: _working(session))
    if fields.get("name"):
        _free_name(session, fields["name"], template.id)
    if fields.get("is_default"):
        session.execute(
            update(Template)
            .where(Template.tenant_id == template.tenant_id, Template.kind == template.kind)
            .values(is_default=False)
        )
    for key, value in fields.items():
        setattr(template, key, value)
    if content is not None:
        _check(content)
        template.current_version += 1
        _add_version(session, template, template.current_version, content, actor)
    audit.append(session, actor=actor, action="template.change", subject=str(template.id))
    session.flush()
    return template


def _working(session: Session) -> int:
    own = Template.tenant_id == db.tenant_of(session)
    return session.execute(
        select(func.count()).select_from(Template).where(own, Template.active.is_(True))
    ).scalar_one()


def delete(session: Session, template_id: UUID, *, actor: str) -> None:
    """Remove a template that no campaign uses, and give its place in the plan back; of parallel callers one does."""
    plans.alone(session, catalog.TEMPLATES)
    template = _locked(session, template_id)
    used = session.execute(
        select(Campaign.id)
        .where(Campaign.tenant_id == template.tenant_id, Campaign.template_id == template.id)
        .limit(1)
    ).scalar_one_or_none()
    if used is not None:
        raise Conflict("A campaign uses this template. Switch it off instead (active: false).", code="in_use")
    plans.release(session, catalog.TEMPLATES, template.id)
    audit.append(session, actor=actor, action="template.delete", subject=str(template.id))
    session.delete(template)
    session.flush()
