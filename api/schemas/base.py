"""Rules of every payload: unknown fields are refused on input, outputs are read from rows."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, model_validator


class Input(BaseModel):
    """A payload: strict about names and types, free of NUL characters (PostgreSQL text cannot hold them)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        if _has_nul(value):
            raise ValueError("a text holds a NUL character; remove it")
        return value


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_nul(item) for item in value)


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
    """RFC 9457; `code` is stable, `detail` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str | None = None
