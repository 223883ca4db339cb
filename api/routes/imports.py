"""Importing files of members, activities and purchases, and taking an import back."""

import json
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.members import ImportOut, ImportRowOut
from domain.audience import histories, imports, queries, undo
from domain.identity.service import Principal
from kernel.errors import Invalid
from models import ImportBatch, ImportRow

router = APIRouter(prefix="/imports", tags=["imports"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("members:read")]
Writer = Annotated[Principal, requires("members:write")]
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


@router.post("/members", status_code=201)
def import_members(
    file: Upload,
    session: TenantSession,
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
    batch = imports.run(
        session,
        data=file.file.read(),
        file_name=file.filename or "file.csv",
        actor=who.actor,
        dry_run=dry_run,
        mapping=_mapping(mapping),
        attested_by=attested_by or None,
    )
    return ImportOut.of(batch)


@router.post("/{kind}", status_code=201)
def import_history(
    kind: Literal["activities", "purchases"], file: Upload, session: TenantSession, who: Writer
) -> ImportOut:
    """Add activities or purchases of members, named by their member number."""
    data = file.file.read()
    return ImportOut.of(histories.run(session, kind=kind, data=data, file_name=file.filename or "", actor=who.actor))


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
