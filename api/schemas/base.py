"""Rules of every payload: unknown fields are refused on input, outputs are read from rows."""

import re
from collections.abc import Iterable
from datetime import datetime
from math import isfinite
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, model_validator

from kernel.text import blank

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FIRST_YEAR, _LAST_YEAR = 1900, 2999


def _reckonable(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"is outside of the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


# Moments that every clock can show and reckon with: the ends of the calendar overflow in another zone, and what
# PostgreSQL keeps of them cannot be read again. `Moment` must name its offset, `Instant` is UTC without one.
Moment = Annotated[AwareDatetime, AfterValidator(_reckonable)]
Instant = Annotated[datetime, AfterValidator(_reckonable)]


class Input(BaseModel):
    """A payload: strict about names and types, without texts that show nothing, free of what PostgreSQL cannot keep.

    That is NUL, lone surrogates and NaN.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if problem := _unstorable(value, ""):
            raise ValueError(problem)
        return value


def _wrong(text: str, place: str) -> str | None:
    if _UNSTORABLE.search(text):
        return f"{place or 'a text'} holds a NUL character or half of a surrogate pair; remove it"
    if blank(text) and text.strip():  # white space is stripped, and counts as no text by itself
        return f"{place or 'a text'} holds only characters that cannot be seen; write a text or leave it out"
    return None


def _unstorable(value: Any, place: str) -> str | None:
    """Say what in a payload the database cannot keep, or nobody can see, and where; `place` is the path so far."""
    if isinstance(value, str):
        return _wrong(value, place)
    if isinstance(value, float) and not isfinite(value):
        return f"{place} is no finite number"
    lists = enumerate(value) if isinstance(value, list) else ()
    inner: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else lists
    for key, item in inner:
        problem = _unstorable(key, f"{place}: a name") or _unstorable(item, f"{place}.{key}" if place else str(key))
        if problem:
            return problem
    return None


class Output(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def of(cls, row: Any, **more: Any) -> Self:
        """Build from a row; `more` adds what is not a column."""
        made = cls.model_validate(row)
        return made.model_copy(update=more) if more else made


class Stamped(Output):
    id: UUID
    created_at: datetime
    updated_at: datetime
    created_by: str | None


class ProblemDocument(BaseModel):
    """RFC 9457; `code` is stable, `detail` says what to do. More members by code: docs/api.md and the examples."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str | None = None
