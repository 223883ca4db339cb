"""One message at a time per chat, and a second between two, over all paths and workers (core.telegram.org/bots/faq).

A chat is taken before the provider is asked and given free a second after its answer, so a slow answer cannot bring two
messages close together. A worker that died in between leaves it taken for as long as the provider may take to answer.
"""

import asyncio
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import psycopg as notation
from sqlalchemy.exc import SQLAlchemyError

from kernel import log
from kernel.lane import Lane

APART = 1.02  # seconds from an answer to the next message
_AT_MOST = 45.0  # seconds that a provider may take; then whoever holds the chat is gone
_SHORTEST = 0.05
AWAY = (psycopg.Error, SQLAlchemyError)


def _written(statement: str) -> str:
    return str(text(statement).compile(dialect=notation.dialect()))  # type: ignore[no-untyped-call] # from SQLAlchemy


# What is long over is cleared away a little at a time by those who come.
_TAKE = _written("""
WITH old AS (
  DELETE FROM chat_turn WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM chat_turn WHERE tenant_id = :tenant AND account_id = :account AND chat <> :chat
      AND free_at < clock_timestamp() - interval '1 minute' ORDER BY free_at LIMIT 4 FOR UPDATE SKIP LOCKED))
), taken AS (
  INSERT INTO chat_turn AS t (tenant_id, account_id, chat, free_at)
  VALUES (:tenant, :account, :chat, clock_timestamp() + make_interval(secs => :most))
  ON CONFLICT (tenant_id, account_id, chat) DO UPDATE SET free_at = excluded.free_at
    WHERE t.free_at <= clock_timestamp()
  RETURNING 1
)
SELECT CASE WHEN EXISTS (SELECT FROM taken) THEN 0 ELSE coalesce((
  SELECT extract(epoch FROM free_at - clock_timestamp()) FROM chat_turn
  WHERE tenant_id = :tenant AND account_id = :account AND chat = :chat), 0) + 0.001 END::float8
""")
_GIVE = _written("""
UPDATE chat_turn SET free_at = clock_timestamp() + make_interval(secs => :apart)
WHERE tenant_id = :tenant AND account_id = :account AND chat = :chat RETURNING chat
""")


class Turns:
    """The turns of one account's chats, over a connection of its own; for one event loop. `close` it."""

    def __init__(self, tenant_id: UUID, account_id: UUID) -> None:
        self._keys = {"tenant": tenant_id, "account": account_id}
        self._lane = Lane(tenant_id)
        self._alone = asyncio.Lock()

    async def take(self, chat: str) -> float:
        """Take a chat for one message; 0.0 when it is ours, else the seconds after which asking again makes sense.

        Raises one of `AWAY` while the database is away.
        """
        async with self._alone:
            rows = await self._lane.run(_TAKE, self._keys | {"chat": chat, "most": _AT_MOST})
        wait = float(rows[0][0])
        return min(max(wait, _SHORTEST), APART) if wait else 0.0

    async def give(self, chat: str, apart: float = APART) -> None:
        """Let the next message into a chat, `apart` seconds from now; without the database a little later."""
        try:
            async with self._alone:
                await self._lane.run(_GIVE, self._keys | {"chat": chat, "apart": apart})
        except AWAY as error:
            log.get("delivery").warning("chat.not_given_free", error=type(error).__name__)

    async def close(self) -> None:
        """Give the connection up."""
        async with self._alone:
            await self._lane.close()
