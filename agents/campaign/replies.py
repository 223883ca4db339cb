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
    """One language; `alternative` is a second way to say the same, for a comparison, where one is asked for."""

    lang: Literal["de", "en"]
    email: EmailCopy
    alternative: EmailCopy | None
    claims: list[Claim] = Field(max_length=20)


class TextCopy(Form):
    """The words of an SMS, WhatsApp or Telegram message; greeting, name, link and way out are placed by code."""

    text: str = Field(min_length=1, max_length=600)
    cta_label: str = Field(max_length=60)


class TextBase(TextCopy):
    """One language of such a message; `alternative` as in a `CampaignBase`."""

    lang: Literal["de", "en"]
    alternative: TextCopy | None
    claims: list[Claim] = Field(max_length=20)


Copy = CampaignBase | TextBase


class CohortCopy(Form):
    """What one group of members reads instead of the base copy: opening, benefit, button, and one line of an SMS."""

    cohort_id: str = Field(max_length=40)
    opener: str = Field(min_length=1, max_length=220)
    benefit: str = Field(max_length=220)
    cta: str = Field(max_length=60)
    sms_line: str = Field(max_length=70)
    claims: list[Claim] = Field(max_length=4)


class CohortBatch(Form):
    """Every group of the batch exactly once."""

    items: list[CohortCopy] = Field(min_length=1, max_length=10)


class PersonalLine(Form):
    """One sentence for people who are alike; `ref` is the one they were named by, `used` what it rests on."""

    ref: str = Field(max_length=8)
    line: str | None = Field(max_length=140)
    used: list[str] = Field(max_length=4)


class PersonalBatch(Form):
    """Every reference of the batch exactly once; null where nothing fits for certain."""

    items: list[PersonalLine] = Field(min_length=1, max_length=25)


class Edit(Form):
    """One text written anew; `ref` is the one it was asked by."""

    ref: str = Field(max_length=8)
    text: str = Field(min_length=1, max_length=3_000)


class Edits(Form):
    """Every text that was asked for exactly once, and the claims that the new texts make."""

    items: list[Edit] = Field(min_length=1, max_length=200)
    claims: list[Claim] = Field(max_length=20)


class Scope(Form):
    """What feedback asks for. `other`: something that no writing can do; `unclear` says it in a few words."""

    touches: list[Literal["tone", "length", "offer", "facts", "audience", "schedule", "other"]] = Field(max_length=7)
    languages: list[Literal["de", "en"]] = Field(max_length=2)
    fields: list[Literal["subject", "preheader", "text", "button"]] = Field(max_length=4)
    unclear: str = Field(max_length=200)
