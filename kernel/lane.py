"""A connection for writers that commit hundreds of times a second: one round trip for each transaction."""

from typing import Any, cast
from uuid import UUID

import psycopg

from kernel import db


class Lane:
    """A connection of its own for one statement after another, each a transaction of one tenant.

    Not for two threads at once; `close` it.
    """

    def __init__(self, tenant_id: UUID) -> None:
        self.tenant_id = tenant_id
        self._connection: psycopg.Connection[Any] | None = None

    def run(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run a statement in psycopg's notation, make it durable and return its rows.

        After an error nobody knows whether it is durable; the next call connects anew. Raises psycopg.Error, or
        sqlalchemy.exc.SQLAlchemyError while no connection can be had.
        """
        connection = self._open()
        try:
            with connection.pipeline(), connection.transaction():
                connection.execute("SELECT set_config('app.tenant', %s, true)", (str(self.tenant_id),))
                cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall()
        except BaseException:
            self.close()
            raise

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            pooled = db.engine().raw_connection()
            connection = cast("psycopg.Connection[Any]", pooled.driver_connection)
            pooled.detach()
            connection.autocommit = True
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Give the connection up; a later call of `run` opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
