"""A bot, read from an account."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"(\d{5,20}):[A-Za-z0-9_-]{30,64}")
PROVIDER = "https://api.telegram.org"


class BadToken(ValueError):  # noqa: N818
    """What is given is no bot token; the text says how one looks and never holds it."""


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot's token and where its provider listens. Timeouts in seconds."""

    token: str
    base_url: str = PROVIDER
    connect_timeout: float = 10
    answer_timeout: float = 30

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise BadToken("a bot token looks like 123456789:AA… and comes from BotFather")

    @property
    def number(self) -> str:
        """The bot's public number, without the secret."""
        return self.token.partition(":")[0]

    def __repr__(self) -> str:
        return f"Bot({self.number})"
