"""The form that a model fills about one conversation: words of short lists only, each with the message that says so."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Found(BaseModel):
    """One insight; `message` is the reference of the message that says so."""

    model_config = ConfigDict(extra="forbid")

    key: Literal["topic", "intent", "objection", "preferred_time"]
    value: Literal[
        "membership", "trial", "course", "appointment", "offer", "payment",
        "join", "return", "pause", "leave", "book", "ask", "complain", "praise",
        "price", "time", "distance", "crowded", "undecided",
        "morning", "noon", "afternoon", "evening", "weekend",
    ]  # fmt: skip
    message: str = Field(description="m1, m2, …")
    sure: bool


class Insights(BaseModel):
    """At most one insight of each key."""

    model_config = ConfigDict(extra="forbid")

    items: list[Found]
