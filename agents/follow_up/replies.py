"""The form that a model fills about one turn. It computes no date: `time_text` must stand in the turn word for word."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Extract(BaseModel):
    """What one chat turn asks for."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["schedule", "cancel", "move", "none", "unclear"]
    intent: Literal["explicit", "absence", "agent_promise"]
    time_text: str | None = Field(description="The words that name the time, copied from the turn; null without any.")
    topic: Literal["general", "membership", "trial", "course", "appointment", "offer", "payment"]
    reason: Literal["asked", "away", "undecided", "other"]
    channel: Literal["whatsapp", "telegram", "sms", "email"] | None
    language: Literal["de", "en"]
