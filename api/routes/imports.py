"""Importing files of members, activities and purchases, and taking an import back."""

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from sqlalchemy.orm import Session

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.members import ImportOut, ImportRowOut
from domain.audience import background, histories, imports, queries, undo
from domain.audience.background import Order
from domain.identity.service import Principal
from kernel.errors import Invalid
from models import ImportBatch, ImportRow

router = APIRouter(prefix="/imports", tags=["imports"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("members:read")]
Writer = Annotated[Principal, requires("members:write")]
_LATER: dict[int | str, dict[str, Any]] = {
    202: {
        "model": ImportOut,
        "description": "The file has more than 2,000 rows or 1 MiB: it is imported in the background. "
        "Ask `GET /imports/{id}` for its `status`: queued, running, done or failed.",
    }
}
Upload = Annotated[UploadFile, File(description="CSV (comma, semicolon or tab) or JSON, at most 50 MiB.")]


def _mapping(text: str | None) -> dict[str, str] | None:
    if not text:
        return None
    try:
        mapping = json.loads(text)
    except json.JSONDecodeError:
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(value, str) for value in mapping.values()):
        raise Invalid("mapping", 'give a JSON object of column to field, such as {"Vorname": "first_name"}')
    return mapping


@router.post("/members", status_code=201, responses=_LATER)
def import_members(
    file: Upload,
    session: TenantSession,
    response: Response,
    who: Writer,
    dry_run: Annotated[bool, Form(description="Only say what would happen.")] = False,  # noqa: FBT002 - a form field
    mapping: Annotated[
        str | None, Form(max_length=20_000, description="Column to field, as JSON; guessed if absent.")
    ] = None,
    attested_by: Annotated[
        str | None, Form(max_length=200, description="Who vouches for the consents in the file; none, no consent.")
    ] = None,
) -> ImportOut:
    """Import members. Never lifts a suppression, never raises a consent that exists."""
    name = file.filename or "file.csv"
    order = Order("members", name, who.actor, dry_run, _mapping(mapping), attested_by or None)
    return _take(session, response, order, file.file.read())


@router.post("/{kind}", status_code=201, responses=_LATER)
def import_history(
    kind: Literal["activities", "purchases"], file: Upload, session: TenantSession, response: Response, who: Writer
) -> ImportOut:
    """Add activities or purchases of members, named by their member number."""
    return _take(session, response, Order(kind, file.filename or "", who.actor), file.file.read())


def _take(session: Session, response: Response, order: Order, data: bytes) -> ImportOut:
    """Import at once, or in the background what would take long."""
    if background.is_large(data):
        response.status_code = 202
        return ImportOut.of(background.accept(session, order, data))
    if order.kind == "members":
        batch = imports.run(
            session,
            data=data,
            file_name=order.file_name,
            actor=order.actor,
            dry_run=order.dry_run,
            mapping=order.mapping,
            attested_by=order.attested_by,
        )
    else:
        batch = histories.run(session, kind=order.kind, data=data, file_name=order.file_name, actor=order.actor)
    return ImportOut.of(batch)


@router.get("")
def list_imports(session: TenantSession, _who: Reader, paging: Paging) -> Page[ImportOut]:
    """List imports, newest first."""
    rows, cursor = page_of(session, queries.batches(session), ImportBatch.id, paging)
    return Page(items=[ImportOut.of(row) for row in rows], next_cursor=cursor)


@router.get("/{import_id}")
def get_import(import_id: UUID, session: TenantSession, _who: Reader) -> ImportOut:
    """Show what an import did."""
    return ImportOut.of(undo.get_batch(session, import_id))


@router.get("/{import_id}/rows")
def list_import_rows(
    import_id: UUID,
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    outcome: Annotated[Literal["created", "updated", "unchanged", "rejected"] | None, Query()] = None,
) -> Page[ImportRowOut]:
    """Report per row, last line first."""
    undo.get_batch(session, import_id)
    rows, cursor = page_of(session, queries.rows(session, import_id, outcome), ImportRow.id, paging)
    return Page(items=[ImportRowOut.of(row) for row in rows], next_cursor=cursor)


@router.post("/{import_id}/undo")
def undo_import(import_id: UUID, session: TenantSession, who: Writer) -> ImportOut:
    """Take an import of members back."""
    return ImportOut.of(undo.undo(session, import_id, actor=who.actor))
