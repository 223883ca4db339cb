"""Payloads of opens, clicks, conversions and the report of links."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from api.schemas.base import Input, Instant, Output

Token = Annotated[str, Field(min_length=1, max_length=200, description="The signed part of the link.")]


class TokenIn(Input):
    token: Token


class OpenedOut(Output):
    kept: bool = Field(description="False for a token that is not ours, and while the journal is full.")


class ClickedOut(Output):
    url: str = Field(description="Where the link leads.")
    kept: bool


class ConversionIn(Input):
    """One of `visit`, `message_id`, `member_id` and `member_external_id` says which way somebody came."""

    external_id: Annotated[str, Field(min_length=1, max_length=100, examples=["order-4711"])]
    goal: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = "purchase"
    value_minor: Annotated[int, Field(ge=0, le=10**12, strict=True)] = Field(0, description="In the smallest unit.")
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    at: Instant | None = Field(None, description="When it happened, with its zone; now if absent.")
    visit: Token | None = Field(None, description="The parameter `ariia_v` of the page that was reached.")
    message_id: UUID | None = None
    member_id: UUID | None = None
    member_external_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _with_zone(self) -> "ConversionIn":
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError("at: add the zone, such as 2026-01-31T09:00:00+01:00")
        return self


class ConversionOut(Output):
    id: UUID
    external_id: str
    goal: str
    value_minor: int
    currency: str
    at: datetime
    source: str
    attribution: str = Field(description="visit, message, last_click or none.")
    campaign_id: UUID | None
    message_id: UUID | None
    member_id: UUID | None
    link_n: int | None


class LinkOut(Output):
    """A link of a campaign by its place in the content, per language."""

    n: int
    language: str
    url: str
    human_clicks: int = Field(description="Every click by a person.")
    human_unique: int = Field(description="People who clicked.")
    machine_clicks: int
    unknown_clicks: int


class LinksOut(Output):
    items: list[LinkOut]
