"""Payloads of links that tie a chat to a member."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from api.schemas.base import Input, Stamped
from domain.returns.telegram import LONGEST_DAYS, DeepLink


class ChatLinkIn(Input):
    """A link to a bot. What stands beside the link decides whether pressing start is a consent."""

    account_id: UUID = Field(description="The bot: an account of the kind telegram.")
    wording: Annotated[str, Field(min_length=10, max_length=2_000)] | None = Field(
        None,
        description="The exact words shown with the link, by which pressing start is a consent to marketing. "
        "Without them the chat gets answers and notices only.",
        examples=["Mit Start bekomme ich Angebote von Studio Linde per Telegram. Abmelden jederzeit mit /stop."],
    )
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS, strict=True)] = Field(14, description="Life of the link.")


class ChatLinkOut(Stamped):
    """A link without its token."""

    member_id: UUID
    account_id: UUID
    wording: str | None
    expires_at: datetime
    used_at: datetime | None = Field(description="When it was opened; it is for one use.")


class ChatLinkMade(ChatLinkOut):
    url: str = Field(description="For this member alone; shown this once.")

    @classmethod
    def made(cls, deep: DeepLink) -> Self:
        """Build from a new link."""
        return cls(**ChatLinkOut.of(deep.link).model_dump(), url=deep.url)
