"""Content templates of a provider, and a tenant's own words that stop."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from api.schemas.base import Input, Output, Stamped


class ContentTemplateOut(Stamped):
    """A template as the provider showed it at `checked_at`; only `approved` ones can be sent by WhatsApp."""

    account_id: UUID
    sid: str
    name: str
    language: str
    kind: str
    category: str | None
    body: str
    variables: dict[str, Any] = Field(description="Variables that must be filled, with the provider's samples.")
    approval: str = Field(
        description="approved, pending, received, rejected, paused, disabled, unsubmitted, or deleted at the provider."
    )
    rejection: str | None
    checked_at: datetime


class SyncIn(Input):
    account_id: UUID


class SyncOut(Output):
    """How many templates the provider has, and how many it has no more."""

    known: int
    gone: int


Word = Annotated[str, StringConstraints(min_length=2, max_length=40)]


class OptOutWordsIn(Input):
    words: list[Word] = Field(max_length=50, description="Beside STOP, STOPP, ARRET and the other words known to all.")


class OptOutWordsOut(Output):
    words: list[str]
