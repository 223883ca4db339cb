"""Payloads of the brand profile and its standing rules."""

from typing import Annotated, Any, Literal

from pydantic import Field

from api.schemas.base import Input, Output, Stamped

Phrase = Annotated[str, Field(min_length=1, max_length=120)]
Sample = Annotated[str, Field(min_length=1, max_length=2_000)]
Form = Literal["du", "sie"]
Tone = Literal["neutral", "personal", "formal", "friendly"]


class BrandPatch(Input):
    """What the next version changes; fields that are absent stay."""

    form: Form | None = None
    tone: Tone | None = None
    emoji: Annotated[bool, Field(strict=True)] | None = None
    most_exclamations: Annotated[int, Field(strict=True, ge=0, le=5)] | None = None
    forbidden: Annotated[list[Phrase], Field(max_length=50)] | None = Field(None, examples=[["Schnäppchen"]])
    required: Annotated[list[Phrase], Field(max_length=50)] | None = Field(
        None, description="Every message must hold them; one without is blocked."
    )
    sign_off: Annotated[str, Field(max_length=120)] | None = Field(None, examples=["Herzliche Grüße"])
    samples: Annotated[list[Sample], Field(max_length=5)] | None = None


class BrandRuleOut(Stamped):
    code: str = Field(examples=["form_sie"])
    state: str = Field(description="proposed, active or retired; only an active one acts.")
    value: dict[str, Any]
    decided_by: str | None


class BrandOut(Output):
    """How drafts are written now: the profile in force with the active rules on top."""

    version: int = Field(description="0 where no profile was saved yet.")
    form: str
    tone: str
    emoji: bool
    most_exclamations: int
    short: bool
    forbidden: list[str]
    required: list[str]
    sign_off: str | None
    samples: list[str]
    rules: list[str] = Field(description="Codes of the active rules.")


class BrandRuleIn(Input):
    """Make a rule standing, or put it aside."""

    state: Literal["active", "retired"]


class BrandRules(Output):
    items: list[BrandRuleOut]
