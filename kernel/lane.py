"""A connection for writers that commit hundreds of times a second: one round trip for each transaction.

Asynchronous, because a writer in a thread fights with the event loop for the interpreter at every commit.
"""

import asyncio
from typing import Any
from uuid import UUID

import psycopg

from kernel import db


class Lane:
    """A connection of its own for one statement after another, each a transaction of one tenant; `close` it."""

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def run(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement in psycopg's notation, make it durable and return its rows.

        After an error nobody knows whether it is durable; the next call connects anew. Raises psycopg.Error, or
        sqlalchemy.exc.SQLAlchemyError while the pool has no connection.
        """
        connection = await self._open()
        try:
            # Up to the end of the pipeline both are one transaction (PostgreSQL, "Pipelining").
            async with connection.pipeline():
                await connection.execute("SELECT set_config('app.tenant', %s, true)", (str(self.tenant_id),))
                cursor = await connection.execute(statement.encode(), parameters)
            return await cursor.fetchall()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None:
            dsn, password = await asyncio.to_thread(_address)
            self._connection = await psycopg.AsyncConnection.connect(dsn, password=password, autocommit=True)
        return self._connection

    async def close(self) -> None:
        """Give the connection up; a later call of `run` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _address() -> tuple[str, str | None]:
    """Return where the connections of the pool lead, with their options, and the password."""
    pooled = db.engine().raw_connection()
    try:
        info: psycopg.ConnectionInfo = pooled.driver_connection.info  # type: ignore[union-attr] # psycopg it is
        return info.dsn, info.password or None
    finally:
        pooled.close()
