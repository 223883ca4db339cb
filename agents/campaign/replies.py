"""The forms that a writer fills, a model or the built-in one alike. Every field is required; nothing else is read."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ClaimKind = Literal["price", "date", "policy", "feature", "availability", "social_proof", "style"]


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BriefPlan(Form):
    """What the campaign says and rests on. Ids are those of the pinned sources."""

    objective: str = Field(max_length=300)
    key_message: str = Field(max_length=200)
    angle: Literal["news", "benefit", "reminder", "invitation", "thanks", "winback"]
    offer_ids: list[str] = Field(max_length=3)
    proof_chunk_ids: list[str] = Field(max_length=8)
    address: Literal["du", "sie"]
    must_say: list[str] = Field(max_length=6)
    open_questions: list[str] = Field(max_length=3)


class Claim(Form):
    """A sentence of the copy that states something, and the sources that say so."""

    sentence: str = Field(max_length=400)
    kind: ClaimKind
    source_ids: list[str] = Field(max_length=6)


class EmailCopy(Form):
    """The words of an e-mail; greeting, offer, button and sign-off are placed by code."""

    subject: str = Field(max_length=160)
    preheader: str = Field(max_length=200)
    paragraphs: list[str] = Field(min_length=1, max_length=6)
    bullets: list[str] = Field(max_length=6)
    cta_label: str = Field(max_length=60)
    sign_off: str = Field(max_length=120)


class CampaignBase(Form):
    """All channels of one language in one reply, so that they agree."""

    lang: Literal["de", "en"]
    email: EmailCopy
    claims: list[Claim] = Field(max_length=20)


class TextBase(Form):
    """The words of an SMS, WhatsApp or Telegram message; greeting, name, link and way out are placed by code."""

    lang: Literal["de", "en"]
    text: str = Field(min_length=1, max_length=600)
    cta_label: str = Field(max_length=60)
    claims: list[Claim] = Field(max_length=20)


Copy = CampaignBase | TextBase


class Scope(Form):
    """What feedback asks for. `other` holds what the writer cannot act on."""

    shorter: bool
    no_exclamation: bool
    address: Literal["du", "sie"] | None
    tone: Literal["personal", "formal", "friendly"] | None
    other_offer: bool
    other_subject: bool
    other: str = Field(max_length=300)
