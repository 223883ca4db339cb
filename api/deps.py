"""What route functions ask for: a tenant's transaction, a page, and idempotent POSTs."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.auth import Credentials, known_of, secret_of
from domain.identity import service as identity
from kernel import db
from kernel.errors import Invalid
from kernel.settings import get_settings

T = TypeVar("T")
Shape = TypeVar("Shape", bound=BaseModel)
Row = dict[str, Any]


def _session(request: Request, credentials: Credentials) -> Iterator[Session]:
    timeout_ms = get_settings().statement_timeout_ms
    principal = known_of(request)
    if principal is not None:
        with db.tenant_session(principal.tenant_id, timeout_ms=timeout_ms) as session:
            yield session
        return
    with identity.admitted(secret_of(credentials), timeout_ms=timeout_ms) as (session, principal):
        request.state.principal = principal
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
    rows = list(session.execute(_after(statement, key, paging)).scalars())
    more = len(rows) > paging.limit
    rows = rows[: paging.limit]
    return rows, cursor_of(getattr(rows[-1], key.key)) if more else None


def page_in(
    session: Session,
    statement: Select[Any],
    key: InstrumentedAttribute[UUID],
    paging: PageQuery,
    shape: type[Shape],
    more_of: Callable[[Sequence[UUID]], Mapping[UUID, Row]] | None = None,
) -> Page[Shape]:
    """Return one page of what `shape` shows of the rows, newest first by `key`: only its columns are read.

    `more_of` gets the keys of the page and returns what is no column, by key.
    """
    entity: Any = key.class_
    names = columns_of(entity, shape)
    columns = [key, *(getattr(entity, name) for name in names)]
    # The keys first, from the index of the tenant's rows alone: asked for whole rows, the planner may walk down the
    # primary key, past every newer row of other tenants.
    keys = _after(statement, key, paging).with_only_columns(key)
    found = session.execute(select(*columns).where(key.in_(keys)).order_by(key.desc())).all()
    rows = found[: paging.limit]
    ids = [row[0] for row in rows]
    items = [dict(zip(names, row[1:], strict=True)) for row in rows]
    if more_of is not None:
        more = more_of(ids)
        items = [item | more.get(row_id, {}) for row_id, item in zip(ids, items, strict=True)]
    following = cursor_of(ids[-1]) if len(found) > paging.limit else None
    return Page[shape].model_validate({"items": items, "next_cursor": following})  # type: ignore[valid-type]


def _after(statement: Select[Any], key: InstrumentedAttribute[UUID], paging: PageQuery) -> Select[Any]:
    if paging.after is not None:
        statement = statement.where(key < paging.after)
    return statement.order_by(key.desc()).limit(paging.limit + 1)


@cache
def columns_of(entity: type[Any], shape: type[BaseModel]) -> tuple[str, ...]:
    """Return which columns of the entity the shape shows. Raises TypeError for an attribute that is none."""
    names = [str(field.validation_alias or name) for name, field in shape.model_fields.items()]
    known = [name for name in names if hasattr(entity, name)]
    strange = [name for name in known if not isinstance(getattr(entity, name), InstrumentedAttribute)]
    if strange:
        raise TypeError(f"{entity.__name__}.{strange[0]} is no column: read the entities with page_of")
    return tuple(known)
