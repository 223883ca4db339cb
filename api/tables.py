"""Tables as files, for routes: which form and language, and the answer."""

from typing import Annotated, Literal, NamedTuple

from fastapi import Depends, Query, Response

from domain.analytics import exports
from domain.analytics.exports import Language, Sheet

Form = Literal["csv", "json", "xlsx"]
_MEDIA: dict[Form, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
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
    headers = {"Content-Disposition": f'attachment; filename="{name}.{wish.form}"'}
    return Response(body, media_type=_MEDIA[wish.form], headers=headers)
