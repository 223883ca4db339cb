"""Tables as files, for routes: which form and language, and the answer."""

from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

from fastapi import Depends, Query, Response
from fastapi.responses import StreamingResponse

from domain.analytics import exports
from domain.analytics.exports import Language, Sheet

Form = Literal["csv", "json", "xlsx"]
_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class TableQuery(NamedTuple):
    form: Form
    language: Language


def _wish(
    form: Annotated[Form, Query(alias="format")] = "csv",
    language: Annotated[Language, Query(description="Of headings, days and numbers.")] = "de",
) -> TableQuery:
    return TableQuery(form, language)


InForm = Annotated[TableQuery, Depends(_wish)]


def file_of(made: Sheet, wish: TableQuery, name: str) -> Response:
    """Return a table as an attachment of that name."""
    if wish.form == "xlsx":
        body = exports.as_xlsx(made, wish.language)
    else:
        lines = exports.as_csv(made, wish.language) if wish.form == "csv" else exports.as_json(made)
        body = "".join(lines).encode()
    return Response(body, media_type=_MEDIA[wish.form], headers=_saved_as(name, wish.form))


def streamed(pieces: Iterable[str], form: str, name: str) -> StreamingResponse:
    """Return pieces as an attachment of that name, which are made while they are sent."""
    return StreamingResponse(pieces, media_type=_MEDIA[form], headers=_saved_as(name, form))


def _saved_as(name: str, form: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
