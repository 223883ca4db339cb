"""Payloads of segments."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.base import Input, Output, Stamped

Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Stille Mitglieder"])]
Rules = Annotated[
    dict[str, Any],
    Field(
        description="Typed conditions, nested by all, any and not (docs/segments.md). Unknown ones are refused.",
        examples=[
            {
                "type": "all",
                "rules": [
                    {"type": "recent", "field": "last_visit_at", "op": "before_last_days", "days": 30},
                    {"type": "not", "rule": {"type": "tag", "any_of": ["mitarbeiter"]}},
                    {"type": "purchase", "measure": "sum", "op": "at_least", "amount": 10000, "currency": "EUR"},
                ],
            }
        ],
    ),
]


class SegmentIn(Input):
    """A dynamic segment has rules, a static one gets its members by hand."""

    name: Name
    description: Annotated[str, Field(max_length=2_000)] | None = None
    kind: Literal["dynamic", "static"] = "dynamic"
    rules: Rules | None = None


class SegmentPatch(Input):
    """What changes; fields that are absent stay."""

    name: Name | None = None
    description: Annotated[str, Field(max_length=2_000)] | None = None
    status: Literal["active", "archived"] | None = None
    rules: Rules | None = None


class SegmentOut(Stamped):
    name: str
    description: str | None
    kind: str
    status: str
    rules: dict[str, Any] | None
    member_count: int | None
    counted_at: datetime | None


class SegmentDetail(SegmentOut):
    """With its rules as a sentence in both languages."""

    sentence: dict[str, str]


class RulesIn(Input):
    rules: Rules


class PersonOut(Output):
    """A member in short; `GET /members/{id}` shows the rest."""

    id: UUID
    external_id: str | None
    first_name: str | None
    last_name: str | None
    language: str | None
    status: str
    tags: list[str]
    last_visit_at: datetime | None


class LookOut(Output):
    """Whom unsaved rules mean now."""

    count: int
    sample: list[PersonOut]
    sentence: dict[str, str]


class MembersIn(Input):
    member_ids: list[UUID] = Field(min_length=1, max_length=1_000)


class AddedOut(Output):
    added: int
    member_count: int
