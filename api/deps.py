"""What route functions ask for: a tenant's transaction, a page, and idempotent POSTs."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.auth import CurrentPrincipal
from kernel import db
from kernel.errors import Invalid
from kernel.settings import get_settings

T = TypeVar("T")


def _session(principal: CurrentPrincipal) -> Iterator[Session]:
    with db.tenant_session(principal.tenant_id, timeout_ms=get_settings().statement_timeout_ms) as session:
        yield session


# scope="function": the commit happens before the response starts, so a client never reads what may still roll back.
TenantSession = Annotated[Session, Depends(_session, scope="function")]


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is absent at the end."""

    items: list[T]
    next_cursor: str | None = Field(None, description="Pass as `cursor` to get the next page.")


class PageQuery(BaseModel):
    limit: int
    after: UUID | None


async def _page(
    limit: Annotated[int, Query(ge=1, le=200, description="Rows per page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before.")] = None,
) -> PageQuery:
    if cursor is None:
        return PageQuery(limit=limit, after=None)
    try:
        return PageQuery(limit=limit, after=UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))
    except (ValueError, binascii.Error):
        raise Invalid("cursor", "is not one of ours; start without a cursor") from None


Paging = Annotated[PageQuery, Depends(_page)]


def cursor_of(row_id: UUID) -> str:
    """Return the opaque cursor behind a row."""
    return base64.urlsafe_b64encode(row_id.bytes).rstrip(b"=").decode()


def page_of(
    session: Session, statement: Select[Any], key: InstrumentedAttribute[UUID], paging: PageQuery
) -> tuple[Sequence[Any], str | None]:
    """Return one page of entities, newest first by `key`, and the cursor of the next."""
    if paging.after is not None:
        statement = statement.where(key < paging.after)
    rows = list(session.execute(statement.order_by(key.desc()).limit(paging.limit + 1)).scalars())
    more = len(rows) > paging.limit
    rows = rows[: paging.limit]
    return rows, cursor_of(getattr(rows[-1], key.key)) if more else None
