"""Names that try to break a markup, sent for real: none is parsed, none is changed, none is lost."""

import asyncio
import random

from channels.base import TextParcel
from channels.telegram import adapter
from channels.telegram.settings import Bot
from tests.fakes.telegram import TOKEN, FakeTelegram

MANY = 300
_DOORS = 4
_PIECES = [
    "<b>", "</b>", "<a href='tg://user?id=1'>", "&lt;", "&#x0;", "&", "*", "_", "__", "~", "`", "```", "||", "[x](",
    ")", "\\", "![x](tg://emoji?id=5)", "@durov", "/stop", "#tag", "https://evil.example/", "tg://resolve",
    "\u202e", "\u200b", "\u200f", "\ufeff", "ẞ", "Jörg", "Zoë", "李", "עברית", "👩\u200d👩\u200d👧\u200d👦", "🇩🇪",
    "e\u0301", "{first_name}", "{{x}}", "%s", "\n", "\t", "'", '"',
]  # fmt: skip


def names(n: int, seed: int = 7) -> list[str]:
    choose = random.Random(seed)
    return ["".join(choose.choices(_PIECES, k=choose.randint(1, 8))) for _ in range(n)]


def test_hostile_names_arrive_as_they_are():
    texts = [f"Hallo {name}, komm wieder vorbei!" for name in names(MANY)]

    async def some(url: str, mine: list[tuple[int, str]]) -> None:
        door = adapter.door(Bot(TOKEN, url))
        try:
            for chat, words in mine:
                await door.send(TextParcel("id", str(chat), words))
        finally:
            await door.close()

    async def all_of_them(url: str) -> None:
        numbered = list(enumerate(texts, 1))
        await asyncio.gather(*(some(url, numbered[n::_DOORS]) for n in range(_DOORS)))

    with FakeTelegram() as telegram:
        asyncio.run(all_of_them(telegram.url))
        assert [telegram.sent[str(chat)] for chat in range(1, MANY + 1)] == [[words] for words in texts]
        assert all(b"parse_mode" not in seen.body for seen in telegram.requests)
