"""What is known of links is used while the database is away, and forgotten once it says that there is none."""

import asyncio

import pytest

from domain.tracking import targets
from kernel.errors import NotFound

TOKEN = bytes(36)


@pytest.mark.parametrize(("error", "stays"), [(NotFound("message"), False), (OSError("away"), True)])
def test_a_link_that_is_gone_is_forgotten_and_one_that_cannot_be_asked_for_is_not(monkeypatch, error, stays):
    answers = [targets.Targets({b"\x00\x00": "https://www.studio.example/"}, visit=False)]

    def read(_tenant_id, _message_id):
        if not answers:
            raise error
        return answers.pop()

    async def play():
        cache = targets.Cache(fresh=-1.0)  # always looked at again
        first = await cache.target(TOKEN)
        assert await cache.target(TOKEN) == first
        await asyncio.gather(*cache._asked.values(), return_exceptions=True)
        return await cache.target(TOKEN) == first

    monkeypatch.setattr(targets, "read", read)
    if stays:
        assert asyncio.run(play())
    else:
        with pytest.raises(NotFound):
            asyncio.run(play())
