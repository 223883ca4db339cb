"""Payloads of documents, offers, conversations and templates."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, HttpUrl

from api.schemas.base import Input, Instant, Output, Stamped

Name = Annotated[str, Field(min_length=1, max_length=200)]


class DocumentIn(Input):
    """A document as text; a document of the same name is replaced."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["preisliste.md"])]
    title: Name | None = None
    language: Literal["de", "en"]
    body: Annotated[str, Field(min_length=1, max_length=2_000_000)]
    valid_from: Annotated[date | None, Field(description="Not found and not cited before this day.")] = None
    valid_until: Annotated[date | None, Field(description="Not found and not cited after this day.")] = None


class DocumentOut(Stamped):
    name: str
    title: str
    media_type: str
    language: str
    content_hash: str
    valid_from: date | None
    valid_until: date | None


class ChunkOut(Stamped):
    """A piece of a document as it is found and cited; `content_hash` is what an approval pins."""

    position: int
    heading: str
    text: str
    content_hash: str


class UploadOut(Stamped):
    """A file that is read in the background. `counts`: done and of (pages or parts), then chunks."""

    name: str
    media_type: str
    language: str
    status: Literal["queued", "running", "done", "failed"]
    counts: dict[str, int]
    problem: str | None
    document_id: UUID | None


class EmbeddingsOut(Output):
    """How many chunks can be found by meaning. Without a `model` the search is by words only.

    `refused` are chunks that the model does not take. While others wait, `problem` says why: transient, timeout,
    rate_limited, quota_exhausted, auth, bad_request, month_share_spent (half of the month's tokens is spent; the rest
    is kept for drafts), month_token_limit. `retry_at` is the next try.
    """

    model: str | None
    allowed: Annotated[bool, Field(description="Whether plan and `ai_egress` let documents reach a model.")]
    chunks: int
    done: int
    refused: int
    problem: str | None
    retry_at: datetime | None


class Synonyms(Input):
    """Words that mean the same here, in groups; they are added to the built-in ones."""

    language: Literal["de", "en"]
    groups: Annotated[
        list[Annotated[list[Annotated[str, Field(min_length=2, max_length=60)]], Field(min_length=2, max_length=12)]],
        Field(max_length=200, examples=[[["zirkel", "kraftausdauer"], ["flexi", "zehnerkarte"]]]),
    ]


class HitOut(Output):
    chunk_id: UUID
    document_title: str
    heading: str
    text: str
    rank: float


class OfferIn(Input):
    key: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    title: Name
    description: Annotated[str, Field(max_length=2_000)] | None = None
    price_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31, description="In cents.")]
    old_price_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    valid_from: date | None = None
    valid_until: date | None = None
    url: HttpUrl | None = None
    terms: Annotated[str, Field(max_length=2_000)] | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(default_factory=list, max_length=30)


class OfferPatch(Input):
    """What changes; fields that are absent stay."""

    title: Name | None = None
    description: Annotated[str, Field(max_length=2_000)] | None = None
    price_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    old_price_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31)] | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    url: HttpUrl | None = None
    terms: Annotated[str, Field(max_length=2_000)] | None = None


class OfferOut(Stamped):
    key: str
    title: str
    description: str | None
    price_minor: int
    old_price_minor: int | None
    currency: str
    valid_from: date | None
    valid_until: date | None
    url: str | None
    terms: str | None
    tags: list[str]


class ConversationIn(Input):
    channel: Literal["whatsapp", "telegram", "sms", "email", "web"]
    external_id: Name | None = None
    member_id: UUID | None = None


class ConversationOut(Stamped):
    channel: str
    external_id: str | None
    member_id: UUID | None
    last_message_at: datetime | None


class MessageIn(Input):
    author: Literal["member", "studio", "agent"]
    text: Annotated[str, Field(min_length=1, max_length=8_000)]
    at: Instant | None = None
    external_id: Name | None = None


class MessageOut(Stamped):
    author: str
    text: str
    at: datetime
    external_id: str | None


class TemplateIn(Input):
    name: Name
    description: Annotated[str, Field(max_length=2_000)] | None = None
    kind: Literal["email"] = "email"
    content: dict[str, Any] = Field(description="One e-mail variant: subject, preheader, blocks.")


class TemplatePatch(Input):
    name: Name | None = None
    description: Annotated[str, Field(max_length=2_000)] | None = None
    active: Annotated[bool, Field(strict=True)] | None = None
    is_default: Annotated[bool, Field(strict=True)] | None = None
    content: dict[str, Any] | None = None


class TemplateOut(Stamped):
    name: str
    description: str | None
    kind: str
    is_default: bool
    active: bool
    current_version: int


class TemplateDetail(TemplateOut):
    content: dict[str, Any]
    content_hash: str
