"""Payloads of webhooks and events. The secret comes out when it is made, and never again."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.schemas.base import Input, Moment, Output, Stamped

Url = Annotated[str, Field(min_length=1, max_length=2_000, examples=["https://crm.studio.example/hooks/ariia"])]
Patterns = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100)]],
    Field(
        min_length=1,
        max_length=50,
        description="Types of events, `crm.campaign.*` for all that begin so, `*` for all; single recipients only "
        "where a pattern names them (`crm.campaign.recipient.*`).",
        examples=[["crm.campaign.*", "crm.consent.withdrawn"]],
    ),
]
Description = Annotated[str, Field(max_length=300)]


class WebhookIn(Input):
    url: Url
    events: Patterns
    description: Description | None = None


class WebhookPatch(Input):
    url: Url | None = None
    events: Patterns | None = None
    description: Description | None = None
    active: Annotated[bool, Field(strict=True)] | None = None


class WebhookOut(Stamped):
    url: str
    description: str | None
    events: list[str]
    active: bool
    failures: int = Field(description="Deliveries that failed in a row.")
    failing_since: datetime | None
    paused_until: datetime | None = Field(description="Nothing is tried before, because too much failed.")
    disabled_at: datetime | None
    disabled_reason: str | None = Field(description="gone (it said 410), failing (for three days) or switched_off.")
    previous_until: datetime | None = Field(description="Until then the secret before signs too.")


class WebhookSecretOut(WebhookOut):
    secret: str = Field(description="`whsec_…`, shown now and never again.")


class DeliveryOut(Output):
    id: UUID
    event_id: UUID = Field(description="The `webhook-id`; the same in every try.")
    type: str
    aggregate_id: UUID
    body: dict[str, Any]
    state: str = Field(description="pending, failed (will be tried again), delivered or dead.")
    attempt: int
    next_at: datetime
    status: int | None = Field(description="The HTTP status of the last answer.")
    problem: str | None = Field(description="Why there was no answer.")
    excerpt: str | None = Field(description="The beginning of the last answer, at most 1 KB.")
    duration_ms: int | None
    created_at: datetime
    done_at: datetime | None


class ReplayIn(Input):
    """Exactly one of both."""

    event_id: UUID | None = None
    since: Moment | None = Field(
        None, description="All events that the webhook wants, since then.", examples=["2026-11-21T00:00:00Z"]
    )


class ReplayOut(Output):
    events: int = Field(description="How many are on their way; those of single recipients are not counted.")


class EventOut(Output):
    id: UUID
    type: str
    aggregate_kind: str
    aggregate_id: UUID
    seq: int = Field(description="Its number among the events of this aggregate, without gaps.")
    payload: dict[str, Any]
    occurred_at: datetime
